"""The verbs of whoever calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from functions.shared.db.caller_db import CallerDb
    from functions.shared.jsonvalue import Json


async def get_caller(db: CallerDb, agent: str | None) -> Json:
    """Say who is calling, and for which agent, by its id or name. Raises NotFound `agent_not_found`."""
    return await db.read("get_caller", {} if agent is None else {"agent": agent})


async def get_inbox(db: CallerDb, agent: str, since: str | None) -> Json:
    """Give what waits for an agent, by its id or name. Raises NotFound `agent_not_found`."""
    return await db.read("get_inbox", {"agent": agent, **({} if since is None else {"since": since})})
