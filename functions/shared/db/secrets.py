"""The verbs of secrets: they see sealed values only."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from functions.shared.db.caller_db import CallerDb
    from functions.shared.jsonvalue import Json, JsonObject


async def get_secret_version(db: CallerDb, name: str) -> Json:
    """Read for whom and for which version the next value is to be sealed: `{org_id, version}`."""
    return await db.read("get_secret_version", {"name": name})


async def put_secret(db: CallerDb, name: str, version: int, sealed: JsonObject) -> Json:
    """Set a value. Answers the secret and `is_created`. Raises Conflict when another was first."""
    return await db.write("put_secret", {"name": name, "version": version, "sealed": sealed})


async def list_secrets(db: CallerDb, page: JsonObject) -> Json:
    """List a page: `{data, next}`."""
    return await db.read("list_secrets", page)


async def delete_secret(db: CallerDb, name: str) -> None:
    """Delete one. Raises NotFound."""
    await db.write("delete_secret", {"name": name})


async def list_sealed_secrets(db: CallerDb, *, master_key: str, limit: int) -> Json:
    """List what another master key has sealed: `{org_id, data: [{name, version, sealed}], has_more}`."""
    return await db.read("list_sealed_secrets", {"master_key": master_key, "limit": limit})


async def reseal_secrets(db: CallerDb, resealed: list[Json]) -> Json:
    """Keep what was sealed again, `[{name, version, sealed}]`: `{resealed}`."""
    return await db.write("reseal_secrets", {"secrets": resealed}, safe=True)
