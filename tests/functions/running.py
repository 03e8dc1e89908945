"""Workflows, executions and observe as one app, with an engine that runs what is started: nothing is faked."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from functions.agents.app import router as agents
from functions.escalations.app import links
from functions.escalations.app import router as escalations
from functions.executions.app import router as executions
from functions.handoffs.app import router as handoffs
from functions.observe.app import router as observe
from functions.shared.config import Settings
from functions.shared.db import kernel
from functions.shared.dispatch.doorbell import SilentDoorbell
from functions.shared.dispatch.in_process import InProcessDoorbell
from functions.shared.engine.assembly import engine_of
from functions.shared.engine.runner import run_frame
from functions.shared.web import create_app
from functions.workflows.app import router as workflows

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    import httpx

    from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
    from functions.shared.dispatch.control import Control
    from functions.shared.dispatch.doorbell import Address
    from tests.functions.conftest import Organisation

APP = create_app("tests", agents, workflows, executions, escalations, links, handoffs, observe)


@dataclass(frozen=True, slots=True)
class Plane:
    """A client of each kind of an organisation, and the calls that most tests make. `person`: its owner."""

    org: Organisation
    agent: httpx.AsyncClient
    operator: httpx.AsyncClient
    person: httpx.AsyncClient

    async def store(self, definition: Any, **fields: Any) -> dict[str, Any]:
        answer = await self.agent.post("/api/workflows", json={"definition": definition, **fields})
        assert answer.status_code in {200, 201}, answer.text
        return answer.json()

    async def start(self, workflow: str, *, wait: int = 0, **fields: Any) -> dict[str, Any]:
        headers = {"Prefer": f"wait={wait}"} if wait else {}
        answer = await self.agent.post("/api/executions", json={"workflow": workflow, **fields}, headers=headers)
        assert answer.status_code in {200, 202}, answer.text
        return answer.json()

    async def get(self, path: str, /, **query: Any) -> Any:
        answer = await self.operator.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def events(self, execution_id: str, until: str) -> list[dict[str, Any]]:
        """Give the events, once one of type `until` is among them.

        A feed shows what no open transaction of the server may still precede, and other tests have some open.
        """
        for _ in range(400):
            found = (await self.get(f"/api/executions/{execution_id}/events"))["data"]
            if any(event["type"] == until for event in found):
                return found
            await asyncio.sleep(0.02)
        raise AssertionError(f"{execution_id} has no event {until}")

    async def until(self, execution_id: str, *statuses: str) -> dict[str, Any]:
        """Give the execution once it has one of these statuses."""
        for _ in range(400):
            execution = await self.get(f"/api/executions/{execution_id}")
            if execution["status"] in statuses:
                return execution
            await asyncio.sleep(0.02)
        raise AssertionError(f"{execution_id} is {execution['status']}, not {statuses}")


@pytest.fixture
async def engine(database: AsyncpgDatabase) -> AsyncIterator[InProcessDoorbell]:
    """Runs frames in this process, and sweeps."""

    async def run(address: Address, control: Control) -> float | None:
        return (await run_frame(address, made, control=control)).again_in_s

    bell = InProcessDoorbell(run, partial(kernel.sweep, database), sweep_every_s=0.2)
    made = engine_of(Settings(_env_file=None), database, bell)
    await bell.start()
    APP.state.doorbell = bell
    yield bell
    APP.state.doorbell = None
    await bell.stop()


async def _plane_of(org: Organisation, client_of: Callable[..., Awaitable[httpx.AsyncClient]]) -> Plane:
    owner = await org.member("owner")
    clients = [await client_of(APP, secret) for secret in (org.agent, org.operator, owner.token())]
    return Plane(org, *clients)


@pytest.fixture
async def plane(
    org: Organisation, client_of: Callable[..., Awaitable[httpx.AsyncClient]], engine: InProcessDoorbell
) -> Plane:
    """An organisation whose executions run."""
    return await _plane_of(org, client_of)


@pytest.fixture
async def still_plane(
    org: Organisation, client_of: Callable[..., Awaitable[httpx.AsyncClient]]
) -> AsyncIterator[Plane]:
    """An organisation whose executions nobody runs: they stay queued."""
    APP.state.doorbell = SilentDoorbell()
    yield await _plane_of(org, client_of)
    APP.state.doorbell = None


@pytest.fixture
async def other_plane(
    new_org: Callable[[], Awaitable[Organisation]], client_of: Callable[..., Awaitable[httpx.AsyncClient]]
) -> Plane:
    """Another organisation."""
    return await _plane_of(await new_org(), client_of)
