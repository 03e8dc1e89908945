"""The verbs of the audit."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from functions.shared.db.caller_db import CallerDb
    from functions.shared.db.port import Database
    from functions.shared.jsonvalue import Json, JsonObject


async def list_audit(db: CallerDb, page: JsonObject) -> Json:
    """List a page, the newest first: `{data, next}`."""
    return await db.read("list_audit", page)


async def verify_audit(db: CallerDb, *, limit: int, after: JsonObject | None, known: JsonObject | None) -> Json:
    """Walk along the chain from `after`, at most `limit` entries: what was checked, the head, and the first problem."""
    return await db.read("verify_audit", {"limit": limit, "after": after, "known": known})


async def export_audit(db: CallerDb, *, after: int, limit: int) -> Json:
    """List sealed entries in the order of the chain with what was hashed: `{data, head, next}`."""
    return await db.read("export_audit", {"after": after, "limit": limit})


async def seal_audit(db: Database, *, limit: int = 500) -> bool:
    """Seal what was noted since, up to `limit` entries of each organisation; answers whether more is left."""
    answer = await db.kernel("seal_audit", {"limit": limit})
    return isinstance(answer, dict) and bool(answer.get("more"))
