"""How errors look in the OpenAPI document: one schema, and for each status one response with an example."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.shared.web.problem_codes import PROBLEMS
from functions.shared.web.problems import MEDIA_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from functions.shared.jsonvalue import Json, JsonObject

_TEXT: JsonObject = {"type": "string"}
SCHEMA: JsonObject = {
    "title": "ProblemDetails",
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "retryable", "trace_id"],
    "properties": {
        "type": {"type": "string", "description": "A page about the code."},
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What happened, with names and numbers."},
        "instance": _TEXT,
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
                    "code": _TEXT,
                    "message": _TEXT,
                    "hint": _TEXT,
                    "allowed": {"type": "array", "items": {}},
                    "did_you_mean": _TEXT,
                },
            },
        },
        "next": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["why", "method", "path"],
                "properties": {"why": _TEXT, "method": _TEXT, "path": _TEXT},
            },
        },
        "docs": _TEXT,
        "trace_id": _TEXT,
    },
}


def _response(code: str, detail: str, **more: Json) -> JsonObject:
    page = PROBLEMS[code]
    example: JsonObject = {
        "type": f"/problems/{code}",
        "title": page.title,
        "status": page.status,
        "detail": detail,
        "instance": "/api/…",
        "code": code,
        "retryable": False,
        **more,
        "docs": f"/problems/{code}",
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    }
    schema: JsonObject = {"$ref": "#/components/schemas/ProblemDetails"}
    return {"description": page.cause, "content": {MEDIA_TYPE: {"schema": schema, "example": example}}}


RESPONSES: JsonObject = {
    "Unauthenticated": _response(
        "unauthenticated",
        "The API key is unknown, revoked or expired.",
        hint="Send Authorization: Bearer <key> with a valid key.",
    ),
    "Forbidden": _response(
        "missing_scope",
        "This needs the scope executions:write.",
        hint="Use a key that has it, or ask an operator for one.",
        scope="executions:write",
    ),
    "NotFound": _response(
        "execution_not_found",
        "There is no execution 9d1f6a2e-3c0b-4e8a-9a55-6b1f0e7c2d31.",
        hint="List them with GET /api/executions.",
    ),
    "Conflict": _response(
        "idempotency_in_progress",
        "A request with this Idempotency-Key is still running.",
        hint="Repeat it in a moment.",
        retryable=True,
        retry_after=1,
    ),
    "InvalidInput": _response(
        "invalid_input",
        "/framwork: There is no field 'framwork' here.",
        hint="Did you mean framework?",
        errors=[
            {
                "pointer": "/framwork",
                "code": "unknown_field",
                "message": "There is no field 'framwork' here.",
                "hint": "Did you mean framework?",
                "did_you_mean": "framework",
            }
        ],
    ),
    "RateLimited": _response(
        "rate_limited",
        "This key has sent its 600 requests in 60 seconds.",
        hint="Wait for retry_after seconds. Who may manage limits can raise it: PUT /api/limits/rates.",
        kind="key",
        retryable=True,
        retry_after=1,
    ),
    "Unavailable": _response(
        "database_unavailable", "The database does not answer.", hint="Try again.", retryable=True, retry_after=2
    ),
    "Problem": {
        "description": "Any other problem.",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}},
    },
}
_NAMES = {
    "401": "Unauthenticated",
    "403": "Forbidden",
    "404": "NotFound",
    "409": "Conflict",
    "422": "InvalidInput",
    "429": "RateLimited",
    "503": "Unavailable",
    "default": "Problem",
}


def error_responses(*, is_public: bool) -> Iterator[tuple[str, JsonObject]]:
    """Give the errors that an operation may answer, by status: each refers to one of RESPONSES."""
    for status, name in _NAMES.items():
        if not is_public or status in ("422", "503", "default"):
            yield status, {"$ref": f"#/components/responses/{name}"}
