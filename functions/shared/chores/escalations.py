"""Closes questions whose time has run out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.shared.chores.chore import Chore, Plane
from functions.shared.db import escalations

if TYPE_CHECKING:
    from functions.shared.jsonvalue import JsonObject

AT_ONCE = 200


async def time_out(plane: Plane) -> list[JsonObject]:
    """Close what is due, one a transaction and at most 200 a run. Answers the doorbells of who waited for them."""
    due: list[JsonObject] = []
    for _ in range(AT_ONCE):
        was_there, rung = await escalations.time_out_escalation(plane.db)
        due += rung
        if not was_there:
            break
    return due


TIME_OUT_ESCALATIONS = Chore("escalations", 1.0, time_out)
