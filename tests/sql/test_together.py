"""Many frames in one statement: the plain calls of a group happen, the others are told to come alone, nobody waits."""

from __future__ import annotations

import asyncio
import json
import random
from decimal import Decimal
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.sql.actors import Held, Json, Plane, Runner, Tenant, approval, record, timer
from tests.sql.test_costs import counted
from tests.sql.test_races import ROUNDS

if TYPE_CHECKING:
    from collections.abc import Sequence


async def together(runner: Runner, checkpoints: Sequence[Json] = (), claims: Sequence[Json] = ()) -> Json:
    return await runner.kernel("move_together", {"checkpoints": list(checkpoints), "claims": list(claims)})


async def write(runner: Runner, checkpoints: Sequence[Json]) -> list[Json | None]:
    return (await together(runner, checkpoints))["checkpoints"]


async def held_frames(runner: Runner, tenant: Tenant, version: str, count: int) -> list[Held]:
    return await runner.claim_each(await tenant.start_each(version, count))


def new_claim(runner: Runner, execution: str, **more: object) -> Json:
    return runner.claim_payload(execution, known=["1"], **more)


async def test_sixty_four_checkpoints_are_one_statement_and_one_commit(
    plane: Plane, runner: Runner, tenant: Tenant, version: str
) -> None:
    frames = await held_frames(runner, tenant, version, 64)
    statements = counted(runner)
    answers = await write(runner, [held.payload(records=[record("a", n)]) for n, held in enumerate(frames)])
    assert await statements() == 1
    assert [answer and (answer["ok"], answer["seq"], answer["status"]) for answer in answers] == [
        (True, 1, "running")
    ] * 64
    written = await plane.row("select count(*) as rows, count(distinct xmin::text) as commits from plane.checkpoints")
    assert written == {"rows": 64, "commits": 1}


async def test_an_answer_is_the_one_that_a_call_alone_gets(runner: Runner, tenant: Tenant, version: str) -> None:
    one, other = await held_frames(runner, tenant, version, 2)
    records = [record("a", {"n": 1}, cost_usd="0.25", model="m", input_tokens=3), record("a"), record("b")]
    alone = await one.checkpoint(records=records)
    (grouped,) = await write(runner, [other.payload(records=records)])
    assert grouped == alone
    assert alone["conflicts"] == ["a"]
    alone = await one.finish(output={"done": True})
    other.seq = 1
    (grouped,) = await write(
        runner, [other.payload("done", finish={"status": "succeeded", "output": {"done": True}, "error": None})]
    )
    assert grouped == alone


async def test_claims_alone_and_together_say_the_same(runner: Runner, tenant: Tenant, version: str) -> None:
    one, other = await tenant.start_each(version, 2)
    alone = await runner.kernel("claim", new_claim(runner, one))
    (grouped,) = (await together(runner, claims=[new_claim(runner, other)]))["claims"]
    differs = {"execution_id", "root_execution_id", "now", "deadline_in_ms", "lease_ms"}
    assert grouped.keys() == alone.keys()
    assert {key for key in alone if alone[key] != grouped[key]} <= differs
    assert grouped["document"] is None


async def test_a_stale_one_comes_alone_and_the_others_commit(runner: Runner, tenant: Tenant, version: str) -> None:
    frames = await held_frames(runner, tenant, version, 3)
    zombie = frames[1].payload(records=[record("a")]) | {"epoch": 0}
    answers = await write(
        runner, [frames[0].payload(records=[record("a")]), zombie, frames[2].payload(records=[record("a")])]
    )
    assert [answer is not None for answer in answers] == [True, False, True]
    assert await runner.kernel("checkpoint", zombie) == {"ok": False, "reason": "stale"}


async def test_a_zombie_in_a_group_writes_nothing(plane: Plane, runner: Runner, tenant: Tenant, version: str) -> None:
    zombie, other = await held_frames(runner, tenant, version, 2)
    await runner.shift("1 minute")
    await runner.claim(zombie.execution_id)
    answers = await write(runner, [zombie.payload(records=[record("z")]), other.payload(records=[record("o")])])
    assert answers[0] is None
    assert await plane.db.fetchval("select array_agg(path) from plane.checkpoints") == ["o"]


async def test_a_path_that_was_recorded_is_named_and_the_others_commit(
    plane: Plane, runner: Runner, tenant: Tenant, version: str
) -> None:
    one, other = await held_frames(runner, tenant, version, 2)
    await one.checkpoint(records=[record("a", 1)])
    answers = await write(
        runner, [one.payload(records=[record("a", 2), record("b", 2)]), other.payload(records=[record("a", 3)])]
    )
    assert [answer and answer["conflicts"] for answer in answers] == [["a"], []]
    outputs = await plane.db.fetchval("select jsonb_agg(output order by path, output) from plane.checkpoints")
    assert outputs == [1, 3, 2]


async def test_a_locked_frame_makes_nobody_wait(plane: Plane, runner: Runner, tenant: Tenant, version: str) -> None:
    frames = await held_frames(runner, tenant, version, 8)
    async with plane.db.transaction():
        await plane.db.execute(
            "select from plane.frames where execution_id = $1 for no key update", frames[3].execution_id
        )
        answers = await asyncio.wait_for(write(runner, [held.payload(records=[record("a")]) for held in frames]), 2)
    assert [n for n, answer in enumerate(answers) if answer is None] == [3]
    assert (await frames[3].checkpoint(records=[record("a")]))["ok"]


async def test_a_repeated_one_gets_its_answer_alone(runner: Runner, tenant: Tenant, version: str) -> None:
    (held,) = await held_frames(runner, tenant, version, 1)
    payload = held.payload(records=[record("a")])
    (first,) = await write(runner, [payload])
    assert await write(runner, [payload]) == [None]
    assert await runner.kernel("checkpoint", payload) == first


@pytest.mark.parametrize(
    "poison",
    [
        {"records": [{"path": "a\u0000"}]},
        {"records": [record("a", duration_ms="soon")]},
        {"epoch": "x"},
        {"records": 1},
    ],
)
async def test_a_poisoned_group_writes_nothing_at_all(
    plane: Plane, runner: Runner, tenant: Tenant, version: str, poison: Json
) -> None:
    one, other = await held_frames(runner, tenant, version, 2)
    with pytest.raises(asyncpg.DataError):
        await write(runner, [one.payload(records=[record("b")]), other.payload(**poison)])
    assert await plane.db.fetchval("select count(*) from plane.checkpoints") == 0
    assert (await one.checkpoint(records=[record("b")]))["ok"]


async def test_what_is_special_comes_alone(plane: Plane, runner: Runner, tenant: Tenant, version: str) -> None:
    frames = await held_frames(runner, tenant, version, 8)
    await frames[6].checkpoint(open=[approval()])
    await tenant.decide(frames[6].execution_id, "approve")
    await frames[7].checkpoint(open=[timer(1)])
    await runner.shift("5 seconds")
    finish = {"finish": {"status": "succeeded", "output": 1, "error": None}}
    await frames[2].checkpoint(open=[approval()])
    await frames[5].checkpoint(open=[approval()])
    special = [
        frames[0].payload(open=[approval()]),
        frames[1].payload(close=["0:x:1"]),
        frames[2].payload("waiting"),
        frames[3].payload("ready"),
        frames[4].payload(records=[record("a", "x" * 3000)]),
        frames[5].payload("done", **finish),
        frames[6].payload(),
        frames[7].payload(),
    ]
    assert await write(runner, special) == [None] * 8
    assert await plane.db.fetchval("select count(*) from plane.checkpoints") == 0
    for payload in special:
        assert (await runner.kernel("checkpoint", payload))["ok"]


async def test_a_parent_does_not_end_together_while_a_child_lives(
    plane: Plane, runner: Runner, tenant: Tenant, version: str
) -> None:
    (parent,) = await held_frames(runner, tenant, version, 1)
    wait = {"token": "0:c:1", "kind": "child", "path": "c"}
    child = "00000000-0000-4000-8000-000000000001"
    await parent.checkpoint(open=[wait | {"child": {"execution_id": child, "ref": "w", "input": {}}}])
    await plane.db.execute("update plane.waits set answered_at = now(), outcome = 'answered'")
    finish = {"status": "succeeded", "output": 1, "error": None}
    assert await write(runner, [parent.payload("done", finish=finish)]) == [None]
    below = await runner.claim(child)
    assert await write(runner, [below.payload("done", finish=finish)]) == [None], "it counts its parent's wait down"


async def test_the_end_of_executions_says_what_they_cost(
    plane: Plane, runner: Runner, tenant: Tenant, version: str
) -> None:
    cheap, unknown = await held_frames(runner, tenant, version, 2)
    await cheap.checkpoint(records=[record("a", cost_usd="0.5")])
    finish = {"status": "failed", "output": None, "error": {"code": "c", "message": "m"}}
    answers = await write(
        runner,
        [
            cheap.payload("done", records=[record("b", cost_usd="0.25")], finish=finish),
            unknown.payload("done", records=[record("b", is_cost_unknown=True)], finish=finish),
        ],
    )
    assert [answer and answer["status"] for answer in answers] == ["done", "done"]
    ended = [await plane.execution(held.execution_id) for held in (cheap, unknown)]
    assert [(row["cost_usd"], row["known_cost_usd"], row["status"], row["error"]) for row in ended] == [
        (Decimal("0.75"), Decimal("0.75"), "failed", {"code": "c", "message": "m"}),
        (None, 0, "failed", {"code": "c", "message": "m"}),
    ]
    events = "select count(*) from plane.events where type = 'execution.failed' and data ->> 'code' = 'c'"
    assert await plane.db.fetchval(events) == 2


async def test_claims_that_have_something_to_load_come_alone(runner: Runner, tenant: Tenant, version: str) -> None:
    fresh, busy, worked, unknown = await tenant.start_each(version, 4)
    await runner.claim(busy)
    held = await runner.claim(worked)
    await held.checkpoint("ready", records=[record("a")])
    calls = [
        new_claim(runner, fresh),
        new_claim(runner, busy),
        new_claim(runner, worked),
        new_claim(runner, unknown) | {"known": []},
        new_claim(runner, "00000000-0000-4000-8000-000000000009"),
    ]
    claims = (await together(runner, claims=calls))["claims"]
    assert [claim is not None for claim in claims] == [True, False, False, False, False]
    assert (await runner.kernel("claim", calls[0]))["epoch"] == claims[0]["epoch"], "the same claim again"
    assert len((await runner.kernel("claim", calls[2]))["records"]) == 1


async def test_groups_that_overlap_in_any_order_never_deadlock(
    plane: Plane, runner: Runner, tenant: Tenant, version: str
) -> None:
    """Nothing waits, so nothing can wait crosswise; and of two with the same frame exactly one has it."""
    other = await plane.runner("other")
    frames = await held_frames(runner, tenant, version, 12)
    for _ in range(max(10, ROUNDS)):
        calls = [held.payload(records=[record(f"s{held.seq}", held.seq)]) for held in frames]
        backwards = list(reversed(calls))
        there, back = await asyncio.wait_for(asyncio.gather(write(runner, calls), write(other, backwards)), 5)
        for held, one, two in zip(frames, there, reversed(back), strict=True):
            assert not (one and two)
            if one or two:
                held.seq += 1
    rows = await plane.db.fetch("select execution_id::text as id, count(*) as count from plane.checkpoints group by 1")
    assert {row["id"]: row["count"] for row in rows} == {held.execution_id: held.seq for held in frames}
    deadlocks = "select deadlocks from pg_stat_database where datname = current_database()"
    assert await plane.db.fetchval(deadlocks) == 0


async def test_any_mix_of_groups_and_single_calls_leaves_the_same_rows(
    plane: Plane, runner: Runner, tenant: Tenant, version: str
) -> None:
    dice = random.Random(7)
    alone, grouped = [await held_frames(runner, tenant, version, 16) for _ in range(2)]
    for number in range(12):
        payloads: list[Json] = []
        for n in range(16):
            records = [
                record(f"s{number}_{i}" if dice.random() < 0.9 else "same", dice.choice([None, 1, "x" * 2100, [True]]))
                | {"cost_usd": dice.choice([None, "0.1", "0.000000001"]), "attempts": dice.choice([None, 1, 3])}
                for i in range(dice.randint(0, 4))
            ]
            more: Json = {"records": records, "in_flight": dice.choice([{}, {"x": {"attempt": 1}}])}
            if number == 11:
                more |= {"next": "done", "finish": {"status": "succeeded", "output": [n], "error": None}}
            payloads.append(more)
        for held, more in zip(alone, payloads, strict=True):
            await held.checkpoint(**more)
        sent = [held.payload(**more) for held, more in zip(grouped, payloads, strict=True)]
        for held, payload, answer in zip(grouped, sent, await write(runner, sent), strict=True):
            held.seq = (answer or await runner.kernel("checkpoint", payload))["seq"]
    assert await tables(plane, alone) == await tables(plane, grouped)


async def tables(plane: Plane, frames: Sequence[Held]) -> list[Json]:
    """Everything that frames have left behind, without what names them and when it was."""
    hidden = (
        "'{execution_id, root_execution_id, id, due_at, deadline_at, ended_at, created_at, feed_id, xid, at}'::text[]"
    )
    found: list[Json] = []
    for held in frames:
        row = await plane.db.fetchval(
            f"""
            select jsonb_build_object(
              'frame', (select to_jsonb(f) - {hidden} from plane.frames f where f.execution_id = e.id),
              'execution', to_jsonb(e) - {hidden},
              'checkpoints', (select jsonb_agg(to_jsonb(c) - {hidden} order by c.path) from plane.checkpoints c
                              where c.execution_id = e.id),
              'events', (select jsonb_agg(to_jsonb(v) - {hidden} order by v.feed_id) from plane.events v
                         where v.execution_id = e.id))
            from plane.executions e where e.id = $1""",
            held.execution_id,
        )
        row["frame"].pop("claim_ref")
        last = row["frame"].pop("last_checkpoint")
        found.append(row | {"last": {key: last[key] for key in ("status", "due", "conflicts")}})
    return json.loads(json.dumps(found))
