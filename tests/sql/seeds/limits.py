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
    "budgets": (
        """
        insert into plane.budgets (id, org_id, scope, period, limit_usd, on_reached, created_by)
        values ($3, $1, 'organisation', 'month', 100, 'stop', jsonb_build_object('label', $2::text))
        """,
        lambda t: (t.id("budget"),),
    ),
}

WRITES = {"budgets": {"insert", "update", "delete"}}
