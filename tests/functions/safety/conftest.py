from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from functions.shared.steps.llm import close_models
from tests.functions.conftest import app_state
from tests.functions.safety.world import APP, SETTINGS, Outside, Running, World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    import httpx

    from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
    from tests.functions.conftest import Organisation


@pytest.fixture
async def outside() -> AsyncIterator[Outside]:
    server = await Outside().start()
    yield server
    await server.stop()


@pytest.fixture
async def world(
    org: Organisation,
    client_of: Callable[..., Awaitable[httpx.AsyncClient]],
    database: AsyncpgDatabase,
    outside: Outside,
) -> AsyncIterator[World]:
    """An organisation, its keys, its runner, and the world outside."""
    environment = {"OPENAI_BASE_URL": outside.url + "/v1", "OPENAI_API_KEY": "the-planes-own-key-0001"}
    running = Running(database, environment)
    await running.bell.start()
    with app_state(APP, doorbell=running.bell, settings=SETTINGS):
        operator, agent = await client_of(APP, org.operator), await client_of(APP, org.agent)
        yield World(org, operator, agent, outside, running.engine, database, environment)
        await running.bell.stop()
    await close_models()
