"""The OpenAPI 3.1 document: security, errors, headers that every route shares, and an example for every operation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi.openapi.utils import get_openapi
from fastapi.routing import iter_route_contexts

from functions.shared.config import settings
from functions.shared.web import openapi_problems
from functions.shared.web.dependencies import MAX_IDEMPOTENCY_KEY
from functions.shared.web.openapi_problems import error_responses

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fastapi import FastAPI

    from functions.shared.jsonvalue import Json, JsonObject

_DESCRIPTION = """
The control plane that agents call: register, keep state, run durable workflows, ask people.

- Send `Authorization: Bearer ap_live_…`; each operation names the scope that the key needs.
- People send the access token of their sign-in instead (`GET /api/sign-in` says where), and with several organisations
  the header `AgentPlane-Organisation: <id or name>`. Their role gives the scopes. Only people decide approvals.
- A key that is `signed` needs each request signed (RFC 9421, Ed25519): `/problems/signature_invalid` says how.
- Errors are `application/problem+json`: branch on `code`, follow `next`, read `/problems/{code}`.
- Send an `Idempotency-Key` with every POST: repeating it gives the same answer, not a second thing.
- Lists are `{data, next_cursor}`; send `next_cursor` as `cursor` for the next page.
- Times are RFC 3339 in UTC, money is text in US dollars with nine places, null is unknown.
"""

_IDEMPOTENCY_KEY: JsonObject = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Repeating a request with the same key gives the first answer, with Idempotency-Replayed: true.",
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_IDEMPOTENCY_KEY},
}


def example(
    path: str,
    *,
    body: Json = None,
    answer: Json = None,
    status: int = 200,
    also: Mapping[int, Json] | None = None,
    media_type: str = "application/json",
) -> dict[str, Any]:
    """Declare an operation's example: `@router.post("", **example("/api/state", body={…}, answer={…}))`.

    `also` holds what it answers with another status of success.
    """
    extra: dict[str, Any] = {"x-example": {"path": path} | ({} if body is None else {"body": body})}
    if body is not None:
        extra["requestBody"] = {"content": {"application/json": {"example": body}}}
    answers = {**({} if answer is None else {status: answer}), **(also or {})}
    if answers:
        extra["responses"] = {
            str(each): {"content": {media_type: {"example": shown}}} for each, shown in answers.items()
        }
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
        schemas["ProblemDetails"] = openapi_problems.SCHEMA
        document["components"]["responses"] = openapi_problems.RESPONSES
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
    for status, response in error_responses(is_public=is_public):
        operation["responses"].setdefault(status, response)
