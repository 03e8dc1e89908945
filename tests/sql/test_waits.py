"""Waits: opened, answered once, timed out, cancelled; signals, events, approvals with a quorum."""

from __future__ import annotations

import json
import uuid
from typing import Any

import asyncpg
import pytest

from tests.sql.actors import Held, Plane, Runner, Tenant, approval, event, record, timer


@pytest.fixture
async def held(runner: Runner, tenant: Tenant, version: str) -> Held:
    """A claimed execution."""
    return await runner.claim(await tenant.start(version))


def code_of(error: asyncpg.PostgresError) -> str:
    return json.loads(error.detail or "{}")["code"]


async def refused(call: Any, status: int, code: str) -> None:
    with pytest.raises(asyncpg.PostgresError) as error:
        await call
    assert (error.value.sqlstate, code_of(error.value)) == (f"PT{status}", code)


async def test_parking_answers_when_it_is_due(plane: Plane, held: Held) -> None:
    answer = await held.checkpoint("waiting", open=[approval(deadline_ms=60_000), timer(30_000)])
    assert (answer["status"], 29_000 < answer["due_in_ms"] <= 30_000) == ("waiting", True)
    frame = await plane.frame(held.execution_id)
    assert (frame["status"], frame["claim_ref"], frame["owner"]) == ("waiting", None, None)


async def test_a_frame_without_any_deadline_is_due_at_the_execution_s(plane: Plane, held: Held) -> None:
    answer = await held.checkpoint("waiting", open=[approval()])
    assert answer["due_in_ms"] == pytest.approx(365 * 86_400_000, rel=0.001)


async def test_parking_without_a_wait_is_looked_at_again_in_a_minute(held: Held) -> None:
    answer = await held.checkpoint("waiting")
    assert 59_000 < answer["due_in_ms"] <= 60_000


async def test_an_answer_wakes_the_frame_and_reaches_the_next_claim(
    plane: Plane, runner: Runner, tenant: Tenant, held: Held
) -> None:
    await held.checkpoint("waiting", open=[approval()])
    answer = await tenant.decide(held.execution_id, "approve", "approve", note="fine")
    assert (answer["status"], answer["outcome"], len(answer["due"])) == ("answered", "approve", 1)
    (wait,) = (await runner.claim(held.execution_id)).claimed["waits"]
    assert (wait["answered"], wait["outcome"], wait["payload"]["form"]) == (True, "approve", {"note": "fine"})
    assert wait["payload"]["decided_by"] == tenant.actor


async def test_an_owner_that_runs_learns_answers_with_its_next_call(tenant: Tenant, held: Held) -> None:
    await held.checkpoint(open=[approval()])
    assert len((await tenant.decide(held.execution_id, "approve"))["due"]) == 1
    assert [wait["token"] for wait in (await held.extend())["answered"]] == ["0:approve:1"]
    answer = await held.checkpoint("waiting")
    assert (answer["status"], [wait["outcome"] for wait in answer["answered"]]) == ("running", ["approve"])
    assert (await held.checkpoint(records=[record("approve")]))["answered"] == []
    assert (await held.checkpoint("waiting", open=[timer(1_000)]))["status"] == "waiting"


async def test_a_lost_answer_of_a_park_tells_the_news_again(runner: Runner, tenant: Tenant, held: Held) -> None:
    await held.checkpoint(open=[approval()])
    await tenant.decide(held.execution_id, "approve")
    payload = held.payload("waiting")
    first = await runner.kernel("checkpoint", payload)
    assert len(first["answered"]) == 1
    assert await runner.kernel("checkpoint", payload) == first


async def test_an_answer_that_was_told_and_not_used_is_brought_up_again_in_a_minute(tenant: Tenant, held: Held) -> None:
    await held.checkpoint(open=[approval(), approval("other")])
    await tenant.decide(held.execution_id, "approve")
    assert len((await held.checkpoint())["answered"]) == 1
    assert (await held.checkpoint("waiting"))["due_in_ms"] <= 60_000


async def test_the_second_decision_is_refused(tenant: Tenant, held: Held) -> None:
    await held.checkpoint("waiting", open=[approval()])
    await tenant.decide(held.execution_id, "approve")
    await refused(tenant.decide(held.execution_id, "approve", "reject"), 409, "wait_closed")


async def test_a_decision_that_nobody_asked_for_is_refused(plane: Plane, runner: Runner, tenant: Tenant) -> None:
    document = {"name": "x", "steps": {"items": {"approval": {}}, "a": {"transform": 1}}}
    execution = await tenant.start(await plane.version(tenant.org, document, name="x"))
    await refused(tenant.decide(execution, "items[3]"), 409, "not_waiting")
    await refused(tenant.decide(execution, "budget"), 409, "not_waiting")
    assert await plane.db.fetchval("select count(*) from plane.signals") == 0


async def test_an_agent_may_not_decide(plane: Plane, tenant: Tenant, held: Held) -> None:
    await held.checkpoint("waiting", open=[approval(), event("paid")])
    agent = await plane.agent(tenant.org)
    await refused(agent.decide(held.execution_id, "approve"), 403, "people_only")
    assert (await agent.signal(held.execution_id, "paid", {"usd": 1}))["status"] == "answered"


async def test_an_approval_is_decided_by_a_person_whose_role_lets_them(
    plane: Plane, tenant: Tenant, held: Held
) -> None:
    await held.checkpoint("waiting", open=[approval()])
    operator = await plane.tenant(tenant.org, kind="operator")
    viewer = await plane.tenant(tenant.org, scopes=["executions:read", "executions:write"])
    stranger = await plane.tenant()
    await refused(operator.decide(held.execution_id, "approve"), 403, "people_only")
    await refused(viewer.decide(held.execution_id, "approve"), 403, "missing_scope")
    await refused(stranger.decide(held.execution_id, "approve"), 404, "execution_not_found")
    assert (await tenant.decide(held.execution_id, "approve"))["status"] == "answered"


async def test_an_operator_s_key_still_decides_a_lost_step_and_a_budget(
    plane: Plane, tenant: Tenant, held: Held
) -> None:
    lost = {"token": "u", "kind": "unknown", "path": "charge", "data": {"outcomes": ["succeeded", "failed", "retry"]}}
    money = {"token": "b", "kind": "budget", "path": "", "name": "budget", "data": {"outcomes": ["grant", "stop"]}}
    await held.checkpoint("waiting", open=[lost, money])
    operator = await plane.tenant(tenant.org, kind="operator")
    assert (await operator.decide(held.execution_id, "charge", "retry"))["outcome"] == "retry"
    assert (await operator.decide(held.execution_id, "budget", "stop"))["outcome"] == "stop"
    assert (await plane.wait(held.execution_id, "u"))["payload"]["decided_by"] == operator.actor


@pytest.mark.parametrize("payload", [None, {}, {"outcome": "maybe"}, {"outcome": 1}, "approve"])
async def test_an_outcome_that_was_not_offered_is_refused(tenant: Tenant, held: Held, payload: Any) -> None:
    await held.checkpoint("waiting", open=[approval()])
    await refused(tenant.signal(held.execution_id, "approve", payload), 422, "invalid_outcome")


async def test_an_ended_execution_takes_no_signal(tenant: Tenant, held: Held) -> None:
    await held.finish()
    await refused(tenant.signal(held.execution_id, "paid"), 410, "execution_ended")
    await refused(tenant.signal(str(uuid.uuid4()), "paid"), 404, "execution_not_found")


async def test_a_quorum_needs_so_many_people_with_the_same_outcome(plane: Plane, tenant: Tenant, held: Held) -> None:
    await held.checkpoint("waiting", open=[approval(data={"outcomes": ["approve", "reject"], "quorum": 2})])
    second, third = await plane.tenant(tenant.org), await plane.tenant(tenant.org)
    assert (await tenant.decide(held.execution_id, "approve"))["status"] == "voted"
    assert (await tenant.decide(held.execution_id, "approve"))["missing"] == 1
    assert (await second.decide(held.execution_id, "approve", "reject"))["status"] == "voted"
    answer = await third.decide(held.execution_id, "approve")
    assert (answer["status"], answer["outcome"], len(answer["due"])) == ("answered", "approve", 1)
    payload = (await plane.wait(held.execution_id, "0:approve:1"))["payload"]
    assert payload["votes"] == [tenant.actor, third.actor]


async def test_a_due_timer_is_closed_by_the_claim(runner: Runner, held: Held) -> None:
    await held.checkpoint("waiting", open=[timer(1_000), approval()])
    await runner.shift("2 seconds")
    waits = (await runner.claim(held.execution_id)).claimed["waits"]
    assert {wait["kind"]: wait["outcome"] for wait in waits} == {"timer": "timed_out", "approval": None}


async def test_a_due_timer_is_closed_by_a_checkpoint_and_by_an_extension(runner: Runner, held: Held) -> None:
    await held.checkpoint(open=[timer(1_000), timer(5_000, "later")])
    await runner.shift("2 seconds")
    assert [wait["path"] for wait in (await held.checkpoint())["answered"]] == ["pause"]
    await runner.shift("6 seconds")
    assert "later" in [wait["path"] for wait in (await held.extend())["answered"]]
    assert (await held.checkpoint("waiting", records=[record("pause")]))["status"] == "running"


async def test_a_timer_of_no_length_is_answered_at_once(held: Held) -> None:
    answer = await held.checkpoint("waiting", open=[timer(0)])
    assert (answer["status"], answer["answered"][0]["outcome"]) == ("running", "timed_out")


async def test_a_signal_that_came_first_is_taken_in_order(plane: Plane, tenant: Tenant, held: Held) -> None:
    for n in (1, 2):
        assert (await tenant.signal(held.execution_id, "paid", {"n": n}))["status"] == "queued"
    first = await held.checkpoint("waiting", open=[event()])
    assert (first["status"], first["answered"][0]["payload"]) == ("running", {"n": 1})
    second = await held.checkpoint("waiting", records=[record("pay")], open=[event(token="0:pay2:1", path="pay2")])
    assert second["answered"][0]["payload"] == {"n": 2}
    third = await held.checkpoint("waiting", records=[record("pay2")], open=[event(token="0:pay3:1", path="pay3")])
    assert third["status"] == "waiting"


async def test_a_signal_answers_the_oldest_wait_of_its_name_that_matches(
    plane: Plane, tenant: Tenant, held: Held
) -> None:
    waits = [event(token=f"t{n}", path=f"p{n}", match={"id": n}) for n in (1, 2)] + [event(token="any", path="any")]
    await held.checkpoint("waiting", open=waits)
    tokens = [(await tenant.signal(held.execution_id, "paid", {"id": n}))["token"] for n in (2, 2, 1)]
    assert tokens == ["t2", "any", "t1"]
    assert (await tenant.signal(held.execution_id, "paid", {"id": 9}))["status"] == "queued"


async def test_an_event_answers_every_open_wait_that_matches(
    plane: Plane, runner: Runner, tenant: Tenant, version: str
) -> None:
    waiting = []
    for match in (None, {"id": 1}, {"id": 2}, {"id": {"deep": 1}}):
        held = await runner.claim(await tenant.start(version))
        await held.checkpoint("waiting", open=[event(match=match)])
        waiting.append(held.execution_id)
    answer = await tenant.publish("paid", {"id": 1, "more": True})
    assert (answer["matched"], sorted(bell["execution_id"] for bell in answer["due"])) == (2, sorted(waiting[:2]))
    assert (await tenant.publish("paid", {"id": {"deep": 1, "and": 2}}))["matched"] == 0


async def test_an_event_before_the_wait_does_not_count(tenant: Tenant, held: Held) -> None:
    await tenant.publish("paid", {"id": 1})
    assert (await held.checkpoint("waiting", open=[event()]))["status"] == "waiting"


async def test_an_event_of_another_organisation_does_not_count(plane: Plane, held: Held) -> None:
    await held.checkpoint("waiting", open=[event()])
    assert (await (await plane.tenant()).publish("paid", {}))["matched"] == 0


async def test_a_repeated_event_is_published_once(plane: Plane, tenant: Tenant, held: Held) -> None:
    first = await tenant.publish("paid", {"n": 1}, held.execution_id, "0/emit")
    await held.checkpoint("waiting", open=[event()])
    again = await tenant.publish("paid", {"n": 1}, held.execution_id, "0/emit")
    assert (again["id"], again["matched"]) == (first["id"], 0)
    assert await plane.db.fetchval("select count(*) from plane.events where type = 'event'") == 1


async def test_a_closed_wait_is_cancelled_and_takes_nothing_more(plane: Plane, tenant: Tenant, held: Held) -> None:
    await held.checkpoint(open=[approval(), timer(60_000)])
    await held.checkpoint("waiting", close=["0:approve:1"])
    assert (await plane.wait(held.execution_id, "0:approve:1"))["outcome"] == "cancelled"
    await refused(tenant.decide(held.execution_id, "approve"), 409, "wait_closed")


async def test_an_unknown_step_is_decided_by_its_path(runner: Runner, tenant: Tenant, held: Held) -> None:
    wait = {"token": "u", "kind": "unknown", "path": "charge", "data": {"outcomes": ["succeeded", "failed", "retry"]}}
    await held.checkpoint("waiting", open=[wait])
    await refused(tenant.decide(held.execution_id, "charge", "approve"), 422, "invalid_outcome")
    assert (await tenant.signal(held.execution_id, "charge", {"outcome": "succeeded", "output": 7}))[
        "outcome"
    ] == "succeeded"
    assert (await runner.claim(held.execution_id)).claimed["waits"][0]["payload"]["output"] == 7


async def test_waits_tell_the_feed(plane: Plane, tenant: Tenant, held: Held) -> None:
    await held.checkpoint("waiting", open=[approval()])
    await tenant.decide(held.execution_id, "approve")
    rows = await plane.db.fetch("select type, path, data ->> 'outcome' as outcome from plane.events order by feed_id")
    assert [tuple(row) for row in rows][1:] == [
        ("wait.opened", "approve", None),
        ("escalation.opened", "approve", None),
        ("wait.answered", "approve", "approve"),
        ("escalation.resolved", "approve", "approve"),
    ]


async def test_the_deadline_of_the_execution_asks_its_owner_to_stop(
    plane: Plane, runner: Runner, tenant: Tenant
) -> None:
    document = {"name": "short", "limits": {"timeout": "90s"}, "steps": {"a": {"transform": 1}}}
    execution = await tenant.start(await plane.version(tenant.org, document, name="short"))
    held = await runner.claim(execution)
    assert 89_000 < held.claimed["deadline_in_ms"] <= 90_000
    parked = await held.checkpoint("waiting", open=[approval()])
    assert parked["due_in_ms"] <= 90_000
    await runner.shift("91 seconds")
    late = await runner.claim(execution)
    assert late.claimed["cancel"] == "timed_out"
    assert (await late.checkpoint("waiting"))["status"] == "running"
    await late.finish("timed_out", error={"code": "timed_out"})
    assert (await plane.execution(execution))["status"] == "timed_out"
