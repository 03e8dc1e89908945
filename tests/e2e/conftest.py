"""A plane without HTTP: the real engine and dispatcher on the test's own database."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import pytest

from functions.shared.db import kernel
from functions.shared.dispatch.doorbell import SilentDoorbell
from functions.shared.dispatch.in_process import InProcessDoorbell
from functions.shared.engine.policy import Engine, Policy
from functions.shared.engine.runner import run_frame
from functions.shared.steps import HttpPolicy
from functions.shared.steps.handlers import HANDLERS
from tests.e2e.counting_server import CountingServer
from tests.e2e.faults import Crash
from tests.e2e.tenant import Tenant

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from contextlib import AbstractAsyncContextManager

    from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
    from functions.shared.db.port import Database
    from functions.shared.dispatch.control import Control
    from functions.shared.dispatch.doorbell import Address, Doorbell
    from functions.shared.steps import Guard, Handler
    from tests.organisations import Org


def make_engine(
    db: Database,
    bell: Doorbell,
    *,
    policy: Policy | None = None,
    environment: Mapping[str, str] | None = None,
    handlers: Mapping[str, Handler] = HANDLERS,
    guard: Guard | None = None,
) -> Engine:
    """An engine that may reach services on loopback."""
    return Engine(
        db=db,
        doorbell=bell,
        handlers=handlers,
        policy=policy or Policy(owner="test", lease_s=5, extend_every_s=0.5),
        http=HttpPolicy(allow_private=frozenset({"127.0.0.1"})),
        environment=os.environ if environment is None else environment,
        guard=guard,
    )


@dataclass(frozen=True)
class Plane:
    tenant: Tenant
    bell: InProcessDoorbell
    engine: Engine
    db: Database


@asynccontextmanager
async def running_plane(
    db: Database,
    org: Org,
    *,
    policy: Policy | None = None,
    environment: Mapping[str, str] | None = None,
    is_deaf: bool = False,
    sweep_every_s: float | None = 0.5,
    handlers: Mapping[str, Handler] = HANDLERS,
    guard: Guard | None = None,
) -> AsyncIterator[Plane]:
    """Run frames and sweep in this process.

    `is_deaf`: rings are lost, only the sweeper finds what is due. Without `sweep_every_s` there is no sweeper.
    """

    async def run(address: Address, control: Control) -> float | None:
        try:
            return (await run_frame(address, engine, control=control)).again_in_s
        except Crash:
            return None

    async def sweep() -> kernel.Swept:
        try:
            return await kernel.sweep(db)
        except Crash:
            return kernel.Swept([], None)

    bell = InProcessDoorbell(run, sweep if sweep_every_s else None, sweep_every_s=sweep_every_s or 0)
    outside: Doorbell = SilentDoorbell() if is_deaf else bell
    engine = make_engine(db, outside, policy=policy, environment=environment, handlers=handlers, guard=guard)
    with suppress(Crash):
        await bell.ring(await kernel.report_owner_dead(db, owner=engine.policy.owner))
    await bell.start()
    try:
        yield Plane(Tenant(db, org, outside), bell, engine, db)
    finally:
        await bell.stop()


@pytest.fixture
async def server() -> AsyncIterator[CountingServer]:
    """A counting HTTP service."""
    async with CountingServer() as server:
        yield server


@pytest.fixture
async def org(make_org: Callable[..., Awaitable[Org]]) -> Org:
    """The organisation of the test."""
    return await make_org()


@pytest.fixture
async def plane(db: AsyncpgDatabase, org: Org) -> AsyncIterator[Plane]:
    """A plane that runs; at the end nothing may be broken."""
    async with running_plane(db, org) as plane:
        yield plane
    assert await kernel.get_violations(db) == []


@pytest.fixture
def plane_with(db: AsyncpgDatabase, org: Org) -> Callable[..., AbstractAsyncContextManager[Plane]]:
    """A plane with other settings: `async with plane_with(is_deaf=True) as plane:`."""
    return partial(running_plane, db, org)
