"""The verbs of API keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uuid import UUID

    from functions.shared.auth.keys import NewKey
    from functions.shared.db.caller_db import CallerDb
    from functions.shared.jsonvalue import Json, JsonObject


async def create_key(db: CallerDb, key: NewKey, fields: JsonObject) -> Json:
    """Add a key to the caller's organisation. Raises Forbidden `scope_not_held`."""
    return await db.write("create_key", {**fields, "key_hash": key.key_hash, "prefix": key.prefix})


async def list_keys(db: CallerDb, page: JsonObject) -> Json:
    """List a page: `{data, next}`."""
    return await db.read("list_keys", page)


async def update_key(db: CallerDb, key_id: UUID, changes: JsonObject) -> Json:
    """Change a key's name or its end. Raises NotFound, Conflict `key_not_active`, Forbidden `scope_not_held`."""
    return await db.write("update_key", {"id": str(key_id), "changes": changes}, safe=True)


async def rotate_key(db: CallerDb, key_id: UUID, key: NewKey, fields: JsonObject) -> Json:
    """Let a new key take over from another. Raises NotFound, Conflict `already_rotated`, Forbidden `scope_not_held`."""
    return await db.write("rotate_key", {"id": str(key_id), **fields, "key_hash": key.key_hash, "prefix": key.prefix})


async def revoke_key(db: CallerDb, key_id: UUID) -> Json:
    """Revoke a key; again is the same. Raises NotFound, Conflict `last_operator_key`."""
    return await db.write("revoke_key", {"id": str(key_id)}, safe=True)
