"""Renders every error as `application/problem+json` (RFC 9457): one shape, never SQL, never a stack."""

from __future__ import annotations

import logging
import math
from dataclasses import asdict
from difflib import get_close_matches
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from functions.shared.config import settings
from functions.shared.errors import (
    BY_STATUS,
    Forbidden,
    Internal,
    NextStep,
    NotFound,
    PlaneError,
    Unauthenticated,
)
from functions.shared.log import logger
from functions.shared.web.exchange import exchange_of
from functions.shared.web.problem_codes import PROBLEMS
from functions.shared.web.validation import field_problems, invalid_input

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request

    from functions.shared.jsonvalue import Json, JsonObject

MEDIA_TYPE = "application/problem+json"
_log = logger("web")


class MethodNotAllowed(PlaneError):
    """Use one of the methods that the Allow header names."""

    status: ClassVar[int] = 405
    default_code: ClassVar[str] = "method_not_allowed"


def problem_of(error: PlaneError, *, instance: str, trace_id: str) -> JsonObject:
    """Give the problem document of an error. Members that say nothing are left out."""
    page = PROBLEMS.get(error.code)
    link = f"/problems/{error.code}"
    document: JsonObject = {
        "type": settings().public_url.rstrip("/") + link,
        "title": page.title if page else error.code.replace("_", " ").capitalize(),
        "status": error.status,
        "detail": error.detail,
        "instance": instance,
        "code": error.code,
        "retryable": error.retryable or error.retry_after is not None,
        "retry_after": None if error.retry_after is None else math.ceil(error.retry_after),
        "hint": error.hint,
        "errors": [_without_nulls(asdict(each)) for each in error.errors] or None,
        "next": [asdict(each) for each in error.next] or None,
        "docs": link,
        "trace_id": trace_id,
    }
    return _without_nulls(document) | {name: value for name, value in error.extra.items() if name not in document}


def problem_response(error: PlaneError, *, instance: str, trace_id: str) -> Response:
    """Give the answer for an error, with the headers that its status asks for."""
    document = problem_of(error, instance=instance, trace_id=trace_id)
    return JSONResponse(document, error.status, _headers_of(error), MEDIA_TYPE)


def add_problem_handlers(app: FastAPI) -> None:
    """Answer every error that an endpoint or a dependency raises as a problem document."""

    async def on_plane_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, PlaneError)  # noqa: S101  registered for this type only
        return _respond(request, error)

    async def on_validation_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        return _respond(request, invalid_input(field_problems(error.errors())))

    async def on_http_exception(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101
        if error.status_code == MethodNotAllowed.status:
            return _on_other_method(app, request)
        if error.status_code == NotFound.status:
            return _respond(request, _no_route(app, request))
        kind = BY_STATUS.get(error.status_code, Internal)
        return _respond(request, kind(str(error.detail)))

    app.add_exception_handler(PlaneError, on_plane_error)
    app.add_exception_handler(RequestValidationError, on_validation_error)
    app.add_exception_handler(HTTPException, on_http_exception)


def unexpected(error: Exception) -> Internal:
    """Log what nobody expected and give what the caller may know of it."""
    _log.error("unexpected error", exc_info=error)
    return Internal(
        "Something failed on our side.",
        hint="Quote the trace id. With the same Idempotency-Key it is safe to send this again.",
    )


def _respond(request: Request, error: PlaneError) -> Response:
    if isinstance(error, Internal):
        _log.error("internal error: %s", error.detail, exc_info=error)
    elif error.status >= Internal.status:
        _log.log(logging.WARNING, "%s: %s", error.code, error.detail)
    trace_id = exchange_of(request).trace_id
    return problem_response(error, instance=request.url.path, trace_id=trace_id)


def _headers_of(error: PlaneError) -> dict[str, str]:
    headers = {"Cache-Control": "no-store"}
    if error.retry_after is not None:
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    elif error.retryable and error.status in (429, 503):
        headers["Retry-After"] = "2"
    if isinstance(error, Unauthenticated):
        invalid = "" if error.code == "missing_key" else f', error="invalid_token", error_description="{error.code}"'
        headers["WWW-Authenticate"] = 'Bearer realm="agentplane"' + invalid
    if isinstance(error, Forbidden) and isinstance(scope := error.extra.get("scope"), str):
        headers["WWW-Authenticate"] = f'Bearer realm="agentplane", error="insufficient_scope", scope="{scope}"'
    return headers


def _on_other_method(app: FastAPI, request: Request) -> Response:
    allowed = _methods_at(app, request.url.path)
    headers = {"Allow": ", ".join(allowed)}
    if request.method == "OPTIONS":
        return Response(status_code=204, headers=headers)
    error = MethodNotAllowed(
        f"{request.url.path} takes {', '.join(allowed)}, not {request.method}.",
        next=[NextStep("see all operations", "GET", "/docs")],
    )
    response = _respond(request, error)
    response.headers.update(headers)
    return response


def _methods_at(app: FastAPI, path: str) -> list[str]:
    found = {"OPTIONS"}
    for route in iter_route_contexts(app.routes):
        pattern = getattr(route, "path_regex", None)
        if pattern is not None and pattern.match(path):
            found |= set(route.methods or ())
    return sorted(found | ({"HEAD"} if "GET" in found else set()))


def _no_route(app: FastAPI, request: Request) -> NotFound:
    routes = [each for each in iter_route_contexts(app.routes) if isinstance(each.original_route, APIRoute)]
    paths: dict[str, set[str]] = {}
    for each in routes:
        paths.setdefault(str(each.path), set()).update(each.methods or ())
    steps = [
        NextStep("the closest route", "GET" if "GET" in paths[path] else min(paths[path]), path)
        for path in get_close_matches(request.url.path, paths, n=1, cutoff=0.6)
    ]
    parent, _, name = request.url.path.rpartition("/")
    if any(str(each.path) == parent and _reads_by_name(each.original_route) for each in routes):
        steps = [NextStep("read it by its name", "GET", f"{parent}?name={quote(name)}")]
    return NotFound(
        f"There is nothing at {request.url.path}.",
        code="route_not_found",
        next=[*steps, NextStep("see all operations", "GET", "/docs")],
    )


def _reads_by_name(route: object) -> bool:
    if not isinstance(route, APIRoute) or "GET" not in (route.methods or ()):
        return False
    return any(each.name == "name" for each in route.dependant.query_params)


def _without_nulls(document: dict[str, Json]) -> JsonObject:
    return {name: value for name, value in document.items() if value is not None}
