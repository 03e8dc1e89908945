"""Routes that are no operations of the API: pages for people, and protocols of others. They are not in the OpenAPI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response

    Endpoint = Callable[[Request], Awaitable[Response]]
    Around = Callable[[Request, Endpoint], Awaitable[Response]]


class PlainRoute(Route):
    """A path with one method, which reads its request itself."""


class PlainRouter:
    """A router of plain routes. `around` calls each endpoint: it guards it, and turns its errors into answers."""

    def __init__(self, around: Around) -> None:
        self.routes: list[PlainRoute] = []
        self._around = around

    def get(self, path: str) -> Callable[[Endpoint], Endpoint]:
        """Answer GET at a path."""
        return self._at(path, "GET")

    def post(self, path: str) -> Callable[[Endpoint], Endpoint]:
        """Answer POST at a path."""
        return self._at(path, "POST")

    def _at(self, path: str, method: str) -> Callable[[Endpoint], Endpoint]:
        def add(endpoint: Endpoint) -> Endpoint:
            async def answer(request: Request) -> Response:
                return await self._around(request, endpoint)

            self.routes.append(
                PlainRoute(path, answer, methods=[method], name=endpoint.__name__, include_in_schema=False)
            )
            return endpoint

        return add
