"""What does not fit into one invocation: it hops, it is cut short and says so, and it never goes round for ever."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest

from functions.shared.config import settings
from functions.shared.engine import verdicts
from functions.shared.steps import Context as StepContext
from functions.shared.steps import Done
from tests.dispatch.conftest import doorbell, invoke, records
from tests.sql.actors import Runner as SqlRunner
from tests.sql.actors import record, timer

if TYPE_CHECKING:
    from collections.abc import Callable

    import asyncpg

    from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
    from functions.shared.jsonvalue import Json, JsonObject
    from tests.dispatch.conftest import Bell, LambdaRunner
    from tests.e2e.tenant import Tenant


class Timed:
    """Serves `code` steps, each for so many seconds, and keeps the time that each was told it has."""

    def __init__(self, **seconds: float) -> None:
        self.seconds = seconds
        self.had: list[tuple[str, float]] = []

    async def __call__(self, config: JsonObject, context: StepContext) -> Done:
        del config
        self.had.append((context.path, context.timeout_s))
        await asyncio.sleep(self.seconds.get(context.path, 0))
        return Done(context.path)


async def deliver(runner: LambdaRunner, bell: Bell, execution: str, *, seconds: float) -> int:
    """Invoke the runner with what was rung until nothing is; gives how often."""
    due: list[Any] = [{"execution_id": execution, "frame": ""}]
    for turn in range(20):
        if not due:
            return turn
        bodies = [doorbell(str(each["execution_id"]), frame=str(each["frame"])) for each in due]
        await asyncio.sleep(min(max(bell.delays, default=0), 0.3))
        bell.take()
        assert await invoke(runner, records(*bodies, first=turn * 10), seconds) == {"batchItemFailures": []}
        due = bell.rung
    raise AssertionError("it goes round for ever")


async def test_a_step_that_needs_more_time_than_is_left_gets_an_invocation_of_its_own(
    tenant: Tenant, runner_with: Callable[..., LambdaRunner], bell: Bell
) -> None:
    work = Timed()
    execution = await tenant.start(
        await tenant.define(
            "name: two\nsteps: {a: {code: {python: '1'}}, b: {code: {python: '1'}, needs: [a], timeout: 1h}}"
        )
    )
    hops = await deliver(runner_with(handlers={"code": work}, margin_s=0.5), bell, execution, seconds=30)
    assert (await tenant.get(execution))["status"] == "succeeded"
    assert hops == 2
    assert [path for path, _ in work.had] == ["a", "b"]
    assert 28 < work.had[1][1] < 29.5, "all of it"


async def test_a_parent_that_was_adopted_leaves_a_long_step_to_an_invocation_of_its_own(
    tenant: Tenant, runner_with: Callable[..., LambdaRunner], bell: Bell
) -> None:
    work = Timed()
    await tenant.define("name: leaf\nsteps: {l: {code: {python: '1'}}}")
    text = "name: whole\nsteps: {s: {workflow: {ref: leaf}}, b: {code: {python: '1'}, needs: [s], timeout: 1h}}"
    execution = await tenant.start(await tenant.define(text))
    hops = await deliver(runner_with(handlers={"code": work}, margin_s=0.5), bell, execution, seconds=30)
    assert ((await tenant.get(execution))["status"], hops) == ("succeeded", 3)
    assert [path for path, _ in work.had] == ["l", "b"]


async def test_a_step_that_no_invocation_is_long_enough_for_is_cut_short_and_says_what_it_had(
    tenant: Tenant, runner_with: Callable[..., LambdaRunner], bell: Bell
) -> None:
    work = Timed(long=60)
    text = """
        name: endless
        steps:
          short: {code: {python: '1'}}
          long: {code: {python: '1'}, needs: [short], timeout: 1h, retry: {max_attempts: 2, first: 10ms}}
    """
    execution = await tenant.start(await tenant.define(text))
    hops = await deliver(runner_with(handlers={"code": work}, margin_s=0.3), bell, execution, seconds=1)
    ended = await tenant.get(execution)
    assert (ended["status"], ended["error"]["code"]) == ("failed", "timed_out")
    assert "1 s, all that its runner's invocation had left; its own limit is 3600 s" in ended["error"]["message"]
    assert [path for path, _ in work.had] == ["short", "long", "long"]
    assert hops == 3


async def test_a_message_that_had_to_wait_for_others_leaves_a_long_step_to_a_fresh_invocation(
    tenant: Tenant, runner_with: Callable[..., LambdaRunner], bell: Bell, deployed: pytest.MonkeyPatch
) -> None:
    deployed.setenv("AGENTPLANE_CONCURRENCY", "1")
    settings.cache_clear()
    work = Timed(a=0.5)
    version = await tenant.define("name: wait\nsteps: {a: {code: {python: '1'}, timeout: 1h}}")
    executions = [await tenant.start(version) for _ in range(2)]
    runner = runner_with(handlers={"code": work}, margin_s=0.1)
    assert await invoke(runner, records(*map(doorbell, executions)), 2) == {"batchItemFailures": []}
    assert sorted([(await tenant.get(each))["status"] for each in executions]) == ["running", "succeeded"]
    assert len(bell.rung) == len(work.had) == 1


class Slow:
    """A database that takes its time with every call."""

    def __init__(self, inner: AsyncpgDatabase, seconds: float) -> None:
        self.inner, self.seconds = inner, seconds

    async def kernel(self, verb: str, payload: JsonObject) -> Json:
        await asyncio.sleep(self.seconds)
        return await self.inner.kernel(verb, payload)

    async def close(self) -> None:
        await self.inner.close()


async def test_the_last_checkpoint_is_in_time_also_when_the_database_is_slow(
    tenant: Tenant,
    runner_with: Callable[..., LambdaRunner],
    superuser: asyncpg.Connection,
) -> None:
    work = Timed(a=60)
    execution = await tenant.start(
        await tenant.define("name: slow\nsteps: {a: {code: {python: '1'}, timeout: 1h, retry: {max_attempts: 1}}}")
    )
    runner = runner_with(handlers={"code": work}, margin_s=0.1, extend_every_s=0.4, wrap=lambda db: Slow(db, 0.3))
    assert await invoke(runner, {"Records": []}, 3) == {"batchItemFailures": []}  # what a cold start needs
    began = time.monotonic()
    assert await invoke(runner, records(doorbell(execution)), 3) == {"batchItemFailures": []}
    assert time.monotonic() - began < 3
    assert (await tenant.get(execution))["error"]["code"] == "timed_out"
    assert await superuser.fetchval("select status from plane.frames where execution_id = $1", execution) == "done"


# The hop budget


async def test_an_execution_that_only_hops_ends_with_a_failure_that_says_so(
    tenant: Tenant,
    runner_with: Callable[..., LambdaRunner],
    bell: Bell,
    superuser: asyncpg.Connection,
    capsys: pytest.CaptureFixture[str],
) -> None:
    execution = await tenant.start(await tenant.define("name: hop\nsteps: {a: {code: {python: '1'}}}"))
    runner = runner_with(handlers={"code": Timed()})
    query = "select idle_claims from plane.frames where execution_id = $1"
    for hop in range(1, 4):  # as invocations that have no time for anything
        assert await invoke(runner, records(doorbell(execution), first=hop), 0) == {"batchItemFailures": []}
        assert len(bell.take()) == 1
        assert await superuser.fetchval(query, execution) == hop
    await superuser.execute(
        "update plane.frames set idle_claims = $2 where execution_id = $1", execution, verdicts.IDLE_CLAIMS
    )
    await invoke(runner, records(doorbell(execution), first=9))
    ended = await tenant.get(execution)
    assert (ended["status"], ended["error"]["code"]) == ("failed", "hop_budget")
    assert "501 times in a row without one step that ended; the limit is 500" in ended["error"]["message"]
    assert f'"message": "hop_budget: execution {execution}' in capsys.readouterr().err

    await tenant.db.call("retry_execution", {"execution_id": execution}, tenant.org.operator)
    await invoke(runner, records(doorbell(execution), first=10))
    assert (await tenant.get(execution))["status"] == "succeeded", "a retry begins to count anew"


async def test_claims_are_counted_in_all_too_and_a_retry_does_not_count_those_before_it(
    tenant: Tenant, runner_with: Callable[..., LambdaRunner], superuser: asyncpg.Connection
) -> None:
    execution = await tenant.start(await tenant.define("name: many\nsteps: {a: {transform: 1}}"))
    await superuser.execute("update plane.frames set epoch = $2 where execution_id = $1", execution, verdicts.CLAIMS)
    runner = runner_with()
    await invoke(runner, records(doorbell(execution)))
    ended = await tenant.get(execution)
    assert (ended["error"]["code"], "50,001 times" in ended["error"]["message"]) == ("hop_budget", True)
    await tenant.db.call("retry_execution", {"execution_id": execution}, tenant.org.operator)
    await invoke(runner, records(doorbell(execution), first=1))
    assert (await tenant.get(execution))["status"] == "succeeded"


async def test_whoever_records_or_waits_has_not_hopped(
    tenant: Tenant, module_db_url: str, authenticator_url: Callable[[str], str]
) -> None:
    """A year of hourly timers is 8,760 claims, each of which opens a wait or records one."""
    execution = await tenant.start(await tenant.define("name: counted\nsteps: {a: {transform: 1}}"))
    runner = await SqlRunner.connect(authenticator_url(module_db_url))
    idle = []
    for n, what in enumerate(["ready", "ready", "records", "ready", "wait", "ready"]):
        await runner.shift(f"{n} hours")
        held = await runner.claim(execution)
        idle.append(held.claimed["idle_claims"])
        match what:
            case "ready":
                await held.checkpoint("ready")
            case "records":
                await held.checkpoint("ready", records=[record(f"s{n}")])
            case _:
                await held.checkpoint("waiting", open=[timer(1_800_000)])
    assert (idle, held.claimed["claims"]) == ([1, 2, 3, 1, 2, 1], 6)
    await runner.db.close()
