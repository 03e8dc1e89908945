from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from tests.functions.executions.documents import APPROVAL, PLAIN, WAITS

if TYPE_CHECKING:
    from tests.functions.running import Plane


async def _follow(plane: Plane, execution_id: str, **query: Any) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    after: str | None = None
    for _ in range(100):
        page = await plane.get(
            f"/api/executions/{execution_id}/events", **query, **({} if after is None else {"after": after})
        )
        events += page["data"]
        after = page["next_cursor"]
        if after is None:
            return events
    raise AssertionError("the feed does not end")


@pytest.mark.parametrize("limit", [1, 3, 500])
async def test_every_event_comes_once_and_in_order_whatever_the_pages(plane: Plane, limit: int):
    await plane.store(PLAIN)
    execution = await plane.start("plain", input={"who": "Ada"})
    events = await _follow(plane, execution["id"], limit=limit, wait=5)

    types = [(event["type"], event["path"]) for event in events]
    assert types[0] == ("execution.started", None)
    assert types[-1] == ("execution.succeeded", None)
    assert {path for kind, path in types if kind == "step.succeeded"} == {
        *("greet", "repeat", "repeat[0]", "repeat[1]", "repeat[2]")
    }
    assert ("step.skipped", "never") in types
    assert len({event["id"] for event in events}) == len(events)
    greet = next(event for event in events if event["path"] == "greet")
    assert (greet["data"]["output"], greet["data"]["kind"]) == ("Hello Ada", "transform")


async def test_a_follower_is_told_at_once(plane: Plane):
    await plane.store(WAITS)
    execution = await plane.until((await plane.start("waits"))["id"], "waiting")
    await plane.events(execution["id"], until="wait.opened")
    page = await plane.get(f"/api/executions/{execution['id']}/events")
    assert page["next_cursor"] == page["data"][-1]["id"]

    async def tell() -> None:
        await asyncio.sleep(0.2)
        body = {"execution_id": execution["id"], "event_type": "note", "message": "soon"}
        await plane.agent.post("/api/observe", json=body)

    clock = asyncio.get_running_loop().time
    began, telling = clock(), asyncio.create_task(tell())
    found = await plane.get(f"/api/executions/{execution['id']}/events", after=page["next_cursor"], wait=10)
    await telling
    assert [event["type"] for event in found["data"]] == ["observe.note"]
    assert 0.15 < clock() - began < 2
    nothing = await plane.get(f"/api/executions/{execution['id']}/events", after=found["next_cursor"])
    assert (nothing["data"], nothing["next_cursor"]) == ([], found["next_cursor"])


async def test_what_an_open_transaction_may_still_write_is_not_overtaken(still_plane: Plane, module_db_url: str):
    await still_plane.store("# Do it", name="runbook")
    execution = await still_plane.start("runbook")
    path = f"/api/executions/{execution['id']}"
    insert = "insert into plane.events (org_id, execution_id, type) values ($1, $2, $3)"
    slow = await asyncpg.connect(module_db_url)
    try:
        transaction = slow.transaction()
        await transaction.start()
        await slow.execute(insert, still_plane.org.id, execution["id"], "observe.slow")
        await still_plane.org.connection.execute(insert, still_plane.org.id, execution["id"], "observe.fast")
        await still_plane.agent.patch(path, json={"status": "completed"})
        early = await still_plane.get(f"{path}/events")
        assert "observe.fast" not in [event["type"] for event in early["data"]]
        assert early["next_cursor"] is not None
        await transaction.commit()
    finally:
        await slow.close()
    rest = await _follow(still_plane, execution["id"])
    assert [event["type"] for event in rest] == [
        *("execution.started", "observe.slow", "observe.fast", "execution.succeeded")
    ]


async def test_a_feed_whose_first_event_is_still_held_back_has_not_ended(still_plane: Plane, module_db_url: str):
    await still_plane.store("# Do it", name="runbook")
    slow = await asyncpg.connect(module_db_url)
    try:
        transaction = slow.transaction()
        await transaction.start()
        await slow.execute("select pg_current_xact_id()")  # what starts now is newer than something that still runs
        execution = await still_plane.start("runbook")
        early = await still_plane.get(f"/api/executions/{execution['id']}/events")
        await still_plane.agent.patch(f"/api/executions/{execution['id']}", json={"status": "completed"})
        await transaction.commit()
    finally:
        await slow.close()
    assert early["data"] == []
    page = await still_plane.get(f"/api/executions/{execution['id']}/events", after=early["next_cursor"], wait=5)
    assert page["data"][0]["type"] == "execution.started"


@pytest.mark.parametrize("cursor", ["nonsense", "%%%", "AAAA", "MS4y4"])
async def test_a_cursor_that_was_never_given_is_refused(still_plane: Plane, cursor: str):
    await still_plane.store("# Do it", name="runbook")
    execution = await still_plane.start("runbook")
    answer = await still_plane.agent.get(f"/api/executions/{execution['id']}/events", params={"after": cursor})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")


async def test_the_trace_is_a_tree_with_times_and_the_slowest_step(plane: Plane):
    await plane.store(PLAIN)
    execution = await plane.start("plain", wait=20, input={"who": "Ada"})
    trace = await plane.get(f"/api/executions/{execution['id']}/trace")

    assert (trace["status"], trace["is_truncated"]) == ("succeeded", False)
    spans = {span["path"]: span for span in trace["spans"]}
    assert set(spans) == {"greet", "repeat", "never"}
    assert [child["path"] for child in spans["repeat"]["children"]] == ["repeat[0]", "repeat[1]", "repeat[2]"]
    assert spans["never"]["status"] == "skipped"
    totals = trace["totals"]
    assert (totals["steps"], totals["succeeded"], totals["skipped"], totals["failed"]) == (5, 4, 1, 0)
    assert totals["cost_usd"] == "0.000000000"


async def test_a_trace_adds_up_times_tokens_and_costs(still_plane: Plane):
    await still_plane.store("# Do it", name="runbook")
    execution = await still_plane.start("runbook")
    path = f"/api/executions/{execution['id']}"

    async def report(name: str, seconds: int, **fields: Any) -> None:
        times = {"started_at": "2026-01-01T10:00:00Z", "ended_at": f"2026-01-01T10:00:{seconds:02}Z"}
        answer = await still_plane.agent.post(
            f"{path}/steps", json={"path": name, "status": "succeeded", **times, **fields}
        )
        assert answer.status_code == 201, answer.text

    usage = {"model": "haiku", "input_tokens": 100, "output_tokens": 20}
    await report("read", 30, usage=usage, cost_usd="0.25")
    await report("read_more", 10, usage=usage)
    await report("group.inner", 20, cost_usd="0.5")
    await still_plane.agent.post(f"{path}/steps", json={"path": "last", "status": "running"})
    trace = await still_plane.get(f"{path}/trace")

    spans = {span["path"]: span for span in trace["spans"]}
    assert set(spans) == {"read", "read_more", "group", "last"}
    assert (spans["group"]["status"], spans["group"]["duration_ms"]) == ("running", 20_000)
    assert (trace["slowest"]["path"], trace["slowest"]["duration_ms"]) == ("read", 30_000)
    assert trace["slowest"]["share"] == pytest.approx(0.5, abs=0.05)
    totals = trace["totals"]
    assert (totals["input_tokens"], totals["output_tokens"]) == (200, 40)
    assert (totals["step_cost_usd"], totals["unknown_costs"], totals["running"]) == ("0.750000000", 1, 1)
    assert totals["working_ms"] >= 60_000


async def test_waiting_for_a_person_is_no_work(plane: Plane):
    await plane.store(APPROVAL)
    execution = await plane.until((await plane.start("refund", input={"amount": 1}))["id"], "waiting")
    await asyncio.sleep(0.1)
    signal = {"name": "approve", "payload": {"outcome": "reject"}}
    await plane.person.post(f"/api/executions/{execution['id']}/signal", json=signal)
    await plane.until(execution["id"], "succeeded")
    trace = await plane.get(f"/api/executions/{execution['id']}/trace")
    spans = {span["path"]: span for span in trace["spans"]}
    assert spans["approve"]["duration_ms"] >= 100
    assert trace["totals"]["waiting_ms"] >= 100
    assert trace["slowest"]["path"] != "approve"
    assert trace["totals"]["working_ms"] < 100


async def test_the_explanation_says_why_each_branch_was_taken(plane: Plane):
    await plane.store(PLAIN)
    execution = await plane.start("plain", wait=20, input={"who": "Ada"})
    explained = await plane.get(f"/api/executions/{execution['id']}/explain")
    decisions = {decision["path"]: decision for decision in explained["decisions"]}
    assert decisions["never"]["decision"] == "skipped"
    assert decisions["never"]["message"]
    assert decisions["repeat"]["code"] == "for_each"
    assert explained["status"] == "succeeded"


async def test_a_runbook_is_not_explained(still_plane: Plane):
    await still_plane.store("# Do it", name="runbook")
    execution = await still_plane.start("runbook")
    answer = await still_plane.agent.get(f"/api/executions/{execution['id']}/explain")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_a_document")
    step = answer.json()["next"][0]
    assert (await still_plane.agent.request(step["method"], step["path"])).status_code == 200
