"""Races between two and more real connections: what broke earlier drafts of the engine, each with its count.

`AGENTPLANE_RACE_ROUNDS` multiplies nothing: it is the number of rounds of every race (300 unless told).
"""

from __future__ import annotations

import asyncio
import json
import os
import random
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from tests.sql.actors import Held, Plane, Runner, Tenant, approval, child, event, record, shards, timer

if TYPE_CHECKING:
    from collections.abc import Awaitable

ROUNDS = int(os.environ.get("AGENTPLANE_RACE_ROUNDS", "300"))


async def together(*calls: Awaitable[Any]) -> list[Any]:
    """Start all calls at once, in a random order; an error of the plane is an answer, anything else is not."""

    async def one(call: Awaitable[Any]) -> Any:
        try:
            return await call
        except asyncpg.PostgresError as error:
            if not (error.sqlstate or "").startswith("PT"):
                raise
            return error

    tasks: dict[int, asyncio.Task[Any]] = {}
    for n in random.sample(range(len(calls)), len(calls)):
        tasks[n] = asyncio.create_task(one(calls[n]))
        if random.random() < 0.5:
            await asyncio.sleep(random.random() * 0.0005)
    return [await tasks[n] for n in range(len(calls))]


def code_of(error: asyncpg.PostgresError) -> str:
    return json.loads(error.detail or "{}")["code"]


async def test_no_answer_is_lost_against_the_park(plane: Plane, runner: Runner, tenant: Tenant, version: str) -> None:
    signallers = [await plane.tenant(tenant.org) for _ in range(3)]
    frames = await runner.claim_each(await tenant.start_each(version, ROUNDS))
    await runner.checkpoint_each(frames, open=[approval(f"a{n}") for n in range(3)])
    parked_first = 0
    for held in frames:
        answers = await together(
            held.checkpoint("waiting"), *(who.decide(held.execution_id, f"a{n}") for n, who in enumerate(signallers))
        )
        park, signals = answers[0], answers[1:]
        assert [signal["status"] for signal in signals] == ["answered"] * 3
        assert [len(signal["due"]) for signal in signals] == [1] * 3
        if park["status"] == "waiting":
            parked_first += 1
        else:
            told = {wait["token"] for wait in park["answered"]}
            again = await held.checkpoint("waiting")
            assert (again["status"] == "running") == (len(told) < 3)
    assert await plane.db.fetchval("select count(*) from plane.frames where has_answers and status = 'waiting'") == 0
    assert 0 < parked_first < ROUNDS, "both orders must have happened"


async def test_a_park_in_one_statement_would_lose_the_answer(
    plane: Plane, runner: Runner, tenant: Tenant, version: str
) -> None:
    """The control: read the waits in the statement that takes the lock, and the answer of the moment is not seen."""
    await plane.db.execute("""
        create function plane.park_in_one_statement(p_execution_id uuid) returns text language sql as $$
          with news as (select exists (
            select from plane.waits where execution_id = p_execution_id and answered_at is not null) as is_news)
          update plane.frames set status = case when is_news then 'running' else 'waiting' end
          from news where execution_id = p_execution_id and frame = '' returning status $$""")
    for is_ours in (False, True):
        held = await runner.claim(await tenant.start(version))
        await held.checkpoint(open=[approval()])
        signaller, parker = await plane.tenant(tenant.org), await plane.runner()
        answering = signaller.db.transaction()
        await answering.start()
        await signaller.decide(held.execution_id, "approve")
        if is_ours:
            parking = asyncio.create_task(parker.kernel("checkpoint", held.payload("waiting")))
        else:
            parking = asyncio.create_task(
                plane.db.fetchval("select plane.park_in_one_statement($1)", held.execution_id)
            )
        await asyncio.sleep(0.05)
        await answering.commit()
        parked = await parking
        if is_ours:
            assert (parked["status"], len(parked["answered"])) == ("running", 1)
        else:
            assert parked == "waiting", "the control must lose it"
            await plane.db.execute(
                "update plane.frames set status = 'running' where execution_id = $1", held.execution_id
            )


async def test_a_wait_is_closed_once_by_answer_or_timeout_or_cancel(
    plane: Plane, runner: Runner, tenant: Tenant, version: str
) -> None:
    approver, canceller, owner = await plane.tenant(tenant.org), await plane.tenant(tenant.org), await plane.runner()
    await owner.shift("2 seconds")
    frames = await runner.claim_each(await tenant.start_each(version, ROUNDS))
    await runner.checkpoint_each(frames, open=[approval(deadline_ms=1_900)])
    outcomes: dict[str, int] = {}
    for n, held in enumerate(frames):
        held.runner = owner
        calls: list[Awaitable[Any]] = [held.checkpoint("waiting"), approver.decide(held.execution_id, "approve")]
        if n % 2:
            calls.append(canceller.cancel(held.execution_id))
        park, decision, *_ = await together(*calls)
        wait = await plane.wait(held.execution_id, "0:approve:1")
        outcomes[wait["outcome"]] = outcomes.get(wait["outcome"], 0) + 1
        if isinstance(decision, asyncpg.PostgresError):
            assert code_of(decision) == "wait_closed"
            assert wait["outcome"] in ("timed_out", "cancelled")
        else:
            assert (decision["status"], wait["outcome"]) == ("answered", "approve")
        assert park["ok"]
    assert outcomes["approve"] > 0
    assert outcomes["timed_out"] > 0


async def test_no_event_slips_between_publishing_and_subscribing(
    plane: Plane, runner: Runner, tenant: Tenant, version: str
) -> None:
    publisher = await plane.tenant(tenant.org)
    frames = await runner.claim_each(await tenant.start_each(version, ROUNDS))
    before = 0
    for n, held in enumerate(frames):
        park, published = await together(
            held.checkpoint("waiting", open=[event(f"paid-{n}")]), publisher.publish(f"paid-{n}")
        )
        opened = await plane.db.fetchval(
            "select feed_id from plane.events where execution_id = $1 and type = 'wait.opened'", held.execution_id
        )
        is_earlier = int(published["id"]) < opened
        before += is_earlier
        assert published["matched"] == (0 if is_earlier else 1)
        assert park["status"] == "waiting"
        assert len(published["due"]) == published["matched"]
    assert 0 < before < ROUNDS, "both orders must have happened"


async def test_a_signal_is_taken_or_answers_but_never_lies_beside_an_open_wait(
    plane: Plane, runner: Runner, tenant: Tenant, version: str
) -> None:
    frames = await runner.claim_each(await tenant.start_each(version, ROUNDS))
    queued = 0
    for held in frames:
        park, signal = await together(
            held.checkpoint("waiting", open=[event()]), tenant.signal(held.execution_id, "paid", {"n": 1})
        )
        if signal["status"] == "queued":
            queued += 1
            assert (park["status"], park["answered"][0]["payload"]) == ("running", {"n": 1})
        else:
            assert (park["status"], len(signal["due"])) == ("waiting", 1)
    assert 0 < queued < ROUNDS, "both orders must have happened"


async def test_groups_and_a_person_on_one_frame_always_come_to_an_end(
    plane: Plane, runner: Runner, tenant: Tenant, version: str
) -> None:
    rounds = max(20, ROUNDS // 6)
    hands = [await plane.runner(f"hand-{n}") for n in range(6)]
    canceller = await plane.tenant(tenant.org)
    frames = await runner.claim_each(await tenant.start_each(version, rounds))
    await runner.checkpoint_each(frames, "waiting", open=[shards(3, "x"), shards(3, "y"), approval()])
    for n, held in enumerate(frames):
        names = [f"{path}/{part}" for path in "xy" for part in range(3)]
        parts = [await hand.claim(held.execution_id, name) for hand, name in zip(hands, names, strict=True)]
        calls: list[Awaitable[Any]] = [
            part.finish("failed" if n % 5 == 0 and part.frame == "x/1" else "succeeded", records=[record(part.frame)])
            for part in parts
        ]
        calls.append(tenant.decide(held.execution_id, "approve"))
        if n % 2:
            calls.append(canceller.cancel(held.execution_id))
        await together(*calls)
        await run_to_its_end(plane, runner, held.execution_id)
    assert await plane.db.fetchval("select count(*) from plane.frames where status <> 'done'") == 0


async def run_to_its_end(plane: Plane, runner: Runner, execution_id: str) -> None:
    """Do what an owner would: take the frame over, however it is held, and end it when it has nothing to wait for."""
    for _ in range(10):
        frame = await plane.frame(execution_id)
        if frame["status"] == "done":
            return
        if frame["status"] == "running":  # adopted by one of the hands
            held = Held(runner, {"execution_id": execution_id, "frame": "", "epoch": frame["epoch"]}, frame["seq"])
        else:
            held = await runner.claim(execution_id)
        waits = json.loads(
            await plane.db.fetchval(
                "select coalesce(jsonb_agg(token), '[]')::text from plane.waits"
                " where execution_id = $1 and answered_at is null",
                execution_id,
            )
        )
        if waits:
            assert (await held.checkpoint("waiting"))["ok"]
        else:
            await held.finish("cancelled" if frame["cancel_requested"] else "succeeded")
    pytest.fail("it never ended")


async def test_a_slow_owner_and_a_claim_never_both_hold_the_frame(
    plane: Plane, runner: Runner, tenant: Tenant, version: str
) -> None:
    rounds = ROUNDS // 2
    claimers = [await plane.runner(f"claimer-{n}") for n in range(2)]
    frames = await runner.claim_each(await tenant.start_each(version, rounds), lease_seconds=0.001)
    await asyncio.sleep(0.01)
    swept = 0
    while swept < rounds:
        swept += len((await runner.kernel("sweep", {"limit": 1000, "per_org": 1000}))["due"])
    kept = 0
    for held in frames:
        slow, *claims = await together(
            held.checkpoint(records=[record("a", "slow")]), *(who.try_claim(held.execution_id) for who in claimers)
        )
        won = [claim for claim in claims if claim["ok"]]
        assert len(won) <= 1
        if slow["ok"] and won:
            # The slow owner was first to write, and was evicted then: the winner knows what it wrote.
            assert [row["path"] for row in won[0]["records"]] == ["a"]
        if not slow["ok"]:
            assert len(won) == 1
            assert won[0]["records"] == []
        kept += slow["ok"]
        epoch = (await plane.frame(held.execution_id))["epoch"]
        assert epoch == (won[0]["epoch"] if won else held.epoch)
    assert 0 < kept < rounds, "both orders must have happened"


async def test_a_feed_below_the_snapshot_s_horizon_misses_nothing(plane: Plane, tenant: Tenant, version: str) -> None:
    writers = [await plane.tenant(tenant.org) for _ in range(4)]
    stop = asyncio.Event()

    async def write(writer: Tenant) -> None:
        for _ in range(ROUNDS // 4):
            async with writer.db.transaction():
                await writer.start(version)
                await asyncio.sleep(random.random() * 0.002)

    async def is_behind() -> bool:
        held = "select exists (select from plane.events where xid >= pg_snapshot_xmin(pg_current_snapshot()))"
        return await plane.db.fetchval(held)

    async def read() -> list[int]:
        seen: list[int] = []
        cursor = ("0", 0)
        last = False
        while not last:
            # The horizon is the server's: other databases' transactions may hold it back after the last write.
            last = stop.is_set() and not await is_behind()
            rows = await plane.db.fetch(
                "select xid::text, feed_id from plane.events where (xid, feed_id) > ($1::text::xid8, $2)"
                " and xid < pg_snapshot_xmin(pg_current_snapshot()) order by xid, feed_id",
                *cursor,
            )
            seen += [row["feed_id"] for row in rows]
            cursor = (rows[-1]["xid"], rows[-1]["feed_id"]) if rows else cursor
            await asyncio.sleep(0)
        return seen

    reading = asyncio.create_task(read())
    await asyncio.gather(*(write(writer) for writer in writers))
    stop.set()
    seen = await reading
    assert sorted(seen) == await plane.db.fetchval("select array_agg(feed_id order by feed_id) from plane.events")


async def test_a_feed_by_id_would_miss_what_commits_late(plane: Plane, tenant: Tenant, version: str) -> None:
    """The control: the smaller id commits after the larger one was read."""
    late = await plane.tenant(tenant.org)
    open_ = late.db.transaction()
    await open_.start()
    first = await late.start(version)
    second = await tenant.start(version)
    by_id = "select execution_id::text from plane.events where feed_id > $1 order by feed_id"
    by_horizon = (
        "select execution_id::text from plane.events"
        " where xid < pg_snapshot_xmin(pg_current_snapshot()) order by xid, feed_id"
    )
    assert [row[0] for row in await plane.db.fetch(by_id, 0)] == [second]
    assert await plane.db.fetch(by_horizon) == []
    seen_up_to = await plane.db.fetchval("select max(feed_id) from plane.events")
    await open_.commit()
    assert await plane.db.fetch(by_id, seen_up_to) == [], "the control must miss it"
    found: list[str] = []
    for _ in range(200):  # the horizon is the server's: transactions of other databases hold it back for a moment
        found = [row[0] for row in await plane.db.fetch(by_horizon)]
        if len(found) == 2:
            break
        await asyncio.sleep(0.02)
    assert found == [first, second]


async def test_cancelling_and_opening_below_never_leave_an_orphan(
    plane: Plane, runner: Runner, tenant: Tenant, version: str
) -> None:
    rounds = ROUNDS // 3
    canceller = await plane.tenant(tenant.org)
    frames = await runner.claim_each(await tenant.start_each(version, rounds))
    escaped = 0
    for n, held in enumerate(frames):
        opened, _ = await together(
            held.checkpoint(open=[child() if n % 2 else shards(2)]), canceller.cancel(held.execution_id)
        )
        assert (await plane.frame(held.execution_id))["cancel_requested"]
        escaped += len(opened["due"]) > 0
        ended = await held.finish("cancelled")
        while ended["status"] != "done":  # what got away before the cancel is stopped by the drain
            for bell in opened["due"]:
                below = await runner.claim(bell["execution_id"], bell["frame"])
                assert below.claimed["cancel"] == "cancelled"
                answer = await below.finish("cancelled")
            ended = await runner.adopt(answer).finish("cancelled")
    assert 0 < escaped < rounds, "both orders must have happened"
    assert await plane.db.fetchval("select count(*) from plane.executions where status <> 'cancelled'") == 0


async def test_the_same_checkpoint_twice_at_once_is_written_once(
    plane: Plane, runner: Runner, tenant: Tenant, version: str
) -> None:
    other = await plane.runner()
    frames = await runner.claim_each(await tenant.start_each(version, ROUNDS // 3))
    for held in frames:
        payload = held.payload("waiting", records=[record("a", cost_usd=1)], open=[timer(60_000)])
        first, second = await together(runner.kernel("checkpoint", payload), other.kernel("checkpoint", payload))
        first.pop("due_in_ms"), second.pop("due_in_ms")
        assert first == second
    row = await plane.row("select count(*), (select sum(spent_usd) from plane.frames) as spent from plane.checkpoints")
    assert (row["count"], row["spent"]) == (len(frames), len(frames))


async def test_votes_at_once_are_all_counted(plane: Plane, runner: Runner, tenant: Tenant, version: str) -> None:
    voters = [await plane.tenant(tenant.org) for _ in range(3)]
    frames = await runner.claim_each(await tenant.start_each(version, ROUNDS // 5))
    await runner.checkpoint_each(frames, "waiting", open=[approval(data={"outcomes": ["approve"], "quorum": 3})])
    for held in frames:
        votes = await together(*(voter.decide(held.execution_id, "approve") for voter in voters))
        assert sorted(vote["status"] for vote in votes) == ["answered", "voted", "voted"]
