"""Budgets: what was spent is compared with them, a person is asked once, and a stop refuses starts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from functions.executions.app import router as executions
from functions.limits.app import router as limits
from functions.shared.web import create_app
from functions.workflows.app import router as workflows
from tests.functions.limits.test_usage import STEP, WORKFLOW

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
    from tests.functions.conftest import Organisation

    ClientOf = Callable[..., Awaitable[httpx.AsyncClient]]

app = create_app("tests", executions, limits, workflows)


@pytest.fixture
async def operator(client_of: ClientOf, org: Organisation) -> httpx.AsyncClient:
    client = await client_of(app, org.operator)
    await client.post("/api/workflows", json=WORKFLOW)
    return client


async def start(operator: httpx.AsyncClient) -> httpx.Response:
    return await operator.post("/api/executions", json={"workflow": "one"})


async def create(operator: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    answer = await operator.post("/api/budgets", json={"period": "month", "limit_usd": "1", **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def spend(operator: httpx.AsyncClient, org: Organisation, usd: str | None) -> str:
    execution = (await start(operator)).json()
    await org.connection.execute(STEP, execution["id"], "a", org.id, usd, usd is None, False)
    return execution["workflow_id"]


async def state(operator: httpx.AsyncClient, budget: dict[str, Any]) -> dict[str, Any]:
    return (await operator.get(f"/api/budgets/{budget['id']}")).json()["state"]


async def told(org: Organisation) -> list[str]:
    rows = await org.connection.fetch(
        "select type from plane.events where org_id = $1 and type like 'budget.%' order by feed_id", org.id
    )
    return [row["type"] for row in rows]


async def test_a_budget_knows_what_was_spent_before_it_was_metered_and_counts_nothing_twice(
    operator: httpx.AsyncClient, org: Organisation, database: AsyncpgDatabase
) -> None:
    budget = await create(operator)
    await spend(operator, org, "0.3")
    await spend(operator, org, None)
    before = await state(operator, budget)
    await database.kernel("meter_usage", {"org_id": org.id})
    await spend(operator, org, "0.2")
    after = await state(operator, budget)
    await database.kernel("meter_usage", {"org_id": org.id})
    metered = await state(operator, budget)

    assert (before["spent_usd"], before["unknown_calls"], before["status"]) == ("0.300000000", 1, "open")
    assert (after["spent_usd"], after["left_usd"]) == ("0.500000000", "0.500000000")
    assert (metered["spent_usd"], metered["unknown_calls"]) == ("0.500000000", 1)
    assert float(metered["forecast_usd"]) >= 0.5


async def test_a_stopped_budget_refuses_starts_until_it_is_raised(
    operator: httpx.AsyncClient, org: Organisation, database: AsyncpgDatabase
) -> None:
    budget = await create(operator, on_reached="stop")
    await spend(operator, org, "1.5")
    for _ in range(2):
        await database.kernel("watch_budgets", {"org_id": org.id})
    refused = await start(operator)
    stopped = await state(operator, budget)
    await operator.patch(f"/api/budgets/{budget['id']}", json={"limit_usd": "5"})
    allowed = await start(operator)

    assert (refused.status_code, refused.json()["code"]) == (402, "budget_exhausted")
    assert refused.json()["budget_id"] == budget["id"]
    assert not refused.json()["retryable"]
    assert (stopped["status"], stopped["left_usd"]) == ("stopped", "0.000000000")
    assert allowed.status_code == 202
    assert await told(org) == ["budget.reached"]


async def test_a_budget_warns_before_it_is_reached(
    operator: httpx.AsyncClient, org: Organisation, database: AsyncpgDatabase
) -> None:
    budget = await create(operator, warn_at=0.5)
    await spend(operator, org, "0.6")
    for _ in range(2):
        await database.kernel("watch_budgets", {"org_id": org.id})

    assert (await state(operator, budget))["status"] == "warning"
    assert await told(org) == ["budget.warned"]


async def test_a_budget_of_one_workflow_stops_no_other(
    operator: httpx.AsyncClient, org: Organisation, database: AsyncpgDatabase
) -> None:
    workflow = await spend(operator, org, "2")
    await operator.post(
        "/api/workflows", json={"name": "two", "definition": WORKFLOW["definition"].replace("one", "two")}
    )
    await create(operator, scope="workflow", workflow_id=workflow)
    await database.kernel("watch_budgets", {"org_id": org.id})
    other = await operator.post("/api/executions", json={"workflow": "two"})

    assert (await start(operator)).status_code == 402
    assert other.status_code == 202


async def ask(operator: httpx.AsyncClient, org: Organisation, database: AsyncpgDatabase) -> dict[str, Any]:
    budget = await create(operator, on_reached="ask")
    await spend(operator, org, "1.5")
    for _ in range(3):
        await database.kernel("watch_budgets", {"org_id": org.id})
    return budget


async def answer(org: Organisation, outcome: str, form: dict[str, Any] | None) -> None:
    await org.connection.execute(
        "update plane.escalations set status = 'resolved', outcome = $2, answer = $3::text::jsonb, decided_at = now()"
        " where org_id = $1 and status = 'open'",
        org.id,
        outcome,
        json.dumps(form),
    )


async def test_a_person_is_asked_once_and_paid_steps_wait_meanwhile(
    operator: httpx.AsyncClient, org: Organisation, database: AsyncpgDatabase
) -> None:
    budget = await ask(operator, org, database)
    asked = await org.connection.fetch("select * from plane.escalations where org_id = $1", org.id)
    held = json.loads(await org.connection.fetchval("select plane.budget_states($1)::text", org.id))

    assert len(asked) == 1
    assert asked[0]["outcomes"] == ["raise", "stop"]
    assert (await state(operator, budget))["escalation_id"] == str(asked[0]["id"])
    assert [(each["is_reached"], each["on_reached"]) for each in held] == [(True, "ask")]
    assert (await start(operator)).status_code == 202, "what waits costs nothing"
    assert await told(org) == ["budget.reached"]


@pytest.mark.parametrize(("form", "raised"), [({"usd": "2.5"}, "2.500000000"), ({}, "1.000000000")])
async def test_a_person_raises_it_for_the_period(
    operator: httpx.AsyncClient, org: Organisation, database: AsyncpgDatabase, form: dict[str, Any], raised: str
) -> None:
    budget = await ask(operator, org, database)
    await answer(org, "raise", form)
    await database.kernel("watch_budgets", {"org_id": org.id})
    after = await state(operator, budget)
    held = json.loads(await org.connection.fetchval("select plane.budget_states($1)::text", org.id))

    assert (after["raised_usd"], after["escalation_id"]) == (raised, None)
    assert not held[0]["is_reached"]
    assert await told(org) == ["budget.reached", "budget.raised"]


async def test_a_person_says_stop(operator: httpx.AsyncClient, org: Organisation, database: AsyncpgDatabase) -> None:
    budget = await ask(operator, org, database)
    await answer(org, "stop", None)
    await database.kernel("watch_budgets", {"org_id": org.id})

    assert (await state(operator, budget))["status"] == "stopped"
    assert (await start(operator)).status_code == 402


async def test_a_question_about_an_old_limit_is_withdrawn(
    operator: httpx.AsyncClient, org: Organisation, database: AsyncpgDatabase
) -> None:
    budget = await ask(operator, org, database)
    await operator.patch(f"/api/budgets/{budget['id']}", json={"limit_usd": "50"})
    await database.kernel("watch_budgets", {"org_id": org.id})

    assert (
        await org.connection.fetchval("select status from plane.escalations where org_id = $1", org.id) == "cancelled"
    )
    assert (await state(operator, budget))["status"] == "open"


async def test_a_budget_is_set_once_for_each_target_and_lifted(operator: httpx.AsyncClient) -> None:
    budget = await create(operator)
    twice = await operator.post("/api/budgets", json={"period": "month", "limit_usd": "2"})
    targetless = await operator.post("/api/budgets", json={"scope": "workflow", "period": "day", "limit_usd": "2"})
    unknown = await operator.post(
        "/api/budgets",
        json={"scope": "workflow", "workflow_id": str(uuid4()), "period": "day", "limit_usd": "2"},
    )
    lifted = await operator.delete(f"/api/budgets/{budget['id']}")
    gone = await operator.get(f"/api/budgets/{budget['id']}")

    assert (twice.status_code, twice.json()["code"]) == (409, "budget_exists")
    assert (targetless.status_code, targetless.json()["errors"][0]["pointer"]) == (422, "/workflow_id")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "workflow_not_found")
    assert lifted.status_code == 204
    assert (gone.status_code, gone.json()["code"]) == (404, "budget_not_found")
