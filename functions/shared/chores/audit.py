"""Seals the audit: what was noted since the last time goes into each organisation's chain of hashes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.shared.chores.chore import Chore
from functions.shared.db.audit import seal_audit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.shared.chores.chore import Plane
    from functions.shared.jsonvalue import JsonObject

PAGES = 20


async def _seal(plane: Plane) -> Sequence[JsonObject]:
    for _ in range(PAGES):
        if not await seal_audit(plane.db):
            break
    return ()


SEAL_AUDIT = Chore("seal audit", 2.0, _seal)
