"""The examples of the routes of executions: what is sent and what comes back."""

from __future__ import annotations

from functions.shared.jsonvalue import JsonObject

_AT = "2026-11-21T10:00:00Z"
_LATER = "2026-11-21T10:00:01.200000Z"
_AGENT = "0b9f3c1e-58a4-4c59-9d9e-0c5a7f0a4f21"

START: JsonObject = {"workflow": "ticket-refund", "input": {"text": "Charged twice, please refund 250 dollars."}}

EXECUTION: JsonObject = {
    "id": "9d1f6a2e-3c0b-4e8a-9a55-6b1f0e7c2d31",
    "workflow": "ticket-refund",
    "workflow_id": "6f1d8a52-8a1e-4f6f-9d2c-0d3f8f0b7c11",
    "version": 1,
    "version_id": "2b7a4f0e-5b52-4a53-8a3e-7b1f6d1c9e02",
    "mode": "engine",
    "status": "queued",
    "gen": 0,
    "input": START["input"],
    "output": None,
    "left_out": [],
    "error": None,
    "agent_id": None,
    "executed_with_model": None,
    "cost_usd": None,
    "known_cost_usd": "0.000000000",
    "waiting_for": [],
    "parent_execution_id": None,
    "parent_path": None,
    "restarted_from": None,
    "created_at": _AT,
    "deadline_at": "2026-11-22T10:00:00Z",
    "cancel_requested_at": None,
    "ended_at": None,
    "output_data": None,
    "error_message": None,
    "cost_estimate": None,
}

ENDED: JsonObject = {
    **EXECUTION,
    "status": "succeeded",
    "output": {"refunded": 250},
    "cost_usd": "0.000410000",
    "known_cost_usd": "0.000410000",
    "ended_at": _LATER,
}
CANCELLED: JsonObject = {
    **EXECUTION,
    "status": "cancelled",
    "error": {"code": "cancelled", "message": "The execution was cancelled", "path": None},
    "cost_usd": "0.000000000",
    "cancel_requested_at": _AT,
    "ended_at": _LATER,
}

WAITING: JsonObject = {
    **EXECUTION,
    "status": "waiting",
    "known_cost_usd": "0.000410000",
    "waiting_for": [
        {
            "path": "approve",
            "kind": "approval",
            "name": "approve",
            "until": "2026-11-22T10:00:01Z",
            "opened_at": _LATER,
            "message": "Refund 250 USD?",
            "show": {"label": "refund", "amount": 250},
            "form": {"note": {"type": "string", "optional": True}},
            "outcomes": ["approve", "reject"],
        }
    ],
}

REPORT: JsonObject = {"status": "completed", "output_data": {"sent": 3}, "cost_estimate": 0.0042}
EXTERNAL: JsonObject = {
    **EXECUTION,
    "workflow": "weekly-report",
    "mode": "external",
    "status": "succeeded",
    "input": {},
    "output": {"sent": 3},
    "agent_id": _AGENT,
    "cost_usd": "0.004200000",
    "known_cost_usd": "0.004200000",
    "deadline_at": None,
    "ended_at": _LATER,
    "output_data": {"sent": 3},
    "cost_estimate": "0.004200000",
}

STEP: JsonObject = {
    "path": "classify",
    "kind": "llm",
    "status": "succeeded",
    "output": {"label": "refund", "amount": 250},
    "output_ref": None,
    "error": None,
    "attempts": 1,
    "started_at": _AT,
    "ended_at": _LATER,
    "duration_ms": 1200.0,
    "until": None,
    "waiting_for": None,
    "usage": {
        "model": "anthropic/claude-haiku-4-5",
        "provider": "anthropic",
        "input_tokens": 210,
        "output_tokens": 40,
    },
    "cost_usd": "0.000410000",
    "is_cost_unknown": False,
    "is_carried": False,
    "gen": 0,
    "details": {},
}

STEP_REPORT: JsonObject = {
    "path": "collect",
    "status": "succeeded",
    "output": {"rows": 12},
    "started_at": _AT,
    "ended_at": _LATER,
    "usage": {"model": "anthropic/claude-haiku-4-5", "input_tokens": 210, "output_tokens": 40},
    "cost_usd": "0.00041",
}
REPORTED_STEP: JsonObject = {
    **STEP,
    "path": "collect",
    "kind": "external",
    "output": {"rows": 12},
    "usage": {
        "model": "anthropic/claude-haiku-4-5",
        "provider": None,
        "input_tokens": 210,
        "output_tokens": 40,
    },
    "is_new": True,
}

EVENTS: JsonObject = {
    "data": [
        {
            "id": "NzMxLjQy",
            "at": _LATER,
            "type": "step.succeeded",
            "path": "classify",
            "name": None,
            "data": {"kind": "llm", "attempts": 1, "duration_ms": 1200, "cost_usd": "0.000410000"},
        }
    ],
    "next_cursor": "NzMxLjQy",
}

_SPAN: JsonObject = {
    "path": "classify",
    "name": "classify",
    "kind": "llm",
    "status": "succeeded",
    "started_at": _AT,
    "ended_at": _LATER,
    "offset_ms": 0.0,
    "duration_ms": 1200.0,
    "attempts": 1,
    "error": None,
    "usage": STEP["usage"],
    "cost_usd": "0.000410000",
    "is_cost_unknown": False,
    "is_carried": False,
    "children": [],
}
TRACE: JsonObject = {
    "execution_id": EXECUTION["id"],
    "workflow": "ticket-refund",
    "version": 1,
    "status": "succeeded",
    "started_at": _AT,
    "ended_at": _LATER,
    "duration_ms": 1200.0,
    "spans": [_SPAN],
    "slowest": {"path": "classify", "kind": "llm", "duration_ms": 1200.0, "share": 1.0},
    "totals": {
        "steps": 1,
        "succeeded": 1,
        "failed": 0,
        "skipped": 0,
        "cancelled": 0,
        "running": 0,
        "waiting": 0,
        "attempts": 1,
        "input_tokens": 210,
        "output_tokens": 40,
        "step_cost_usd": "0.000410000",
        "unknown_costs": 0,
        "cost_usd": "0.000410000",
        "known_cost_usd": "0.000410000",
        "working_ms": 1200.0,
        "waiting_ms": 0.0,
    },
    "is_truncated": False,
}

SIGNAL: JsonObject = {"name": "approve", "payload": {"outcome": "approve", "form": {"note": "as agreed"}}}
SIGNALLED: JsonObject = {
    "execution_id": EXECUTION["id"],
    "name": "approve",
    "status": "answered",
    "outcome": "approve",
    "missing": None,
}

QUEUED: JsonObject = {**SIGNALLED, "status": "queued", "outcome": None}

EXPLANATION: JsonObject = {
    "execution_id": EXECUTION["id"],
    "status": "succeeded",
    "error": None,
    "waiting_for": [],
    "decisions": [
        {
            "path": "approve",
            "decision": "skipped",
            "code": "when_false",
            "message": "its condition did not hold: steps.classify.output.amount > 100",
        }
    ],
    "critical_path": [{"path": "classify", "kind": "llm", "ms": 1200.0, "share": 1.0}],
    "critical_ms": 1200.0,
    "slowest": {"path": "classify", "kind": "llm", "ms": 1200.0, "share": 1.0},
    "cost_drivers": [
        {"path": "classify", "steps": 1, "cost_usd": "0.000410000", "share": 1.0, "is_cost_unknown": False}
    ],
    "retries": [],
    "is_truncated": False,
}
