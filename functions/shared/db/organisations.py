"""The organisation that a caller acts in."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from functions.shared.db.caller_db import CallerDb
    from functions.shared.jsonvalue import JsonObject


async def organisation_id(db: CallerDb) -> str:
    """Give its id: what is sealed belongs to it."""
    return str(cast("JsonObject", await db.read("get_organisation", {}))["id"])
