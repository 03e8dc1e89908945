"""The HTTP API before the functions, as an ASGI app: routes, limits and error answers of API Gateway."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import TYPE_CHECKING, Any

from functions.local_lambda.function import Request, Throttled, TooLarge
from functions.local_lambda.gateway_event import (
    HttpRequest,
    HttpResponse,
    NotAnAnswer,
    event_of,
    plain_path,
    response_of,
    said,
)
from functions.shared.log import redact

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, MutableMapping

    from functions.local_lambda.function import Answer, LocalFunction
    from functions.local_lambda.route_table import RouteTable

    Message = MutableMapping[str, Any]
    Asgi = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]

MAX_BODY = 10 * 1024 * 1024
MAX_HEADERS = 10_240
INTEGRATION_S = 30.0


class Front:
    """`beside`: paths that another service answers, as Supabase Auth's on a plane of one machine."""

    def __init__(
        self, routes: RouteTable, functions: Mapping[str, LocalFunction], beside: Mapping[str, Asgi] | None = None
    ) -> None:
        self._routes = routes
        self._functions = functions
        self._beside = beside or {}
        self._running: set[asyncio.Task[Answer]] = set()

    async def __call__(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        for prefix, app in self._beside.items():
            if scope["path"].startswith(prefix):
                await app(scope, receive, send)
                return
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        request = HttpRequest(
            method=scope["method"],
            path=scope["raw_path"].decode("latin-1"),
            query=scope["query_string"].decode("latin-1"),
            headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]],
            body=bytes(body),
            address=scope["client"][0] if scope["client"] else "127.0.0.1",
            protocol=f"HTTP/{scope['http_version']}",
        )
        response = await self.answer(request)
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
        headers.append((b"content-length", str(len(response.body)).encode()))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else response.body})

    async def answer(self, request: HttpRequest) -> HttpResponse:
        """Give a function's answer, or the gateway's own."""
        if len(request.body) > MAX_BODY:
            return said(413, "Request Entity Too Large")
        if sum(len(name) + len(value) for name, value in request.headers) > MAX_HEADERS:
            return said(431, "Request Header Fields Too Large")
        found = self._routes.find(request.method, plain_path(request.path))
        if found is None:
            return said(404, "Not Found")
        trace = f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)}"
        event = event_of(request, found, trace)
        about = redact(f"{request.method} {plain_path(request.path)}")  # a path may hold a token, and this is shown
        called = asyncio.create_task(
            self._functions[found.route.function].invoke(Request(event, "http", about, f"{trace};Sampled=0"))
        )
        self._running.add(called)
        called.add_done_callback(self._running.discard)
        try:
            # The function goes on when the gateway gives up, as it does in the cloud.
            async with asyncio.timeout(INTEGRATION_S):
                answer = await asyncio.shield(called)
            return said(500, "Internal Server Error") if answer.error else response_of(answer.body)
        except (TimeoutError, Throttled):
            return said(503, "Service Unavailable")
        except TooLarge:
            return said(413, "Request Entity Too Large")
        except NotAnAnswer:
            return said(500, "Internal Server Error")
