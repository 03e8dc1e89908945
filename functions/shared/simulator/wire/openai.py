"""OpenAI's chat completions, as every compatible server speaks them."""

from __future__ import annotations

from collections.abc import Iterator

from functions.shared.jsonvalue import Json, JsonObject
from functions.shared.simulator.script import Ask
from functions.shared.simulator.wire.answer import Answer, Refusal, mapping, sequence, sse, text_of

_ERRORS = {
    400: ("invalid_request_error", "invalid_request"),
    401: ("invalid_request_error", "invalid_api_key"),
    403: ("permission_error", "forbidden"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
}


def read(body: JsonObject) -> Ask:
    """Read the body of `POST /v1/chat/completions`."""
    messages = [mapping(message) for message in sequence(body.get("messages"))]
    wanted = mapping(body.get("response_format"))
    schema = mapping(wanted.get("json_schema")).get("schema")
    return Ask(
        provider="openai",
        model=str(body.get("model", "")),
        text="\n".join(text_of(message.get("content")) for message in messages),
        prompt=next((text_of(m.get("content")) for m in reversed(messages) if m.get("role") == "user"), ""),
        schema=schema if isinstance(schema, dict) else None,
        is_stream=body.get("stream") is True,
        wants_usage=mapping(body.get("stream_options")).get("include_usage") is True,
    )


def write(ask: Ask, answer: Answer) -> JsonObject:
    """Write the whole answer."""
    message: JsonObject = {"role": "assistant", "content": answer.text, "refusal": None}
    choice: JsonObject = {"index": 0, "message": message, "logprobs": None, "finish_reason": _reason(answer)}
    return {**_head(ask, answer, "chat.completion"), "choices": [choice], "usage": _usage(answer)}


def stream(ask: Ask, answer: Answer) -> Iterator[str]:
    """Write the answer in pieces, the usage last and only if it was asked for."""
    yield from sse((None, chunk) for chunk in _chunks(ask, answer))
    yield "data: [DONE]\n\n"


def refuse(refusal: Refusal) -> JsonObject:
    """Write an error."""
    kind, code = _ERRORS.get(refusal.status, ("server_error", "server_error"))
    return {"error": {"message": refusal.message, "type": kind, "param": None, "code": code}}


def _chunks(ask: Ask, answer: Answer) -> Iterator[Json]:
    head = _head(ask, answer, "chat.completion.chunk")
    role = "assistant"
    for piece in answer.pieces():
        delta: JsonObject = {"role": role, "content": piece}
        yield {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    yield {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": _reason(answer)}]}
    if ask.wants_usage:
        yield {**head, "choices": [], "usage": _usage(answer)}


def _head(ask: Ask, answer: Answer, kind: str) -> JsonObject:
    return {
        "id": f"chatcmpl-{answer.id}",
        "object": kind,
        "created": 1767225600,
        "model": ask.model,
        "system_fingerprint": "simulated",
    }


def _usage(answer: Answer) -> JsonObject:
    total = answer.input_tokens + answer.output_tokens
    return {
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": answer.output_tokens,
        "total_tokens": total,
    }


def _reason(answer: Answer) -> str:
    return "length" if answer.is_cut else "stop"
