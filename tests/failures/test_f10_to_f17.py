"""The failure catalogue, second half: what users of other engines reported, each against ours.

F10 to F17: payloads, history, upgrades, clean-up, batching, heartbeats, timers, vacuum.
"""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from functions.shared.engine.policy import Policy
from tests.e2e.conftest import Plane
from tests.e2e.patience import eventually
from tests.failures.work import Work
from tests.sql.actors import Held, Runner, approval, record, shards
from tests.sql.actors import Plane as Tables

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    MakePlane = Callable[..., AbstractAsyncContextManager[Plane]]


async def test_f10_an_output_that_is_too_large_fails_its_step_once_and_can_be_caught(plane_with: MakePlane) -> None:
    """AWS durable functions, Step Functions: found after the side effect, then retried for ever or not catchable."""
    work = Work(outputs={"big": "x" * 6_000_000})
    async with plane_with(handlers=work.handlers) as plane:
        version = await plane.tenant.define(
            """
            name: big
            steps:
              big: {code: {python: result = 1}, retry: {max_attempts: 5, first: 1ms}, on_error: continue}
              told: {needs: [big], requires: ended, transform: "${{ steps.big.error.code }}"}
            output: ${{ steps.told.output }}
            """
        )
        ended = await plane.tenant.ended(await plane.tenant.start(version))
        assert (ended["status"], ended["output"]) == ("succeeded", "output_too_large")
    assert work.begun == {"big": 1}


async def test_f11_a_checkpoint_costs_the_same_after_two_thousand_records(tables: Tables) -> None:
    """Vercel: the pause between two steps grows with the history."""
    tenant, runner = await tables.tenant(), await tables.runner()
    version = await tables.version(tenant.org)
    long, short = await runner.claim_each([await tenant.start(version) for _ in range(2)])
    for page in range(20):
        await long.checkpoint(records=[record(f"s{page}_{n}", n) for n in range(100)])
    await tables.db.execute("vacuum analyze plane.checkpoints, plane.frames")
    costs: dict[str, list[int]] = {"long": [], "short": []}
    for n in range(20):
        for name, held in (("long", long), ("short", short)):
            costs[name].append(await _pages_touched(tables, held, n))
    assert sorted(costs["long"])[10] <= sorted(costs["short"])[10] + 10, costs


async def _pages_touched(tables: Tables, held: Held, n: int) -> int:
    """Send a checkpoint; gives how many pages of the database it looked at."""
    payload = held.payload(records=[record(f"t{n}", n)], in_flight={f"t{n + 1}": {"attempt": 1}})
    explained = await tables.db.fetchval("explain (analyze, buffers, format json) select plane.checkpoint($1)", payload)
    plan = json.loads(explained) if isinstance(explained, str) else explained
    held.seq += 1
    return plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"]


async def test_f12_a_new_version_leaves_parked_executions_on_theirs(plane_with: MakePlane) -> None:
    """DBOS, Restate: after an upgrade what was parked is lost, or does not fit its journal any more."""
    async with plane_with() as plane:
        version = await plane.tenant.define(
            """
            name: pinned
            steps: {ask: {approval: {message: "?"}}, old: {needs: [ask], transform: 1}}
            output: {version: 1, old: "${{ steps.old.output }}"}
            """
        )
        execution = await plane.tenant.start(version)
        await plane.tenant.waiting_for(execution, "ask")
    async with plane_with() as plane:  # nothing of the first one is in memory
        newer = await plane.tenant.define("{name: pinned, steps: {other: {transform: 2}}, output: {version: 2}}")
        await plane.tenant.signal(execution, "ask", {"outcome": "approve", "form": {}})
        assert (await plane.tenant.ended(execution))["output"] == {"version": 1, "old": 1}
        assert set(await plane.tenant.steps(execution)) == {"ask", "old"}
        assert (await plane.tenant.ended(await plane.tenant.start(newer)))["output"] == {"version": 2}


async def test_f13_cleaning_up_takes_nothing_that_a_live_execution_needs(tables: Tables) -> None:
    """DBOS: retention deletes rows of a workflow that still runs, and what was done once is done again."""
    tenant, runner = await tables.tenant(), await tables.runner()
    version = await tables.version(tenant.org)
    held = await runner.claim(await tenant.start(version))
    count = {"component": "c", "key": "n"}
    act = {"execution_id": held.execution_id, "frame": "", "epoch": held.epoch, "verb": "increment_state"}
    act |= {"payload": count, "idempotency_key": "pay"}
    assert (await runner.kernel("act", act))["value"] == 1
    await held.checkpoint("waiting", records=[record("a", "x" * 10_000)], open=[shards(2), approval()])
    shard = await runner.claim(held.execution_id, "items/0")
    await shard.finish(records=[record("items[0]", "y" * 10_000, parent="items")])
    over = await runner.claim(await tenant.start(version))
    await over.finish()

    janitor = await tables.runner("janitor")
    await janitor.shift("3 days")
    deleted = sum([(await janitor.kernel("sweep", {"limit": 500}))["deleted"] for _ in range(3)])
    assert deleted >= 2, "the frames that had ended are gone"
    assert await tables.db.fetchval("select count(*) from plane.frames where status = 'done'") == 0

    other = await runner.claim(held.execution_id, "items/1")
    await tenant.decide(held.execution_id, "approve")
    await other.finish(records=[record("items[1]", 1, parent="items")])
    again = await runner.claim(held.execution_id)
    outputs = {row["path"]: row["output"] for row in again.claimed["records"]}
    assert outputs == {"a": "x" * 10_000, "items[0]": "y" * 10_000, "items[1]": 1}
    assert (await runner.kernel("act", act | {"epoch": again.epoch}))["value"] == 1, "paid once, also after three days"
    assert (await again.finish(records=[record("items")]))["status"] == "done"


async def test_f14_a_result_is_recorded_at_once_and_waits_for_no_batch(plane_with: MakePlane) -> None:
    """AWS durable functions: each step pays for a batch window, full or not."""
    work = Work(held=frozenset({"slow"}))
    async with plane_with(handlers=work.handlers) as plane:
        version = await plane.tenant.define(
            "{name: batch, steps: {fast: {code: {python: result = 1}}, slow: {code: {python: result = 1}}}}"
        )
        execution = await plane.tenant.start(version)
        async with asyncio.timeout(10):  # until `slow` has ended, if results waited for each other
            status = ""
            while status != "succeeded":
                await asyncio.sleep(0.01)
                status = (await plane.tenant.steps(execution)).get("fast", {}).get("status")
        assert (await plane.tenant.get(execution))["status"] == "running"
        work.gates["slow"].set()
        ended = await plane.tenant.ended(execution)
        fast = (await plane.tenant.steps(execution))["fast"]
        assert fast["ended_at"] < ended["ended_at"]


async def test_f15_a_step_that_is_longer_than_its_lease_is_not_taken_for_dead(
    plane_with: MakePlane, tables: Tables
) -> None:
    """Prefect, LangGraph: a missed heartbeat kills or repeats a step that is well."""
    work = Work(held=frozenset({"long"}))
    policy = Policy(owner="patient", lease_s=0.4, extend_every_s=0.1)
    async with plane_with(handlers=work.handlers, policy=policy, sweep_every_s=0.05) as plane:
        version = await plane.tenant.define("{name: long, steps: {long: {code: {python: result = 1}}}}")
        execution = await plane.tenant.start(version)
        await asyncio.sleep(1.3)
        work.gates["long"].set()
        assert (await plane.tenant.ended(execution))["status"] == "succeeded"
    assert work.begun == {"long": 1}
    frame = await tables.frame(execution)
    assert (frame["epoch"], frame["stall"]) == (1, 0)


async def test_f16_a_timer_fires_beside_a_step_that_runs(plane_with: MakePlane) -> None:
    """Vercel: a sleep fires only when the inline step beside it has ended."""
    work = Work(held=frozenset({"slow"}))
    async with plane_with(handlers=work.handlers) as plane:
        version = await plane.tenant.define(
            """
            name: nap
            steps:
              slow: {code: {python: result = 1}}
              nap: {wait: {for: 50ms}}
              woken: {needs: [nap], code: {python: result = 1}}
            """
        )
        execution = await plane.tenant.start(version)
        await eventually(lambda: work.begun["woken"])
        assert (await plane.tenant.steps(execution))["slow"]["status"] == "running"
        work.gates["slow"].set()
        assert (await plane.tenant.ended(execution))["status"] == "succeeded"


async def test_f17_the_hot_table_stays_small_and_is_vacuumed_by_its_own_settings(tables: Tables) -> None:
    """Hatchet, PlanetScale: tables of the queue bloat until vacuum and statistics cannot follow."""
    tenant = await tables.tenant()
    executions = await tenant.start_each(await tables.version(tenant.org), 20)
    runner = await Runner.connect(tables.login_url)
    for held in await runner.claim_each(executions):
        for n in range(20):
            assert (await held.checkpoint(records=[record(f"s{n}", n)]))["ok"]
        await held.finish()
    await runner.db.close()  # its statistics are counted now
    counts = {"n_tup_upd": 0, "n_tup_hot_upd": 0}
    for _ in range(100):
        counts = await tables.row("select n_tup_upd, n_tup_hot_upd from pg_stat_user_tables where relname = 'frames'")
        if counts["n_tup_upd"] >= 20 * 22:
            break
        await asyncio.sleep(0.02)
    # Every frame was taken, checkpointed 20 times and ended; only taking and ending move it in the index.
    assert counts["n_tup_hot_upd"] >= 0.85 * counts["n_tup_upd"] > 0
    janitor = await tables.runner("janitor")
    assert (await janitor.kernel("sweep", {}))["deleted"] == 0
    await janitor.shift("11 minutes")
    assert (await janitor.kernel("sweep", {}))["deleted"] == 20
    assert await tables.db.fetchval("select count(*) from plane.frames") == 0
    assert await tables.db.fetchval("select count(*) from plane.executions where status = 'succeeded'") == 20
    options = await tables.db.fetchval("select reloptions from pg_class where oid = 'plane.frames'::regclass")
    settings = dict(option.split("=") for option in options)
    assert int(settings["fillfactor"]) <= 50
    assert float(settings["autovacuum_vacuum_scale_factor"]) == 0
    assert int(settings["autovacuum_vacuum_threshold"]) <= 2000
    limits = await tables.db.fetch("select unnest(proconfig) from pg_proc where proname = 'kernel_with_key'")
    assert {"statement_timeout=8s", "lock_timeout=2s"} <= {row[0] for row in limits}


def test_every_failure_of_the_catalogue_has_one_test() -> None:
    files = sorted(Path(__file__).parent.glob("test_f*.py"))
    numbers = [int(number) for file in files for number in re.findall(r"def test_f(\d\d)_", file.read_text())]
    assert numbers == list(range(1, 18))
