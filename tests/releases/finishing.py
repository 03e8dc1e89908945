"""Runs everything that a database holds to its end, answering what is asked."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from functions.shared.engine.policy import Policy
from functions.shared.errors import Conflict
from tests.e2e.conftest import running_plane
from tests.releases.situations import ANSWERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
    from tests.e2e.tenant import Tenant
    from tests.organisations import Org
    from tests.releases.situations import World

ENDED = ("succeeded", "failed", "cancelled", "timed_out")


async def finish(db: AsyncpgDatabase, org: Org, world: World, *, within: float) -> dict[str, dict[str, Any]]:
    """Give every execution of the organisation with its steps, once all have ended."""
    policy = Policy(owner="finisher", lease_s=5, extend_every_s=0.5)
    async with running_plane(db, org, policy=policy, handlers=world.handlers, sweep_every_s=0.2) as plane:
        until = asyncio.get_running_loop().time() + within
        while True:
            executions = await all_executions(plane.tenant)
            left = [each for each in executions if each["status"] not in ENDED]
            if not left:
                return {each["id"]: {**each, "steps": await plane.tenant.steps(each["id"])} for each in executions}
            assert asyncio.get_running_loop().time() < until, left
            for execution in left:
                await _answer(plane.tenant, execution["id"])
            await asyncio.sleep(0.05)


async def all_executions(tenant: Tenant) -> Sequence[dict[str, Any]]:
    """Read every execution of the organisation, children too."""
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        page: Any = await tenant.db.call(
            "list_executions", {"limit": 100, "cursor": cursor}, tenant.org.operator, safe=True
        )
        found += [await tenant.get(each["id"]) for each in page["data"]]
        cursor = page["next"]
        if cursor is None:
            return found


async def _answer(tenant: Tenant, execution_id: str) -> None:
    for wait in (await tenant.get(execution_id))["waiting_for"]:
        if (answer := ANSWERS.get(wait["path"])) is not None and wait["kind"] != "retry":
            with suppress(Conflict):  # it was answered a moment ago
                await tenant.signal(execution_id, wait["path"] or "budget", answer)
