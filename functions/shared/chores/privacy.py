"""Goes on with erasures, and drops payloads that are past their organisation's retention."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.shared.chores.chore import Chore
from functions.shared.db.privacy import drop_payloads, erase_next

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.shared.chores.chore import Plane
    from functions.shared.jsonvalue import JsonObject

ERASED_PAGES = 200
DROPPED_PAGES = 10
DROPPED = 100


async def _erase(plane: Plane) -> Sequence[JsonObject]:
    for _ in range(ERASED_PAGES):
        if not await erase_next(plane.db):
            break
    return ()


async def _drop(plane: Plane) -> Sequence[JsonObject]:
    for _ in range(DROPPED_PAGES):
        if await drop_payloads(plane.db, limit=DROPPED) < DROPPED:
            break
    return ()


ERASE = Chore("erase", 5.0, _erase)
DROP_PAYLOADS = Chore("drop payloads", 60.0, _drop)
