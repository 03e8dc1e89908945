"""The verbs of exporting, erasing and keeping data."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uuid import UUID

    from functions.shared.db.caller_db import CallerDb
    from functions.shared.db.port import Database
    from functions.shared.jsonvalue import Json, JsonObject


async def export_data(db: CallerDb, *, limit: int, after: JsonObject | None, user_id: UUID | None) -> Json:
    """Read rows of all tables, or those that name a member: `{data: [{table, row}], next}`. Raises NotFound."""
    payload: JsonObject = {"limit": limit, "after": after}
    if user_id is not None:
        payload["user_id"] = str(user_id)
    return await db.read("export_data", payload)


async def erase_person(db: CallerDb, user_id: UUID, *, email: str) -> Json:
    """Begin to erase a member. Answers the erasure. Raises NotFound, Conflict, InvalidInput."""
    return await db.write("erase_person", {"user_id": str(user_id), "email": email})


async def erase_organisation(db: CallerDb, *, name: str) -> Json:
    """Begin to erase the caller's organisation. Answers the erasure. Raises Forbidden, InvalidInput."""
    return await db.write("erase_organisation", {"name": name})


async def list_erasures(db: CallerDb, page: JsonObject) -> Json:
    """List a page, the latest first: `{data, next}`."""
    return await db.read("list_erasures", page)


async def get_retention(db: CallerDb) -> Json:
    """Read `{payload_days, updated_at}`."""
    return await db.read("get_retention", {})


async def set_retention(db: CallerDb, *, payload_days: int | None) -> Json:
    """Set for how many days payloads are kept; None: for ever."""
    return await db.write("set_retention", {"payload_days": payload_days}, safe=True)


async def erase_next(db: Database, *, limit: int = 1_000) -> bool:
    """Go on with an erasure by one page; answers whether there may be more to do."""
    answer = await db.kernel("erase_next", {"limit": limit})
    return isinstance(answer, dict) and bool(answer.get("more"))


async def drop_payloads(db: Database, *, limit: int = 100) -> int:
    """Drop what executions were given and gave whose time is over; answers of how many."""
    answer = await db.kernel("drop_payloads", {"limit": limit})
    dropped = answer.get("dropped") if isinstance(answer, dict) else 0
    return dropped if isinstance(dropped, int) else 0
