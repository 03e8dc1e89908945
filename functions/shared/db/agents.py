"""The verbs of agents."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uuid import UUID

    from functions.shared.db.caller_db import CallerDb
    from functions.shared.jsonvalue import Json, JsonObject


async def register_agent(db: CallerDb, fields: JsonObject) -> Json:
    """Register an agent, or change the one of that name. Answers the agent and `is_created`."""
    return await db.write("register_agent", fields, safe=True)


async def list_agents(db: CallerDb, page: JsonObject) -> Json:
    """List a page: `{data, next}`."""
    return await db.read("list_agents", page)


async def get_agent(db: CallerDb, agent_id: UUID) -> Json:
    """Read one. Raises NotFound."""
    return await db.read("get_agent", {"id": str(agent_id)})


async def update_agent(db: CallerDb, agent_id: UUID, changes: JsonObject) -> Json:
    """Change fields of one. Raises NotFound, Conflict."""
    return await db.write("update_agent", {"id": str(agent_id), "changes": changes}, safe=True)


async def sign_agent(db: CallerDb, agent: JsonObject, changes: JsonObject) -> Json:
    """Change fields of the one with this `id` or `name`, and take it as a sign of life. Raises NotFound."""
    return await db.write("update_agent", {**agent, "changes": changes, "is_sign_of_life": True}, safe=True)


async def heartbeat_agent(db: CallerDb, agent_id: UUID, fields: JsonObject) -> Json:
    """Renew the lease. Answers it, and what waits. Raises NotFound."""
    return await db.write("heartbeat_agent", {"id": str(agent_id), **fields}, safe=True)


async def delete_agent(db: CallerDb, agent_id: UUID) -> None:
    """Delete one softly. Raises NotFound."""
    await db.write("delete_agent", {"id": str(agent_id)})


async def match_agents(db: CallerDb, need: JsonObject) -> Json:
    """Rank: `{data: [{agent, score, shares, reasons}], weights, excluded, considered}`. Raises InvalidInput."""
    return await db.read("match_agents", need)


async def discover_agent(db: CallerDb, card: JsonObject) -> Json:
    """Register or refresh the agent of a card. Raises Conflict `agent_name_taken`, `card_no_longer_signed`."""
    return await db.write("discover_agent", card, safe=True)
