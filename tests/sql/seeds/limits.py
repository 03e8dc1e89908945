"""What limits, usage and budgets add to the isolation matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sql.isolation import Things

IDS = ("budget",)
FIGURES = ("meters", "spent_days", "usage_days")

SEEDS: dict[str, tuple[str, Callable[[Things], tuple[Any, ...]]]] = {
    "meters": ("insert into plane.meters (org_id) select $1 where $2::text <> ''", lambda _: ()),
    "spent_days": (
        """
        insert into plane.spent_days (org_id, day, workflow_id, cost_usd)
        select $1, '2020-01-01', $3, 1 where $2::text <> ''
        """,
        lambda t: (t.workflow,),
    ),
    "usage_days": (
        """
        insert into plane.usage_days (org_id, day, metric, value)
        select $1, '2020-01-01', 'steps', 1 where $2::text <> ''
        """,
        lambda _: (),
    ),
    "rate_limits": (
        "insert into plane.rate_limits (org_id, kind, subject, quota) values ($1, 'agent', $2, 7)",
        lambda _: (),
    ),
    "rate_buckets": (
        """
        insert into plane.rate_buckets (org_id, kind, subject, tokens, refilled_at) values ($1, 'agent', $2, 1, now())
        """,
        lambda _: (),
    ),
    "quotas": ("insert into plane.quotas (org_id, name, max_value) values ($1, $2, 7)", lambda _: ()),
    "quota_counts": ("insert into plane.quota_counts (org_id, name, used) values ($1, $2, 7)", lambda _: ()),
    "budgets": (
        """
        insert into plane.budgets (id, org_id, scope, period, limit_usd, on_reached, created_by)
        values ($3, $1, 'organisation', 'month', 100, 'stop', jsonb_build_object('label', $2::text))
        """,
        lambda t: (t.id("budget"),),
    ),
}

CALLS: dict[str, Callable[[Things], dict[str, Any]]] = {
    "create_budget": lambda t: {
        "scope": "workflow",
        "workflow_id": t.workflow,
        "period": "day",
        "limit_usd": "5",
        "on_reached": "ask",
    },
    "delete_budget": lambda t: {"id": t.id("budget")},
    "get_limits": lambda _: {},
    "get_usage": lambda _: {"from": "2019-12-31", "to": "2020-01-02", "group_by": "day,metric"},
    "list_budgets": lambda t: {"id": t.id("budget")},
    "rotate_key": lambda t: {"id": t.key, "key_hash": "ab" * 32, "prefix": "ap_live_x", "overlap_seconds": 60},
    "set_rate_limit": lambda _: {"kind": "key", "subject": "*", "quota": 10, "window_seconds": 60},
    "update_budget": lambda t: {"id": t.id("budget"), "changes": {"limit_usd": "200"}},
    "update_key": lambda t: {"id": t.key, "changes": {"name": "renamed"}},
    "update_limits": lambda _: {"quotas": {"agents": 10}, "reset": ["keys"]},
}
WRITES = {
    "budgets": {"insert", "update", "delete"},
    "rate_limits": {"insert", "update", "delete"},
    "quotas": {"insert", "update", "delete"},
    "quota_counts": {"insert", "update"},
}
# watch_budgets answers waits, but only of frames that nobody holds: tests/functions/safety/test_held_budgets.py.
ELSEWHERE = (
    *("rotate_key", "update_key", "update_limits", "set_rate_limit"),
    *("create_budget", "update_budget", "delete_budget"),
    *("meter_usage", "meter_requests", "watch_budgets", "count_quotas"),
)
