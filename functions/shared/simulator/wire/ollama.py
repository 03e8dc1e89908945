"""Ollama's own API: chat, generate, the list of models and what it tells of one."""

from __future__ import annotations

import json
from collections.abc import Iterator

from functions.shared.jsonvalue import Json, JsonObject
from functions.shared.simulator.script import Ask
from functions.shared.simulator.wire.answer import Answer, Refusal, mapping, sequence, text_of

_CREATED = "2026-01-01T00:00:00Z"


def read_chat(body: JsonObject) -> Ask:
    """Read the body of `POST /api/chat`; a stream is the default."""
    messages = [mapping(message) for message in sequence(body.get("messages"))]
    texts = [text_of(message.get("content")) for message in messages]
    users = (text_of(m.get("content")) for m in reversed(messages) if m.get("role") == "user")
    return _ask(body, "\n".join(texts), next(users, ""))


def read_generate(body: JsonObject) -> Ask:
    """Read the body of `POST /api/generate`; a stream is the default."""
    prompt = text_of(body.get("prompt"))
    return _ask(body, "\n".join(filter(None, (text_of(body.get("system")), prompt))), prompt)


def write_chat(ask: Ask, answer: Answer) -> JsonObject:
    """Write the whole answer to a chat."""
    return {**_head(ask), "message": {"role": "assistant", "content": answer.text}, **_tail(answer)}


def write_generate(ask: Ask, answer: Answer) -> JsonObject:
    """Write the whole answer to a generate."""
    return {**_head(ask), "response": answer.text, **_tail(answer)}


def stream_chat(ask: Ask, answer: Answer) -> Iterator[str]:
    """Write one JSON object a line; the last one holds the usage."""
    for piece in answer.pieces():
        yield _line({**_head(ask), "message": {"role": "assistant", "content": piece}, "done": False})
    yield _line({**_head(ask), "message": {"role": "assistant", "content": ""}, **_tail(answer)})


def stream_generate(ask: Ask, answer: Answer) -> Iterator[str]:
    """Write one JSON object a line; the last one holds the usage."""
    for piece in answer.pieces():
        yield _line({**_head(ask), "response": piece, "done": False})
    yield _line({**_head(ask), "response": "", **_tail(answer)})


def refuse(refusal: Refusal) -> JsonObject:
    """Write an error."""
    return {"error": refusal.message}


def tags() -> JsonObject:
    """List the one model there is; every other name is answered as well."""
    details: JsonObject = {"family": "simulated", "parameter_size": "0B", "quantization_level": "none"}
    model: JsonObject = {
        "name": "simulated:latest",
        "model": "simulated:latest",
        "modified_at": _CREATED,
        "size": 0,
        "digest": "0" * 64,
        "details": details,
    }
    return {"models": [model]}


def show(name: str) -> JsonObject:
    """Describe a model as Ollama does."""
    return {
        "license": "simulated",
        "modelfile": f"# simulated stand-in for {name}",
        "template": "{{ .Prompt }}",
        "details": {"family": "simulated", "families": ["simulated"], "parameter_size": "0B"},
        "model_info": {"general.architecture": "simulated", "simulated.context_length": 32768},
        "capabilities": ["completion"],
    }


def _ask(body: JsonObject, text: str, prompt: str) -> Ask:
    schema = body.get("format")
    return Ask(
        provider="ollama",
        model=str(body.get("model", "")),
        text=text,
        prompt=prompt,
        schema=schema if isinstance(schema, dict) else None,
        is_stream=body.get("stream") is not False,
    )


def _head(ask: Ask) -> JsonObject:
    return {"model": ask.model, "created_at": _CREATED}


def _tail(answer: Answer) -> JsonObject:
    return {
        "done": True,
        "done_reason": "length" if answer.is_cut else "stop",
        "total_duration": 1,
        "load_duration": 0,
        "prompt_eval_count": answer.input_tokens,
        "eval_count": answer.output_tokens,
    }


def _line(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False) + "\n"
