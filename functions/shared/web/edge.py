"""The edge of every function: trace id, size of the body, HEAD, ETags, one log line, and no exception gets past it."""

from __future__ import annotations

import time
from hashlib import sha256
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders

from functions.shared.errors import PlaneError, TooLarge
from functions.shared.log import logger, trace_id
from functions.shared.web.connection import settings_of
from functions.shared.web.cors import cors_headers, is_preflight, preflight_headers
from functions.shared.web.exchange import Exchange, trace_id_of
from functions.shared.web.problems import problem_response, unexpected

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 1_000_000
_DRAIN_BYTES = 16 * MAX_BODY_BYTES
_log = logger("access")


class Edge:
    """Stands around the whole app. Answers are complete before they are sent, as behind an API gateway."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        exchange = Exchange(trace_id_of(headers.get("traceparent")))
        trace_id.set(exchange.trace_id)
        started = time.perf_counter()
        origins = settings_of(scope["app"]).cors_origins
        if origins and is_preflight(scope["method"], headers):
            more = _encoded(preflight_headers(headers, origins))
            await send({"type": "http.response.start", "status": 204, "headers": more})
            await send({"type": "http.response.body", "body": b""})
            return
        answer = await self._answer(_plain(scope, exchange), receive, headers, exchange)
        if answer is None:
            return
        start, body = answer
        start, body = _conditional(scope, headers, start, body)
        start["headers"] += _encoded(
            {
                "x-trace-id": exchange.trace_id,
                "x-content-type-options": "nosniff",
                **exchange.headers,
                **cors_headers(headers, origins),
            }
        )
        await send(start)
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
        _log.info(
            "request",
            extra={
                "method": scope["method"],
                "path": scope["path"],
                "status": start["status"],
                "duration_ms": round((time.perf_counter() - started) * 1000, 1),
            },
        )

    async def _answer(
        self, scope: Scope, receive: Receive, headers: Headers, exchange: Exchange
    ) -> tuple[Message, bytes] | None:
        captured = _Captured()
        try:
            body = await _read_body(receive, headers)
            if body is None:
                return None
            await self.app(scope, _replay(body, receive), captured)
        except Exception as error:  # noqa: BLE001  whatever it is, the caller gets a problem document
            known = error if isinstance(error, PlaneError) else unexpected(error)
            captured = _Captured()
            response = problem_response(known, instance=scope["path"], trace_id=exchange.trace_id)
            await response(scope, receive, captured)
        return captured.start, bytes(captured.body)


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


class _Captured:
    """Collects an answer."""

    def __init__(self) -> None:
        self.start: Message = {"type": "http.response.start", "status": 500, "headers": []}
        self.body = bytearray()

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.start = {**message, "headers": list(message.get("headers", ()))}
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")


def _plain(scope: Scope, exchange: Exchange) -> Scope:
    """Give the scope that the routes see: HEAD is a GET, a trailing slash does not matter."""
    path = scope["path"]
    method = "GET" if scope["method"] == "HEAD" else scope["method"]
    sent = {"method": scope["method"], "path": path, "raw_path": scope.get("raw_path")}  # which signatures cover
    state = {**scope.get("state", {}), "exchange": exchange, **sent}
    return {**scope, "method": method, "path": path.rstrip("/") or "/", "raw_path": None, "state": state}


async def _read_body(receive: Receive, headers: Headers) -> bytes | None:
    """Give the whole body, or None when the caller hung up. Raises TooLarge.

    A body that is too large is still read for a while, because a caller that is sending does not hear the answer.
    """
    body, size = bytearray(), 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part = message.get("body", b"")
        size += len(part)
        if size <= MAX_BODY_BYTES:
            body += part
        if not message.get("more_body", False) or size > _DRAIN_BYTES:
            break
    if size > MAX_BODY_BYTES:
        declared = headers.get("content-length", "")
        raise TooLarge(
            f"The body has {declared or f'at least {size}'} bytes; at most {MAX_BODY_BYTES} are taken.",
            code="body_too_large",
            hint="Store large data elsewhere and send a reference to it.",
            extra={"max_bytes": MAX_BODY_BYTES},
        )
    return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    is_sent = False

    async def replay() -> Message:
        nonlocal is_sent
        if is_sent:
            return await receive()
        is_sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _conditional(scope: Scope, headers: Headers, start: Message, body: bytes) -> tuple[Message, bytes]:
    """Give a successful GET an ETag, and answer 304 when the caller has it already."""
    if scope["method"] not in ("GET", "HEAD") or start["status"] != 200:  # noqa: PLR2004
        return start, body
    out = MutableHeaders(raw=start["headers"])
    if "etag" not in out:
        out["ETag"] = f'W/"{sha256(body).hexdigest()[:32]}"'
    out.setdefault("Cache-Control", "private, no-cache")
    if not _is_known(headers.get("if-none-match"), out["ETag"]):
        return start, body
    for name in ("content-length", "content-type"):
        del out[name]
    return {**start, "status": 304}, b""


def _is_known(if_none_match: str | None, etag: str) -> bool:
    if not if_none_match:
        return False
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return "*" in tags or etag.removeprefix("W/") in tags
