from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.functions.running import Plane

RUNBOOK = "# Weekly report\n1. Collect the rows\n2. Send the mail\n"


@pytest.fixture
async def external(still_plane: Plane) -> dict[str, Any]:
    await still_plane.store(RUNBOOK, name="weekly-report")
    return await still_plane.start("weekly-report", input={"week": 7})


async def test_an_agent_executes_a_runbook_and_reports_it(still_plane: Plane, external: dict[str, Any]):
    assert (external["mode"], external["status"], external["input"]) == ("external", "running", {"week": 7})
    path = f"/api/executions/{external['id']}"
    begun = await still_plane.agent.post(f"{path}/steps", json={"path": "collect", "status": "running"})
    assert (begun.status_code, begun.json()["status"]) == (201, "running")
    listed = (await still_plane.get(f"{path}/steps"))["data"]
    assert [(step["path"], step["status"]) for step in listed] == [("collect", "running")]

    report = {
        "path": "collect",
        "status": "succeeded",
        "output": {"rows": 12},
        "started_at": "2026-01-01T10:00:00Z",
        "ended_at": "2026-01-01T10:00:02.5Z",
        "usage": {"model": "haiku", "provider": "anthropic", "input_tokens": 10, "output_tokens": 5},
        "cost_usd": 0.00004,
    }
    ended = await still_plane.agent.post(f"{path}/steps", json=report)
    assert ended.status_code == 201
    step = ended.json()
    assert (step["duration_ms"], step["cost_usd"], step["kind"]) == (2500, "0.000040000", "external")
    assert (step["started_at"], step["ended_at"]) == ("2026-01-01T10:00:00Z", "2026-01-01T10:00:02.500000Z")
    assert step["usage"] == report["usage"]
    failed = await still_plane.agent.post(
        f"{path}/steps", json={"name": "Send the mail", "status": "failed", "error": "mailbox full"}
    )
    assert failed.json()["error"] == {"code": "reported", "message": "mailbox full"}

    done = await still_plane.agent.patch(
        path, json={"status": "completed", "output_data": {"sent": 0}, "cost_estimate": "0.0042"}
    )
    assert done.status_code == 200
    execution = done.json()
    assert (execution["status"], execution["output"], execution["output_data"]) == (
        "succeeded",
        {"sent": 0},
        {"sent": 0},
    )
    assert (execution["cost_usd"], execution["cost_estimate"]) == ("0.004200000", "0.004200000")
    assert execution["ended_at"]
    types = [event["type"] for event in await still_plane.events(external["id"], until="execution.succeeded")]
    assert types == ["execution.started", "step.running", "step.succeeded", "step.failed", "execution.succeeded"]


async def test_a_step_began_when_it_was_reported_to_run(still_plane: Plane, external: dict[str, Any]):
    path = f"/api/executions/{external['id']}/steps"
    begun = (await still_plane.agent.post(path, json={"path": "read", "status": "running"})).json()
    again = (await still_plane.agent.post(path, json={"path": "read", "status": "running"})).json()
    await asyncio.sleep(0.03)
    ended = (await still_plane.agent.post(path, json={"path": "read", "status": "succeeded"})).json()
    assert not again["is_new"]
    assert ended["started_at"] == begun["started_at"] == again["started_at"]
    assert ended["duration_ms"] >= 30
    assert ended["ended_at"] > ended["started_at"]
    shown = {step["path"]: step for step in (await still_plane.get(path))["data"]}
    assert shown["read"] | {"output": None, "is_new": False} == ended | {"is_new": False}


async def test_the_times_that_the_last_report_names_count(still_plane: Plane, external: dict[str, Any]):
    path = f"/api/executions/{external['id']}/steps"
    start, end = "2026-01-01T10:00:00Z", "2026-01-01T10:00:02.500000Z"
    for name, running, final, expected in (
        ("a", {}, {"started_at": start, "ended_at": end}, (start, end, 2500)),
        ("b", {"started_at": start}, {"ended_at": end}, (start, end, 2500)),
        ("c", {}, {"ended_at": end}, (end, end, 0)),
        ("d", {"started_at": start}, {"started_at": "2026-01-01T10:00:02Z", "ended_at": end}, (None, end, 500)),
        ("e", {}, {"started_at": start, "ended_at": start}, (start, start, 0)),
    ):
        await still_plane.agent.post(path, json={"path": name, "status": "running", **running})
        step = (await still_plane.agent.post(path, json={"path": name, "status": "failed", **final})).json()
        assert (step["ended_at"], step["duration_ms"]) == expected[1:], name
        assert expected[0] in {None, step["started_at"]}, name


@pytest.mark.parametrize("cost", [0.42, "0.42", 0.4200000000001])
async def test_a_cost_is_a_number_or_a_text(still_plane: Plane, external: dict[str, Any], cost: object):
    answer = await still_plane.agent.patch(
        f"/api/executions/{external['id']}", json={"status": "failed", "error_message": "no", "cost_estimate": cost}
    )
    assert answer.json()["cost_usd"] == "0.420000000"
    assert answer.json()["error"] == {"code": "reported", "message": "no", "path": None}
    assert answer.json()["error_message"] == "no"


@pytest.mark.parametrize("cost", [-1, "NaN", "Infinity", "much", 1e12, True])
async def test_what_is_no_cost_is_refused(still_plane: Plane, external: dict[str, Any], cost: object):
    answer = await still_plane.agent.patch(
        f"/api/executions/{external['id']}", json={"status": "completed", "cost_estimate": cost}
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].startswith("/cost_")


async def test_a_cost_that_nobody_named_is_unknown_and_not_zero(still_plane: Plane, external: dict[str, Any]):
    path = f"/api/executions/{external['id']}"
    await still_plane.agent.post(
        f"{path}/steps", json={"path": "think", "status": "succeeded", "usage": {"model": "x"}}
    )
    await still_plane.agent.post(f"{path}/steps", json={"path": "act", "status": "succeeded", "cost_usd": "0.5"})
    steps = {step["path"]: step for step in (await still_plane.get(f"{path}/steps"))["data"]}
    assert (steps["think"]["cost_usd"], steps["think"]["is_cost_unknown"]) == (None, True)
    done = (await still_plane.agent.patch(path, json={"status": "succeeded"})).json()
    assert (done["cost_usd"], done["known_cost_usd"]) == (None, "0.500000000")
    silent = await still_plane.start("weekly-report")
    done = (await still_plane.agent.patch(f"/api/executions/{silent['id']}", json={"status": "succeeded"})).json()
    assert (done["cost_usd"], done["cost_estimate"]) == (None, None)


@pytest.mark.parametrize("end", ["completed", "succeeded", "failed", "cancelled"])
async def test_what_has_ended_never_moves_again(still_plane: Plane, external: dict[str, Any], end: str):
    path = f"/api/executions/{external['id']}"
    going_on = await still_plane.agent.patch(path, json={"status": "running"})
    assert (going_on.status_code, going_on.json()["status"]) == (200, "running")
    assert (await still_plane.agent.patch(path, json={"status": end})).status_code == 200
    same = {end, "succeeded"} if end == "completed" else {end, "completed"} if end == "succeeded" else {end}
    for status in {"running", "completed", "failed", "cancelled"} - same:
        answer = await still_plane.agent.patch(path, json={"status": status})
        assert (answer.status_code, answer.json()["code"], answer.json()["allowed"]) == (409, "illegal_transition", [])
    step = await still_plane.agent.post(f"{path}/steps", json={"path": "late", "status": "succeeded"})
    assert (step.status_code, step.json()["code"]) == (409, "already_ended")


@pytest.mark.parametrize("status", ["queued", "pending", "waiting", "timed_out", "complete"])
async def test_only_what_can_be_reported_is_offered(still_plane: Plane, external: dict[str, Any], status: str):
    answer = await still_plane.agent.patch(f"/api/executions/{external['id']}", json={"status": status})
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["pointer"]) == (422, "/status")
    assert error["allowed"] == ["running", "succeeded", "completed", "failed", "cancelled"]
    assert status != "complete" or error["did_you_mean"] == "completed"


@pytest.mark.parametrize(
    ("report", "others"),
    [
        (
            {"status": "completed", "output_data": {"n": 1}, "cost_estimate": 0.5},
            [{"output_data": {"n": 2}}, {"cost_estimate": 0.6}, {"status": "failed"}, {"error_message": "no"}],
        ),
        ({"status": "failed", "error_message": "no"}, [{"error_message": "yes"}, {"cost_estimate": 0}]),
        ({"status": "failed"}, [{"error_message": "no"}, {"output_data": 1}]),
        ({"status": "cancelled"}, [{"status": "completed"}, {"status": "running"}]),
    ],
    ids=["succeeded", "failed", "silent", "cancelled"],
)
async def test_the_report_that_ended_it_may_come_again_and_no_other(
    still_plane: Plane, external: dict[str, Any], report: dict[str, Any], others: list[dict[str, Any]]
):
    path = f"/api/executions/{external['id']}"
    usage = {"model": "x", "input_tokens": 1}
    for name, cost in (("a", {"cost_usd": "0.25"}), ("b", {"usage": usage} if "cost_estimate" in report else {})):
        await still_plane.agent.post(f"{path}/steps", json={"path": name, "status": "succeeded", **cost})
    first, *again = await asyncio.gather(*(still_plane.agent.patch(path, json=report) for _ in range(4)))
    again.append(await still_plane.agent.patch(path, json=report))
    assert [answer.status_code for answer in (first, *again)] == [200] * 5
    assert {answer.text for answer in again} == {first.text}
    for other in others:
        answer = await still_plane.agent.patch(path, json={**report, **other})
        assert (answer.status_code, answer.json()["code"]) == (409, "illegal_transition"), other
        assert answer.json()["allowed"] == []
    assert (await still_plane.agent.get(path)).text == first.text


async def test_the_same_report_again_changes_nothing_and_another_one_is_refused(
    still_plane: Plane, external: dict[str, Any]
):
    path = f"/api/executions/{external['id']}/steps"
    report = {"path": "send", "status": "succeeded", "output": {"text": "x" * 5000}}
    first = await still_plane.agent.post(path, json=report)
    again = await still_plane.agent.post(path, json=report)
    other = await still_plane.agent.post(path, json={**report, "output": 2})
    assert [first.status_code, again.status_code, other.status_code] == [201, 200, 409]
    assert not again.json()["is_new"]
    assert other.json()["code"] == "already_recorded"
    repeated = await still_plane.agent.post(path, json={**report, "path": "send[1]"})
    assert repeated.status_code == 201
    assert len((await still_plane.get(path))["data"]) == 2


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("started_at", "0001-01-01T00:00:00+05:00"),
        ("ended_at", "9999-12-31T23:59:59-05:00"),
        ("started_at", "2026-01-01T00:00:00"),
        ("error", {"code": 7, "message": "no"}),
        ("usage", {"input_tokens": -1}),
        ("attempts", 0),
        ("path", " "),
    ],
)
async def test_a_report_that_could_not_be_shown_is_refused(
    still_plane: Plane, external: dict[str, Any], field: str, value: object
):
    report = {"path": "send", "status": "failed", field: value}
    answer = await still_plane.agent.post(f"/api/executions/{external['id']}/steps", json=report)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].startswith(f"/{field}")
    assert (await still_plane.get(f"/api/executions/{external['id']}/steps"))["data"] == []


async def test_the_engine_reports_itself(still_plane: Plane):
    await still_plane.store("name: mine\nsteps:\n  one: {transform: 1}\n")
    execution = await still_plane.start("mine")
    path = f"/api/executions/{execution['id']}"
    patched = await still_plane.agent.patch(path, json={"status": "completed"})
    step = await still_plane.agent.post(f"{path}/steps", json={"path": "one", "status": "succeeded"})
    assert {(answer.status_code, answer.json()["code"]) for answer in (patched, step)} == {(409, "not_external")}
    for following in patched.json()["next"]:
        answer = await still_plane.agent.request(following["method"], following["path"])
        assert answer.status_code in {200, 202}


async def test_a_runbook_is_not_run_by_the_engine_but_a_document_may_be_run_by_an_agent(still_plane: Plane):
    await still_plane.store(RUNBOOK, name="runbook")
    answer = await still_plane.agent.post("/api/executions", json={"workflow": "runbook", "mode": "engine"})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/mode")
    await still_plane.store("name: mine\nsteps:\n  one: {transform: 1}\n")
    execution = await still_plane.start("mine", mode="external")
    assert (execution["mode"], execution["status"]) == ("external", "running")


async def test_an_external_one_is_cancelled_at_once_and_restarted_as_external(
    still_plane: Plane, external: dict[str, Any]
):
    cancelled = await still_plane.agent.post(f"/api/executions/{external['id']}/cancel")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    retried = await still_plane.agent.post(f"/api/executions/{external['id']}/retry")
    assert (retried.status_code, retried.json()["code"]) == (409, "not_retryable")
    restarted = await still_plane.agent.post(f"/api/executions/{external['id']}/restart")
    assert (restarted.status_code, restarted.json()["mode"]) == (202, "external")
    assert restarted.json()["input"] == {"week": 7}
