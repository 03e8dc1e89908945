"""What queues may do to an execution: deliver twice, late, in another order or not at all; throttle, and give up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from functions.local_lambda.faults import Faults
from functions.local_lambda.lineage import LOOP, Lineage, hops_of
from functions.local_lambda.queue_source import failures_of
from tests.local_lambda.desk import Desk

if TYPE_CHECKING:
    from tests.functions.running import Plane
    from tests.local_lambda.running import Lambda

pytestmark = pytest.mark.usefixtures("kept_rules")

QUEUE = "agentplane-dev-default"
ONE = "name: one\ninput: {url: string}\nsteps:\n  call: {http: {method: POST, url: '${{ input.url }}'}, timeout: 5s}\n"


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    made = await Desk().start()
    yield made
    await made.stop()


@asynccontextmanager
async def faults(lambda_: Lambda, **chances: Any) -> AsyncIterator[Faults]:
    """Let these faults happen for a while."""
    known = lambda_.local.faults
    before = {name: getattr(known, name) for name in chances}
    for name, value in chances.items():
        setattr(known, name, value)
    yield known
    for name, value in before.items():
        setattr(known, name, value)


async def start_some(plane: Plane, desk: Desk, count: int) -> list[str]:
    await plane.store(ONE)
    started = await asyncio.gather(*(plane.start("one", input={"url": f"{desk.url}/{n}"}) for n in range(count)))
    return [execution["id"] for execution in started]


async def all_succeed(
    plane: Plane, executions: list[str], meanwhile: Callable[[], Awaitable[None]] | None = None
) -> None:
    open_ = "select count(*) from plane.executions where id = any($1::uuid[]) and status = 'running'"
    async with asyncio.timeout(60):
        while await plane.org.connection.fetchval(open_, executions):
            await asyncio.sleep(0.05 if meanwhile is None else 0.5)
            if meanwhile is not None:
                await meanwhile()
    for execution in executions:
        ended = await plane.get(f"/api/executions/{execution}")
        assert ended["status"] == "succeeded", ended


async def minutes_pass(plane: Plane, lambda_: Lambda) -> None:
    """Let the minute come in which the sweeper finds what nobody was told of."""
    await plane.org.connection.execute(
        "update plane.frames set due_at = due_at - interval '20 minutes' where org_id = $1::uuid and status = 'ready'",
        plane.org.id,
    )
    await lambda_.do(lambda_.local.tick("sweeper"))


async def test_messages_that_come_twice_and_in_another_order_do_nothing_twice(
    plane: Plane, desk: Desk, lambda_: Lambda
):
    async with faults(lambda_, duplicate=1.0, is_reordering=True, late=0.5):
        await all_succeed(plane, await start_some(plane, desk, 8))

    assert lambda_.local.faults.done["duplicate"] >= 8
    assert dict(desk.calls) == {f"/{n}": 1 for n in range(8)}


async def test_throttled_messages_come_again(plane: Plane, desk: Desk, lambda_: Lambda):
    runner = lambda_.local.functions["runner"]
    before, throttled = runner.reserved, lambda_.local.ledger.throttled["runner"]
    source = lambda_.local.sources[QUEUE]
    runner.reserved, source.batch_size = 1, 1
    try:
        for n in range(6):
            desk.close(f"/{n}")
        executions = await start_some(plane, desk, 6)
        async with asyncio.timeout(20):
            while lambda_.local.ledger.throttled["runner"] == throttled:  # noqa: ASYNC110  it is in another loop
                await asyncio.sleep(0.02)
        for n in range(6):
            desk.open(f"/{n}")
        # Each throttled delivery counts: messages are given up, and the sweeper rings for what they were about.
        await all_succeed(plane, executions, lambda: minutes_pass(plane, lambda_))
    finally:
        runner.reserved, source.batch_size = before, 10

    assert dict(desk.calls) == {f"/{n}": 1 for n in range(6)}


async def test_lost_messages_are_found_by_the_sweeper(plane: Plane, desk: Desk, lambda_: Lambda):
    async with faults(lambda_, lost=1.0):
        executions = await start_some(plane, desk, 3)
    assert not desk.calls
    await minutes_pass(plane, lambda_)
    await all_succeed(plane, executions)

    assert dict(desk.calls) == {f"/{n}": 1 for n in range(3)}


async def test_a_message_whose_runners_all_die_is_given_up_and_the_execution_is_not(
    plane: Plane, desk: Desk, lambda_: Lambda
):
    dead = lambda_.setup.manifest.queues[QUEUE].dead_letters
    assert dead is not None
    source, buried = lambda_.local.sources[QUEUE], lambda_.local.sources[dead].deliveries
    source.again_after_s = 0
    async with faults(lambda_, killed=1.0, kill_within_s=0.0):
        (execution,) = await start_some(plane, desk, 1)
        async with asyncio.timeout(60):
            while lambda_.local.sources[dead].deliveries == buried:  # noqa: ASYNC110  it is in another loop
                await asyncio.sleep(0.05)
    source.again_after_s = lambda_.setup.again_after_s
    await minutes_pass(plane, lambda_)
    await all_succeed(plane, [execution])

    most = lambda_.setup.manifest.queues[QUEUE].max_receive_count
    assert lambda_.local.faults.done["killed"] >= (most or 0)
    assert desk.keys["/0"] == set(desk.keys["/0"])
    assert len(desk.keys["/0"]) == 1


async def test_a_chain_of_twenty_invocations_loses_nothing(plane: Plane, desk: Desk, lambda_: Lambda):
    steps = "".join(
        f"  s{n}: {{needs: [{f's{n - 1}' if n else ''}], timeout: 6s,"
        f" http: {{method: POST, url: '${{{{ input.url }}}}/s{n}'}}}}\n"
        for n in range(20)
    )
    await plane.store(f"name: chain\ninput: {{url: string}}\nsteps:\n{steps}")
    runner = lambda_.local.functions["runner"]
    seen = len(lambda_.local.ledger.invocations)
    await lambda_.do(runner.change(timeout_s=9))  # with 3 s for the last checkpoint, a second step has no time
    try:
        started = await plane.start("chain", input={"url": desk.url})
        ended = await plane.until(started["id"], "succeeded", "failed")
    finally:
        await lambda_.do(runner.restore())

    assert ended["status"] == "succeeded", ended
    assert dict(desk.calls) == {f"/s{n}": 1 for n in range(20)}
    ran = [one for one in lambda_.local.ledger.invocations[seen:] if one.function == "runner"]
    assert len(ran) >= 20
    assert max(one.hops for one in ran) > LOOP, "AWS would have stopped this chain without RecursiveLoop: Allow"


async def test_the_time_limit_in_the_middle_repeats_nothing_that_was_recorded(
    plane: Plane, desk: Desk, lambda_: Lambda, superuser: asyncpg.Connection
):
    document = (
        "name: late\ninput: {url: string}\ndefaults: {timeout: 30s, retry: {max_attempts: 3, first: 10ms}}\nsteps:\n"
        "  before: {http: {method: POST, url: '${{ input.url }}/before'}}\n"
        "  slow: {needs: [before], http: {method: POST, url: '${{ input.url }}/slow'}}\n"
    )
    await plane.store(document)
    desk.close("/slow")
    runner = lambda_.local.functions["runner"]
    await lambda_.do(runner.change(timeout_s=4.5))
    seen = len(lambda_.local.ledger.invocations)

    def errors() -> set[str]:
        return {one.error for one in lambda_.local.ledger.invocations[seen:]}

    started = await plane.start("late", input={"url": desk.url})
    await desk.asked("/slow")
    async with superuser.transaction():  # the step ends, and its checkpoint does not get through
        await superuser.execute("select from plane.frames where execution_id = $1::uuid for update", started["id"])
        desk.open("/slow")
        async with asyncio.timeout(20):
            while "Sandbox.Timedout" not in errors():  # noqa: ASYNC110  it is in another loop
                await asyncio.sleep(0.05)
        await lambda_.do(runner.restore())
    ended = await plane.until(started["id"], "succeeded", "failed")

    assert ended["status"] == "succeeded", ended
    assert desk.calls["/before"] == 1
    assert desk.calls["/slow"] <= 2  # 1: the checkpoint came through after its sender was gone
    assert len(desk.keys["/slow"]) == 1


@pytest.mark.parametrize(
    ("answer", "again"),
    [
        (b"null", set()),
        (b'{"batchItemFailures": []}', set()),
        (b'{"batchItemFailures": [{"itemIdentifier": "a"}]}', {"a"}),
        (b'{"batchItemFailures": [{"itemIdentifier": "x"}]}', {"a", "b"}),
        (b'{"batchItemFailures": [{"id": "a"}]}', {"a", "b"}),
        (b"not json", {"a", "b"}),
    ],
)
def test_what_a_function_answers_decides_which_messages_come_again(answer: bytes, again: set[str]):
    assert failures_of(answer, {"a", "b"}) == again


def test_a_chain_is_counted_by_its_trace_and_a_new_one_starts_at_one():
    lineage = Lineage()
    for visit in range(1, LOOP + 2):
        trace, hops = lineage.next(["m"], QUEUE)
        lineage.note("m", trace)
        assert (hops, hops_of(trace, QUEUE), hops_of(trace, "another")) == (visit, visit, 0)
    assert lineage.next(["another"], QUEUE)[1] == 1
