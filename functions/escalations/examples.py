"""The examples of the routes of escalations: what is sent and what comes back."""

from __future__ import annotations

from functions.shared.jsonvalue import JsonObject

_AT = "2026-11-21T10:00:00Z"
_LATER = "2026-11-21T10:04:00Z"
_AGENT: JsonObject = {"kind": "agent_key", "id": "4c1e0d52-1f0f-4c37-9a0b-7d7f7c0c9a10", "label": "support agents"}
ANNA: JsonObject = {"kind": "person", "id": "7a3c9f0e-2a5e-4c0b-8f53-0f8a7e5d1b22", "label": "anna@example.com"}

ASK: JsonObject = {
    "reason": "A customer asks for more than the refund limit.",
    "context": {"ticket": 4711, "amount": 250},
    "priority": "high",
    "options": ["refund", "refuse"],
    "form": {"amount": {"type": "number", "default": 250}},
    "assign_to": "role:approver",
    "timeout_seconds": 86400,
    "on_timeout": "refuse",
}
OPEN: JsonObject = {
    "id": "5b0f7e0a-0c8e-4a0f-b1a1-3f7a55a7d9c1",
    "kind": "question",
    "status": "open",
    "priority": "high",
    "reason": ASK["reason"],
    "context": ASK["context"],
    "form": ASK["form"],
    "outcomes": ASK["options"],
    "assign_to": [{"role": "approver"}],
    "quorum": 1,
    "votes": [],
    "aal2": False,
    "not_requester": False,
    "answerable_by": "people",
    "execution_id": None,
    "path": None,
    "workflow_id": None,
    "agent_id": None,
    "created_by": _AGENT,
    "claimed_by": None,
    "deadline": "2026-11-22T10:00:00Z",
    "on_timeout": "refuse",
    "outcome": None,
    "answer": None,
    "comment": None,
    "decided_by": None,
    "created_at": _AT,
    "decided_at": None,
    "may_answer": True,
    "refusal": None,
    "comments": [],
}
LISTED: JsonObject = {**OPEN, "comments": None}
CLAIMED: JsonObject = {**OPEN, "status": "claimed", "claimed_by": ANNA}
ANSWER: JsonObject = {"outcome": "refund", "form": {"amount": 200}, "comment": "As agreed by phone."}
RESOLVED: JsonObject = {
    **CLAIMED,
    "status": "resolved",
    "outcome": "refund",
    "answer": {"amount": 200},
    "comment": "As agreed by phone.",
    "decided_by": ANNA,
    "decided_at": _LATER,
    "may_answer": False,
}
VOTED: JsonObject = {**OPEN, "quorum": 2, "votes": [{"outcome": "refund", "by": ANNA}]}
DISMISSED: JsonObject = {**OPEN, "status": "dismissed", "decided_by": _AGENT, "decided_at": _LATER, "may_answer": False}
COMMENTED: JsonObject = {
    **OPEN,
    "comments": [
        {
            "id": "0f0b3d5e-6a3c-4f0e-9d7b-1b0a4f3e2c55",
            "author": ANNA,
            "text": "Have you asked the customer for the invoice?",
            "created_at": _AT,
        }
    ],
}
TOKEN = "mZ0c5Jt3o6yQw1r8K4vXb2nDs7uLh9aFpGeTiRkYUxM"  # noqa: S105  of nothing: 256 random bits in base64url
LINK: JsonObject = {
    "escalation": OPEN,
    "email": "anna@example.com",
    "organisation": "acme",
    "expires_at": "2026-11-28T10:00:00Z",
}
