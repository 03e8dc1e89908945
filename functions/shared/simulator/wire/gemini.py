"""Google's Gemini: generateContent and streamGenerateContent."""

from __future__ import annotations

from collections.abc import Iterator

from functions.shared.jsonvalue import Json, JsonObject
from functions.shared.simulator.script import Ask
from functions.shared.simulator.wire.answer import Answer, Refusal, mapping, sequence, sse, text_of

_ERRORS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def read(body: JsonObject, *, model: str, is_stream: bool) -> Ask:
    """Read the body of `POST /v1beta/models/{model}:generateContent`."""
    contents = [mapping(content) for content in sequence(body.get("contents"))]
    system = mapping(body.get("systemInstruction", body.get("system_instruction")))
    config = mapping(body.get("generationConfig", body.get("generation_config")))
    names = ("responseJsonSchema", "response_json_schema", "responseSchema", "response_schema")
    schema = next((config[name] for name in names if isinstance(config.get(name), dict)), None)
    texts = [text_of(system.get("parts")), *(text_of(content.get("parts")) for content in contents)]
    users = (text_of(c.get("parts")) for c in reversed(contents) if c.get("role", "user") == "user")
    return Ask(
        provider="gemini",
        model=model,
        text="\n".join(filter(None, texts)),
        prompt=next(users, ""),
        schema=schema if isinstance(schema, dict) else None,
        is_stream=is_stream,
    )


def write(ask: Ask, answer: Answer) -> JsonObject:
    """Write the whole answer."""
    return _chunk(ask, answer, answer.text, is_last=True)


def stream(ask: Ask, answer: Answer) -> Iterator[str]:
    """Write the answer in pieces as server-sent events; the usage is in the last."""
    pieces = answer.pieces()
    last = len(pieces) - 1
    yield from sse((None, _chunk(ask, answer, piece, is_last=at == last)) for at, piece in enumerate(pieces))


def refuse(refusal: Refusal) -> JsonObject:
    """Write an error."""
    status = _ERRORS.get(refusal.status, "INTERNAL")
    return {"error": {"code": refusal.status, "message": refusal.message, "status": status}}


def _chunk(ask: Ask, answer: Answer, text: str, *, is_last: bool) -> JsonObject:
    content: JsonObject = {"role": "model", "parts": [{"text": text}]}
    candidate: JsonObject = {"index": 0, "content": content}
    chunk: JsonObject = {"candidates": [candidate], "modelVersion": ask.model, "responseId": answer.id}
    if is_last:
        candidate["finishReason"] = "MAX_TOKENS" if answer.is_cut else "STOP"
        chunk["usageMetadata"] = _usage(answer)
    return chunk


def _usage(answer: Answer) -> Json:
    return {
        "promptTokenCount": answer.input_tokens,
        "candidatesTokenCount": answer.output_tokens,
        "totalTokenCount": answer.input_tokens + answer.output_tokens,
    }
