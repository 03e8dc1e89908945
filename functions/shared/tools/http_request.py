"""The tool `http_request`: what the http step does, as a tool."""

from __future__ import annotations

from functions.shared.dsl.kinds import Auth
from functions.shared.jsonvalue import JsonObject
from functions.shared.steps.base import Context, Done
from functions.shared.steps.http_call import run_http
from functions.shared.tools.base import Tool, arguments


async def _run(given: JsonObject, context: Context, auth: Auth | None) -> Done:
    config: JsonObject = dict(given)
    if auth is not None:
        config["auth"] = auth.model_dump(exclude_none=True)
    return await run_http(config, context)


HTTP_REQUEST = Tool(
    name="http_request",
    description="Send one HTTP request and get status, headers and body. Without `expect`, a status from 400 on fails.",
    arguments=arguments(
        ["url"],
        url={"type": "string", "minLength": 1, "description": "http or https address."},
        method={"enum": ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"], "default": "GET"},
        headers={"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}},
        query={"type": "object", "description": "Query parameters; a list repeats its name."},
        json={"description": "Sent as JSON."},
        body={"type": "string", "description": "Sent as text."},
        expect={
            "type": "object",
            "properties": {"status": {"type": "array", "items": {"type": "integer"}, "minItems": 1}},
            "required": ["status"],
            "additionalProperties": False,
        },
    ),
    returns={
        "type": "object",
        "properties": {"status": {"type": "integer"}, "headers": {"type": "object"}, "body": {}},
        "required": ["status", "headers", "body"],
    },
    run=_run,
    takes_auth=True,
)
