"""What tells whether the plane works."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from functions.shared.errors import Forbidden, Unauthenticated

if TYPE_CHECKING:
    from functions.shared.db.caller_db import CallerDb
    from functions.shared.db.port import Database
    from functions.shared.jsonvalue import Json, JsonObject

MAX_VIOLATIONS = 100


@dataclass(frozen=True, slots=True)
class ChoreRun:
    """When a chore was last done. `failures`: in a row, up to now."""

    name: str
    ran_seconds_ago: int
    took_ms: int
    failures: int


@dataclass(frozen=True, slots=True)
class PlaneHealth:
    """How the whole plane is. `overdue`: frames that are due, at most 1000; `oldest_due_seconds` None: nothing is due.

    `violations`: how many rows break each invariant of the engine, of the first hundred.
    """

    overdue: int
    oldest_due_seconds: int | None
    chores: tuple[ChoreRun, ...]
    violations: dict[str, int]
    database: str


async def get_queue_depth(db: CallerDb) -> Json:
    """Count the organisation's frames: `{ready, running, waiting, oldest_due_seconds}`."""
    return await db.read("get_queue_depth", {})


async def get_plane_health(database: Database) -> PlaneHealth | None:
    """Say how the plane is; None when this function may not look (no runner key)."""
    try:
        found = cast("Any", await database.kernel("get_plane_health", {}))
        broken = cast("list[JsonObject]", await database.kernel("get_violations", {"limit": MAX_VIOLATIONS}))
    except (Forbidden, Unauthenticated):
        return None
    violations: dict[str, int] = {}
    for row in broken:
        rule = str(row["invariant"])
        violations[rule] = violations.get(rule, 0) + 1
    return PlaneHealth(
        overdue=found["overdue"],
        oldest_due_seconds=found["oldest_due_seconds"],
        chores=tuple(ChoreRun(**each) for each in found["chores"]),
        violations=violations,
        database=found["database"],
    )
