"""The verbs of schedules, for their owners and for who fires them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from uuid import UUID

    from functions.shared.db.caller_db import CallerDb
    from functions.shared.db.port import Database
    from functions.shared.jsonvalue import Json, JsonObject


@dataclass(frozen=True, slots=True)
class DueSchedule:
    """A schedule that is ours to fire for a while. `fields` as the API shows it; `now` by the database's clock."""

    id: str
    claim_ref: str
    fields: dict[str, Any]
    now: datetime
    version_id: str | None
    document: JsonObject | None


async def claim_schedules(db: Database, *, limit: int, lease_s: float) -> list[DueSchedule]:
    """Take schedules that are due."""
    answer: Any = await db.kernel("claim_schedules", {"limit": limit, "lease_seconds": lease_s})
    now = datetime.fromisoformat(answer["now"])
    return [
        DueSchedule(
            id=row["id"],
            claim_ref=row["claim_ref"],
            fields=row,
            now=now,
            version_id=row["version_id"],
            document=answer["documents"].get(row["version_id"]),
        )
        for row in answer["schedules"]
    ]


async def record_firings(db: Database, record: JsonObject) -> list[JsonObject]:
    """Do and note what became of times. Answers the doorbells; none when the claim is another's by now."""
    answer: Any = await db.kernel("record_firings", record)
    return list(answer.get("due") or ())


async def start_queued(db: Database) -> list[JsonObject]:
    """Start what waited for an execution that has ended. Answers the doorbells."""
    answer: Any = await db.kernel("start_queued", {})
    return list(answer["due"])


async def create_schedule(db: CallerDb, fields: JsonObject) -> Json:
    """Add one. Raises NotFound, Conflict."""
    return await db.write("create_schedule", fields)


async def list_schedules(db: CallerDb, page: JsonObject) -> Json:
    """List a page: `{data, next}`."""
    return await db.read("list_schedules", page)


async def get_schedule(db: CallerDb, schedule_id: UUID) -> Any:  # noqa: ANN401  a verb's answer
    """Read one. Raises NotFound."""
    return await db.read("get_schedule", {"id": str(schedule_id)})


async def load_schedule(db: CallerDb, schedule_id: UUID) -> Any:  # noqa: ANN401  a verb's answer
    """Read one to change or run it: `{schedule, version_id, document}`. Raises NotFound."""
    return await db.read("load_schedule", {"id": str(schedule_id)})


async def update_schedule(db: CallerDb, change: JsonObject) -> Json:
    """Change one as a whole. Raises NotFound, Conflict."""
    return await db.write("update_schedule", change)


async def delete_schedule(db: CallerDb, schedule_id: UUID) -> None:
    """Delete one with its history. Raises NotFound."""
    await db.write("delete_schedule", {"id": str(schedule_id)})


async def run_schedule(db: CallerDb, fields: JsonObject) -> Any:  # noqa: ANN401  a verb's answer
    """Start what it starts, now. Answers the firing and `due`. Raises NotFound, InvalidInput."""
    return await db.write("run_schedule", fields)


async def list_firings(db: CallerDb, page: JsonObject) -> Json:
    """List a page of its history: `{data, next}`. Raises NotFound."""
    return await db.read("list_firings", page)
