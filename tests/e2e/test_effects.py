"""Side effects, crashes, time that runs short, and money."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from functions.shared.db import kernel
from functions.shared.dispatch.control import Control
from functions.shared.dispatch.doorbell import Address
from functions.shared.engine.outcome import Outcome
from functions.shared.engine.policy import Policy
from functions.shared.engine.runner import run_frame
from functions.shared.errors import Unavailable
from functions.shared.steps import Context, Done, Usage
from functions.shared.steps.handlers import HANDLERS
from tests.e2e.conftest import Plane, make_engine, running_plane
from tests.e2e.faults import Crash, WatchedDatabase
from tests.e2e.patience import eventually

if TYPE_CHECKING:
    import asyncpg

    from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
    from functions.shared.jsonvalue import Json, JsonObject
    from tests.e2e.counting_server import CountingServer
    from tests.organisations import Org


async def crashed(plane: Plane, org: Org, version: str, server: CountingServer, path: str) -> str:
    """Start an execution and let its process die while it calls `path`; another one learns of it at once."""
    watched = WatchedDatabase(plane.db)
    policy = Policy(owner="victim", lease_s=5, extend_every_s=0.05)
    async with running_plane(watched, org, policy=policy, sweep_every_s=None) as victim:
        execution = await victim.tenant.start(version)
        await eventually(lambda: server.calls[path])
        watched.died.set()
    await plane.bell.ring(await kernel.report_owner_dead(plane.db, owner="victim"))
    return execution


AT_MOST_ONCE = """
    name: pay
    steps:
      before: {http: {url: "@url@/before"}}
      pay: {needs: [before], effect: at_most_once, @unknown@, http: {url: "@url@/pay?delay=@delay@"}}
      after: {needs: [pay], http: {url: "@url@/after"}}
    output: ${{ steps.pay.output }}
"""


async def test_an_at_most_once_step_is_not_repeated_after_a_crash(
    org: Org, server: CountingServer, plane: Plane
) -> None:
    version = await plane.tenant.define(AT_MOST_ONCE, url=server.url, delay="30", unknown="on_unknown: fail")
    execution = await crashed(plane, org, version, server, "/pay")
    ended = await plane.tenant.ended(execution)
    assert (ended["status"], ended["error"]["code"]) == ("failed", "outcome_unknown")
    assert server.calls["/pay"] == 1


async def test_a_person_may_say_what_became_of_a_lost_step(org: Org, server: CountingServer, plane: Plane) -> None:
    version = await plane.tenant.define(AT_MOST_ONCE, url=server.url, delay="30", unknown="on_unknown: ask")
    execution = await crashed(plane, org, version, server, "/pay")
    await plane.tenant.waiting_for(execution, "pay")
    await plane.tenant.signal(execution, "pay", {"outcome": "succeeded", "output": {"receipt": 7}})
    ended = await plane.tenant.ended(execution)
    assert (ended["status"], ended["output"]) == ("succeeded", {"receipt": 7})
    assert server.calls["/pay"] == 1


async def test_a_step_that_a_person_lets_run_again_and_is_lost_again_is_asked_about_again(
    org: Org, server: CountingServer, plane: Plane
) -> None:
    version = await plane.tenant.define(AT_MOST_ONCE, url=server.url, delay="30", unknown="on_unknown: ask")
    execution = await crashed(plane, org, version, server, "/pay")
    await plane.tenant.waiting_for(execution, "pay")
    await plane.bell.stop()
    watched = WatchedDatabase(plane.db)
    policy = Policy(owner="victim", extend_every_s=0.05)
    async with running_plane(watched, org, policy=policy, sweep_every_s=None) as victim:
        await victim.tenant.signal(execution, "pay", {"outcome": "retry"})
        await eventually(lambda: server.calls["/pay"] == 2)
        watched.died.set()
    async with running_plane(plane.db, org, policy=Policy(owner="victim")) as last:
        await last.tenant.waiting_for(execution, "pay")
        await last.tenant.signal(execution, "pay", {"outcome": "failed", "message": "we looked"})
        ended = await last.tenant.ended(execution)
    assert (ended["status"], ended["error"]["message"]) == ("failed", "we looked")
    assert server.calls["/pay"] == 2


async def test_a_look_up_settles_a_lost_step(org: Org, server: CountingServer, plane: Plane) -> None:
    lookup = "on_unknown: verify, verify: {name: json_query, with: {data: {found: true, output: 9}, query: '@'}}"
    version = await plane.tenant.define(AT_MOST_ONCE, url=server.url, delay="30", unknown=lookup)
    execution = await crashed(plane, org, version, server, "/pay")
    ended = await plane.tenant.ended(execution)
    assert (ended["status"], ended["output"]) == ("succeeded", 9), ended
    assert server.calls["/pay"] == 1


async def test_a_lost_step_stays_known_to_be_lost_when_its_next_owner_has_to_stop_at_once(
    org: Org, server: CountingServer, plane: Plane, admin: asyncpg.Connection[Any]
) -> None:
    lookup = "on_unknown: verify, verify: {name: json_query, with: {data: {found: true, output: 9}, query: '@'}}"
    version = await plane.tenant.define(AT_MOST_ONCE, url=server.url, delay="30", unknown=lookup)
    await plane.bell.stop()
    execution = await crashed(plane, org, version, server, "/pay")
    control = Control()
    control.stop()
    address = Address(execution, "", "default")
    assert (await run_frame(address, make_engine(plane.db, plane.bell), control=control)).status == "ready"
    assert await admin.fetchval("select in_flight #>> '{pay,at_most_once}' from plane.frames") == "true"
    assert (await run_frame(address, make_engine(plane.db, plane.bell))).status == "done"
    assert (await plane.tenant.get(execution))["output"] == 9
    assert server.calls["/pay"] == 1


async def test_an_at_most_once_step_is_noted_before_it_starts_and_costs_no_extra_checkpoint(
    db: AsyncpgDatabase, org: Org, server: CountingServer, admin: asyncpg.Connection[Any]
) -> None:
    watched = WatchedDatabase(db)
    async with running_plane(watched, org, sweep_every_s=None) as plane:
        version = await plane.tenant.define(AT_MOST_ONCE, url=server.url, delay="0.2", unknown="on_unknown: fail")
        execution = await plane.tenant.start(version)
        await eventually(lambda: server.calls["/pay"])
        noted = await admin.fetchval("select in_flight #>> '{pay,at_most_once}' from plane.frames")
        assert noted == "true"
        assert (await plane.tenant.ended(execution))["status"] == "succeeded"
    assert watched.counts["checkpoint"] == 3


async def test_a_step_that_kills_the_runner_five_times_alone_fails_as_a_crash_loop(
    db: AsyncpgDatabase, server: CountingServer, plane: Plane
) -> None:
    version = await plane.tenant.define(
        """
        name: deadly
        steps:
          fine: {http: {url: "@url@/fine"}}
          deadly: {http: {url: "@url@/deadly"}}
        """,
        url=server.url,
    )
    execution = await plane.tenant.start(version, ring=False)
    address = Address(execution, "", "default")
    died = 0

    async def kill(config: JsonObject, context: Context) -> Done:
        if "deadly" in context.path:
            raise Crash
        return await HANDLERS["http"](config, context)

    while died < 10:
        engine = replace(make_engine(db, plane.bell, policy=Policy(owner="victim")), handlers={"http": kill})
        try:
            outcome = await run_frame(address, engine)
        except Crash:
            died += 1
            await kernel.report_owner_dead(db, owner="victim")
            continue
        assert outcome.status in ("done", "refused"), outcome
        break
    ended = await plane.tenant.ended(execution)
    assert (ended["status"], ended["error"]["code"], ended["error"]["path"]) == ("failed", "crash_loop", "deadly")
    assert 5 <= died <= 8
    assert (await plane.tenant.steps(execution))["fine"]["status"] == "succeeded"


async def test_short_invocations_pass_the_execution_on_and_each_step_runs_once(
    db: AsyncpgDatabase, server: CountingServer, plane: Plane
) -> None:
    text = "name: relay\ndefaults: {timeout: 400ms}\nsteps:\n  s0: {http: {url: '@url@/s0?delay=0.05'}}\n" + "".join(
        f"  s{number}: {{needs: [s{number - 1}], http: {{url: '@url@/s{number}?delay=0.05'}}}}\n"
        for number in range(1, 6)
    )
    version = await plane.tenant.define(text, url=server.url)
    execution = await plane.tenant.start(version, ring=False)
    await plane.bell.stop()
    engine = make_engine(db, plane.bell, policy=Policy(owner="lambda", margin_s=0.05))
    loop = asyncio.get_running_loop()
    outcomes: list[Outcome] = []
    while not outcomes or outcomes[-1].status == "ready":
        outcomes.append(await run_frame(Address(execution, "", "default"), engine, deadline=loop.time() + 0.6))
    assert outcomes[-1].status == "done"
    assert 2 <= len(outcomes) <= 6
    assert (await plane.tenant.get(execution))["status"] == "succeeded"
    assert set(server.calls.values()) == {1}


async def test_a_clean_stop_releases_the_frame_and_the_next_start_goes_on_at_once(
    db: AsyncpgDatabase, org: Org, server: CountingServer
) -> None:
    policy = Policy(owner="first", lease_s=30, stop_grace_s=0.1)
    async with running_plane(db, org, policy=policy) as plane:
        version = await plane.tenant.define(
            """
            name: interrupted
            steps:
              quick: {http: {url: "@url@/quick"}}
              slow: {needs: [quick], http: {url: "@url@/slow?delay=0.5"}}
            """,
            url=server.url,
        )
        execution = await plane.tenant.start(version)
        await eventually(lambda: server.calls["/slow"])
    began = asyncio.get_running_loop().time()
    async with running_plane(db, org, policy=Policy(owner="second")) as plane:
        ended = await plane.tenant.ended(execution)
    assert ended["status"] == "succeeded"
    assert asyncio.get_running_loop().time() - began < 4
    assert server.calls["/quick"] == 1


async def spend(_config: JsonObject, context: Context) -> Done:
    usage = Usage("model", "provider", 10, 5, Decimal("0.30"), is_cost_unknown=False)
    return Done({"status": 200, "headers": {}, "body": str(context.budget_usd)}, usage)


SPENDING = """
    name: spending
    limits: {budget_usd: 0.50, on_budget: @on_budget@}
    steps:
      one: {http: {url: "http://127.0.0.1/1"}}
      two: {needs: [one], http: {url: "http://127.0.0.1/2"}}
      three: {needs: [two], http: {url: "http://127.0.0.1/3"}}
    output: ${{ steps.three.output.body }}
"""


async def test_an_execution_over_its_budget_asks_and_goes_on_after_a_grant(db: AsyncpgDatabase, org: Org) -> None:
    async with running_plane(db, org, handlers={"http": spend}) as plane:
        execution = await plane.tenant.start(await plane.tenant.define(SPENDING, on_budget="ask"))
        await plane.tenant.waiting_for(execution, "")
        waiting = await plane.tenant.get(execution)
        assert (waiting["waiting_for"][0]["kind"], waiting["known_cost_usd"]) == ("budget", "0.600000000")
        await plane.tenant.signal(execution, "budget", {"outcome": "approve", "form": {"usd": "1.00"}})
        ended = await plane.tenant.ended(execution)
        assert (ended["status"], ended["cost_usd"]) == ("succeeded", "0.900000000")
        assert Decimal(ended["output"]) == Decimal("0.90")


async def test_an_execution_over_its_budget_stops(db: AsyncpgDatabase, org: Org) -> None:
    async with running_plane(db, org, handlers={"http": spend}) as plane:
        execution = await plane.tenant.start(await plane.tenant.define(SPENDING, on_budget="stop"))
        ended = await plane.tenant.ended(execution)
        assert (ended["status"], ended["error"]["code"]) == ("failed", "budget_exceeded")
        assert "three" not in {
            path for path, step in (await plane.tenant.steps(execution)).items() if step["status"] == "succeeded"
        }


async def test_lost_doorbells_change_nothing_but_the_time(
    db: AsyncpgDatabase, org: Org, server: CountingServer
) -> None:
    async with running_plane(db, org, is_deaf=True, sweep_every_s=0.1) as plane:
        await plane.tenant.define("name: part\nsteps: {call: {http: {url: '@url@/part'}}}", url=server.url)
        version = await plane.tenant.define(
            """
            name: deaf
            steps:
              call: {http: {url: "@url@/call"}}
              nap: {needs: [call], wait: {for: 50ms}}
              sub: {needs: [nap], workflow: {ref: part}}
            """,
            url=server.url,
        )
        executions = [await plane.tenant.start(version) for _ in range(3)]
        for execution in executions:
            assert (await plane.tenant.ended(execution, within=20))["status"] == "succeeded"
    assert server.calls == {"/call": 3, "/part": 3}


async def test_rings_that_come_five_times_change_nothing(
    db: AsyncpgDatabase, org: Org, server: CountingServer, plane: Plane
) -> None:
    version = await plane.tenant.define("name: loud\nsteps: {call: {http: {url: '@url@/call'}}}", url=server.url)
    async with running_plane(db, org, policy=Policy(owner="other")) as other:
        for _ in range(5):
            execution = await plane.tenant.start(version, ring=False)
            due = [{"execution_id": execution, "frame": "", "queue": "default", "org_id": org.id}] * 5
            await asyncio.gather(plane.bell.ring(due), other.bell.ring(due))
            await plane.tenant.ended(execution)
    assert server.calls["/call"] == 5


async def test_a_frame_that_kills_every_runner_before_anything_starts_is_given_up(
    db: AsyncpgDatabase, server: CountingServer, plane: Plane
) -> None:
    version = await plane.tenant.define("name: doomed\nsteps: {call: {http: {url: '@url@/call'}}}", url=server.url)
    execution = await plane.tenant.start(version, ring=False)
    for _ in range(21):
        engine = make_engine(WatchedDatabase(db, at=1, fault="lost", is_crash=True), plane.bell)
        with pytest.raises(Crash):
            await run_frame(Address(execution, "", "default"), engine)
        await kernel.report_owner_dead(db, owner="test")
    ended = await plane.tenant.ended(execution)
    assert (ended["status"], ended["error"]["code"]) == ("failed", "crash_loop")
    assert not server.calls


async def test_one_result_that_cannot_be_recorded_fails_alone_and_the_others_of_its_batch_stay(
    db: AsyncpgDatabase, org: Org
) -> None:
    together = asyncio.Barrier(4)

    async def answer(_config: JsonObject, context: Context) -> Done:
        await together.wait()
        return Done({"status": 200, "headers": {}, "body": "\0" if context.path == "all[2]" else "fine"})

    async with running_plane(db, org, handlers={"http": answer}) as plane:
        execution = await plane.tenant.start(
            await plane.tenant.define(
                """
                name: poisoned
                steps:
                  all: {for_each: [0, 1, 2, 3], on_item_error: continue, http: {url: "http://127.0.0.1"}}
                output: ${{ steps.all.output[2] }}
                """
            )
        )
        ended = await plane.tenant.ended(execution)
        steps = await plane.tenant.steps(execution)
    assert [steps[f"all[{item}]"]["status"] for item in range(4)] == ["succeeded", "succeeded", "failed", "succeeded"]
    assert steps["all[2]"]["error"]["code"] == "unsupported_character"
    assert (ended["status"], ended["output"]) == ("succeeded", None)


async def test_a_database_that_is_away_for_a_moment_costs_no_repeated_step(
    db: AsyncpgDatabase, org: Org, server: CountingServer
) -> None:
    class Flaky(WatchedDatabase):
        async def kernel(self, verb: str, payload: JsonObject) -> Json:
            self.calls.append(verb)
            if verb == "checkpoint" and self.calls.count("checkpoint") % 4:
                raise Unavailable("away", code="database_unavailable")
            return await self.inner.kernel(verb, payload)

    async with running_plane(Flaky(db), org, sweep_every_s=None) as plane:
        version = await plane.tenant.define(
            "name: bumpy\nsteps: {a: {http: {url: '@url@/a'}}, b: {needs: [a], http: {url: '@url@/b'}}}", url=server.url
        )
        ended = await plane.tenant.ended(await plane.tenant.start(version))
    assert ended["status"] == "succeeded"
    assert server.calls == {"/a": 1, "/b": 1}
