"""The verbs of interpretations: what was read with a model's help, by what was asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from functions.shared.db.caller_db import CallerDb
    from functions.shared.jsonvalue import Json, JsonObject


async def find_interpretation(db: CallerDb, hash_: str) -> Json:
    """Give `{answer}` of the same question, or None."""
    return await db.read("find_interpretation", {"hash": hash_})


async def keep_interpretation(db: CallerDb, fields: JsonObject) -> None:
    """Keep an answer for a day."""
    await db.database.call("keep_interpretation", fields, db.caller, safe=True)
