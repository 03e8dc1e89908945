"""Whole executions behind a pooler: the engine with its sweeper, and the deployed handlers with their settings."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from functions.runner.app import Runner
from functions.shared.config import settings
from functions.shared.db import kernel
from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
from functions.shared.dispatch.doorbell import SilentDoorbell
from functions.sweeper.app import Sweeper
from tests.e2e.conftest import running_plane
from tests.e2e.tenant import Tenant
from tests.e2e.test_handlers import Bell, Context, batch, bell_for
from tests.pooler.sessions import look

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.pooler.conftest import Behind

MIXED = """
name: mixed
input: {numbers: {type: array, items: integer}}
steps:
  each: {for_each: "${{ input.numbers }}", max_parallel: 5, transform: "${{ item * 2 }}"}
  nap: {needs: [each], wait: {for: 20ms}}
  sub: {needs: [nap], workflow: {ref: part, input: {sum: "${{ steps.each.output | sum }}"}}}
  ask: {needs: [sub], approval: {message: May it end?}}
output: ${{ steps.sub.output }}
"""
PART = """
name: part
input: {sum: integer}
steps: {twice: {transform: "${{ input.sum * 2 }}"}}
output: ${{ steps.twice.output }}
"""


@pytest.fixture
async def database(behind: Behind) -> AsyncIterator[AsyncpgDatabase]:
    database = await AsyncpgDatabase.connect(behind.url, runner_key=behind.runner_key, pooled=True, max_connections=4)
    yield database
    await database.close()


async def test_executions_run_to_their_end(behind: Behind, database: AsyncpgDatabase) -> None:
    fresh = await look(behind.url)
    async with running_plane(database, behind.orgs[0]) as plane:
        await plane.tenant.define(PART)
        version = await plane.tenant.define(MIXED)
        executions = [await plane.tenant.start(version, {"numbers": [number, 2, 3]}) for number in range(8)]
        for execution in executions:
            await plane.tenant.waiting_for(execution, "ask")
            await plane.tenant.signal(execution, "ask", {"outcome": "approve", "form": {}})
        ended = [await plane.tenant.ended(execution) for execution in executions]
    assert [(each["status"], each["output"]) for each in ended] == [
        ("succeeded", (number + 5) * 4) for number in range(8)
    ]
    assert await kernel.get_violations(database) == []
    assert (await look(behind.url)).differences(fresh) == {}


async def test_the_sweeper_finds_what_nobody_rang_for(behind: Behind, database: AsyncpgDatabase) -> None:
    async with running_plane(database, behind.orgs[1], is_deaf=True, sweep_every_s=0.1) as plane:
        version = await plane.tenant.define(PART)
        executions = [await plane.tenant.start(version, {"sum": number}) for number in range(8)]
        ended = [await plane.tenant.ended(execution) for execution in executions]
    assert [each["output"] for each in ended] == [number * 2 for number in range(8)]


async def test_the_handlers_take_a_pooler_from_their_settings(
    behind: Behind, database: AsyncpgDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cold, then warm, as Lambda calls them; one connection each."""
    given = {"DATABASE_URL": behind.url, "DATABASE_POOLED": "true", "DATABASE_CONNECTIONS": "1"}
    for name, value in {**given, "RUNNER_KEY": behind.runner_key}.items():
        monkeypatch.setenv(f"AGENTPLANE_{name}", value)
    settings.cache_clear()
    tenant = Tenant(database, behind.orgs[0], SilentDoorbell())
    version = await tenant.define("name: plain\nsteps: {a: {transform: 1}, b: {needs: [a], transform: 2}}")
    runner, sweeper = Runner(Bell()), Sweeper(Bell())

    def invoke(handler: Any, event: dict[str, Any]) -> Any:
        return asyncio.to_thread(handler, event, Context())

    try:
        for _ in range(2):
            executions = [await tenant.start(version) for _ in range(5)]
            messages = [bell_for(execution, behind.orgs[0]) for execution in executions]
            assert await invoke(runner, batch(*messages)) == {"batchItemFailures": []}
            assert {(await tenant.get(each))["status"] for each in executions} == {"succeeded"}
            assert (await invoke(sweeper, {}))["rung"] == 0
    finally:
        await asyncio.to_thread(runner.close)
        await asyncio.to_thread(sweeper.close)
        settings.cache_clear()
