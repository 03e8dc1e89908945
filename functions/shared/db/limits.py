"""The verbs of limits, usage and budgets."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uuid import UUID

    from functions.shared.db.caller_db import CallerDb
    from functions.shared.jsonvalue import Json, JsonObject


async def get_limits(db: CallerDb) -> Json:
    """Give the quotas with what is used of each, and the limits on requests."""
    return await db.read("get_limits", {})


async def update_limits(db: CallerDb, quotas: JsonObject, reset: list[Json]) -> Json:
    """Set quotas, and put some back to their default. Gives what get_limits gives."""
    return await db.write("update_limits", {"quotas": quotas, "reset": reset}, safe=True)


async def set_rate_limit(db: CallerDb, limit: JsonObject) -> Json:
    """Set or lift how many requests somebody may send. Gives what get_limits gives."""
    return await db.write("set_rate_limit", limit, safe=True)


async def get_usage(db: CallerDb, query: JsonObject) -> Json:
    """Give what was used: `{from, to, metered_at, data}`."""
    return await db.read("get_usage", query)


async def list_budgets(db: CallerDb) -> Json:
    """Give all budgets and how they stand: `{data}`."""
    return await db.read("list_budgets", {})


async def get_budget(db: CallerDb, budget_id: UUID) -> Json:
    """Give one budget. Raises NotFound."""
    found = await db.read("list_budgets", {"id": str(budget_id)})
    return found["data"][0]  # type: ignore[index, call-overload]


async def create_budget(db: CallerDb, budget: JsonObject) -> Json:
    """Set a budget. Raises Conflict `budget_exists`, NotFound."""
    return await db.write("create_budget", budget)


async def update_budget(db: CallerDb, budget_id: UUID, changes: JsonObject) -> Json:
    """Change a budget. Raises NotFound."""
    return await db.write("update_budget", {"id": str(budget_id), "changes": changes}, safe=True)


async def delete_budget(db: CallerDb, budget_id: UUID) -> None:
    """Lift a budget. Raises NotFound."""
    await db.write("delete_budget", {"id": str(budget_id)})
