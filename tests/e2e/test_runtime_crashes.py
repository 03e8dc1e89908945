"""Runners that die again and again, and leases that are shorter than they seem."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from functions.shared.db import kernel
from functions.shared.dispatch.doorbell import Address, SilentDoorbell
from functions.shared.engine.policy import Policy
from functions.shared.engine.runner import run_frame
from functions.shared.steps import Context, Done
from functions.shared.steps.handlers import HANDLERS
from tests.e2e.conftest import make_engine, running_plane
from tests.e2e.faults import Crash
from tests.e2e.patience import eventually

if TYPE_CHECKING:
    from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
    from functions.shared.db.port import Answer, Caller, Database, Idempotency, Lease
    from functions.shared.jsonvalue import Json, JsonObject
    from tests.e2e.counting_server import CountingServer
    from tests.organisations import Org


async def test_of_two_steps_in_flight_the_deadly_one_is_found(
    db: AsyncpgDatabase, org: Org, server: CountingServer
) -> None:
    async def die(config: JsonObject, context: Context) -> Done:
        if context.path == "deadly":
            await asyncio.sleep(0.15)  # long enough to be noted beside the other one
            raise Crash
        return await HANDLERS["http"](config, context)

    died = 0
    async with running_plane(db, org, sweep_every_s=None, is_deaf=True) as plane:
        version = await plane.tenant.define(
            """
            name: two
            steps:
              deadly: {http: {url: "@url@/deadly"}, on_error: continue}
              harmless: {http: {url: "@url@/harmless?delay=0.3"}}
            """,
            url=server.url,
        )
        execution = await plane.tenant.start(version, ring=False)
        while died < 12:
            policy = Policy(owner="victim", lease_s=5, extend_every_s=0.05)
            engine = make_engine(db, SilentDoorbell(), policy=policy, handlers={"http": die})
            try:
                outcome = await run_frame(Address(execution, "", "default"), engine)
            except Crash:
                died += 1
                await kernel.report_owner_dead(db, owner="victim")
                continue
            assert outcome.status == "done", outcome
            break
        steps = await plane.tenant.steps(execution)
    assert 5 <= died <= 8
    assert (steps["deadly"]["status"], steps["deadly"]["error"]["code"]) == ("failed", "crash_loop")
    assert steps["harmless"]["status"] == "succeeded"


class SlowToAnswer:
    """The real database, whose answer to the checkpoint that notes `path` takes so many seconds to come back."""

    def __init__(self, inner: Database, path: str, seconds: float) -> None:
        self.inner = inner
        self.path = path
        self.seconds = seconds
        self.noted = asyncio.Event()

    async def kernel(self, verb: str, payload: JsonObject) -> Json:
        answer = await self.inner.kernel(verb, payload)
        in_flight = payload.get("in_flight")
        if verb == "checkpoint" and isinstance(in_flight, dict) and self.path in in_flight and not self.noted.is_set():
            self.noted.set()
            await asyncio.sleep(self.seconds)
        return answer

    async def call(
        self, fn: str, payload: JsonObject, caller: Caller, *, safe: bool = False, lease: Lease | None = None
    ) -> Json:
        return await self.inner.call(fn, payload, caller, safe=safe, lease=lease)

    async def call_once(
        self, fn: str, payload: JsonObject, caller: Caller, idempotency: Idempotency, *, lease: Lease | None = None
    ) -> Answer:
        return await self.inner.call_once(fn, payload, caller, idempotency, lease=lease)

    async def public(self, verb: str, payload: JsonObject, *, safe: bool = False) -> Json:
        return await self.inner.public(verb, payload, safe=safe)

    async def ping(self) -> int:
        return await self.inner.ping()

    async def close(self) -> None:
        await self.inner.close()


async def test_a_note_whose_answer_came_late_does_not_let_an_at_most_once_step_run_twice(
    db: AsyncpgDatabase, org: Org, server: CountingServer
) -> None:
    slow = SlowToAnswer(db, "pay", 1.4)
    first = make_engine(slow, SilentDoorbell(), policy=Policy(owner="first", lease_s=2, extend_every_s=5))
    second = make_engine(db, SilentDoorbell(), policy=Policy(owner="second", lease_s=2, extend_every_s=0.5))
    async with running_plane(db, org, sweep_every_s=None, is_deaf=True) as plane:
        version = await plane.tenant.define(
            """
            name: pay
            steps:
              before: {http: {url: "@url@/before?delay=1"}}
              pay:
                needs: [before]
                effect: at_most_once
                on_unknown: verify
                verify: {name: json_query, with: {data: {found: false}, query: "@"}}
                http: {url: "@url@/pay?delay=0.6"}
            """,
            url=server.url,
        )
        execution = await plane.tenant.start(version, ring=False)
        address = Address(execution, "", "default")
        former = asyncio.create_task(run_frame(address, first))
        await eventually(slow.noted.is_set)
        while (outcome := await run_frame(address, second)).reason == "busy":  # noqa: ASYNC110  it asks the database
            await asyncio.sleep(0.02)
        assert (await former).status == "stale"
        assert outcome.status == "done"
        assert (await plane.tenant.get(execution))["status"] == "succeeded"
    assert server.calls["/pay"] == 1
