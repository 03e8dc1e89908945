from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.functions.running import Plane

APPROVAL = """\
name: ask
steps:
  approve: {approval: {message: "Shall we?", outcomes: [approve, reject]}}
"""
FAILS = "name: fails\nsteps:\n  stop: {fail: on purpose}\n"


async def _report(plane: Plane, execution_id: str, path: str, seconds: float = 0, **fields: Any) -> None:
    began = datetime(2026, 1, 1, tzinfo=UTC)
    times = {"started_at": began.isoformat(), "ended_at": (began + timedelta(seconds=seconds)).isoformat()}
    body = {"path": path, "status": "succeeded", **times, **fields}
    answer = await plane.agent.post(f"/api/executions/{execution_id}/steps", json=body)
    assert answer.status_code == 201, answer.text


@pytest.fixture
async def spent(still_plane: Plane) -> Plane:
    """Two workflows and an agent, with known, unknown and lump-sum costs."""
    agent = (await still_plane.agent.post("/api/agents", json={"name": "worker"})).json()["id"]
    await still_plane.store("# A", name="a")
    await still_plane.store("# B", name="b")
    first = (await still_plane.start("a", agent_id=agent))["id"]
    haiku = {"model": "haiku", "provider": "anthropic", "input_tokens": 100, "output_tokens": 10}
    await _report(still_plane, first, "read[0]", 1, usage=haiku, cost_usd="0.25")
    await _report(still_plane, first, "read[1]", 3, usage=haiku, cost_usd="0.5")
    await _report(still_plane, first, "think", 2, usage={"model": "local", "provider": "ollama", "input_tokens": 5})
    await _report(still_plane, first, "fetch", 4)
    await still_plane.agent.patch(f"/api/executions/{first}", json={"status": "completed"})
    second = (await still_plane.start("b", executed_with_model="opus"))["id"]
    await _report(still_plane, second, "read", 10, usage=haiku, cost_usd="0.25")
    await still_plane.agent.patch(f"/api/executions/{second}", json={"status": "completed", "cost_estimate": 1.25})
    return still_plane


async def test_costs_add_up_by_model_and_unknown_is_not_zero(spent: Plane):
    costs = await spent.get("/api/observe/costs", group_by="model")

    groups = {group["model"]: group for group in costs["data"]}
    assert {model: group["cost_usd"] for model, group in groups.items()} == {
        "haiku": "1.000000000",
        "opus": "1.000000000",
        "local": None,
    }
    assert (groups["local"]["known_cost_usd"], groups["local"]["unknown_calls"]) == ("0.000000000", 1)
    assert (groups["haiku"]["calls"], groups["haiku"]["executions"], groups["haiku"]["input_tokens"]) == (3, 2, 300)
    assert groups["haiku"]["share"] == 0.5
    assert (costs["total"]["cost_usd"], costs["total"]["known_cost_usd"]) == (None, "2.000000000")
    assert (costs["total"]["calls"], costs["total"]["unknown_calls"]) == (5, 1)
    assert costs["data"][-1]["group"] == "local"


@pytest.mark.parametrize(
    ("group_by", "expected"),
    [
        ("provider", {"anthropic": "1.000000000", "ollama": None, None: "1.000000000"}),
        ("workflow", {"a": None, "b": "1.250000000"}),
        ("agent", {"worker": None, None: "1.250000000"}),
        ("step", {"a/read": "0.750000000", "a/think": None, "b/read": "0.250000000", "b": "1.000000000"}),
    ],
)
async def test_costs_are_grouped_in_every_way(spent: Plane, group_by: str, expected: dict[str | None, str | None]):
    costs = await spent.get("/api/observe/costs", group_by=group_by)
    assert {group["group"]: group["cost_usd"] for group in costs["data"]} == expected
    assert costs["group_by"] == group_by


async def test_costs_of_another_time_or_organisation_are_not_counted(spent: Plane, other_plane: Plane):
    until = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    before = await spent.get("/api/observe/costs", to=until)
    assert (before["data"], before["total"]["cost_usd"]) == ([], "0.000000000")
    assert (await other_plane.get("/api/observe/costs"))["data"] == []
    wrong = await spent.agent.get(
        "/api/observe/costs", params={"from": "2026-02-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}
    )
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/query/to")
    ancient = await spent.agent.get("/api/observe/bottlenecks", params={"from": "0001-01-01T00:00:00+14:00"})
    assert (ancient.status_code, ancient.json()["errors"][0]["pointer"]) == (422, "/query/from")
    limited = await spent.get("/api/observe/costs", limit=1)
    assert (len(limited["data"]), limited["is_truncated"], limited["total"]["calls"]) == (1, True, 5)


async def test_the_slowest_steps_come_first_with_their_share(spent: Plane):
    slow = await spent.get("/api/observe/bottlenecks")
    assert [(step["workflow"], step["step"], step["total_ms"]) for step in slow["data"]] == [
        *(("b", "read", 10_000), ("a", "fetch", 4_000), ("a", "read", 4_000), ("a", "think", 2_000)),
    ]
    assert slow["data"][0]["share"] == 0.5
    read = slow["data"][2]
    assert (read["runs"], read["p50_ms"], read["p95_ms"], read["max_ms"]) == (2, 2000, 2900, 3000)
    of_a = await spent.get("/api/observe/bottlenecks", workflow="a", limit=1)
    assert [(step["step"], step["share"]) for step in of_a["data"]] == [("fetch", 0.4)]
    missing = await spent.agent.get("/api/observe/bottlenecks", params={"workflow": "c"})
    assert (missing.status_code, missing.json()["code"]) == (404, "workflow_not_found")


async def test_the_bottlenecks_of_one_execution_are_those_of_that_one(spent: Plane, other_plane: Plane):
    execution = (await spent.get("/api/executions", workflow="b"))["data"][0]["id"]
    slow = await spent.get("/api/observe/bottlenecks", execution_id=execution)
    assert [step["step"] for step in slow["data"]] == ["read"]
    assert slow["data"][0]["share"] == 1
    answer = await other_plane.operator.get("/api/observe/bottlenecks", params={"execution_id": execution})
    assert answer.status_code == 404


async def test_waiting_for_people_is_listed_apart(plane: Plane):
    await plane.store(APPROVAL)
    execution = await plane.until((await plane.start("ask"))["id"], "waiting")
    signal = {"name": "approve", "payload": {"outcome": "approve"}}
    await plane.person.post(f"/api/executions/{execution['id']}/signal", json=signal)
    await plane.until(execution["id"], "succeeded")
    slow = await plane.get("/api/observe/bottlenecks")
    assert slow["data"] == []
    assert [(step["step"], step["kind"], step["runs"]) for step in slow["waiting"]] == [("approve", "approval", 1)]
    assert slow["waiting"][0]["total_ms"] > 0


async def test_the_overview_shows_how_things_stand(plane: Plane, other_plane: Plane):
    await plane.store(APPROVAL)
    await plane.store(FAILS)
    await plane.store("# A", name="a")
    await plane.agent.post("/api/agents", json={"name": "worker", "lease_seconds": 60})
    waiting = await plane.until((await plane.start("ask"))["id"], "waiting")
    failed = await plane.start("fails", wait=20)
    external = (await plane.start("a"))["id"]
    await _report(plane, external, "think", 1, usage={"model": "local"})
    await _report(plane, external, "act", 1, cost_usd=0.5)

    for kind, name in (("budget", "budget"), ("unknown", "charge"), ("retry", "charge")):
        await plane.org.connection.execute(
            "insert into plane.waits (execution_id, token, frame, org_id, gen, kind, path, name)"
            " values ($1, $2, '', $3, 0, $2, $4, $4)",
            waiting["id"],
            kind,
            plane.org.id,
            name,
        )

    overview = await plane.get("/api/observe/overview")
    assert overview["executions"] == {
        **dict.fromkeys(("queued", "succeeded", "cancelled", "timed_out"), 0),
        "running": 1,
        "waiting": 1,
        "failed": 1,
    }
    assert overview["waiting_approvals"] == 3
    assert [(row["kind"], row["name"]) for row in overview["approvals"]] == [
        *(("approval", "approve"), ("budget", "budget"), ("unknown", "charge"))
    ]
    assert {row["execution_id"] for row in overview["approvals"]} == {waiting["id"]}
    assert overview["approvals"][0]["message"] == "Shall we?"
    assert [(row["id"], row["error"]["message"]) for row in overview["recent_failures"]] == [
        (failed["id"], "on purpose")
    ]
    assert overview["cost_today"]["known_cost_usd"] == "0.500000000"
    assert (overview["cost_today"]["cost_usd"], overview["cost_today"]["unknown_calls"]) == (None, 1)
    assert overview["agents"] == {"registered": 1, "active": 1}
    theirs = await other_plane.get("/api/observe/overview")
    assert (sum(theirs["executions"].values()), theirs["waiting_approvals"]) == (0, 0)
    assert theirs["cost_today"]["cost_usd"] == "0.000000000"


async def test_figures_are_of_all_executions_and_not_of_those_shown(spent: Plane):
    observed = await spent.get("/api/observe", limit=1, include_costs=True)
    assert len(observed["executions"]) == 1
    stats = observed["stats"]
    assert (stats["total"], stats["succeeded"], stats["failed"]) == (2, 2, 0)
    assert (stats["known_cost_usd"], stats["unknown_costs"]) == ("2.000000000", 1)
    assert stats["average_duration_seconds"] >= 0
    workflow = (await spent.get("/api/workflows", name="a"))["id"]
    assert (await spent.get("/api/observe", workflow_id=workflow))["stats"]["total"] == 1


async def test_events_of_others_are_neither_read_nor_written(spent: Plane, other_plane: Plane):
    execution = (await spent.get("/api/executions"))["data"][0]["id"]
    read = await other_plane.operator.get("/api/observe", params={"execution_id": execution})
    body = {"execution_id": execution, "event_type": "note"}
    written = await other_plane.operator.post("/api/observe", json=body)
    assert {(answer.status_code, answer.json()["code"]) for answer in (read, written)} == {(404, "execution_not_found")}
    assert (await other_plane.get("/api/observe"))["executions"] == []


@pytest.mark.parametrize("event_type", ["", "two words", "x" * 101])
async def test_an_event_type_is_a_word(spent: Plane, event_type: str):
    execution = (await spent.get("/api/executions"))["data"][0]["id"]
    answer = await spent.agent.post("/api/observe", json={"execution_id": execution, "event_type": event_type})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/event_type")
