"""Hand-offs in the isolation matrix. The organisation's hand-off has the id of its running execution."""

from __future__ import annotations

SEEDS = {
    "handoffs": (
        """
        insert into plane.handoffs (id, org_id, from_agent_id, packet, context, created_by)
        values ($3, $1, $4, jsonb_build_object('goal', $2::text), jsonb_build_object('note', $2::text), '{}')
        """,
        lambda t: (t.running, t.agent),
    ),
}

CALLS = {
    "accept_handoff": lambda t: {"id": t.running},
    "cancel_handoff": lambda t: {"id": t.running},
    "claim_handoff": lambda t: {"id": t.running, "lease_seconds": 60},
    "claim_next_handoff": lambda t: {"agent_id": t.agent, "lease_seconds": 60},
    "complete_handoff": lambda t: {"id": t.running, "output_data": {}},
    "create_handoff": lambda t: {"parent_id": t.running, "context": {}},
    "extend_handoff": lambda t: {"id": t.running, "token": "x", "lease_seconds": 60},
    "get_acceptance": lambda t: {"id": t.running},
    "get_handoff": lambda t: {"id": t.running},
    "get_handoff_chain": lambda t: {"id": t.running},
    "list_handoffs": lambda _: {"limit": 10, "cursor": None},
    "reject_handoff": lambda t: {"id": t.running},
    "release_handoff": lambda t: {"id": t.running, "token": "x"},
}

DEFINERS = {
    "give_back_handoff": "select plane.give_back_handoff($2::uuid, $3::text)",
    "hold_handoff": "select plane.hold_handoff($2::uuid)",
    "settle_handoff": "select plane.settle_handoff($2::uuid)",
    "try_hold_handoff": "select plane.try_hold_handoff($2::uuid)",
}

WRITES = {"handoffs": {"insert", "update"}}
# They move nothing that an execution waits for, or move it as those that contend do.
ELSEWHERE = {"create_handoff", "claim_next_handoff", "extend_handoff", "release_handoff", "cancel_handoff"}
