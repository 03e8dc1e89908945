"""What tells whether the plane works."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from functions.shared.errors import Forbidden, Unauthenticated

if TYPE_CHECKING:
    from functions.shared.db.caller_db import CallerDb
    from functions.shared.db.port import Database
    from functions.shared.jsonvalue import Json, JsonObject


async def get_queue_depth(db: CallerDb) -> Json:
    """Count the organisation's frames: `{ready, running, waiting, oldest_due_seconds}`."""
    return await db.read("get_queue_depth", {})


async def count_violations(database: Database) -> dict[str, int] | None:
    """Count the rows that break each invariant of the engine; None when this function may not look (no runner key)."""
    try:
        rows = cast("list[JsonObject]", await database.kernel("get_violations", {}))
    except (Forbidden, Unauthenticated):
        return None
    counts: dict[str, int] = {}
    for row in rows:
        rule = str(row.get("rule") or row.get("invariant") or row.get("name") or "unnamed")
        counts[rule] = counts.get(rule, 0) + 1
    return counts
