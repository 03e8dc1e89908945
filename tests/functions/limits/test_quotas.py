"""Quotas: what is added is counted, the last free place goes to one, and each refusal says what to do."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from functions.agents.app import router as agents
from functions.executions.app import router as executions
from functions.keys.app import router as keys
from functions.limits.app import router as limits
from functions.members.app import router as members
from functions.shared.config import Settings
from functions.shared.web import create_app
from functions.state.app import router as state
from functions.workflows.app import router as workflows
from tests.functions.conftest import app_state
from tests.people import new_user

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
    from tests.functions.conftest import Organisation

    ClientOf = Callable[..., Awaitable[httpx.AsyncClient]]

app = create_app("tests", agents, executions, keys, limits, members, state, workflows)
WORKFLOW = {"name": "one", "definition": "name: one\nsteps:\n  a:\n    transform: {x: 1}\n"}


@pytest.fixture
async def operator(client_of: ClientOf, org: Organisation) -> httpx.AsyncClient:
    return await client_of(app, org.operator)


async def limit(operator: httpx.AsyncClient, **quotas: int | None) -> dict[str, Any]:
    answer = await operator.patch("/api/limits", json={"quotas": quotas})
    assert answer.status_code == 200, answer.text
    return {each["name"]: each for each in answer.json()["quotas"]}


def put(client: httpx.AsyncClient, key: str) -> Awaitable[httpx.Response]:
    return client.post("/api/state", json={"component": "c", "key": key, "value": 1})


async def test_limits_say_what_is_used_and_left(operator: httpx.AsyncClient) -> None:
    await put(operator, "a")
    found = await limit(operator, state_entries=10, agents=None)

    assert found["state_entries"] == {
        "name": "state_entries",
        "limit": 10,
        "default": None,
        "used": 1,
        "is_approximate": False,
        "left": 9,
    }
    assert (found["agents"]["limit"], found["agents"]["left"]) == (None, None)
    assert found["keys"]["used"] == 2
    assert (await limit(operator))["agents"]["default"] == 2000
    reset = (await operator.patch("/api/limits", json={"reset": ["agents"]})).json()
    assert next(each for each in reset["quotas"] if each["name"] == "agents")["limit"] == 2000


@pytest.mark.parametrize(
    ("quota", "path", "body"),
    [
        ("agents", "/api/agents", {"name": "one more"}),
        ("keys", "/api/keys", {"name": "one more"}),
        ("workflows", "/api/workflows", WORKFLOW),
        ("state_entries", "/api/state", {"component": "c", "key": "k", "value": 1}),
    ],
)
async def test_what_is_over_the_quota_is_not_added(
    operator: httpx.AsyncClient, quota: str, path: str, body: dict[str, Any]
) -> None:
    used = (await limit(operator))[quota]["used"]
    await limit(operator, **{quota: used})
    refused = await operator.post(path, json=body)
    after = (await limit(operator, **{quota: used + 1}))[quota]["used"]
    allowed = await operator.post(path, json=body)

    problem = refused.json()
    assert (refused.status_code, problem["code"], problem["quota"]) == (403, "quota_exceeded", quota)
    assert (problem["limit"], problem["used"]) == (used, used)
    assert "PATCH /api/limits" in problem["hint"]
    assert after == used
    assert allowed.status_code in (200, 201), allowed.text


async def test_what_is_there_may_still_be_changed(operator: httpx.AsyncClient) -> None:
    await put(operator, "a")
    await limit(operator, state_entries=0)

    assert (await put(operator, "a")).status_code == 200
    assert (await put(operator, "b")).json()["code"] == "quota_exceeded"


async def test_of_many_at_once_only_as_many_get_in_as_there_is_room(operator: httpx.AsyncClient) -> None:
    await limit(operator, state_entries=5)
    codes = [each.status_code for each in await asyncio.gather(*(put(operator, f"k{n}") for n in range(20)))]

    assert sorted(codes) == [201] * 5 + [403] * 15


async def test_a_quota_that_is_reached_is_told_once_a_day(operator: httpx.AsyncClient, org: Organisation) -> None:
    await limit(operator, state_entries=2)
    for key in ("a", "b", "c", "d"):
        await put(operator, key)
    await operator.delete("/api/state?component=c&key=a")
    await put(operator, "e")
    told = await org.connection.fetch(
        "select data::text from plane.events where org_id = $1 and type = 'quota.reached'", org.id
    )

    assert [json.loads(row["data"]) for row in told] == [{"quota": "state_entries", "limit": 2, "used": 2}]


async def test_executions_of_a_day_and_concurrent_ones_come_back_by_themselves(operator: httpx.AsyncClient) -> None:
    await operator.post("/api/workflows", json=WORKFLOW)

    async def start() -> httpx.Response:
        return await operator.post("/api/executions", json={"workflow": "one"})

    await limit(operator, concurrent_executions=1)
    first, second = await start(), await start()
    await operator.post(f"/api/executions/{first.json()['id']}/cancel")
    await limit(operator, concurrent_executions=None, executions_per_day=1)
    third = await start()

    assert first.status_code == 202
    assert (second.status_code, second.json()["quota"]) == (429, "concurrent_executions")
    assert second.headers["retry-after"] == "5"
    assert (third.status_code, third.json()["quota"]) == (429, "executions_per_day")
    assert 0 < int(third.headers["retry-after"]) <= 86_400


async def test_a_large_quota_is_compared_with_what_was_counted_last(
    operator: httpx.AsyncClient, org: Organisation, database: AsyncpgDatabase
) -> None:
    await database.kernel("meter_usage", {"org_id": org.id})
    await org.connection.execute(
        "insert into plane.state (org_id, component, key, value)"
        " select $1, 'many', n::text, '1' from generate_series(1, 3000) as n",
        org.id,
    )
    await limit(operator, state_entries=3000)
    before = await put(operator, "not counted yet")
    await database.kernel("count_quotas", {"org_id": org.id, "every_seconds": 0})
    refused = await put(operator, "counted")
    found = await limit(operator)

    assert before.status_code == 201
    assert (refused.status_code, refused.json()["used"]) == (403, 3001)
    assert (found["state_entries"]["used"], found["state_entries"]["is_approximate"]) == (3001, True)


async def test_only_who_manages_limits_changes_them(client_of: ClientOf, org: Organisation) -> None:
    agent = await client_of(app, org.agent)

    assert (await agent.get("/api/limits")).status_code == 200
    for method, path in (("patch", "/api/limits"), ("put", "/api/limits/rates")):
        refused = await agent.request(method, path, json={})
        assert (refused.status_code, refused.json()["scope"]) == (403, "limits:manage")


async def test_nobody_joins_over_the_quota_of_members(client_of: ClientOf, org: Organisation) -> None:
    owner = await client_of(app, (await org.member("owner")).token())
    with app_state(app, settings=Settings(_env_file=None, public_url="https://plane.test")):  # type: ignore[call-arg]
        made = await owner.post("/api/invitations", json={"email": "ada@example.com", "role": "viewer"})
        await limit(owner, members=1)
        ada = await client_of(app, new_user("ada@example.com").token())
        refused = await ada.post("/api/invitations/accept", json={"token": made.json()["token"]})
        await limit(owner, members=2)
        joined = await ada.post("/api/invitations/accept", json={"token": made.json()["token"]})

    assert (refused.status_code, refused.json()["quota"]) == (403, "members")
    assert joined.is_success, joined.text
