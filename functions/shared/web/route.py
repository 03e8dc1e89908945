"""The route of every function: who calls and what was sent is settled first, with all problems at once."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute, get_request_handler
from starlette.requests import Request

from functions.shared.db.caller_db import CallerDb
from functions.shared.errors import FieldProblem, InvalidInput, PlaneError, Unauthenticated
from functions.shared.web.access import Access, access_of
from functions.shared.web.admission import Admitted, lease_of
from functions.shared.web.connection import database_of
from functions.shared.web.endpoint import NOTHING, DoesNotFit, Endpoint
from functions.shared.web.json_body import parse_json, pointer_to, text_problem
from functions.shared.web.sign_of_life import note_sign_of_life
from functions.shared.web.validation import field_problems, invalid_input, unknown_parameter

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from fastapi.dependencies.models import Dependant
    from starlette.responses import Response

    from functions.shared.jsonvalue import Json


class JsonRequest(Request):
    """A request as FastAPI reads it: its body, if there is one, is JSON, whatever its Content-Type says.

    Agents forget that header.
    """

    def __init__(self, received: Request, body: bytes) -> None:
        headers = [(name, value) for name, value in received.scope["headers"] if name != b"content-type"]
        super().__init__({**received.scope, "headers": [*headers, (b"content-type", b"application/json")]})
        self._read = body

    async def body(self) -> bytes:
        """Give the body, which has been read."""
        return self._read

    async def json(self) -> Json:
        """Give what the body says."""
        value: Json = self.scope["state"]["body"]
        return value


class PlaneRoute(APIRoute):
    """Authenticates before anything else, refuses unknown query parameters, and reports every problem in one answer."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        access = access_of(self.path, self.dependencies)
        known = frozenset(_query_names(self.dependant))
        model = self.body_field.field_info.annotation if self.body_field else None
        endpoint = Endpoint.of(self)
        handle = super().get_route_handler()
        probe = get_request_handler(
            dependant=replace(self.dependant, call=_accept),
            body_field=self.body_field,
            embed_body_fields=self._embed_body_fields,
        )

        async def settle(received: Request) -> Response:
            if access.is_public:
                return await answer(received)
            async with Admitted(received, access):
                return await respond(received)

        async def respond(received: Request) -> Response:
            try:
                response = await answer(received)
            except InvalidInput:
                # Nobody learns what is wrong with a request that they may not make.
                await _admit(received, access)
                raise
            except PlaneError as error:
                if error.status != Unauthenticated.status:
                    await note_sign_of_life(received)
                raise
            await note_sign_of_life(received)
            if (db := _db_of(received)) is not None and db.is_replayed:
                response.headers["Idempotency-Replayed"] = "true"
            return response

        async def answer(received: Request) -> Response:
            body = await received.body()
            said = parse_json(body) if body else NOTHING
            received.scope["state"]["body"] = said
            problems = [*_unstorable_parameters(received)]
            problems += [unknown_parameter(name, known) for name in received.query_params if name not in known]
            if endpoint is not None and not problems:
                with suppress(DoesNotFit):
                    return await endpoint.respond(received, said)
            request = JsonRequest(received, body)
            try:
                if not problems:
                    return await handle(request)
                await probe(request)
            except RequestValidationError as error:
                problems += field_problems(error.errors(), model)
                raise invalid_input(problems) from error
            raise invalid_input(problems)

        return settle


class PlaneRouter(APIRouter):
    """A router whose routes are plane routes: `PlaneRouter(prefix="/api/agents", tags=["agents"])`."""

    def __init__(self, *, prefix: str = "", tags: list[str] | None = None) -> None:
        super().__init__(prefix=prefix, tags=[*(tags or [])], route_class=PlaneRoute, redirect_slashes=False)


def fingerprint(request: Request, body: bytes) -> str:
    """Give the sha256 of method, path, query and canonical body: what makes two requests the same."""
    value = request.scope["state"].get("body") if body else None
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"))
    text = f"{request.method}\n{request.url.path}\n{request.url.query}\n{canonical}"
    return sha256(text.encode()).hexdigest()


async def _admit(request: Request, access: Access) -> None:
    """Ask whether the caller may use the route, unless the database was asked for this request already."""
    db = _db_of(request) or CallerDb(await database_of(request.app), request.state.caller, lease=lease_of(request))
    if access.is_for_users:
        await db.admit_user()
    else:
        await db.admit(access.scope)


def _db_of(request: Request) -> CallerDb | None:
    db: CallerDb | None = request.scope["state"].get("db")
    return db


def _query_names(dependant: Dependant) -> Iterator[str]:
    for parameter in dependant.query_params:
        yield parameter.alias
    for inner in dependant.dependencies:
        yield from _query_names(inner)


def _unstorable_parameters(request: Request) -> Iterator[FieldProblem]:
    for source, values in (("query", request.query_params), ("path", request.path_params)):
        for name, value in values.items():
            if problem := text_problem(str(value)):
                yield FieldProblem(pointer_to(source, name), "not_storable", f"The text {problem}.")


async def _accept(**_values: object) -> None:
    pass
