"""Usage by day: each thing counted once, late ones too, and what a billing service would be told of it."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from functions.executions.app import router as executions
from functions.limits.app import router as limits
from functions.shared.billing import MeterEvent, NoBilling, export, meter_events
from functions.shared.web import create_app
from functions.workflows.app import router as workflows

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    import httpx

    from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
    from tests.functions.conftest import Organisation

    ClientOf = Callable[..., Awaitable[httpx.AsyncClient]]

app = create_app("tests", executions, limits, workflows)
WORKFLOW = {"name": "one", "definition": "name: one\nsteps:\n  a:\n    transform: {x: 1}\n"}
STEP = """
    insert into plane.checkpoints (execution_id, gen, path, org_id, frame, parent, kind, status, seq,
      model, input_tokens, output_tokens, cost_usd, is_cost_unknown, is_carried)
    values ($1, 0, $2, $3, '', '', 'llm', 'succeeded', 1, 'm', 10, 5, $4, $5, $6)
"""


@pytest.fixture
async def operator(client_of: ClientOf, org: Organisation) -> httpx.AsyncClient:
    client = await client_of(app, org.operator)
    await client.post("/api/workflows", json=WORKFLOW)
    return client


async def start(operator: httpx.AsyncClient, **fields: Any) -> str:
    answer = await operator.post("/api/executions", json={"workflow": "one", **fields})
    assert answer.status_code in (201, 202), answer.text
    return answer.json()["id"]


async def used(operator: httpx.AsyncClient) -> dict[str, str]:
    answer = await operator.get("/api/usage?group_by=metric")
    assert answer.status_code == 200, answer.text
    return {row["metric"]: row["value"] for row in answer.json()["data"]}


async def test_what_happened_is_counted_once_however_often_it_is_metered(
    operator: httpx.AsyncClient, org: Organisation, database: AsyncpgDatabase
) -> None:
    execution = await start(operator)
    for path, cost, is_unknown, is_carried in (
        ("a", "0.25", False, False),
        ("b", None, True, False),
        ("c", "9", False, True),
    ):
        await org.connection.execute(STEP, execution, path, org.id, cost, is_unknown, is_carried)
    for _ in range(3):
        await database.kernel("meter_usage", {"org_id": org.id})
    await start(operator)
    await org.connection.execute(STEP, execution, "d", org.id, "0.5", False, False)
    await database.kernel("meter_usage", {"org_id": org.id})

    found = await used(operator)
    assert {name: found[name] for name in ("executions", "steps", "model_calls", "cost_usd", "unknown_costs")} == {
        "executions": "2",
        "steps": "3",
        "model_calls": "3",
        "cost_usd": "0.750000000",
        "unknown_costs": "1",
    }
    assert (found["input_tokens"], found["output_tokens"]) == ("30", "15")


async def test_what_commits_late_is_counted_late_and_not_lost(
    operator: httpx.AsyncClient, org: Organisation, database: AsyncpgDatabase, module_db_url: str
) -> None:
    execution = await start(operator)
    slow = await asyncpg.connect(module_db_url)
    try:
        writing = slow.transaction()
        await writing.start()
        await slow.execute(STEP, execution, "slow", org.id, "1", False, False)
        await org.connection.execute(STEP, execution, "quick", org.id, "2", False, False)
        for _ in range(4):
            await database.kernel("meter_usage", {"org_id": org.id})
        before = (await used(operator)).get("steps")
        await writing.commit()
    finally:
        await slow.close()
    for _ in range(2):
        await database.kernel("meter_usage", {"org_id": org.id})

    assert before is None, "nothing after the oldest that is under way is counted yet"
    assert (await used(operator))["steps"] == "2"


async def test_many_who_meter_at_once_count_everything_once(
    operator: httpx.AsyncClient, org: Organisation, database: AsyncpgDatabase
) -> None:
    execution = await start(operator)

    async def write() -> None:
        for n in range(40):
            await org.connection.execute(STEP, execution, f"s{n}", org.id, "0.01", False, False)

    async def meter() -> None:
        for _ in range(15):
            await database.kernel("meter_usage", {"org_id": org.id})

    await asyncio.gather(write(), meter(), meter(), meter())
    await database.kernel("meter_usage", {"org_id": org.id})

    found = await used(operator)
    assert (found["steps"], found["cost_usd"]) == ("40", "0.400000000")


async def test_what_an_external_execution_reports_beyond_its_steps_is_counted(
    operator: httpx.AsyncClient, org: Organisation, database: AsyncpgDatabase
) -> None:
    execution = await start(operator, mode="external")
    await org.connection.execute(STEP, execution, "a", org.id, "0.25", False, False)
    ended = await operator.patch(
        f"/api/executions/{execution}", json={"status": "succeeded", "cost_estimate": "1.25", "output_data": {}}
    )
    assert ended.status_code == 200, ended.text
    for _ in range(2):
        await database.kernel("meter_usage", {"org_id": org.id})

    assert (await used(operator))["cost_usd"] == "1.250000000"


async def test_requests_are_counted_by_their_leases(
    operator: httpx.AsyncClient, org: Organisation, database: AsyncpgDatabase
) -> None:
    taken = await org.connection.fetchval("select sum(counted) from plane.rate_buckets where org_id = $1", org.id)
    await database.kernel("meter_requests", {})
    await database.kernel("meter_requests", {})

    assert taken > 0
    assert int((await used(operator))["requests"]) == taken


async def test_usage_is_grouped_by_day_and_metric(operator: httpx.AsyncClient, org: Organisation) -> None:
    await org.connection.executemany(
        "insert into plane.usage_days (org_id, day, metric, value) values ($1, $2, $3, $4)",
        [
            (org.id, date(2020, 1, 1), "steps", 3),
            (org.id, date(2020, 1, 2), "steps", 4),
            (org.id, date(2020, 1, 1), "state_bytes", 70),
            (org.id, date(2020, 1, 2), "state_bytes", 50),
        ],
    )
    query = "/api/usage?from=2020-01-01&to=2020-01-02"
    both = (await operator.get(query)).json()["data"]
    by_day = (await operator.get(query + "&group_by=day")).json()["data"]
    by_metric = (await operator.get(query + "&group_by=metric")).json()["data"]
    steps = (await operator.get(query + "&metric=steps")).json()["data"]
    wrong = await operator.get("/api/usage?from=2020-01-02&to=2020-01-01")

    assert [(row["day"], row["metric"], row["value"]) for row in both] == [
        ("2020-01-01", "state_bytes", "70"),
        ("2020-01-01", "steps", "3"),
        ("2020-01-02", "state_bytes", "50"),
        ("2020-01-02", "steps", "4"),
    ]
    assert [row["metrics"] for row in by_day] == [
        {"state_bytes": "70", "steps": "3"},
        {"state_bytes": "50", "steps": "4"},
    ]
    assert [(row["metric"], row["value"]) for row in by_metric] == [("state_bytes", "70"), ("steps", "7")]
    assert len(steps) == 2
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/query/to")


async def test_a_meter_event_is_the_same_each_time_it_is_made() -> None:
    usage = [
        {"day": "2026-11-20", "metric": "cost_usd", "value": "1.2500004"},
        {"day": "2026-11-21", "metric": "steps", "value": "7"},
    ]
    sent: list[MeterEvent] = []

    class Keeping:
        async def send(self, events: Sequence[MeterEvent]) -> None:
            sent.extend(events)

    count = await export(Keeping(), "org", "cus_1", usage, before=date(2026, 11, 21))
    await NoBilling().send(sent)

    assert count == 1
    assert sent == meter_events("org", "cus_1", usage[:1])
    assert sent[0].as_json() == {
        "event_name": "agentplane_cost_micros",
        "identifier": "org:2026-11-20:cost_micros",
        "timestamp": int(datetime(2026, 11, 20, 23, 59, 59, tzinfo=UTC).timestamp()),
        "payload": {"stripe_customer_id": "cus_1", "value": "1250000"},
    }
