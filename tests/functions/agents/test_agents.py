"""Agents over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from functions.agents.app import app

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from tests.functions.conftest import Organisation


@pytest.fixture
async def agent(client_of: Callable[..., Awaitable[httpx.AsyncClient]], org: Organisation) -> httpx.AsyncClient:
    return await client_of(app, org.agent)


async def register(client: httpx.AsyncClient, name: str, **fields: Any) -> dict[str, Any]:
    answer = await client.post("/api/agents", json={"name": name, **fields})
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


async def last_seen(org: Organisation, agent_id: str, seconds_ago: float) -> None:
    await org.connection.execute(
        "update plane.agents set last_seen_at = plane.clock() - make_interval(secs => $2) where id = $1",
        *(agent_id, seconds_ago),
    )


async def test_the_original_call_registers_an_agent(agent: httpx.AsyncClient) -> None:
    answer = await agent.post("/api/agents", json={"name": "my-agent", "framework": "custom"})

    assert answer.status_code == 201
    made = answer.json()
    assert (made["name"], made["framework"], made["status"], made["health"]) == (
        "my-agent",
        "custom",
        "active",
        "active",
    )
    assert made["last_seen_at"].endswith("Z")


async def test_all_fields_of_the_original_are_taken(agent: httpx.AsyncClient) -> None:
    fields = {"description": "d", "capabilities": ["a", {"id": "b", "tags": ["x"]}], "config": {"model": "m"}}

    made = await register(agent, "full", framework="langgraph", **fields)

    assert {name: made[name] for name in fields} == fields


async def test_the_same_name_is_the_same_agent_with_the_given_fields_changed(agent: httpx.AsyncClient) -> None:
    first = await register(agent, "twice", description="first", capabilities=["a"], lease_seconds=60)
    answer = await agent.post("/api/agents", json={"name": "twice", "capabilities": ["b"]})

    assert answer.status_code == 200
    again = answer.json()
    assert again["id"] == first["id"]
    assert (again["description"], again["capabilities"], again["lease_seconds"]) == ("first", ["b"], 60)
    cleared = await register(agent, "twice", description=None, lease_seconds=None)
    assert (cleared["description"], cleared["lease_until"]) == (None, None)


async def test_health_follows_the_lease(agent: httpx.AsyncClient, org: Organisation) -> None:
    made = await register(agent, "leased", lease_seconds=60)
    seen: dict[float, str] = {}
    for seconds in (0, 59, 61, 179, 181):
        await last_seen(org, made["id"], seconds)
        seen[seconds] = (await agent.get(f"/api/agents/{made['id']}")).json()["health"]

    assert seen == {0: "active", 59: "active", 61: "late", 179: "late", 181: "lost"}


async def test_an_agent_without_a_lease_is_never_lost(agent: httpx.AsyncClient, org: Organisation) -> None:
    made = await register(agent, "serverless")
    await last_seen(org, made["id"], 10_000_000)

    found = (await agent.get(f"/api/agents/{made['id']}")).json()
    assert (found["health"], found["lease_until"]) == ("active", None)


async def test_a_heartbeat_renews_the_lease_and_counts_what_waits(agent: httpx.AsyncClient, org: Organisation) -> None:
    made = await register(agent, "beating", lease_seconds=60)
    await last_seen(org, made["id"], 500)

    beat = await agent.post(f"/api/agents/{made['id']}/heartbeat")

    assert beat.status_code == 200
    assert beat.json()["health"] == "active"
    assert beat.json()["lease_until"] > made["lease_until"]
    assert beat.json()["waiting"] == {"executions": 0, "approvals": 0, "handoffs": 0, "escalations": 0}


async def test_a_heartbeat_may_bring_status_and_lease(agent: httpx.AsyncClient) -> None:
    made = await register(agent, "beating")

    beat = await agent.post(f"/api/agents/{made['id']}/heartbeat", json={"status": "inactive", "lease_seconds": 30})

    assert beat.json()["status"] == "inactive"
    assert beat.json()["lease_until"] is not None


async def test_the_original_heartbeat_by_name_is_a_sign_of_life(agent: httpx.AsyncClient, org: Organisation) -> None:
    made = await register(agent, "old-client", lease_seconds=60)
    await last_seen(org, made["id"], 500)

    by_name = await agent.patch("/api/agents", json={"name": "old-client", "status": "inactive"})
    by_id = await agent.patch("/api/agents", json={"id": made["id"]})

    assert (by_name.json()["status"], by_name.json()["health"]) == ("inactive", "active")
    assert by_id.json()["id"] == made["id"]
    assert (await agent.patch("/api/agents", json={"status": "active"})).status_code == 422
    assert (await agent.patch("/api/agents", json={"name": "nobody"})).json()["code"] == "agent_not_found"


async def test_the_original_clients_heartbeat_is_taken_in_its_own_spelling(
    agent: httpx.AsyncClient, org: Organisation
) -> None:
    made = await register(agent, "old-sdk", lease_seconds=60)
    for agent_id in (made["id"], "old-sdk"):
        await last_seen(org, made["id"], 500)
        body = {"agent_id": agent_id, "last_seen": "2026-02-13T02:15:00.000Z", "status": "active"}
        beat = await agent.patch("/api/agents", json=body)

        assert (beat.status_code, beat.json()["id"], beat.json()["health"]) == (200, made["id"], "active")
        assert beat.json()["last_seen_at"] > made["last_seen_at"]  # the plane's clock, not the client's


async def test_a_write_of_state_in_an_agents_name_is_a_sign_of_life(
    client_of: Callable[..., Awaitable[httpx.AsyncClient]], agent: httpx.AsyncClient, org: Organisation
) -> None:
    from functions.state.app import app as state_app  # noqa: PLC0415

    made = await register(agent, "writer", lease_seconds=60)
    await last_seen(org, made["id"], 500)
    state = await client_of(state_app, org.agent)
    written = await state.post("/api/state", json={"component": "c", "key": "k", "value": 1, "agent_id": made["id"]})

    assert written.json()["agent_id"] == made["id"]
    assert (await agent.get(f"/api/agents/{made['id']}")).json()["health"] == "active"


async def test_lists_filter_by_everything_they_say(agent: httpx.AsyncClient, org: Organisation) -> None:
    await register(agent, "one", framework="crewai", capabilities=["mail"], status="inactive")
    two = await register(agent, "two", capabilities=[{"id": "mail"}], lease_seconds=60)
    await register(agent, "three", capabilities=[{"name": "mail"}, "mailing"])
    await last_seen(org, two["id"], 500)

    async def names(query: str) -> list[str]:
        return [row["name"] for row in (await agent.get(f"/api/agents?{query}")).json()["data"]]

    assert await names("") == ["three", "two", "one"]
    assert await names("name=two") == ["two"]
    assert await names("status=inactive") == ["one"]
    assert await names("framework=crewai") == ["one"]
    assert await names("capability=mail") == ["three", "two", "one"]
    assert await names("capability=mailing") == ["three"]
    assert await names("health=lost") == ["two"]
    assert await names("health=late") == []


async def test_pages_give_every_agent_once(agent: httpx.AsyncClient) -> None:
    for number in range(5):
        await register(agent, f"agent-{number}")
    found: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        page = (await agent.get("/api/agents", params=query)).json()
        found += [row["name"] for row in page["data"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]

    assert found == [f"agent-{number}" for number in (4, 3, 2, 1, 0)]


async def test_a_change_leaves_the_rest_alone(agent: httpx.AsyncClient) -> None:
    made = await register(agent, "changing", description="stays", capabilities=["stays"])

    changed = await agent.patch(f"/api/agents/{made['id']}", json={"name": "changed", "config": {"a": 1}})

    assert changed.status_code == 200
    expected = {**made, "name": "changed", "config": {"a": 1}, "updated_at": changed.json()["updated_at"]}
    assert changed.json() == expected


async def test_a_name_that_another_has_is_refused(agent: httpx.AsyncClient) -> None:
    await register(agent, "taken")
    made = await register(agent, "other")

    refused = await agent.patch(f"/api/agents/{made['id']}", json={"name": "taken"})

    assert (refused.status_code, refused.json()["code"]) == (409, "agent_name_taken")


async def test_a_deleted_agent_is_gone_and_its_name_is_free(agent: httpx.AsyncClient) -> None:
    made = await register(agent, "leaving")

    assert (await agent.delete(f"/api/agents/{made['id']}")).status_code == 204
    assert (await agent.get(f"/api/agents/{made['id']}")).status_code == 404
    assert (await agent.delete(f"/api/agents/{made['id']}")).status_code == 404
    assert (await agent.post(f"/api/agents/{made['id']}/heartbeat")).status_code == 404
    assert (await agent.get("/api/agents?name=leaving")).json()["data"] == []
    assert (await register(agent, "leaving"))["id"] != made["id"]


async def test_another_organisations_agent_is_not_there(
    client_of: Callable[..., Awaitable[httpx.AsyncClient]],
    new_org: Callable[[], Awaitable[Organisation]],
    agent: httpx.AsyncClient,
) -> None:
    made = await register(agent, "private")
    other = await client_of(app, (await new_org()).agent)
    path = f"/api/agents/{made['id']}"

    assert (await other.get(path)).status_code == 404
    assert (await other.patch(path, json={"name": "stolen"})).status_code == 404
    assert (await other.delete(path)).status_code == 404
    assert (await other.post(f"{path}/heartbeat")).status_code == 404
    assert (await other.patch("/api/agents", json={"name": "private"})).status_code == 404
    assert (await other.get("/api/agents")).json()["data"] == []
    assert (await register(other, "private"))["id"] != made["id"]
    assert (await agent.get(path)).json()["name"] == "private"


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "/name", "missing"),
        ({"name": ""}, "/name", "too_short"),
        ({"name": "   "}, "/name", "wrong_form"),
        ({"name": 7}, "/name", "wrong_type"),
        ({"name": "x" * 201}, "/name", "too_long"),
        ({"name": "a", "status": "activ"}, "/status", "not_allowed"),
        ({"name": "a", "lease_seconds": 1}, "/lease_seconds", "out_of_range"),
        ({"name": "a", "capabilities": "mail"}, "/capabilities", "wrong_type"),
        ({"name": "a", "config": []}, "/config", "wrong_type"),
        ({"name": "a", "framwork": "x"}, "/framwork", "unknown_field"),
    ],
)
async def test_bad_input_is_named_by_place_and_code(
    agent: httpx.AsyncClient, body: dict[str, Any], pointer: str, code: str
) -> None:
    refused = await agent.post("/api/agents", json=body)

    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"
    assert [(error["pointer"], error["code"]) for error in refused.json()["errors"]] == [(pointer, code)]


async def test_a_misspelt_status_comes_back_with_the_right_one(agent: httpx.AsyncClient) -> None:
    error = (await agent.post("/api/agents", json={"name": "a", "status": "activ"})).json()["errors"][0]

    assert error["did_you_mean"] == "active"
    assert error["allowed"] == ["active", "inactive", "deprecated"]
