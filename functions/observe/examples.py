"""The examples of the routes of observe: what is sent and what comes back."""

from __future__ import annotations

from functions.shared.jsonvalue import JsonObject

_AT = "2026-11-21T10:00:00Z"
_EXECUTION = "9d1f6a2e-3c0b-4e8a-9a55-6b1f0e7c2d31"
_AGENT = "0b9f3c1e-58a4-4c59-9d9e-0c5a7f0a4f21"

REPORT: JsonObject = {
    "execution_id": _EXECUTION,
    "event_type": "tool_call",
    "message": "looked the order up",
    "metadata": {"rows": 3},
}
EVENT: JsonObject = {**REPORT, "id": "4711", "agent_id": None, "at": _AT}

OVERVIEW: JsonObject = {
    "at": _AT,
    "since": "2026-11-20T10:00:00Z",
    "executions": {
        "queued": 0,
        "running": 2,
        "waiting": 1,
        "succeeded": 40,
        "failed": 1,
        "cancelled": 0,
        "timed_out": 0,
    },
    "cost_today": {
        "since": "2026-11-21T00:00:00Z",
        "calls": 52,
        "unknown_calls": 0,
        "cost_usd": "0.021300000",
        "known_cost_usd": "0.021300000",
    },
    "agents": {"registered": 4, "active": 3},
    "waiting_approvals": 1,
    "approvals": [
        {
            "execution_id": _EXECUTION,
            "kind": "approval",
            "path": "approve",
            "name": "approve",
            "message": "Refund 250 USD?",
            "opened_at": _AT,
            "until": "2026-11-22T10:00:00Z",
        }
    ],
    "recent_failures": [
        {
            "id": "1c0f6a2e-3c0b-4e8a-9a55-6b1f0e7c2d32",
            "workflow": "ticket-refund",
            "status": "failed",
            "error": {"code": "http_status", "message": "The target answered 404", "path": "refund"},
            "created_at": _AT,
            "ended_at": "2026-11-21T10:00:02Z",
        }
    ],
}

_SPENT: JsonObject = {
    "calls": 52,
    "unknown_calls": 0,
    "cost_usd": "0.021300000",
    "known_cost_usd": "0.021300000",
    "input_tokens": 10920,
    "output_tokens": 2080,
}
COSTS: JsonObject = {
    "group_by": "model",
    "from": "2026-10-22T10:00:00Z",
    "to": _AT,
    "data": [
        {
            **_SPENT,
            "group": "anthropic/claude-haiku-4-5",
            "model": "anthropic/claude-haiku-4-5",
            "executions": 41,
            "share": 1.0,
        }
    ],
    "total": _SPENT,
    "is_truncated": False,
}

_SLOW: JsonObject = {
    "workflow": "ticket-refund",
    "step": "classify",
    "kind": "llm",
    "runs": 41,
    "failed": 0,
    "attempts": 43,
    "p50_ms": 1180.0,
    "p95_ms": 2410.0,
    "max_ms": 3907.0,
    "total_ms": 50020.0,
    "share": 0.81,
}
_PERSON: JsonObject = {
    **_SLOW,
    "step": "approve",
    "kind": "approval",
    "runs": 3,
    "attempts": 3,
    "p50_ms": 65000.0,
    "p95_ms": 7200000.0,
    "max_ms": 7200000.0,
    "total_ms": 7330000.0,
    "share": 1.0,
}
BOTTLENECKS: JsonObject = {"from": "2026-10-22T10:00:00Z", "to": _AT, "data": [_SLOW], "waiting": [_PERSON]}

OBSERVED: JsonObject = {
    "executions": [
        {
            "id": _EXECUTION,
            "workflow": "weekly-report",
            "status": "running",
            "agent_id": _AGENT,
            "cost_usd": None,
            "known_cost_usd": "0.000000000",
            "created_at": _AT,
            "ended_at": None,
            "audit_trail": [
                {
                    "at": _AT,
                    "type": "observe.tool_call",
                    "path": None,
                    "data": {"message": "looked the order up", "metadata": {"rows": 3}, "agent_id": None},
                }
            ],
        }
    ],
    "stats": {
        "total": 1,
        "running": 1,
        "succeeded": 0,
        "failed": 0,
        "cancelled": 0,
        "average_duration_seconds": None,
    },
    "query": {"execution_id": _EXECUTION, "limit": 50, "include_costs": False},
}
