"""The verbs of observe."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from functions.shared.db.caller_db import CallerDb
    from functions.shared.jsonvalue import Json, JsonObject


async def get_overview(db: CallerDb, hours: int) -> Json:
    """Count executions, costs, agents and approvals; ended executions of the last so many hours."""
    return await db.read("get_overview", {"hours": hours})


async def get_costs(db: CallerDb, query: JsonObject) -> Json:
    """Sum what was spent by `{group_by, from?, to?, limit}`."""
    return await db.read("get_costs", query)


async def get_bottlenecks(db: CallerDb, query: JsonObject) -> Json:
    """Rank the slowest steps by `{execution_id?, workflow?, from?, to?, limit}`. Raises NotFound."""
    return await db.read("get_bottlenecks", query)


async def observe_executions(db: CallerDb, query: JsonObject) -> Json:
    """Read executions with their events, and figures over all that match. Raises NotFound."""
    return await db.read("observe_executions", query)


async def record_event(db: CallerDb, event: JsonObject) -> Json:
    """Note an event of an execution. Raises NotFound, InvalidInput."""
    return await db.write("record_event", event)
