"""Counts what organisations use, looks after their budgets, and counts what large quotas are compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from functions.shared.chores.chore import Chore, Plane

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.shared.jsonvalue import JsonObject

MAX_PAGES = 20


async def meter_usage(plane: Plane) -> Sequence[JsonObject]:
    """Count what was recorded since the last time, and what budgets make of it."""
    for _ in range(MAX_PAGES):
        metered = await plane.db.kernel("meter_usage", {})
        if not isinstance(metered, dict) or not metered["is_behind"]:
            break
    await plane.db.kernel("meter_requests", {})
    watched = await plane.db.kernel("watch_budgets", {})
    return cast("list[JsonObject]", watched["due"]) if isinstance(watched, dict) else []


async def count_quotas(plane: Plane) -> Sequence[JsonObject]:
    """Count what there may be much of, and measure what is stored."""
    await plane.db.kernel("count_quotas", {})
    return []


METER_USAGE = Chore("usage", 5.0, meter_usage)
COUNT_QUOTAS = Chore("quotas", 60.0, count_quotas)
