"""The OpenAPI 3.1 document: security, errors, headers that every route shares, and an example for every operation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi.openapi.utils import get_openapi
from fastapi.routing import iter_route_contexts

from functions.shared.config import settings
from functions.shared.web.dependencies import MAX_IDEMPOTENCY_KEY
from functions.shared.web.problem_codes import PROBLEMS
from functions.shared.web.problems import MEDIA_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI

    from functions.shared.jsonvalue import Json, JsonObject

_DESCRIPTION = """
The control plane that agents call: register, keep state, run durable workflows, ask people.

- Send `Authorization: Bearer ap_live_…`; each operation names the scope that the key needs.
- Errors are `application/problem+json`: branch on `code`, follow `next`, read `/problems/{code}`.
- Send an `Idempotency-Key` with every POST: repeating it gives the same answer, not a second thing.
- Lists are `{data, next_cursor}`; send `next_cursor` as `cursor` for the next page.
- Times are RFC 3339 in UTC, money is text in US dollars with nine places, null is unknown.
"""

_PROBLEM: JsonObject = {
    "title": "ProblemDetails",
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "retryable", "trace_id"],
    "properties": {
        "type": {"type": "string", "description": "A page about the code."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What happened, with names and numbers."},
        "instance": {"type": "string"},
        "code": {"type": "string", "description": "Branch on this."},
        "retryable": {"type": "boolean", "description": "The same request may succeed later."},
        "retry_after": {"type": "integer", "description": "Seconds."},
        "hint": {"type": "string", "description": "The next move."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "message"],
                "properties": {
                    "pointer": {
                        "type": "string",
                        "description": "JSON pointer into the body; /query/…, /path/… and /header/… for the rest.",
                    },
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                    "hint": {"type": "string"},
                    "allowed": {"type": "array", "items": {}},
                    "did_you_mean": {"type": "string"},
                },
            },
        },
        "next": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["why", "method", "path"],
                "properties": {
                    "why": {"type": "string"},
                    "method": {"type": "string"},
                    "path": {"type": "string"},
                },
            },
        },
        "docs": {"type": "string"},
        "trace_id": {"type": "string"},
    },
}

_IDEMPOTENCY_KEY: JsonObject = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Repeating a request with the same key gives the first answer, with Idempotency-Replayed: true.",
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_IDEMPOTENCY_KEY},
}


def example(
    path: str, *, body: Json = None, answer: Json = None, status: int = 200, media_type: str = "application/json"
) -> dict[str, Any]:
    """Declare an operation's example: `@router.post("", **example("/api/state", body={…}, answer={…}))`."""
    extra: dict[str, Any] = {"x-example": {"path": path} | ({} if body is None else {"body": body})}
    if body is not None:
        extra["requestBody"] = {"content": {"application/json": {"example": body}}}
    if answer is not None:
        extra["responses"] = {str(status): {"content": {media_type: {"example": answer}}}}
    return {"openapi_extra": extra}


def openapi_of(app: FastAPI) -> dict[str, Any]:
    """Build the app's document, once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            openapi_version="3.1.0",
            description=_DESCRIPTION.strip(),
            routes=app.routes,
            servers=[{"url": settings().public_url or "/"}],
        )
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        schemas["ProblemDetails"] = _PROBLEM
        for method, operation in _operations(document):
            _complete(method, operation)
        _restore_examples(app, document)
        app.openapi_schema = document
    return app.openapi_schema


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for item in document.get("paths", {}).values():
        yield from item.items()


def _restore_examples(app: FastAPI, document: dict[str, Any]) -> None:
    """Put the examples in as they were declared: FastAPI has dropped their nulls."""
    for route in iter_route_contexts(app.routes):
        declared: dict[str, Any] = getattr(route, "openapi_extra", None) or {}
        for method in (each.lower() for each in route.methods or ()):
            operation = document["paths"].get(route.path_format, {}).get(method)
            if operation is None:
                continue
            if "x-example" in declared:
                operation["x-example"] = declared["x-example"]
            for status, response in declared.get("responses", {}).items():
                for media_type, content in response["content"].items():
                    operation["responses"][status]["content"][media_type]["example"] = content["example"]
            for media_type, content in declared.get("requestBody", {}).get("content", {}).items():
                operation["requestBody"]["content"][media_type]["example"] = content["example"]


def _complete(method: str, operation: dict[str, Any]) -> None:
    scopes = [scope for each in operation.get("security", []) for names in each.values() for scope in names]
    is_public = "security" not in operation
    operation["x-scope"] = None if is_public else next(iter(scopes), "")
    if is_public:
        operation["security"] = []
    if method == "post" and not is_public:
        operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
    if method in ("get", "head"):
        operation["responses"].setdefault("304", {"description": "What If-None-Match named is still current."})
    operation["responses"].pop("422", None)
    for status, description in _errors_of(method, is_public=is_public):
        content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}
        operation["responses"].setdefault(status, {"description": description, "content": content})


def _errors_of(method: str, *, is_public: bool) -> Iterator[tuple[str, str]]:
    yield "422", PROBLEMS["invalid_input"].cause
    yield "503", PROBLEMS["database_unavailable"].cause
    yield "default", "Any other problem."
    if not is_public:
        yield "401", PROBLEMS["unauthenticated"].cause
        yield "403", PROBLEMS["missing_scope"].cause
        yield "404", PROBLEMS["not_found"].cause
    if method == "post":
        yield "409", PROBLEMS["idempotency_in_progress"].cause
