from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.functions.executions.documents import CODE_FAILS, PLAIN, WAITS

if TYPE_CHECKING:
    from tests.functions.running import Plane


async def test_one_call_starts_an_execution_and_waits_for_its_end(plane: Plane):
    await plane.store(PLAIN)
    answer = await plane.agent.post(
        "/api/executions", json={"workflow": "plain", "input": {"who": "Ada"}}, headers={"Prefer": "wait=20"}
    )
    assert answer.status_code == 200
    assert answer.headers["Preference-Applied"] == "wait=20"
    execution = answer.json()
    assert execution["status"] == "succeeded"
    assert execution["output"] == {"text": "Hello Ada", "numbers": [2, 4, 6]}
    assert execution["input"] == {"who": "Ada", "times": 2}
    assert (execution["workflow"], execution["version"], execution["mode"]) == ("plain", 1, "engine")
    assert execution["ended_at"] >= execution["created_at"]
    assert execution["created_at"].endswith("Z")
    assert (execution["cost_usd"], execution["waiting_for"], execution["error"]) == ("0.000000000", [], None)
    assert answer.headers["Location"] == f"/api/executions/{execution['id']}"


async def test_without_waiting_the_answer_is_queued_and_can_be_followed(plane: Plane):
    await plane.store(PLAIN)
    answer = await plane.agent.post("/api/executions", json={"workflow": "plain", "input": {"who": "Ada"}})
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    ended = await plane.agent.get(answer.headers["Location"], headers={"Prefer": "wait=20"})
    assert ended.json()["status"] == "succeeded"


async def test_waiting_ends_when_the_time_is_up(still_plane: Plane):
    await still_plane.store(PLAIN)
    started = asyncio.get_running_loop().time()
    answer = await still_plane.agent.post(
        "/api/executions", json={"workflow": "plain", "input": {"who": "Ada"}}, headers={"Prefer": "wait=1"}
    )
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    assert 0.9 < asyncio.get_running_loop().time() - started < 2


async def test_the_same_idempotency_key_is_the_same_execution(plane: Plane):
    await plane.store(PLAIN)
    body = {"workflow": "plain", "input": {"who": "Ada"}}
    headers = {"Idempotency-Key": "once", "Prefer": "wait=20"}
    answers = await asyncio.gather(*(plane.agent.post("/api/executions", json=body, headers=headers) for _ in range(4)))
    again = await plane.agent.post("/api/executions", json=body, headers=headers)

    assert {answer.json()["id"] for answer in (*answers, again)} == {again.json()["id"]}
    assert again.json()["status"] == "succeeded"
    assert again.headers["Idempotency-Replayed"] == "true"
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1
    assert len((await plane.get("/api/executions"))["data"]) == 1
    other = await plane.agent.post("/api/executions", json={**body, "input": {"who": "Bob"}}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")


async def test_a_repeated_start_gets_its_answer_also_when_the_workflow_has_changed_since(still_plane: Plane):
    await still_plane.store("name: v\nsteps:\n  one: {transform: 1}\n")
    call = {"url": "/api/executions", "json": {"workflow": "v"}, "headers": {"Idempotency-Key": "once"}}
    first = await still_plane.agent.post(**call)
    await still_plane.store("name: v\ninput: {who: string}\nsteps:\n  one: {transform: 1}\n")
    again = await still_plane.agent.post(**call)
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    fresh = await still_plane.agent.post(**{**call, "headers": {"Idempotency-Key": "twice"}})
    assert (fresh.status_code, fresh.json()["errors"][0]["pointer"]) == (422, "/input/who")
    assert fresh.json()["errors"][0]["message"] == "who is missing"


async def test_every_field_of_a_wrong_input_is_named(still_plane: Plane):
    await still_plane.store(PLAIN)
    answer = await still_plane.agent.post(
        "/api/executions", json={"workflow": "plain", "input": {"wo": "Ada", "times": 9}}
    )
    assert answer.status_code == 422
    errors = {error["pointer"]: error for error in answer.json()["errors"]}
    assert set(errors) == {"/input/who", "/input/wo", "/input/times"}
    assert errors["/input/wo"]["did_you_mean"] == "who"


async def test_an_unknown_workflow_is_named_with_a_way_out(still_plane: Plane):
    answer = await still_plane.agent.post("/api/executions", json={"workflow": "nothing"})
    assert (answer.status_code, answer.json()["code"]) == (404, "workflow_not_found")
    step = answer.json()["next"][0]
    assert (await still_plane.agent.request(step["method"], step["path"])).status_code == 200
    both = await still_plane.agent.post("/api/executions", json={"workflow": "a", "workflow_id": still_plane.org.id})
    neither = await still_plane.agent.post("/api/executions", json={})
    assert (both.status_code, neither.status_code) == (422, 422)


async def test_callbacks_are_honestly_refused(still_plane: Plane):
    await still_plane.store(PLAIN)
    body = {"workflow": "plain", "input": {"who": "Ada"}, "callback_url": "https://example.com/done"}
    answer = await still_plane.agent.post("/api/executions", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] == "not_available_yet"
    assert (await still_plane.get("/api/executions"))["data"] == []


async def test_it_runs_the_version_that_was_asked_for_by_any_name(plane: Plane):
    first = await plane.store("name: v\nsteps:\n  one: {transform: 1}\n")
    second = await plane.store("name: v\nsteps:\n  one: {transform: 2}\n")
    newest = await plane.start("v", wait=20)
    older = await plane.start("v", wait=20, version=1)
    assert (newest["output"], older["output"]) == ({"one": 2}, {"one": 1})
    by_id = await plane.agent.post("/api/executions", json={"workflow_id": second["id"]}, headers={"Prefer": "wait=20"})
    by_version = await plane.agent.post("/api/executions", json={"workflow_id": first["version_id"]})
    assert (by_id.json()["version"], by_version.json()["version"]) == (2, 1)


async def test_steps_are_one_row_a_path_in_the_order_of_their_end(plane: Plane):
    await plane.store(PLAIN)
    execution = await plane.start("plain", wait=20, input={"who": "Ada"})
    steps = (await plane.get(f"/api/executions/{execution['id']}/steps"))["data"]

    by_path = {step["path"]: step for step in steps}
    assert set(by_path) == {"greet", "never", "repeat", "repeat[0]", "repeat[1]", "repeat[2]"}
    assert len(steps) == len(by_path)
    assert by_path["greet"]["output"] == "Hello Ada"
    assert (by_path["repeat"]["kind"], by_path["repeat[1]"]["kind"]) == ("for_each", "transform")
    assert (by_path["repeat"]["duration_ms"], by_path["repeat[1]"]["duration_ms"]) == (None, 0)
    assert (by_path["never"]["status"], by_path["never"]["attempts"], by_path["greet"]["attempts"]) == ("skipped", 0, 1)
    events = await plane.events(execution["id"], until="execution.succeeded")
    attempts = {event["path"]: event["data"]["attempts"] for event in events if event["type"].startswith("step.")}
    assert (attempts["never"], attempts["greet"]) == (0, 1)
    assert by_path["never"]["details"]["reason"]["code"]
    assert steps.index(by_path["repeat"]) > steps.index(by_path["repeat[2]"])
    only = (await plane.get(f"/api/executions/{execution['id']}/steps", path="repeat"))["data"]
    assert {step["path"] for step in only} == {"repeat", "repeat[0]", "repeat[1]", "repeat[2]"}
    paged, cursor = [], None
    while cursor or not paged:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = await plane.get(f"/api/executions/{execution['id']}/steps", **query)
        paged += page["data"]
        cursor = page["next_cursor"]
    assert paged == steps


async def test_large_outputs_come_from_where_they_are_kept(plane: Plane):
    await plane.store("name: big\ninput: {text: string}\nsteps:\n  keep: {transform: '${{ input.text }}'}\n")
    text = "x" * 20_000
    execution = await plane.start("big", wait=20, input={"text": text})
    assert execution["output"] == {"keep": text}
    steps = (await plane.get(f"/api/executions/{execution['id']}/steps"))["data"]
    assert steps[0]["output"] == text
    listed = (await plane.get("/api/executions"))["data"][0]
    assert (listed["left_out"], listed["input"], listed["output"]) == (["input", "output"], None, None)


async def test_what_runs_and_what_waits_is_shown_while_it_does(plane: Plane):
    await plane.store(WAITS)
    execution = await plane.start("waits")
    execution = await plane.until(execution["id"], "waiting")

    waits = {wait["path"]: wait for wait in execution["waiting_for"]}
    assert {path: wait["kind"] for path, wait in waits.items()} == {"news": "event", "pause": "timer"}
    assert waits["news"]["name"] == "news"
    assert waits["pause"]["until"] > execution["created_at"]
    steps = {step["path"]: step for step in (await plane.get(f"/api/executions/{execution['id']}/steps"))["data"]}
    assert {path: step["status"] for path, step in steps.items()} == {"news": "waiting", "pause": "waiting"}
    assert steps["news"]["kind"] == "wait"
    assert steps["pause"]["waiting_for"]["kind"] == "timer"


async def test_running_steps_are_those_that_the_owner_noted(still_plane: Plane):
    await still_plane.store(PLAIN)
    execution = await still_plane.start("plain", input={"who": "Ada"})
    await still_plane.org.connection.execute(
        "update plane.frames set status = 'running', epoch = 1, in_flight = $2 where execution_id = $1",
        *(execution["id"], '{"repeat[1]": {"attempt": 2, "at_most_once": false}}'),
    )
    assert (await still_plane.get(f"/api/executions/{execution['id']}"))["status"] == "running"
    steps = (await still_plane.get(f"/api/executions/{execution['id']}/steps"))["data"]
    assert [(step["path"], step["kind"], step["status"], step["attempts"]) for step in steps] == [
        ("repeat[1]", "transform", "running", 2)
    ]


async def test_a_failure_is_named_with_its_place(plane: Plane):
    await plane.store(CODE_FAILS)
    execution = await plane.start("fragile", wait=20, input={"go": True})
    assert execution["status"] == "failed"
    assert execution["error"]["path"] == "breaks"
    assert execution["error"]["message"]
    steps = {step["path"]: step for step in (await plane.get(f"/api/executions/{execution['id']}/steps"))["data"]}
    assert steps["breaks"]["status"] == "failed"
    assert steps["breaks"]["error"]["code"] == execution["error"]["code"]


async def test_executions_of_others_are_not_found(plane: Plane, other_plane: Plane):
    await plane.store(PLAIN)
    execution = await plane.start("plain", wait=20, input={"who": "Ada"})
    path = f"/api/executions/{execution['id']}"
    reads = ["", "/steps", "/events", "/trace", "/explain"]
    writes = ["/cancel", "/retry", "/restart"]
    answers = [await other_plane.operator.get(path + read) for read in reads]
    answers += [await other_plane.operator.post(path + write) for write in writes]
    answers.append(await other_plane.operator.post(f"{path}/signal", json={"name": "x"}))
    answers.append(await other_plane.operator.post(f"{path}/steps", json={"path": "x", "status": "running"}))
    answers.append(await other_plane.operator.patch(path, json={"status": "failed"}))
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(404, "execution_not_found")}
    assert (await other_plane.get("/api/executions"))["data"] == []
    theirs = await other_plane.operator.post("/api/executions", json={"workflow_id": execution["workflow_id"]})
    assert theirs.status_code == 404
