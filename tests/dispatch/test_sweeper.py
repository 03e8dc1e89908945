"""The net below the queues: what it rings for, what it leaves alone, and what it does with dead letters."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from functions.shared.config import settings
from functions.shared.db import kernel
from functions.shared.dispatch.sqs import SqsDoorbell
from functions.shared.steps import Context as StepContext
from functions.shared.steps import Done
from functions.sweeper.app import Opened, Sweeper
from tests.dispatch.conftest import SIGNER, Bell, doorbell, invoke, records
from tests.e2e.faults import Crash
from tests.sql.actors import Runner as SqlRunner

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import asyncpg

    from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
    from functions.shared.db.port import Database
    from functions.shared.dispatch.doorbell import Doorbell
    from functions.shared.jsonvalue import Json, JsonObject
    from tests.dispatch.conftest import LambdaRunner, Queues
    from tests.e2e.tenant import Tenant

pytestmark = pytest.mark.usefixtures("deployed")

ONE_STEP = "name: one\nsteps: {a: {transform: 1}}"
NONE = {"batchItemFailures": []}


class Clock:
    """How many minutes the database's clock is ahead for those who look at this one."""

    minutes = 0.0


class Shifted:
    """A database whose clock is ahead, for kernel verbs."""

    def __init__(self, url: str, clock: Clock, inner: Database) -> None:
        self.url, self.clock, self.inner = url, clock, inner
        self.runner: SqlRunner | None = None
        self.turn = asyncio.Lock()

    async def kernel(self, verb: str, payload: JsonObject) -> Json:
        async with self.turn:
            self.runner = self.runner or await SqlRunner.connect(self.url)
            await self.runner.shift(f"{self.clock.minutes} minutes")
            return await self.runner.kernel(verb, payload)

    async def close(self) -> None:
        await self.inner.close()
        if self.runner is not None:
            await self.runner.db.close()


class SweeperAt(Sweeper):
    """The sweeper by another clock."""

    def __init__(self, shifted: Callable[[Database], Shifted], bell: Doorbell | None, **options: Any) -> None:
        super().__init__(bell, **options)
        self._shifted = shifted

    async def open(self) -> Opened:
        opened = await super().open()
        return replace(opened, db=self._shifted(opened.db))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shifted(module_db_url: str, authenticator_url: Callable[[str], str], clock: Clock) -> Callable[[Database], Shifted]:
    """Puts the clock before a database."""
    return lambda db: Shifted(authenticator_url(module_db_url), clock, db)


@pytest.fixture
async def sweeper_with(
    superuser: asyncpg.Connection, shifted: Callable[[Database], Shifted]
) -> AsyncIterator[Callable[..., Sweeper]]:
    """Makes sweepers, which see no frames of the tests before."""
    await superuser.execute("truncate plane.frames")
    made: list[Sweeper] = []

    def make(bell: Bell | None = None, **options: Any) -> Sweeper:
        made.append(SweeperAt(shifted, bell, **options))
        return made[-1]

    yield make
    for sweeper in made:
        await asyncio.to_thread(sweeper.close)


async def start_many(tenant: Tenant, count: int, text: str = ONE_STEP) -> list[str]:
    version = await tenant.define(text)
    return [await tenant.start(version) for _ in range(count)]


async def test_when_every_doorbell_is_lost_all_executions_still_end(
    tenant: Tenant,
    sweeper_with: Callable[..., Sweeper],
    runner_with: Callable[..., LambdaRunner],
    shifted: Callable[[Database], Shifted],
    clock: Clock,
    bell: Bell,
) -> None:
    await tenant.define("name: leaf\nsteps: {l: {transform: 1}}")
    executions = await start_many(
        tenant,
        5,
        "name: nap\nsteps: {s: {workflow: {ref: leaf}}, nap: {wait: {for: 90s}, needs: [s]}, a: {transform: 2}}",
    )
    swept = Bell()
    runner, sweeper = runner_with(wrap=shifted), sweeper_with(swept)
    minute = 0
    for minute in range(1, 12):
        clock.minutes = minute
        await invoke(sweeper, {})
        for n, due in enumerate(swept.take()):
            body = doorbell(str(due["execution_id"]), frame=str(due["frame"]))
            await invoke(runner, records(body, first=minute * 100 + n))
        if all([(await tenant.get(each))["status"] == "succeeded" for each in executions]):
            break
    assert [(await tenant.get(each))["status"] for each in executions] == ["succeeded"] * 5
    assert minute <= 5
    assert bell.rung, "they rang, and nobody heard"


async def test_a_backlog_in_a_slow_queue_is_rung_for_ever_later_and_makes_no_storm(
    tenant: Tenant, sweeper_with: Callable[..., Sweeper], clock: Clock, bell: Bell
) -> None:
    """200 frames are due and were rung for, and for an hour the queue delivers nothing: runners are throttled."""
    await start_many(tenant, 200)
    sweeper = sweeper_with(bell)
    rung_at = []
    for minute in (0.4, *range(1, 60)):  # after 24 s a doorbell may still be on its way
        clock.minutes = minute
        await invoke(sweeper, {})
        rung_at += [minute] * len(bell.take())
    expected = [1, 2, 4, 8, 16, 31, 46]  # after 1, 2, 4, 8, 15, 15 minutes; every minute would be 12,000 messages
    assert rung_at == [minute for minute in expected for _ in range(200)]


async def test_a_deep_queue_gets_a_trickle_and_the_other_one_all_it_needs(
    tenant: Tenant,
    superuser: asyncpg.Connection,
    sweeper_with: Callable[..., Sweeper],
    clock: Clock,
    queues: Queues,
    deployed: pytest.MonkeyPatch,
) -> None:
    executions = await start_many(tenant, 60)
    await superuser.execute(
        "update plane.frames set queue = 'llm' where execution_id = any($1::uuid[])", executions[:25]
    )
    use(deployed, queues)
    fill = [{"execution_id": executions[0], "frame": str(n), "queue": "default", "org_id": ""} for n in range(31)]
    await SqsDoorbell(queues.urls, SIGNER).ring(fill)
    clock.minutes = 5
    answer = await invoke(sweeper_with(deep=30), {})
    assert answer["rung"] == 20 + 25
    assert queues.attribute("llm", "ApproximateNumberOfMessages") == 25
    assert queues.attribute("default", "ApproximateNumberOfMessages") == 31 + 20


async def test_a_queue_that_does_not_tell_its_depth_gets_a_trickle(
    tenant: Tenant,
    sweeper_with: Callable[..., Sweeper],
    clock: Clock,
    bell: Bell,
    deployed: pytest.MonkeyPatch,
    aws_at: Callable[[str], None],
) -> None:
    await start_many(tenant, 30)
    aws_at("http://127.0.0.1:9")
    deployed.setenv("AGENTPLANE_QUEUE_URLS", '{"default": "http://127.0.0.1:9/1/default"}')
    settings.cache_clear()
    clock.minutes = 5
    assert (await invoke(sweeper_with(bell), {}))["rung"] == 20


async def test_a_sweep_ends_before_its_invocation_does(
    tenant: Tenant, sweeper_with: Callable[..., Sweeper], clock: Clock, bell: Bell
) -> None:
    await start_many(tenant, 2)
    clock.minutes = 5
    sweeper = sweeper_with(bell)
    assert (await invoke(sweeper, {}, seconds=4))["rung"] == 0, "5 s are kept"
    assert (await invoke(sweeper, {}, seconds=30))["rung"] == 2


# Dead letters


async def claim(db: AsyncpgDatabase, execution: str, claim_ref: str) -> None:
    claimed = await kernel.claim(
        db, execution_id=execution, frame="", queue="default", claim_ref=claim_ref, owner="dead", lease_s=300
    )
    assert isinstance(claimed, kernel.Claimed)


async def test_a_dead_letter_frees_what_its_last_delivery_held_and_rings_later(
    tenant: Tenant, sweeper_with: Callable[..., Sweeper], superuser: asyncpg.Connection, bell: Bell
) -> None:
    held, others = await start_many(tenant, 2)
    await claim(tenant.db, held, "m0:5:ab")
    await claim(tenant.db, others, "m9:1:ab")
    event = records(doorbell(held), doorbell(others), delivery=6)
    sweeper = sweeper_with(bell)
    assert await invoke(sweeper, event) == NONE
    assert [(each["execution_id"], delay) for each, delay in zip(bell.rung, bell.delays, strict=True)] == [(held, 60)]
    rows = dict(await superuser.fetch("select execution_id::text, status from plane.frames where status <> 'done'"))
    assert rows == {held: "ready", others: "running"}

    bell.take()
    assert await invoke(sweeper, event) == NONE
    assert bell.rung == [], "and once is enough: the sweep does the rest"


async def test_dead_letters_of_nobody_are_dropped_and_of_a_database_that_is_away_come_again(
    tenant: Tenant,
    sweeper_with: Callable[..., Sweeper],
    bell: Bell,
    deployed: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    [execution] = await start_many(tenant, 1)
    event = records("poison", doorbell(execution) | {"sig": "x"}, SIGNER.signed({"chore": "triggers"}), delivery=6)
    assert await invoke(sweeper_with(bell), event) == NONE
    log = capsys.readouterr().err
    assert (log.count('"event": "message_dropped"'), log.count('"event": "dead_letter"')) == (2, 1)

    deployed.setenv("AGENTPLANE_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    settings.cache_clear()
    away = Sweeper(bell)
    answer = await invoke(away, records(doorbell(execution), first=3))
    await asyncio.to_thread(away.close)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m3"}]}


async def test_a_step_that_kills_every_process_ends_as_a_crash_loop_however_its_messages_are_delivered(
    tenant: Tenant,
    sweeper_with: Callable[..., Sweeper],
    runner_with: Callable[..., LambdaRunner],
    clock: Clock,
    bell: Bell,
) -> None:
    """Deliveries 1 to 5 of each message die, the dead letter is buried and rung again."""
    runs = 0

    async def die(config: JsonObject, context: StepContext) -> Done:
        nonlocal runs
        del config, context
        runs += 1
        raise Crash

    [execution] = await start_many(tenant, 1, "name: deadly\nsteps: {a: {code: {python: '1'}}}")
    sweeper, runner = sweeper_with(bell), runner_with(handlers={"code": die})
    for message in range(4):
        for delivery in range(1, 6):
            with suppress(Crash):
                await invoke(runner, records(doorbell(execution), delivery=delivery, first=message))
        await invoke(sweeper, records(doorbell(execution), delivery=6, first=message))
    ended = await tenant.get(execution)
    assert (ended["status"], ended["error"]["code"]) == ("failed", "crash_loop")
    assert 5 <= runs <= 8
    assert len(bell.take()) == 1, "of the one message whose deliveries all died"


def use(deployed: pytest.MonkeyPatch, queues: Queues) -> None:
    deployed.setenv("AGENTPLANE_QUEUE_URLS", json.dumps(queues.urls))
    settings.cache_clear()
