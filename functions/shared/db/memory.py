"""The verbs of memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uuid import UUID

    from functions.shared.db.caller_db import CallerDb
    from functions.shared.jsonvalue import Json, JsonObject


async def put_memory(db: CallerDb, fields: JsonObject) -> Json:
    """Remember a text. Answers it and `is_created`. Raises TooLarge, InvalidInput."""
    return await db.write("put_memory", fields, safe="key" in fields)


async def search_memory(db: CallerDb, question: JsonObject) -> Json:
    """Find what fits: `{data, vector}`."""
    return await db.read("search_memory", question)


async def get_memory(db: CallerDb, memory_id: UUID) -> Json:
    """Read one. Raises NotFound."""
    return await db.read("get_memory", {"id": str(memory_id)})


async def list_memories(db: CallerDb, page: JsonObject) -> Json:
    """List a page of a namespace: `{data, next}`."""
    return await db.read("list_memories", page)


async def list_namespaces(db: CallerDb, page: JsonObject) -> Json:
    """List a page of namespaces: `{data, next}`."""
    return await db.read("list_namespaces", page)


async def delete_memory(db: CallerDb, what: JsonObject) -> Json:
    """Forget one by `id`, or a `namespace`: `{deleted}`. Raises NotFound."""
    return await db.write("delete_memory", what)


async def list_unembedded(db: CallerDb, model: str, namespace: str | None, limit: int) -> Json:
    """List what a model has not embedded: `{data: [{id, content}]}`."""
    return await db.read("list_unembedded", {"embedding_model": model, "namespace": namespace, "limit": limit})


async def embed_memories(db: CallerDb, model: str, items: list[Json], spent_usd: str | None) -> Json:
    """Keep embeddings, and what they cost (None: unknown): `{embedded}`."""
    return await db.write("embed_memories", {"embedding_model": model, "items": items, "spent_usd": spent_usd})
