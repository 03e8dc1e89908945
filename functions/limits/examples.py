"""The examples of the routes of limits, usage and budgets."""

from __future__ import annotations

from functions.shared.jsonvalue import JsonObject

_AT = "2026-11-21T10:00:00Z"
ID = "7a4b0b1e-8a55-4f0e-9a55-0d7a3f0e4a02"

LIMITS: JsonObject = {
    "quotas": [
        {"name": "agents", "limit": 50, "default": 2000, "used": 4, "is_approximate": False, "left": 46},
        {
            "name": "executions_per_day",
            "limit": None,
            "default": None,
            "used": 120,
            "is_approximate": False,
            "left": None,
        },
    ],
    "rates": [{"kind": "agent", "subject": "*", "quota": 600, "window_seconds": 60, "burst": 600}],
}
USAGE: JsonObject = {
    "from": "2026-11-20",
    "to": "2026-11-21",
    "group_by": "day,metric",
    "metered_at": _AT,
    "data": [
        {"day": "2026-11-20", "metric": "cost_usd", "value": "1.250000000", "metrics": None},
        {"day": "2026-11-20", "metric": "executions", "value": "41", "metrics": None},
        {"day": "2026-11-21", "metric": "executions", "value": "7", "metrics": None},
    ],
}
BUDGET: JsonObject = {
    "id": ID,
    "scope": "organisation",
    "workflow_id": None,
    "agent_id": None,
    "period": "month",
    "limit_usd": "25.000000000",
    "on_reached": "ask",
    "warn_at": 0.8,
    "created_by": {"kind": "operator_key", "id": "5f3f1f64-1c7e-4c8e-8a43-3a4d7b1c9f10", "label": "deploy"},
    "created_at": _AT,
    "updated_at": _AT,
    "state": {
        "status": "open",
        "period_start": "2026-11-01T00:00:00Z",
        "resets_at": "2026-12-01T00:00:00Z",
        "raised_usd": "0.000000000",
        "spent_usd": "6.800000000",
        "unknown_calls": 2,
        "left_usd": "18.200000000",
        "forecast_usd": "9.960000000",
        "escalation_id": None,
    },
}
