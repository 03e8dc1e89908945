"""The memory step: remember a text, exactly once by the step's key, or find what fits a question."""

from __future__ import annotations

from functions.shared.dsl.durations import seconds
from functions.shared.dsl.kinds import Memory
from functions.shared.jsonvalue import Json, JsonObject
from functions.shared.steps.base import Context, Done, StepFailed
from functions.shared.steps.config import read_config
from functions.shared.steps.embedding import Embedded, embed

_SHOWN = ("id", "key", "content", "metadata", "score", "similarity", "created_at")


async def run_memory(config: JsonObject, context: Context) -> Done:
    """Do `write` or `search`. The output is `{id, namespace, key}`, or what was found, the best first.

    Without an embedding model, or when it fails, words alone are searched; `details.vector` says why.
    """
    spec = read_config(Memory, config)
    if spec.write is not None and spec.search is None:
        return await _write(spec, spec.write, context)
    if spec.search is not None and spec.write is None:
        return await _search(spec, spec.search, context)
    raise StepFailed("invalid_config", "`memory` takes exactly one of `write` and `search`.")


async def _write(spec: Memory, content: str, context: Context) -> Done:
    """Write first, then embed: a repeated attempt must write the very same."""
    payload: JsonObject = {"namespace": spec.namespace, "content": content, "metadata": spec.metadata}
    if spec.key is not None:
        payload["key"] = spec.key
    if spec.expires_in is not None:
        payload["expires_in_seconds"] = seconds(spec.expires_in)
    written = await context.effects.act("put_memory", payload, idempotency_key=context.idempotency_key)
    assert isinstance(written, dict)  # noqa: S101  the verb answers the memory
    embedded = await _embed(content, context)
    if embedded.vectors is not None:
        item: Json = {"id": written["id"], "content": content, "embedding": list[Json](embedded.vectors[0])}
        vectors: JsonObject = {"embedding_model": embedded.model, "items": [item]}
        await context.effects.act("embed_memories", vectors, idempotency_key=context.idempotency_key)
    output: JsonObject = {name: written[name] for name in ("id", "namespace", "key")}
    return Done(output, embedded.usage, _details("write", spec, embedded))


async def _search(spec: Memory, query: str, context: Context) -> Done:
    embedded = await _embed(query, context)
    question: JsonObject = {"namespace": spec.namespace, "query": query, "limit": spec.limit, "filter": spec.filter}
    if embedded.vectors is not None:
        question |= {"embedding": list[Json](embedded.vectors[0]), "embedding_model": embedded.model}
    answer = await context.effects.act("search_memory", question, idempotency_key=context.idempotency_key)
    assert isinstance(answer, dict)  # noqa: S101  the verb answers a page
    found = answer["data"]
    assert isinstance(found, list)  # noqa: S101
    output: list[Json] = [{name: each.get(name) for name in _SHOWN} for each in found if isinstance(each, dict)]
    return Done(output, embedded.usage, {**_details("search", spec, embedded), "found": len(output)})


async def _embed(text: str, context: Context) -> Embedded:
    return await embed([text], context.environment, timeout_s=min(8.0, context.timeout_s / 2))


def _details(operation: str, spec: Memory, embedded: Embedded) -> JsonObject:
    return {"operation": operation, "namespace": spec.namespace, "vector": embedded.why or embedded.model}
