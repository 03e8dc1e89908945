"""Examples of hand-offs for the API's description."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from functions.shared.jsonvalue import JsonObject

_WRITER, _REVIEWER = "0b9f3c1e-58a4-4c59-9d9e-0c5a7f0a4f21", "7d1f7a90-6a53-4b7e-9a34-5a4b1c1d2e3f"
TOKEN = "hoc_5f0c2a8b0d6f4f0f9d6f7a1c2b3d4e5f5f0c2a8b0d6f4f0f9d6f7a1c2b3d4e5f"  # noqa: S105  an example
PACKET: JsonObject = {
    "goal": "Review the refund policy draft",
    "done": ["draft written"],
    "next": ["check the limits against the shop's data"],
    "decisions": [{"what": "refunds up to 20 USD need nobody", "why": "the policy of 2026"}],
    "constraints": ["do not mail customers"],
    "acceptance": {
        "schema": {"verdict": {"enum": ["ok", "changes"]}, "notes": "string"},
        "criteria": ["cites a source"],
    },
    "artifacts": [{"name": "draft", "uri": "https://files.example.com/draft.md", "media_type": "text/markdown"}],
    "budget": {"usd": "0.500000000", "tokens": 40000},
}
CREATE: JsonObject = {
    "from_agent_id": _WRITER,
    "to_agent_id": _REVIEWER,
    "packet": PACKET,
    "reason": "needs a second look",
}
PENDING: JsonObject = {
    "id": "3c7a1b52-0f0e-4d67-8d1d-5f6d0a3f7c11",
    "from_agent_id": _WRITER,
    "from_agent": "writer",
    "to_agent_id": _REVIEWER,
    "to_agent": "reviewer",
    "match": None,
    "workflow_id": None,
    "execution_id": None,
    "path": None,
    "packet": PACKET,
    "context": {},
    "reason": "needs a second look",
    "status": "pending",
    "agent_id": None,
    "lease_until": None,
    "fence": None,
    "attempts": 0,
    "max_attempts": 3,
    "deadline_at": None,
    "output_data": None,
    "error": None,
    "parent_id": None,
    "hops": 0,
    "created_by": {"kind": "agent_key", "id": "5f0c2a8b-0d6f-4f0f-9d6f-7a1c2b3d4e5f", "label": "writer's key"},
    "taken_by": None,
    "created_at": "2026-11-21T10:00:00Z",
    "updated_at": "2026-11-21T10:00:00Z",
    "accepted_at": None,
    "completed_at": None,
}
_TAKEN: JsonObject = {
    **PENDING,
    "agent_id": _REVIEWER,
    "attempts": 1,
    "taken_by": {"kind": "agent_key", "id": "9b1c1d2e-3f40-4b7e-9a34-7d1f7a906a53", "label": "reviewer's key"},
    "updated_at": "2026-11-21T10:01:00Z",
    "accepted_at": "2026-11-21T10:01:00Z",
}
CLAIMED: JsonObject = {
    **_TAKEN,
    "status": "claimed",
    "fence": 7,
    "lease_until": "2026-11-21T10:06:00Z",
    "token": TOKEN,
}
EXTENDED: JsonObject = {name: value for name, value in CLAIMED.items() if name != "token"}
RELEASED: JsonObject = {
    **PENDING,
    "attempts": 1,
    "error": {"code": "released", "message": "out of tokens"},
}
OUTPUT: JsonObject = {"verdict": "ok", "notes": "limits match, see policy 2026 §3"}
COMPLETED: JsonObject = {
    **_TAKEN,
    "status": "completed",
    "output_data": OUTPUT,
    "completed_at": "2026-11-21T10:04:00Z",
}
CANCELLED: JsonObject = {
    **PENDING,
    "status": "cancelled",
    "error": {"code": "cancelled", "message": "the draft was withdrawn"},
    "completed_at": "2026-11-21T10:04:00Z",
}
LINK: JsonObject = {
    "id": PENDING["id"],
    "parent_id": None,
    "hops": 0,
    "status": "completed",
    "goal": "Review the refund policy draft",
    "from_agent_id": _WRITER,
    "to_agent_id": _REVIEWER,
    "agent_id": _REVIEWER,
    "execution_id": None,
    "path": None,
    "attempts": 1,
    "error": None,
    "created_at": "2026-11-21T10:00:00Z",
    "completed_at": "2026-11-21T10:04:00Z",
}
REVIEWER = _REVIEWER
