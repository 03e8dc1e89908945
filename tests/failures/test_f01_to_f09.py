"""The failure catalogue, first half: what users of other engines reported, each against ours.

F1 to F9: lost workers, stale workers, lost answers, signals too early or too late, approvals, races, dormancy.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from functions.shared.db import kernel
from functions.shared.engine.policy import Policy
from functions.shared.errors import Conflict
from tests.e2e.conftest import Plane, running_plane
from tests.e2e.faults import WatchedDatabase
from tests.e2e.patience import eventually
from tests.failures.work import Work
from tests.sql.actors import Plane as Tables
from tests.sql.actors import record

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
    from tests.organisations import Org

    MakePlane = Callable[..., AbstractAsyncContextManager[Plane]]


async def test_f01_a_dead_worker_leaves_nothing_stuck(plane_with: MakePlane, tables: Tables) -> None:
    """pgflow, Prefect: the worker dies and its step stays "running" for ever."""
    work = Work(deadly=frozenset({"b"}))
    policy = Policy(owner="dies", lease_s=0.3)
    async with plane_with(handlers=work.handlers, policy=policy, sweep_every_s=None) as plane:
        version = await plane.tenant.define(
            """
            name: dies
            steps:
              a: {code: {python: result = 1}}
              b: {needs: [a], code: {python: result = 1}}
            """
        )
        execution = await plane.tenant.start(version)
        await eventually(lambda: work.begun["b"])
    left = await tables.frame(execution)
    assert (left["status"], left["owner"]) == ("running", "dies")
    assert left["due_at"] is not None, "whoever looks for what is due will find it"
    async with plane_with(handlers=work.handlers, policy=Policy(owner="next"), sweep_every_s=0.1) as plane:
        assert (await plane.tenant.ended(execution))["status"] == "succeeded"
    assert work.begun == {"a": 1, "b": 2}


async def test_f02_a_worker_that_was_replaced_can_record_nothing(tables: Tables) -> None:
    """LangGraph, DBOS, Hatchet, procrastinate: the stale worker completes the work of its successor."""
    tenant = await tables.tenant()
    stale, successor = await tables.runner("stale"), await tables.runner("successor")
    execution = await tenant.start(await tables.version(tenant.org))
    old = await stale.claim(execution, lease_seconds=0.001)
    await asyncio.sleep(0.01)
    new = await successor.claim(execution)
    assert await old.finish(records=[record("a", "stale")]) == {"ok": False, "reason": "stale"}
    assert (await new.finish(output="new", records=[record("a", "new")]))["status"] == "done"
    rows = await tables.db.fetch("select path, output from plane.checkpoints where execution_id = $1", execution)
    assert [tuple(row) for row in rows] == [("a", "new")]
    assert (await tables.execution(execution))["output"] == "new"


async def test_f03_a_commit_whose_answer_was_lost_is_neither_repeated_nor_fatal(db: AsyncpgDatabase, org: Org) -> None:
    """AWS durable functions: the client saw a time-out, and records twice or crashes."""
    await asyncio.gather(*(_lose_answer(db, org, at) for at in (2, 3, 4)))


async def _lose_answer(db: AsyncpgDatabase, org: Org, at: int) -> None:
    """Lose the answer to the `at`-th call: none of the steps may run again."""
    work = Work()
    watched = WatchedDatabase(db, at=at, fault="lost")
    policy = Policy(owner=f"lost-{at}", lease_s=1, extend_every_s=0.3)
    async with running_plane(watched, org, handlers=work.handlers, policy=policy) as plane:
        version = await plane.tenant.define(
            f"""
            name: lost-{at}
            steps:
              a: {{code: {{python: result = 1}}}}
              b: {{needs: [a], code: {{python: result = 1}}}}
              c: {{needs: [b], code: {{python: result = 1}}}}
            """
        )
        ended = await plane.tenant.ended(await plane.tenant.start(version))
        assert ended["status"] == "succeeded"
        assert set(await plane.tenant.steps(ended["id"])) == {"a", "b", "c"}
    assert len(watched.calls) >= at, "the fault did strike"
    assert work.begun == {"a": 1, "b": 1, "c": 1}


async def test_f04_a_signal_that_comes_before_its_wait_is_kept(plane_with: MakePlane) -> None:
    """Inngest: an event that is sent before the step waits for it is lost, and the run hangs."""
    async with plane_with() as plane:
        version = await plane.tenant.define(
            """
            name: early
            steps: {paid: {wait: {event: paid, timeout: 1h}}}
            output: ${{ steps.paid.output.amount }}
            """
        )
        execution = await plane.tenant.start(version, ring=False)
        assert (await plane.tenant.signal(execution, "paid", {"amount": 12}))["status"] == "queued"
        await plane.bell.ring(
            [{"execution_id": execution, "frame": "", "queue": "default", "org_id": plane.tenant.org.id}]
        )
        assert (await plane.tenant.ended(execution))["output"] == 12


async def test_f05_a_signal_never_reaches_a_wait_that_has_timed_out(plane_with: MakePlane) -> None:
    """Cloudflare, absurd: the late event is delivered to the waiter that gave up, and the living one starves."""
    async with plane_with() as plane:
        version = await plane.tenant.define(
            """
            name: late
            steps:
              first: {wait: {event: news, timeout: 30ms}, on_error: continue}
              asked: {needs: [first], requires: ended, approval: {message: "?", timeout: 30ms, on_timeout: reject}}
              second: {needs: [asked], wait: {event: news, timeout: 1h}}
            output: [ "${{ steps.first.failed }}", "${{ steps.asked.output.outcome }}", "${{ steps.second.output.n }}" ]
            """
        )
        execution = await plane.tenant.start(version)
        await plane.tenant.waiting_for(execution, "second")
        with pytest.raises(Conflict) as refused:
            await plane.tenant.signal(execution, "asked", {"outcome": "approve", "form": {}})
        assert refused.value.code == "wait_closed"
        assert (await plane.tenant.signal(execution, "news", {"n": 2}))["status"] == "answered"
        assert (await plane.tenant.ended(execution))["output"] == [True, "reject", 2]


async def test_f06_a_skipped_approval_does_not_park_the_execution(plane_with: MakePlane, tables: Tables) -> None:
    """Windmill: an approval step that is skipped waits for ever all the same."""
    async with plane_with() as plane:
        version = await plane.tenant.define(
            """
            name: skips
            steps:
              small: {transform: true}
              ask: {when: not steps.small.output, approval: {message: "?"}}
              done: {needs: [ask, small], transform: "${{ steps.ask.skipped }}"}
            output: ${{ steps.done.output }}
            """
        )
        ended = await plane.tenant.ended(await plane.tenant.start(version))
        assert (ended["status"], ended["output"]) == ("succeeded", True)
    assert await tables.db.fetchval("select count(*) from plane.waits") == 0


async def test_f07_one_of_two_parallel_approvals_completes_only_itself(plane_with: MakePlane) -> None:
    """Mastra, Windmill: resuming one suspended branch completes all of them."""
    async with plane_with() as plane:
        version = await plane.tenant.define(
            """
            name: two
            steps:
              legal: {approval: {message: "?"}}
              money: {approval: {message: "?"}}
              pay: {needs: [legal, money], requires: all, transform: true}
            """
        )
        execution = await plane.tenant.start(version)
        for path in ("legal", "money"):
            await plane.tenant.waiting_for(execution, path)
        await plane.tenant.signal(execution, "legal", {"outcome": "approve", "form": {}})
        parked = await plane.tenant.until(execution, "waiting")
        assert [wait["path"] for wait in parked["waiting_for"]] == ["money"]
        assert "pay" not in await plane.tenant.steps(execution)
        await plane.tenant.signal(execution, "money", {"outcome": "approve", "form": {}})
        assert (await plane.tenant.ended(execution))["status"] == "succeeded"


async def test_f08_the_losing_branches_of_a_failed_scope_keep_nothing_alive(
    plane_with: MakePlane, tables: Tables
) -> None:
    """Inngest: the branch that lost keeps the run "running" for hours. Here a failure is what stops the others."""
    work = Work(held=frozenset({"boom", "slow"}), failing=frozenset({"boom"}))
    async with plane_with(handlers=work.handlers) as plane:
        await plane.tenant.define("{name: below, steps: {ask: {approval: {message: '?'}}}}")
        version = await plane.tenant.define(
            """
            name: loses
            steps:
              boom: {code: {python: result = 1}}
              slow: {code: {python: result = 1, timeout: 1h}, timeout: 1h}
              day: {wait: {for: 1d}}
              news: {wait: {event: news, timeout: 30d}}
              ask: {approval: {message: "?"}}
              below: {workflow: {ref: below, input: {}}}
            """
        )
        execution = await plane.tenant.start(version)
        await plane.tenant.waiting_for(execution, "ask")
        child = await tables.db.fetchval("select id::text from plane.executions where id <> $1", execution)
        await plane.tenant.waiting_for(child, "ask")
        work.gates["boom"].set()
        ended = await plane.tenant.ended(execution, within=5)
        assert (ended["status"], ended["error"]["path"]) == ("failed", "boom")
        assert (await plane.tenant.get(child))["status"] == "cancelled"
    assert await tables.db.fetchval("select count(*) from plane.waits where answered_at is null") == 0
    assert await tables.db.fetchval("select count(*) from plane.frames where status <> 'done'") == 0


async def test_f09_an_execution_is_never_dormant_although_every_message_is_lost(
    plane_with: MakePlane, db: AsyncpgDatabase, tables: Tables
) -> None:
    """Vercel, Restate: a run with nothing queued and no error, that nobody ever takes up again."""
    work = Work()
    async with plane_with(handlers=work.handlers, is_deaf=True, sweep_every_s=0.1) as plane:
        await plane.tenant.define("{name: below, steps: {nap: {wait: {for: 20ms}}}}")
        version = await plane.tenant.define(
            """
            name: silent
            steps:
              below: {workflow: {ref: below, input: {}}}
              ask: {approval: {message: "?"}}
              last: {needs: [below, ask], code: {python: result = 1}}
            """
        )
        execution = await plane.tenant.start(version)
        await plane.tenant.waiting_for(execution, "ask")
        # A group that counts wrongly would sleep for ever too: the list of violations sees it.
        miscount = "update plane.waits set pending = pending + $1 where kind = 'child' and answered_at is null"
        if await tables.db.execute(miscount, 1) == "UPDATE 1":
            broken = {row["invariant"] for row in await kernel.get_violations(db)}
            assert "a group counts what lives below it" in broken
            await tables.db.execute(miscount, -1)
        await plane.tenant.signal(execution, "ask", {"outcome": "approve", "form": {}})
        assert (await plane.tenant.ended(execution))["status"] == "succeeded"
    assert work.begun == {"last": 1}
