"""A database that is away for longer than a lease, and ends that are decided before what lies below has ended."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from functions.shared.dispatch.doorbell import Address, SilentDoorbell
from functions.shared.engine.policy import Policy
from functions.shared.engine.runner import run_frame
from functions.shared.errors import Unavailable
from tests.e2e.conftest import Plane, make_engine, running_plane
from tests.e2e.faults import WatchedDatabase
from tests.e2e.patience import eventually

if TYPE_CHECKING:
    import asyncpg

    from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
    from functions.shared.jsonvalue import Json, JsonObject
    from tests.e2e.counting_server import CountingServer
    from tests.organisations import Org


class Away(WatchedDatabase):
    """The real database, which cannot be reached while `is_away`."""

    is_away = False

    async def kernel(self, verb: str, payload: JsonObject) -> Json:
        if self.is_away:
            raise Unavailable("The database cannot be reached.", code="database_unavailable")
        return await super().kernel(verb, payload)


async def test_an_outage_longer_than_the_lease_is_no_crash(
    db: AsyncpgDatabase, org: Org, server: CountingServer, admin: asyncpg.Connection
) -> None:
    away = Away(db)
    engine = make_engine(away, SilentDoorbell(), policy=Policy(owner="a", lease_s=0.6, extend_every_s=0.1))
    async with running_plane(db, org, sweep_every_s=None, is_deaf=True) as plane:
        version = await plane.tenant.define("name: long\nsteps: {a: {http: {url: '@url@/a?delay=5'}}}", url=server.url)
        execution = await plane.tenant.start(version, ring=False)
        for outage in range(2):
            run = asyncio.create_task(run_frame(Address(execution, "", "default"), engine))
            await eventually(lambda seen=outage: server.calls["/a"] > seen)
            await asyncio.sleep(0.3)  # noted by now
            away.is_away = True
            await asyncio.sleep(0.8)
            away.is_away = False
            assert (await run).status == "ready"
            frame = await admin.fetchrow(
                "select stall, status, claim_ref, in_flight ? 'a' as is_noted from plane.frames"
            )
            assert tuple(frame or ()) == (0, "ready", None, True)
        await plane.tenant.cancel(execution)


async def test_a_checkpoint_whose_answer_was_lost_in_an_outage_is_followed(
    db: AsyncpgDatabase, org: Org, server: CountingServer
) -> None:
    class Swallowing(Away):
        async def kernel(self, verb: str, payload: JsonObject) -> Json:
            answer = await super().kernel(verb, payload)
            if payload.get("finish") and len(self.calls) < 4:
                self.is_away = True
                asyncio.get_running_loop().call_later(1.0, setattr, self, "is_away", False)
                raise Unavailable("The answer was lost.", code="outcome_unknown")
            return answer

    engine = make_engine(Swallowing(db), SilentDoorbell(), policy=Policy(owner="a", lease_s=0.6, extend_every_s=0.1))
    async with running_plane(db, org, sweep_every_s=None, is_deaf=True) as plane:
        version = await plane.tenant.define("name: quick\nsteps: {a: {http: {url: '@url@/a'}}}", url=server.url)
        execution = await plane.tenant.start(version, ring=False)
        assert (await run_frame(Address(execution, "", "default"), engine)).status == "done"
        assert (await plane.tenant.get(execution))["status"] == "succeeded"


async def test_a_cancel_while_it_drains_does_not_change_how_it_ended(
    db: AsyncpgDatabase, org: Org, server: CountingServer, admin: asyncpg.Connection
) -> None:
    engine = make_engine(db, SilentDoorbell())
    async with running_plane(db, org, sweep_every_s=None, is_deaf=True) as plane:
        await plane.tenant.define("name: kid\nsteps: {a: {http: {url: '@url@/kid'}}}", url=server.url)
        version = await plane.tenant.define(
            """
            name: parent
            steps:
              sub: {timeout: 200ms, on_error: continue, workflow: {ref: kid}}
              last: {needs: [sub], requires: ended, transform: {fine: true}}
            output: ${{ steps.last.output }}
            """,
            url=server.url,
        )
        execution = await plane.tenant.start(version, ring=False)
        address = Address(execution, "", "default")
        assert (await run_frame(address, engine)).status == "waiting"
        await asyncio.sleep(0.25)
        assert (await run_frame(address, engine)).status == "waiting"  # for the child, which nobody runs, to end
        kid = await admin.fetchval("select id::text from plane.executions where parent_execution_id is not null")
        await plane.tenant.cancel(execution)
        await run_frame(Address(kid, "", "default"), engine)
        await run_frame(address, engine)
        ended = await plane.tenant.ended(execution, within=1)
        assert (ended["status"], ended["output"]) == ("succeeded", {"fine": True})


async def test_a_decision_is_written_within_about_a_second_while_other_steps_run(
    plane: Plane, server: CountingServer
) -> None:
    version = await plane.tenant.define(
        """
        name: slow
        steps:
          long: {http: {url: "@url@/long?delay=6"}}
          g:
            timeout: 300ms
            on_error: continue
            steps:
              b: {http: {url: "@url@/b?delay=6"}}
        """,
        url=server.url,
    )
    execution = await plane.tenant.start(version)
    await eventually(lambda: server.calls["/b"])
    began = asyncio.get_running_loop().time()
    while "g" not in await plane.tenant.steps(execution):
        assert asyncio.get_running_loop().time() < began + 3
        await asyncio.sleep(0.05)
    await plane.tenant.cancel(execution)
    await plane.tenant.ended(execution)
