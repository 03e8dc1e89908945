from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.functions.running import Plane

CHILD = """\
name: child
steps:
  approve: {approval: {message: "Shall we?", outcomes: [approve, reject]}}
output: ${{ steps.approve.output.outcome }}
"""
PARENT = """\
name: parent
steps:
  ask: {workflow: {ref: child}}
output: ${{ steps.ask.output }}
"""


async def test_a_parent_names_the_child_that_it_waits_for(plane: Plane):
    await plane.store(CHILD)
    await plane.store(PARENT)
    parent = await plane.until((await plane.start("parent"))["id"], "waiting")
    (wait,) = parent["waiting_for"]
    assert (wait["kind"], wait["path"]) == ("child", "ask")
    child = await plane.until(wait["execution_id"], "waiting")
    assert (child["parent_execution_id"], child["parent_path"]) == (parent["id"], "ask")
    assert child["waiting_for"][0]["message"] == "Shall we?"

    signal = {"name": "approve", "payload": {"outcome": "reject"}}
    assert (await plane.person.post(f"/api/executions/{child['id']}/signal", json=signal)).status_code == 200
    ended = await plane.until(parent["id"], "succeeded")
    assert ended["output"] == "reject"
    steps = {step["path"]: step for step in (await plane.get(f"/api/executions/{parent['id']}/steps"))["data"]}
    events = await plane.events(parent["id"], until="execution.succeeded")
    (done,) = [event for event in events if event["type"] == "step.succeeded"]
    assert done["data"]["duration_ms"] == steps["ask"]["duration_ms"] > 0
    slow = await plane.get("/api/observe/bottlenecks", execution_id=parent["id"])
    assert [(step["step"], step["kind"]) for step in slow["waiting"]] == [("ask", "workflow")]


async def test_cancelling_a_parent_cancels_its_child(plane: Plane):
    await plane.store(CHILD)
    await plane.store(PARENT)
    parent = await plane.until((await plane.start("parent"))["id"], "waiting")
    child = await plane.until(parent["waiting_for"][0]["execution_id"], "waiting")
    answer = await plane.agent.post(f"/api/executions/{parent['id']}/cancel", headers={"Prefer": "wait=20"})
    assert answer.json()["status"] == "cancelled"
    assert (await plane.get(f"/api/executions/{child['id']}"))["status"] == "cancelled"
    steps = (await plane.get(f"/api/executions/{parent['id']}/steps"))["data"]
    assert {(step["path"], step["status"]) for step in steps} == {("ask", "cancelled")}
