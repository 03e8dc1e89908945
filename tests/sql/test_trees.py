"""Shards, children, budgets, cancelling, draining and retrying."""

from __future__ import annotations

import uuid

import asyncpg
import pytest

from tests.sql.actors import DOCUMENT, Held, Plane, Runner, Tenant, approval, child, record, shards
from tests.sql.test_waits import refused


@pytest.fixture
async def held(runner: Runner, tenant: Tenant, version: str) -> Held:
    """A claimed execution with ten dollars."""
    return await runner.claim(await tenant.start(version, budget_usd=10))


async def test_shards_spread_and_the_last_one_adopts_the_parent(plane: Plane, runner: Runner, held: Held) -> None:
    await held.checkpoint(records=[record("list", [1, 2])])
    answer = await held.checkpoint("waiting", open=[shards(2)])
    assert [bell["frame"] for bell in answer["due"]] == ["items/0", "items/1"]
    one, two = [await runner.claim(held.execution_id, bell["frame"]) for bell in answer["due"]]
    assert one.claimed["shard"] == {"path": "items", "from": 0, "to": 1, "max_parallel": 1}
    assert [row["path"] for row in one.claimed["records"]] == ["list"]
    first = await one.finish(records=[record("items[0]", "x", parent="items")])
    assert (first["status"], first["adopted"], first["due"]) == ("done", None, [])
    last = await two.finish(records=[record("items[1]", "y", parent="items")])
    owner = runner.adopt(last)
    assert [row["path"] for row in owner.claimed["records"]] == ["list", "items[0]", "items[1]"]
    assert [(wait["kind"], wait["outcome"]) for wait in owner.claimed["waits"]] == [("shards", "answered")]
    assert owner.claimed["document"] is None
    assert (await owner.finish(records=[record("items")]))["status"] == "done"


async def test_a_lost_answer_of_the_last_shard_hands_the_parent_on_again(runner: Runner, held: Held) -> None:
    await held.checkpoint("waiting", open=[shards(1)])
    shard = await runner.claim(held.execution_id, "items/0")
    payload = shard.payload("done", finish={"status": "succeeded"})
    first, again = await runner.kernel("checkpoint", payload), await runner.kernel("checkpoint", payload)
    assert first["adopted"]["epoch"] == again["adopted"]["epoch"] == 2
    assert (await runner.adopt(again).finish(records=[record("items")]))["ok"]


async def test_a_busy_parent_learns_of_its_shards_with_its_next_call(runner: Runner, held: Held) -> None:
    await held.checkpoint(open=[shards(1)])
    shard = await runner.claim(held.execution_id, "items/0")
    answer = await shard.finish()
    assert (answer["adopted"], [bell["frame"] for bell in answer["due"]]) == (None, [""])
    assert (await held.checkpoint("waiting"))["answered"][0]["kind"] == "shards"


async def test_a_failed_shard_stops_its_siblings_and_answers_at_once(plane: Plane, runner: Runner, held: Held) -> None:
    await held.checkpoint("waiting", open=[shards(3)])
    one, two = [await runner.claim(held.execution_id, f"items/{n}") for n in (0, 1)]
    answer = await one.finish("failed", error={"code": "boom"})
    assert [bell["frame"] for bell in answer["due"]] == ["items/1", "items/2"]
    owner = runner.adopt(answer)
    assert (owner.claimed["waits"][0]["outcome"], owner.claimed["waits"][0]["payload"]) == ("failed", {"code": "boom"})
    assert (await two.extend())["cancel"] == "cancelled"
    three = await runner.claim(held.execution_id, "items/2")
    assert three.claimed["cancel"] == "cancelled"
    await two.finish("cancelled")
    await three.finish("cancelled")
    assert (await plane.wait(held.execution_id, "0:items:1"))["pending"] == 0
    assert (await owner.finish("failed", error={"code": "boom"}))["status"] == "done"


async def test_a_child_runs_and_its_output_reaches_the_parent(
    plane: Plane, runner: Runner, tenant: Tenant, held: Held
) -> None:
    call = child("w")
    answer = await held.checkpoint("waiting", open=[call])
    (bell,) = answer["due"]
    assert bell["execution_id"] == call["child"]["execution_id"]
    inner = await runner.claim(bell["execution_id"])
    assert (inner.claimed["input"], inner.claimed["parent"], inner.claimed["root_execution_id"]) == (
        {"n": 1},
        True,
        held.execution_id,
    )
    last = await inner.finish(output={"reply": 1}, records=[record("a", cost_usd=0.5)])
    owner = runner.adopt(last)
    assert (owner.claimed["waits"][0]["outcome"], owner.claimed["waits"][0]["payload"]) == ("answered", {"reply": 1})
    await owner.finish(records=[record("call", cost_usd=None), record("b", cost_usd=1)])
    ended = await plane.execution(held.execution_id)
    assert float(ended["cost_usd"]) == 1.5


async def test_a_child_in_another_queue_rings_for_its_parent(
    plane: Plane, runner: Runner, tenant: Tenant, held: Held
) -> None:
    await plane.version(tenant.org, DOCUMENT, name="thinker", queue="llm")
    answer = await held.checkpoint("waiting", open=[child("thinker@1")])
    assert answer["due"][0]["queue"] == "llm"
    inner = await runner.claim(answer["due"][0]["execution_id"], queue="llm")
    last = await inner.finish("failed", error={"code": "no"})
    assert (last["adopted"], last["due"][0]["execution_id"]) == (None, held.execution_id)
    waits = (await runner.claim(held.execution_id)).claimed["waits"]
    assert (waits[0]["outcome"], waits[0]["payload"]) == ("failed", {"code": "no"})


@pytest.mark.parametrize(
    ("ref", "code"), [("nobody", "workflow_not_found"), ("w@7", "workflow_not_found"), ("book", "not_runnable")]
)
async def test_a_child_that_cannot_start_answers_its_wait_as_failed(
    plane: Plane, tenant: Tenant, held: Held, ref: str, code: str
) -> None:
    await plane.version(tenant.org, {}, name="book")
    answer = await held.checkpoint("waiting", open=[child(ref)])
    assert (answer["status"], answer["answered"][0]["outcome"], answer["answered"][0]["payload"]["code"]) == (
        "running",
        "failed",
        code,
    )


async def test_calls_are_ten_deep_at_most(runner: Runner, held: Held) -> None:
    for depth in range(1, 12):
        answer = await held.checkpoint("waiting", open=[child()])
        if depth == 11:
            assert answer["answered"][0]["payload"]["code"] == "depth_exceeded"
        else:
            held = await runner.claim(answer["due"][0]["execution_id"])


async def test_a_child_of_another_organisation_cannot_be_called(plane: Plane, held: Held) -> None:
    stranger = await plane.org()
    await plane.version(stranger, DOCUMENT, name="theirs")
    answer = await held.checkpoint("waiting", open=[child("theirs")])
    assert answer["answered"][0]["payload"]["code"] == "workflow_not_found"


async def test_budgets_are_slices_and_come_back(plane: Plane, runner: Runner, held: Held) -> None:
    await held.checkpoint(records=[record("a", cost_usd=1)])
    await held.checkpoint("waiting", open=[shards(2)])
    one, two = [await runner.claim(held.execution_id, f"items/{n}") for n in (0, 1)]
    assert (one.claimed["budget_usd"], (await plane.frame(held.execution_id))["budget_usd"]) == (3, 4)
    over = await one.checkpoint(records=[record("items[0]", cost_usd=3)])
    assert over["over_budget"] is True
    await one.finish()
    owner = runner.adopt(await two.finish(records=[record("items[1]", cost_usd=0.5)]))
    assert (owner.claimed["budget_usd"], owner.claimed["spent_usd"], owner.claimed["over_budget"]) == (6.5, 1, False)


async def test_a_child_gets_no_more_than_its_own_limit(
    plane: Plane, runner: Runner, tenant: Tenant, held: Held
) -> None:
    await plane.version(tenant.org, {**DOCUMENT, "limits": {"budget_usd": 0.5}}, name="cheap")
    await held.checkpoint(open=[child("cheap"), child("w", "other")])
    cheap, other = await plane.db.fetch("select budget_usd from plane.frames where depth = 2 order by budget_usd")
    assert (cheap[0], other[0]) == (0.5, 4.75)
    assert (await plane.frame(held.execution_id))["budget_usd"] == 4.75


async def test_a_grant_is_split_over_the_whole_tree(plane: Plane, runner: Runner, tenant: Tenant, held: Held) -> None:
    answer = await held.checkpoint("waiting", open=[shards(2), child()])
    frames = [await runner.claim(bell["execution_id"], bell["frame"]) for bell in answer["due"]]
    for n, frame in enumerate(frames):
        ask = {"token": f"0::{n}", "kind": "budget", "path": "", "name": "budget"}
        assert (await frame.checkpoint("waiting", open=[ask]))["status"] == "waiting"
    agent = await plane.agent(tenant.org)
    await refused(agent.decide(held.execution_id, "budget", "grant", usd=3), 403, "missing_scope")
    for amount in (0, -1, "much", None):
        await refused(tenant.decide(held.execution_id, "budget", "grant", usd=amount), 422, "invalid_amount")
    before = [frame.claimed["budget_usd"] for frame in frames]
    granted = await tenant.decide(held.execution_id, "budget", "grant", usd="3")
    assert len(granted["due"]) == 3
    after = [(await runner.claim(frame.execution_id, frame.frame)).claimed for frame in frames]
    assert [round(row["budget_usd"] - old, 9) for row, old in zip(after, before, strict=True)] == [1, 1, 1]
    assert {row["waits"][0]["outcome"] for row in after} == {"grant"}
    await refused(tenant.decide(held.execution_id, "budget", "grant", usd=3), 409, "wait_closed")


async def test_a_refused_budget_tells_the_owner(runner: Runner, tenant: Tenant, held: Held) -> None:
    await held.checkpoint("waiting", open=[{"token": "b", "kind": "budget", "path": "", "name": "budget"}])
    await tenant.decide(held.execution_id, "budget", "stop")
    owner = await runner.claim(held.execution_id)
    assert owner.claimed["waits"][0]["outcome"] == "stop"
    # A decided budget never becomes a record, and must not keep the owner from parking.
    assert (await owner.checkpoint("waiting", open=[approval()]))["due_in_ms"] > 60_000


async def test_cancelling_wakes_what_waits_and_tells_what_runs(
    plane: Plane, runner: Runner, tenant: Tenant, held: Held
) -> None:
    await held.checkpoint("waiting", open=[approval()])
    answer = await tenant.cancel(held.execution_id)
    assert (answer["status"], len(answer["due"])) == ("running", 1)
    assert (await tenant.cancel(held.execution_id))["status"] == "running"
    owner = await runner.claim(held.execution_id)
    assert (owner.claimed["cancel"], owner.claimed["waits"][0]["outcome"]) == ("cancelled", "cancelled")
    assert (await owner.finish("cancelled", error={"code": "cancelled"}))["status"] == "done"
    assert (await plane.execution(held.execution_id))["status"] == "cancelled"
    assert await tenant.cancel(held.execution_id) == {"status": "cancelled", "due": []}
    types = await plane.db.fetchval("select array_agg(type order by feed_id) from plane.events")
    assert types == [
        *("execution.started", "wait.opened", "escalation.opened", "cancel.requested", "wait.answered"),
        *("escalation.cancelled", "execution.cancelled"),
    ]


async def test_what_ended_otherwise_cannot_be_cancelled(tenant: Tenant, held: Held) -> None:
    await held.finish("succeeded")
    await refused(tenant.cancel(held.execution_id), 409, "already_ended")


async def test_a_cancelled_frame_opens_nothing(plane: Plane, tenant: Tenant, held: Held) -> None:
    await tenant.cancel(held.execution_id)
    answer = await held.checkpoint("waiting", open=[approval(), child(), shards(2)])
    assert (answer["status"], answer["cancel"], answer["due"]) == ("running", "cancelled", [])
    assert {wait["outcome"] for wait in answer["answered"]} == {"cancelled"}
    assert await plane.db.fetchval("select count(*) from plane.frames") == 1


async def test_a_cancelled_tree_ends_from_below(plane: Plane, runner: Runner, tenant: Tenant, held: Held) -> None:
    answer = await held.checkpoint("waiting", open=[child(), shards(1)])
    inner, shard = [await runner.claim(bell["execution_id"], bell["frame"]) for bell in answer["due"]]
    await inner.checkpoint("waiting", open=[approval()])
    await tenant.cancel(held.execution_id)
    owner = await runner.claim(held.execution_id)
    draining = await owner.finish("cancelled")
    assert (draining["status"], draining["draining"], draining["due_in_ms"] <= 1_000) == ("waiting", 2, True)
    inner = await runner.claim(inner.execution_id)
    assert inner.claimed["cancel"] == "cancelled"
    assert (await inner.finish("cancelled"))["adopted"] is None
    # The last one below brings the draining parent back.
    owner = runner.adopt(await shard.finish("cancelled"))
    assert (await owner.finish("cancelled"))["status"] == "done"
    statuses = await plane.db.fetch("select status from plane.executions")
    assert {row["status"] for row in statuses} == {"cancelled"}


async def test_what_does_not_stop_within_the_grace_is_cut_off(
    plane: Plane, runner: Runner, tenant: Tenant, held: Held
) -> None:
    answer = await held.checkpoint(open=[child(), shards(1)])
    deaf = [await runner.claim(bell["execution_id"], bell["frame"]) for bell in answer["due"]]
    await tenant.cancel(held.execution_id)
    assert (await held.finish("cancelled"))["draining"] == 2
    later = await plane.runner()
    await later.shift("5 seconds")
    assert (await (await later.claim(held.execution_id)).finish("cancelled"))["draining"] == 2
    await later.shift("12 seconds")
    assert (await (await later.claim(held.execution_id)).finish("cancelled"))["status"] == "done"
    for frame in deaf:
        assert (await frame.checkpoint(records=[record("x")]))["ok"] is False
    statuses = await plane.db.fetch("select status from plane.executions")
    assert [row["status"] for row in statuses] == ["cancelled", "cancelled"]


async def test_closing_a_group_stops_what_is_below_it(runner: Runner, held: Held) -> None:
    answer = await held.checkpoint(open=[shards(2), child()])
    below = [await runner.claim(bell["execution_id"], bell["frame"]) for bell in answer["due"]]
    await held.checkpoint(close=["0:items:1"])
    assert [(await frame.extend())["cancel"] for frame in below] == ["cancelled", "cancelled", None]
    await held.checkpoint(close=["0:call:1"])
    assert (await below[2].extend())["cancel"] == "cancelled"


async def test_an_execution_that_ends_early_takes_what_lives_below_with_it(
    plane: Plane, runner: Runner, held: Held
) -> None:
    answer = await held.checkpoint(open=[child()])
    assert (await held.finish("failed", error={"code": "boom"}))["draining"] == 1
    inner = await runner.claim(answer["due"][0]["execution_id"])
    assert inner.claimed["cancel"] == "cancelled"
    owner = runner.adopt(await inner.finish("cancelled"))
    await owner.finish("failed", error={"code": "boom"})
    assert (await plane.execution(held.execution_id))["status"] == "failed"


async def test_a_retry_carries_what_it_keeps_and_takes_no_old_answer(
    plane: Plane, runner: Runner, tenant: Tenant, held: Held
) -> None:
    await held.checkpoint(
        "waiting", records=[record("a", 1, cost_usd=1), record("b", 2, cost_usd=1)], open=[approval()]
    )
    await tenant.decide(held.execution_id, "approve", "reject")
    held = await runner.claim(held.execution_id)
    await held.finish("failed", error={"code": "no"}, records=[record("approve", status="failed")])
    answer = await tenant.retry(held.execution_id, ["a"])
    assert (answer["gen"], len(answer["due"])) == (1, 1)
    again = await runner.claim(held.execution_id)
    assert ([row["path"] for row in again.claimed["records"]], again.claimed["waits"]) == (["a"], [])
    assert (await again.checkpoint("waiting", open=[approval(token="1:approve:1")]))["status"] == "waiting"
    assert (await held.checkpoint(records=[record("x")]))["ok"] is False
    await tenant.decide(held.execution_id, "approve")
    again = await runner.claim(held.execution_id)
    await again.finish(records=[record("approve"), record("b", 3, cost_usd=1)])
    ended = await plane.execution(held.execution_id)
    assert (ended["status"], ended["gen"], float(ended["cost_usd"])) == ("succeeded", 1, 3)
    await refused(tenant.retry(held.execution_id), 409, "already_succeeded")


async def test_a_retry_works_after_its_frames_were_deleted(
    plane: Plane, runner: Runner, tenant: Tenant, held: Held
) -> None:
    answer = await held.checkpoint(open=[shards(1)])
    shard = await runner.claim(held.execution_id, answer["due"][0]["frame"])
    await refused(tenant.retry(held.execution_id), 409, "still_running")
    await shard.finish()
    await held.finish("failed", error={"code": "no"})
    await plane.shift("11 minutes")
    assert (await plane.db.fetchval("select plane.sweep('{}')"))["deleted"] == 2
    await tenant.retry(held.execution_id)
    again = await runner.claim(held.execution_id)
    assert again.epoch > held.epoch
    await again.checkpoint(open=[shards(1, token="1:items:1")])
    assert (await runner.claim(held.execution_id, "items/0")).epoch > shard.epoch


async def test_the_sweep_takes_organisations_by_turns_and_backs_off(plane: Plane, tenant: Tenant, version: str) -> None:
    small = await plane.tenant()
    for _ in range(8):
        await tenant.start(version)
    one = await small.start(await plane.version(small.org))
    sweeper = await plane.runner()
    await sweeper.shift("3 seconds")
    due = (await sweeper.kernel("sweep", {"limit": 4, "per_org": 3}))["due"]
    assert one in [bell["execution_id"] for bell in due]
    assert len(due) == 4
    counts = [len((await sweeper.kernel("sweep", {}))["due"]) for _ in range(2)]
    assert counts == [5, 0]
    assert 1_000 < (await sweeper.kernel("sweep", {}))["next_due_in_ms"] <= 2_000
    delays = []
    for minutes in range(1, 8):
        await sweeper.shift(f"{minutes * 2} minutes")
        assert len((await sweeper.kernel("sweep", {}))["due"]) == 9
        delays.append((await sweeper.kernel("sweep", {}))["next_due_in_ms"])
    assert [round(delay / 1000) for delay in delays] == [4, 8, 16, 32, 60, 60, 60]


async def test_the_sweep_forgets_what_has_served_its_time(
    plane: Plane, runner: Runner, tenant: Tenant, held: Held
) -> None:
    done = await runner.claim(await tenant.start(held.claimed["version_id"]))
    await done.finish()
    await plane.db.execute(
        "insert into plane.state (org_id, component, key, value, expires_at)"
        " select $1, 'c', key, '1', plane.clock() + after"
        " from (values ('gone', interval '0'), ('stays', interval '3 days'), ('for ever', null)) as s (key, after)",
        tenant.org.id,
    )
    for key_id in (uuid.uuid4(), held.execution_id):
        await plane.db.execute(
            "insert into plane.idempotency (org_id, key_id, key, fingerprint) values ($1, $2, 'k', 'f')",
            tenant.org.id,
            key_id,
        )
    sweeper = await plane.runner()
    await sweeper.shift("2 days")
    assert (await sweeper.kernel("sweep", {}))["deleted"] == 3
    left = await plane.db.fetch("select key from plane.state order by key")
    assert [row["key"] for row in left] == ["for ever", "stays"]
    assert str(await plane.db.fetchval("select key_id from plane.idempotency")) == held.execution_id


async def test_violations_are_seen(plane: Plane, runner: Runner, held: Held) -> None:
    await held.checkpoint("waiting", open=[shards(2), approval()])
    undo = plane.db.transaction()
    await undo.start()
    await plane.db.execute(
        "update plane.frames set has_answers = true, due_at = deadline_at + interval '1 day' where frame = ''"
    )
    await plane.db.execute("delete from plane.frames where frame = 'items/0'")
    await plane.db.execute("update plane.executions set status = 'failed', ended_at = plane.clock()")
    found = {row["invariant"] for row in await plane.violations()}
    assert found == {
        "a waiting frame has been told every answer",
        "a group counts what lives below it",
        "a live frame belongs to a running execution",
    }
    await undo.rollback()
    assert await runner.kernel("get_violations", {}) == []


async def test_a_retried_child_runs_on_its_own(plane: Plane, runner: Runner, tenant: Tenant, held: Held) -> None:
    answer = await held.checkpoint("waiting", open=[child()])
    inner = await runner.claim(answer["due"][0]["execution_id"])
    owner = runner.adopt(await inner.finish("failed", error={"code": "no"}))
    await tenant.retry(inner.execution_id)
    again = await runner.claim(inner.execution_id)
    assert again.claimed["parent"] is False
    last = await again.finish()
    assert (last["adopted"], last["due"]) == (None, [])
    await owner.finish("failed", error={"code": "no"})


async def test_nobody_touches_another_organisation_s_executions(plane: Plane, held: Held) -> None:
    stranger = await plane.tenant()
    for call in (
        stranger.cancel(held.execution_id),
        stranger.signal(held.execution_id, "x"),
        stranger.retry(held.execution_id),
    ):
        with pytest.raises(asyncpg.PostgresError) as error:
            await call
        assert error.value.sqlstate == "PT404"
