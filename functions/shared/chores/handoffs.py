"""Takes hand-offs back from agents that did not keep their lease, and buries those that are dead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.shared.chores.chore import Chore, Plane
from functions.shared.db.handoffs import expire_handoffs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.shared.jsonvalue import JsonObject

PAGE = 100
MAX_PAGES = 20


async def _expire(plane: Plane) -> Sequence[JsonObject]:
    due: list[JsonObject] = []
    for _ in range(MAX_PAGES):
        expired, rung = await expire_handoffs(plane.db, limit=PAGE)
        due += rung
        if expired < PAGE:
            break
    return due


EXPIRE_HANDOFFS = Chore("expire hand-offs", 1.0, _expire)
