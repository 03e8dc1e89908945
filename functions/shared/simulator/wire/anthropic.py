"""Anthropic's messages."""

from __future__ import annotations

import json
from collections.abc import Iterator

from functions.shared.jsonvalue import Json, JsonObject
from functions.shared.simulator.script import Ask
from functions.shared.simulator.wire.answer import Answer, Refusal, mapping, sequence, sse, text_of

_ERRORS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def read(body: JsonObject) -> Ask:
    """Read the body of `POST /v1/messages`. A schema comes as `output_format`, `output_config` or as the only tool."""
    messages = [mapping(message) for message in sequence(body.get("messages"))]
    texts = [text_of(body.get("system")), *(text_of(message.get("content")) for message in messages)]
    tool = _forced_tool(body)
    schema = tool.get("input_schema") or _output_schema(body)
    name = tool.get("name")
    return Ask(
        provider="anthropic",
        model=str(body.get("model", "")),
        text="\n".join(filter(None, texts)),
        prompt=next((text_of(m.get("content")) for m in reversed(messages) if m.get("role") == "user"), ""),
        schema=schema if isinstance(schema, dict) else None,
        schema_tool=name if isinstance(name, str) else None,
        is_stream=body.get("stream") is True,
    )


def write(ask: Ask, answer: Answer) -> JsonObject:
    """Write the whole answer."""
    end: JsonObject = {"stop_reason": _reason(ask, answer), "usage": _usage(answer)}
    return {**_head(ask, answer), "content": [_block(ask, answer)], **end}


def stream(ask: Ask, answer: Answer) -> Iterator[str]:
    """Write the answer in pieces; the usage comes with the first and the last event."""
    yield from sse((str(mapping(event)["type"]), event) for event in _events(ask, answer))


def refuse(refusal: Refusal) -> JsonObject:
    """Write an error."""
    error: JsonObject = {"type": _ERRORS.get(refusal.status, "api_error"), "message": refusal.message}
    body: JsonObject = {"type": "error", "error": error, "request_id": "req_simulated"}
    return body


def _forced_tool(body: JsonObject) -> JsonObject:
    choice = mapping(body.get("tool_choice"))
    tools = [mapping(tool) for tool in sequence(body.get("tools"))]
    if choice.get("type") == "tool":
        tools = [tool for tool in tools if tool.get("name") == choice.get("name")]
    return tools[0] if choice.get("type") in ("tool", "any") and len(tools) == 1 else {}


def _output_schema(body: JsonObject) -> Json:
    wanted = mapping(body.get("output_format")) or mapping(mapping(body.get("output_config")).get("format"))
    return wanted.get("schema")


def _events(ask: Ask, answer: Answer) -> Iterator[Json]:
    start: JsonObject = {**_usage(answer), "output_tokens": 1}
    yield {"type": "message_start", "message": {**_head(ask, answer), "content": [], "usage": start}}
    empty: JsonObject = {"type": "text", "text": ""}
    if ask.schema_tool:
        empty = {"type": "tool_use", "id": f"toolu_{answer.id}", "name": ask.schema_tool, "input": {}}
    yield {"type": "content_block_start", "index": 0, "content_block": empty}
    for piece in answer.pieces():
        delta: JsonObject = {"type": "text_delta", "text": piece}
        if ask.schema_tool:
            delta = {"type": "input_json_delta", "partial_json": piece}
        yield {"type": "content_block_delta", "index": 0, "delta": delta}
    yield {"type": "content_block_stop", "index": 0}
    end: JsonObject = {"stop_reason": _reason(ask, answer), "stop_sequence": None}
    used: JsonObject = {"output_tokens": answer.output_tokens}
    yield {"type": "message_delta", "delta": end, "usage": used}
    yield {"type": "message_stop"}


def _head(ask: Ask, answer: Answer) -> JsonObject:
    return {
        "id": f"msg_{answer.id}",
        "type": "message",
        "role": "assistant",
        "model": ask.model,
        "stop_reason": None,
        "stop_sequence": None,
    }


def _block(ask: Ask, answer: Answer) -> JsonObject:
    if not ask.schema_tool:
        return {"type": "text", "text": answer.text}
    try:
        value: Json = json.loads(answer.text)
    except ValueError:
        value = {"malformed": answer.text}
    held: JsonObject = value if isinstance(value, dict) else {"value": value}
    return {"type": "tool_use", "id": f"toolu_{answer.id}", "name": ask.schema_tool, "input": held}


def _usage(answer: Answer) -> JsonObject:
    return {
        "input_tokens": answer.input_tokens,
        "output_tokens": answer.output_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
    }


def _reason(ask: Ask, answer: Answer) -> str:
    if answer.is_cut:
        return "max_tokens"
    return "tool_use" if ask.schema_tool else "end_turn"
