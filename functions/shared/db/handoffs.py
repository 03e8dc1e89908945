"""The verbs of hand-offs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from functions.shared.db.caller_db import CallerDb
    from functions.shared.db.port import Database
    from functions.shared.jsonvalue import Json, JsonObject


async def create_handoff(db: CallerDb, fields: JsonObject) -> Json:
    """Hand work over. Raises NotFound, Conflict (a loop), InvalidInput (an agent or workflow that is not there)."""
    return await db.write("create_handoff", fields)


async def list_handoffs(db: CallerDb, page: JsonObject) -> Json:
    """List a page: `{data, next}`."""
    return await db.read("list_handoffs", page)


async def get_handoff(db: CallerDb, handoff_id: UUID) -> Json:
    """Read one. Raises NotFound."""
    return await db.read("get_handoff", {"id": str(handoff_id)})


async def get_acceptance(db: CallerDb, handoff_id: UUID) -> JsonObject | None:
    """Read the schema that the output of one must fit; None without any. Raises NotFound."""
    answer = cast("dict[str, Any]", await db.read("get_acceptance", {"id": str(handoff_id)}))
    return cast("JsonObject | None", answer["schema"])


async def get_handoff_chain(db: CallerDb, handoff_id: UUID) -> Json:
    """Read everything that one came from and led to: `{data}`. Raises NotFound."""
    return await db.read("get_handoff_chain", {"id": str(handoff_id)})


async def claim_handoff(db: CallerDb, handoff_id: UUID, fields: JsonObject) -> Json:
    """Take one under a lease. Raises Forbidden, NotFound, Conflict."""
    return await db.write("claim_handoff", {"id": str(handoff_id), **fields})


async def claim_next_handoff(db: CallerDb, fields: JsonObject) -> Json:
    """Take the oldest one that an agent may have; None without any."""
    return await db.write("claim_next_handoff", fields)


async def extend_handoff(db: CallerDb, handoff_id: UUID, fields: JsonObject) -> Json:
    """Renew the lease of a claim. Raises NotFound, Conflict `claim_lost`."""
    return await db.write("extend_handoff", {"id": str(handoff_id), **fields}, safe=True)


async def end_handoff(db: CallerDb, verb: str, handoff_id: UUID, fields: JsonObject) -> dict[str, Any]:
    """Accept, reject, complete, release or cancel one, as `verb` says; `due` are doorbells to ring."""
    return cast("dict[str, Any]", await db.write(f"{verb}_handoff", {"id": str(handoff_id), **fields}))


async def expire_handoffs(db: Database, *, limit: int) -> tuple[int, Sequence[JsonObject]]:
    """Take back what was claimed and not kept, and bury what is dead. Answers how many, and doorbells to ring."""
    answer = cast("dict[str, Any]", await db.kernel("expire_handoffs", {"limit": limit}))
    return answer["expired"], answer["due"]
