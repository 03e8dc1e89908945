"""Agents: what they say, what became of their work, and who finds them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sql.isolation import Things

SEEDS: dict[str, tuple[str, Callable[[Things], tuple[Any, ...]]]] = {
    "agent_terms": (
        "insert into plane.agent_terms (org_id, kind, term, agent_id) values ($1, 'word', $2, $3)",
        lambda t: (t.agent,),
    ),
    "agent_records": (
        """
        insert into plane.agent_records (org_id, agent_id, succeeded, failed, last_error, ended_at)
        values ($1, $3, 3, 1, $2, now())
        """,
        lambda t: (t.agent,),
    ),
}
CALLS: dict[str, Callable[[Things], dict[str, Any]]] = {
    "discover_agent": lambda _: {
        "card_url": "https://agents.example/card.json",
        "card_name": "discovered",
        "framework": "a2a",
        "description": "d",
        "capabilities": [],
        "endpoint": "https://a.example",
        "card": {},
        "verified": "unsigned",
        "key_id": None,
    },
    "get_inbox": lambda t: {"agent": t.agent},
    "match_agents": lambda t: {"need": f"{t.mark} help", "limit": 10},
    "note_agent_seen": lambda t: {"agent": t.agent},
}
WRITES = {"agent_terms": {"insert", "update", "delete"}}
# Nothing of an execution: tests/functions/agents.
ELSEWHERE = {
    *("discover_agent", "note_agent_seen", "note_agent_health", "update_agent_records"),
    *("note_chore", "get_plane_health"),
}
