"""Tells the feed which agents turned late, lost or active again, and counts what became of their work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.shared.chores.chore import Chore, Plane

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.shared.jsonvalue import JsonObject

PAGE = 200
MAX_PAGES = 20


async def note_agents(plane: Plane) -> Sequence[JsonObject]:
    """Do both, in pages; what one pass leaves is done by the next."""
    for verb, count in (("note_agent_health", "changed"), ("update_agent_records", "counted")):
        for _ in range(MAX_PAGES):
            answer = await plane.db.kernel(verb, {"limit": PAGE})
            if not isinstance(answer, dict) or answer[count] != PAGE:
                break
    return []


NOTE_AGENTS = Chore("agents", 5.0, note_agents)
