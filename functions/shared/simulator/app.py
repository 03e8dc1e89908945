"""The simulator as an ASGI application: the providers' routes, the script and the calls received."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from functions.shared.jsonvalue import Json, JsonObject
from functions.shared.simulator.sample import sample
from functions.shared.simulator.script import DEFAULT_REPLY, Ask, Call, Reply, Script, parse_rules
from functions.shared.simulator.wire import anthropic, embeddings, gemini, ollama, openai
from functions.shared.simulator.wire.answer import Answer, Refusal, mapping

LABEL = {"X-Simulated": "true"}
_SECRET_HEADERS = frozenset({"authorization", "x-api-key", "x-goog-api-key", "api-key"})
_MESSAGES = {
    401: "simulated: the key is not valid",
    404: "simulated: no such model",
    429: "simulated: too many requests",
    500: "simulated: internal error",
    503: "simulated: unavailable",
    529: "simulated: overloaded",
}


@dataclass(frozen=True, slots=True)
class Wire:
    """How one route speaks."""

    write: Callable[[Ask, Answer], JsonObject]
    stream: Callable[[Ask, Answer], Iterator[str]]
    refuse: Callable[[Refusal], JsonObject]
    media: str = "text/event-stream"


_OPENAI = Wire(openai.write, openai.stream, openai.refuse)
_ANTHROPIC = Wire(anthropic.write, anthropic.stream, anthropic.refuse)
_GEMINI = Wire(gemini.write, gemini.stream, gemini.refuse)
_CHAT = Wire(ollama.write_chat, ollama.stream_chat, ollama.refuse, "application/x-ndjson")
_GENERATE = Wire(ollama.write_generate, ollama.stream_generate, ollama.refuse, "application/x-ndjson")


def create_simulator(script: Script | None = None) -> Starlette:
    """Give the application; `script` stays shared with the caller, who may read and change it."""
    script = script or Script()
    return Starlette(
        routes=[
            Route("/", _about),
            Route("/__script", partial(_set_script, script), methods=["POST"]),
            Route("/__reset", partial(_reset, script), methods=["POST"]),
            Route("/__calls", partial(_calls, script)),
            Route("/v1/models", _models),
            Route("/v1/chat/completions", partial(_openai, script), methods=["POST"]),
            Route("/v1/embeddings", partial(_embed, embeddings.write_openai), methods=["POST"]),
            Route("/api/embed", partial(_embed, embeddings.write_ollama), methods=["POST"]),
            Route("/v1/messages", partial(_anthropic, script), methods=["POST"]),
            Route("/v1beta/models/{call:path}", partial(_gemini, script), methods=["POST"]),
            Route("/api/chat", partial(_ollama_chat, script), methods=["POST"]),
            Route("/api/generate", partial(_ollama_generate, script), methods=["POST"]),
            Route("/api/tags", _tags),
            Route("/api/show", _show, methods=["POST"]),
            Route("/api/version", _version),
        ]
    )


async def _about(_: Request) -> Response:
    note = "A simulator of model providers. Nothing here comes from a model."
    speaks: list[Json] = ["openai", "anthropic", "gemini", "ollama"]
    return JSONResponse({"simulated": True, "note": note, "speaks": speaks}, headers=LABEL)


async def _set_script(script: Script, request: Request) -> Response:
    try:
        rules = parse_rules((await request.body()).decode())
    except ValueError as error:
        return JSONResponse({"error": str(error)}, status_code=422, headers=LABEL)
    script.load(rules)
    return JSONResponse({"rules": len(rules)}, headers=LABEL)


async def _reset(script: Script, _: Request) -> Response:
    script.load([])
    return JSONResponse({"rules": 0}, headers=LABEL)


async def _calls(script: Script, _: Request) -> Response:
    return JSONResponse({"calls": [asdict(call) for call in script.calls]}, headers=LABEL)


async def _models(_: Request) -> Response:
    model: JsonObject = {"id": "simulated", "object": "model", "owned_by": "simulator"}
    return JSONResponse({"object": "list", "data": [model]}, headers=LABEL)


async def _tags(_: Request) -> Response:
    return JSONResponse(ollama.tags(), headers=LABEL)


async def _show(request: Request) -> Response:
    body = mapping(await request.json())
    return JSONResponse(ollama.show(str(body.get("model", body.get("name", "")))), headers=LABEL)


async def _version(_: Request) -> Response:
    return JSONResponse({"version": "0.0.0-simulated"}, headers=LABEL)


async def _embed(write: Callable[[str, list[str]], JsonObject], request: Request) -> Response:
    body = mapping(await request.json())
    return JSONResponse(write(str(body.get("model", "")), embeddings.read(body)), headers=LABEL)


async def _openai(script: Script, request: Request) -> Response:
    return await _answer(script, request, _OPENAI, openai.read)


async def _anthropic(script: Script, request: Request) -> Response:
    return await _answer(script, request, _ANTHROPIC, anthropic.read)


async def _gemini(script: Script, request: Request) -> Response:
    model, _, verb = str(request.path_params["call"]).partition(":")
    read = partial(gemini.read, model=model, is_stream=verb == "streamGenerateContent")
    return await _answer(script, request, _GEMINI, read)


async def _ollama_chat(script: Script, request: Request) -> Response:
    return await _answer(script, request, _CHAT, ollama.read_chat)


async def _ollama_generate(script: Script, request: Request) -> Response:
    return await _answer(script, request, _GENERATE, ollama.read_generate)


async def _answer(script: Script, request: Request, wire: Wire, read: Callable[[JsonObject], Ask]) -> Response:
    body = mapping(await request.json())
    ask = read(body)
    reply = script.answer(ask) or DEFAULT_REPLY
    script.calls.append(_call(len(script.calls) + 1, request, body, ask, reply.status))
    if reply.delay:
        await asyncio.sleep(reply.delay)
    headers = {**LABEL, "x-request-id": f"req_simulated_{len(script.calls)}", **reply.headers}
    if reply.retry_after is not None:
        headers["Retry-After"] = f"{reply.retry_after:g}"
    if reply.status != 200:  # noqa: PLR2004  the one status that is not an error here
        message = reply.error or _MESSAGES.get(reply.status, f"simulated: status {reply.status}")
        return JSONResponse(wire.refuse(Refusal(reply.status, message)), reply.status, headers)
    answer = _finished(ask, reply)
    if ask.is_stream:
        return StreamingResponse(wire.stream(ask, answer), headers=headers, media_type=wire.media)
    return JSONResponse(wire.write(ask, answer), headers=headers)


def _call(number: int, request: Request, body: JsonObject, ask: Ask, status: int) -> Call:
    headers = {name: f"{value[:6]}…" if name in _SECRET_HEADERS else value for name, value in request.headers.items()}
    return Call(
        number=number,
        provider=ask.provider,
        model=ask.model,
        method=request.method,
        path=request.url.path,
        headers=headers,
        body=body,
        text=ask.text,
        status=status,
    )


def _finished(ask: Ask, reply: Reply) -> Answer:
    text = _text(ask, reply)
    if reply.malformed:
        text = text[: max(1, len(text) * 2 // 3)]
    usage = reply.usage
    return Answer(
        id=hashlib.sha256(f"{ask.model}\0{ask.text}".encode()).hexdigest()[:24],
        text=text,
        input_tokens=usage.input if usage else _tokens(ask.text),
        output_tokens=usage.output if usage else _tokens(text),
        is_cut=reply.stop == "length",
    )


def _text(ask: Ask, reply: Reply) -> str:
    if reply.text is not None:
        return reply.text
    if "value" in reply.model_fields_set:
        return json.dumps(reply.value, ensure_ascii=False)
    schema = ask.schema or _schema_in(ask.text)
    if schema is not None:
        return json.dumps(sample(schema, ask.prompt), ensure_ascii=False)
    words = " ".join(ask.prompt.split())
    return f"[simulated] {ask.model} was asked: {words[:200]}"


def _schema_in(text: str) -> JsonObject | None:
    """Find the schema that a client wrote into its instructions because the protocol could not carry it."""
    _, mark, rest = text.rpartition("JSON Schema:")
    start = rest.find("{")
    if not mark or start < 0:
        return None
    try:
        schema, _ = json.JSONDecoder().raw_decode(rest[start:])
    except ValueError:
        return None
    return mapping(schema) or None


def _tokens(text: str) -> int:
    """Count about four characters a token, as a plausible figure."""
    return max(1, (len(text) + 3) // 4)
