from __future__ import annotations

import asyncio
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.functions.executions.documents import APPROVAL, PLAIN, WAITS

if TYPE_CHECKING:
    import httpx

    from tests.functions.running import Plane


@pytest.fixture
async def waiting(plane: Plane) -> dict[str, Any]:
    await plane.store(APPROVAL)
    execution = await plane.start("refund", input={"amount": 120})
    return await plane.until(execution["id"], "waiting")


def _signal(execution: dict[str, Any], payload: Any, name: str = "approve") -> dict[str, Any]:
    return {"url": f"/api/executions/{execution['id']}/signal", "json": {"name": name, "payload": payload}}


async def test_what_waits_for_a_person_says_how_to_answer(plane: Plane, waiting: dict[str, Any]):
    (wait,) = waiting["waiting_for"]
    assert (wait["path"], wait["kind"], wait["name"]) == ("approve", "approval", "approve")
    assert wait["message"] == "Refund 120 USD?"
    assert wait["show"] == {"amount": 120}
    assert wait["outcomes"] == ["approve", "reject"]
    assert wait["form"]["amount"]["default"] == 120
    assert wait["until"] > wait["opened_at"]

    answer = await plane.person.post(**_signal(waiting, {"outcome": "approve", "form": {"note": "ok"}}))
    assert (answer.status_code, answer.json()["status"], answer.json()["outcome"]) == (200, "answered", "approve")
    ended = await plane.until(waiting["id"], "succeeded")
    assert ended["output"] == {"paid": 120}
    steps = {step["path"]: step for step in (await plane.get(f"/api/executions/{waiting['id']}/steps"))["data"]}
    assert steps["approve"]["output"]["form"] == {"amount": 120, "note": "ok"}
    assert steps["approve"]["output"]["decided_by"]


async def test_the_event_of_a_wait_writes_its_deadline_as_all_times_are_written(plane: Plane, waiting: dict[str, Any]):
    (wait,) = waiting["waiting_for"]
    events = await plane.events(waiting["id"], until="wait.opened")
    (opened,) = [event for event in events if event["type"] == "wait.opened"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", opened["data"]["deadline"])
    assert datetime.fromisoformat(opened["data"]["deadline"]) == datetime.fromisoformat(wait["until"])


async def test_every_field_of_a_wrong_answer_is_named(plane: Plane, waiting: dict[str, Any]):
    answer = await plane.operator.post(
        **_signal(waiting, {"outcome": "aprove", "form": {"amount": 900, "nte": "x"}, "why": "?"})
    )
    assert answer.status_code == 422
    errors = {error["pointer"]: error for error in answer.json()["errors"]}
    assert set(errors) == {
        *("/payload/outcome", "/payload/why", "/payload/form/amount", "/payload/form/note", "/payload/form/nte")
    }
    assert errors["/payload/outcome"]["did_you_mean"] == "approve"
    assert errors["/payload/form/nte"]["did_you_mean"] == "note"
    assert (await plane.get(f"/api/executions/{waiting['id']}"))["status"] == "waiting"
    text = await plane.person.post(**_signal(waiting, "approve"))
    assert text.json()["errors"][0]["pointer"] == "/payload"


async def test_the_first_outcome_needs_the_form_and_a_rejection_does_not(plane: Plane, waiting: dict[str, Any]):
    missing = await plane.person.post(**_signal(waiting, {"outcome": "approve"}))
    assert [error["pointer"] for error in missing.json()["errors"]] == ["/payload/form/note"]
    rejected = await plane.person.post(**_signal(waiting, {"outcome": "reject"}))
    assert rejected.status_code == 200
    ended = await plane.until(waiting["id"], "succeeded")
    assert ended["output"] is None


async def test_no_key_may_decide(plane: Plane, waiting: dict[str, Any]):
    for client in (plane.agent, plane.operator):
        answer = await client.post(**_signal(waiting, {"outcome": "reject"}))
        assert (answer.status_code, answer.json()["code"]) == (403, "people_only")
    assert (await plane.get(f"/api/executions/{waiting['id']}"))["status"] == "waiting"


async def test_events_tell_how_long_it_was_waited(plane: Plane, waiting: dict[str, Any]):
    await plane.person.post(**_signal(waiting, {"outcome": "reject"}))
    await plane.until(waiting["id"], "succeeded")
    events = await plane.events(waiting["id"], until="execution.succeeded")
    of_wait = {event["type"]: event["data"] for event in events if event["path"] == "approve"}
    assert of_wait["wait.answered"]["duration_ms"] > 0
    assert of_wait["step.succeeded"]["duration_ms"] >= of_wait["wait.answered"]["duration_ms"]


async def test_only_a_member_whose_role_lets_them_decides(plane: Plane, other_plane: Plane, waiting: dict[str, Any]):
    async def decide(token: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return await plane.agent.post(**_signal(waiting, {"outcome": "reject"}), headers=headers)

    approver, viewer = await plane.org.member("approver"), await plane.org.member("viewer")
    removed, stranger = await plane.org.member("owner"), await other_plane.org.member("owner")
    await plane.org.connection.execute(
        "update plane.members set removed_at = now() where user_id = $1", removed.user_id
    )
    head, _, signature = approver.token().split(".")
    for token, status, code in (
        (await plane.org.key(["executions:read"]), 403, "missing_scope"),
        (viewer.token(), 403, "missing_scope"),
        (stranger.token(), 404, "execution_not_found"),
        (removed.token(), 403, "not_a_member"),
        (approver.token(expires_in=-1), 401, "token_expired"),
        (".".join((head, viewer.token().split(".")[1], signature)), 401, "token_invalid"),
    ):
        refused = await decide(token)
        assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert (await decide(approver.token())).status_code == 200
    ended = await plane.until(waiting["id"], "succeeded")
    steps = (await plane.get(f"/api/executions/{ended['id']}/steps"))["data"]
    decided = next(step["output"] for step in steps if step["path"] == "approve")
    assert decided["decided_by"] == {"kind": "person", "id": approver.user_id, "label": approver.email}


async def test_only_the_first_of_two_answers_counts(plane: Plane, waiting: dict[str, Any]):
    answers = await asyncio.gather(
        *(plane.person.post(**_signal(waiting, {"outcome": "reject"})) for _ in range(2)), return_exceptions=True
    )
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses[0] == 200
    assert statuses[1] in {409, 410}
    await plane.until(waiting["id"], "succeeded")
    late = await plane.person.post(**_signal(waiting, {"outcome": "reject"}))
    assert (late.status_code, late.json()["code"]) == (410, "execution_ended")


async def test_a_lost_answer_can_be_asked_for_again(plane: Plane, waiting: dict[str, Any]):
    call = _signal(waiting, {"outcome": "reject"})
    first = await plane.person.post(**call, headers={"Idempotency-Key": "decide"})
    again = await plane.person.post(**call, headers={"Idempotency-Key": "decide"})
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json() == first.json()


async def test_an_approval_that_is_not_open_yet_is_not_queued(still_plane: Plane):
    await still_plane.store(APPROVAL)
    execution = await still_plane.start("refund", input={"amount": 1})
    answer = await still_plane.person.post(**_signal(execution, {"outcome": "approve"}))
    assert (answer.status_code, answer.json()["code"]) == (409, "not_waiting")


async def test_an_agent_sends_events_also_before_they_are_waited_for(plane: Plane):
    await plane.store(WAITS)
    execution = await plane.until((await plane.start("waits"))["id"], "waiting")
    answer = await plane.agent.post(**_signal(execution, {"headline": "rain"}, "news"))
    assert (answer.status_code, answer.json()["status"]) == (200, "answered")
    for _ in range(200):
        steps = {step["path"]: step for step in (await plane.get(f"/api/executions/{execution['id']}/steps"))["data"]}
        if "after" in steps:
            break
        await asyncio.sleep(0.02)
    assert steps["after"]["output"] == {"headline": "rain"}
    early = await plane.agent.post(**_signal(execution, [1], "weather"))
    assert (early.status_code, early.json()["status"]) == (202, "queued")


async def test_cancelling_closes_what_is_open_and_is_idempotent(plane: Plane, waiting: dict[str, Any]):
    path = f"/api/executions/{waiting['id']}/cancel"
    answer = await plane.agent.post(path, headers={"Prefer": "wait=10"})
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert answer.json()["cancel_requested_at"]
    assert answer.json()["waiting_for"] == []
    again = await plane.agent.post(path, json={})
    assert (again.status_code, again.json()["status"]) == (200, "cancelled")


async def test_cancelling_again_while_it_ends_is_never_a_conflict(plane: Plane):
    await plane.store(APPROVAL)
    for _ in range(6):
        execution = await plane.until((await plane.start("refund", input={"amount": 1}))["id"], "waiting")
        path = f"/api/executions/{execution['id']}/cancel"
        answers = [await plane.agent.post(path) for _ in range(3)]
        answers += await asyncio.gather(*(plane.agent.post(path) for _ in range(4)))
        assert {answer.status_code for answer in answers} <= {200, 202}, [answer.text for answer in answers]
        await plane.until(execution["id"], "cancelled")


async def test_what_has_succeeded_cannot_be_cancelled(plane: Plane):
    await plane.store(PLAIN)
    execution = await plane.start("plain", wait=20, input={"who": "Ada"})
    answer = await plane.agent.post(f"/api/executions/{execution['id']}/cancel")
    assert (answer.status_code, answer.json()["code"]) == (409, "already_ended")
    step = answer.json()["next"][0]
    again = await plane.agent.request(step["method"], step["path"], headers={"Prefer": "wait=20"})
    assert (again.status_code, again.json()["restarted_from"]) == (200, execution["id"])
    assert again.json()["output"] == execution["output"]
