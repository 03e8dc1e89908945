"""What an agent learns when it wakes up, over HTTP, within a budget of tokens."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from functions.agents.app import router as agents
from functions.escalations.app import router as escalations
from functions.executions.app import router as executions
from functions.handoffs.app import router as handoffs
from functions.limits.app import router as limits
from functions.me.app import router as me
from functions.memory.app import router as memory
from functions.observe.app import router as observe
from functions.shared.web import create_app
from functions.state.app import router as state
from functions.workflows.app import router as workflows

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from tests.functions.conftest import Organisation

    ClientOf = Callable[..., Awaitable[httpx.AsyncClient]]

app = create_app("tests", agents, escalations, executions, handoffs, limits, me, memory, observe, state, workflows)


@pytest.fixture
async def agent(client_of: ClientOf, org: Organisation) -> httpx.AsyncClient:
    return await client_of(app, org.agent)


async def post(client: httpx.AsyncClient, path: str, **body: Any) -> dict[str, Any]:
    answer = await client.post(f"/api/{path}", json=body)
    assert answer.is_success, answer.text
    return answer.json()


async def inbox(client: httpx.AsyncClient, name: str, **query: Any) -> dict[str, Any]:
    answer = await client.get("/api/me/inbox", params={"agent": name, **query})
    assert answer.status_code == 200, answer.text
    return answer.json()


def kinds(answer: dict[str, Any]) -> list[str]:
    return [item["kind"] for item in answer["items"]]


async def busy_day(client: httpx.AsyncClient, person: httpx.AsyncClient) -> dict[str, str]:
    """Give an agent one of each thing."""
    ids = {name: (await post(client, "agents", name=name, lease_seconds=60))["id"] for name in ("worker", "boss")}
    await post(client, "workflows", name="report", definition="# How to report")
    started = await post(client, "executions", workflow="report", agent_id=ids["worker"])
    for goal in ("held work", "offered work"):
        context = {"agent": "boss"}
        made = await post(
            client,
            "handoffs",
            from_agent_id=ids["boss"],
            to_agent_id=ids["worker"],
            context=context,
            packet={"goal": goal},
        )
        ids[goal] = made["id"]
    await post(client, f"handoffs/{ids['held work']}/claim", agent_id=ids["worker"])
    ids["sent"] = (await post(client, "handoffs", from_agent_id=ids["worker"], context={}, packet={"goal": "sent"}))[
        "id"
    ]
    await post(client, f"handoffs/{ids['sent']}/cancel", agent_id=ids["worker"])
    for reason in ("open question", "answered question"):
        asked = await post(client, "escalations", reason=reason, agent_id=ids["worker"], context={"a": 1})
        ids[reason] = asked["id"]
    await post(person, "budgets", period="month", limit_usd="25", on_reached="ask", scope="organisation")
    await post(person, f"escalations/{ids['answered question']}/dismiss", comment="never mind")
    await post(client, "state", component="crawler", key="at", value={"page": 7}, agent_id=ids["worker"])
    await post(client, "memory", namespace="notes", content="The customer likes PDF.", agent_id=ids["worker"])
    return {**ids, "execution": started["id"]}


async def test_one_call_tells_everything_that_matters_in_order(
    client_of: ClientOf, agent: httpx.AsyncClient, org: Organisation
) -> None:
    ids = await busy_day(agent, await client_of(app, (await org.member("admin")).token()))
    answer = await inbox(agent, "worker")

    assert kinds(answer) == [
        "handoff_held",
        "escalation_answered",
        "execution",
        "handoff_offered",
        "escalation_open",
        "budget",
        "handoff_ended",
        "state",
        "memory",
    ]
    by_kind = {item["kind"]: item for item in answer["items"]}
    assert by_kind["handoff_held"]["id"] == ids["held work"]
    assert by_kind["handoff_held"]["details"]["lease_until"]
    assert by_kind["escalation_answered"]["details"]["comment"] == "never mind"
    assert by_kind["execution"]["id"] == ids["execution"]
    assert by_kind["state"]["details"]["value"] == {"page": 7}
    assert answer["waiting"] == {"executions": 1, "approvals": 0, "handoffs": 2, "escalations": 1}
    assert (answer["omitted"], answer["withheld"], answer["next"]) == ({}, [], [])
    assert answer["agent"]["name"] == "worker"
    assert answer["budget_left_usd"] == "25.000000000"
    assert by_kind["budget"]["title"] == "The month's budget of the organisation has 25.000000000 USD left"


async def test_every_next_call_of_an_inbox_works(
    client_of: ClientOf, agent: httpx.AsyncClient, org: Organisation
) -> None:
    await busy_day(agent, await client_of(app, (await org.member("admin")).token()))
    answer = await inbox(agent, "worker")

    calls = [call for item in answer["items"] for call in item["next"]]
    assert len(calls) >= 10
    for call in sorted(calls, key=lambda each: each["method"]):
        done = await agent.request(call["method"], call["path"], json=call["body"])
        assert done.is_success, (call, done.text)


async def test_a_heartbeat_counts_the_same(client_of: ClientOf, agent: httpx.AsyncClient, org: Organisation) -> None:
    ids = await busy_day(agent, await client_of(app, (await org.member("admin")).token()))
    beat = await post(agent, f"agents/{ids['worker']}/heartbeat")
    later = await post(
        agent, f"agents/{ids['worker']}/heartbeat", since=(datetime.now(UTC) + timedelta(hours=1)).isoformat()
    )

    assert beat["waiting"] == (await inbox(agent, "worker"))["waiting"]
    assert (beat["waiting"]["escalations"], later["waiting"]["escalations"]) == (1, 0)


@pytest.mark.parametrize("max_tokens", [300, 500, 900, 2000])
async def test_an_inbox_never_has_more_tokens_than_were_asked_for(
    client_of: ClientOf, agent: httpx.AsyncClient, org: Organisation, max_tokens: int
) -> None:
    ids = await busy_day(agent, await client_of(app, (await org.member("admin")).token()))
    for number in range(30):
        await post(agent, "state", component="k", key=f"{number}", value={"text": "x" * 900}, agent_id=ids["worker"])
    whole = await inbox(agent, "worker", max_tokens=50_000)
    answer = await agent.get("/api/me/inbox", params={"agent": "worker", "max_tokens": max_tokens})

    told = answer.json()
    assert len(answer.text) / 4 <= max_tokens
    assert told["tokens"] <= max_tokens
    assert len(told["items"]) + sum(told["omitted"].values()) == len(whole["items"]) == 39
    assert told["omitted"]["state"] > 0
    ranks = [kinds(whole).index(kind) for kind in kinds(told)]
    assert ranks == sorted(ranks)
    more = await agent.request(told["next"][0]["method"], told["next"][0]["path"])
    assert len(more.json()["items"]) > len(told["items"])


async def test_what_a_key_may_not_read_is_withheld_and_named(
    client_of: ClientOf, agent: httpx.AsyncClient, org: Organisation
) -> None:
    await busy_day(agent, await client_of(app, (await org.member("admin")).token()))
    weak = await client_of(app, await org.key(["agents:read", "state:read"]))
    answer = await inbox(weak, "worker")

    assert kinds(answer) == ["state"]
    assert answer["withheld"] == ["executions:read", "handoffs:read", "escalations:read", "observe:read", "memory:read"]
    assert "held work" not in json.dumps(answer)


async def test_only_fresh_answers_are_told(client_of: ClientOf, agent: httpx.AsyncClient, org: Organisation) -> None:
    await busy_day(agent, await client_of(app, (await org.member("admin")).token()))
    later = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()

    assert "escalation_answered" in kinds(await inbox(agent, "worker"))
    assert "escalation_answered" not in kinds(await inbox(agent, "worker", since=later))


async def test_the_header_names_the_agent_too_and_nobody_is_told_to_say_so(agent: httpx.AsyncClient) -> None:
    await post(agent, "agents", name="worker")
    by_header = await agent.get("/api/me/inbox", headers={"AgentPlane-Agent": "worker"})
    nobody = await agent.get("/api/me/inbox")
    unknown = await agent.get("/api/me/inbox?agent=stranger")

    assert (by_header.status_code, by_header.json()["items"]) == (200, [])
    assert (nobody.status_code, nobody.json()["errors"][0]["pointer"]) == (422, "/query/agent")
    assert "?agent=" in nobody.json()["errors"][0]["hint"]
    assert (unknown.status_code, unknown.json()["code"]) == (404, "agent_not_found")


async def test_another_organisations_agent_has_no_inbox_here(
    client_of: ClientOf, agent: httpx.AsyncClient, new_org: Callable[[], Awaitable[Organisation]]
) -> None:
    made = await post(agent, "agents", name="worker")
    other = await client_of(app, (await new_org()).agent)

    for name in ("worker", made["id"]):
        assert (await other.get("/api/me/inbox", params={"agent": name})).status_code == 404


async def test_me_says_which_key_and_which_agent(agent: httpx.AsyncClient, org: Organisation) -> None:
    made = await post(agent, "agents", name="worker")
    plain = (await agent.get("/api/me")).json()
    named = (await agent.get("/api/me?agent=worker")).json()

    assert (plain["principal"], plain["organisation"]["id"]) == ("api_key", str(org.id))
    assert (plain["agent"], plain["person"], plain["key"]["kind"]) == (None, None, "agent")
    assert plain["limits"]["max_body_bytes"] == 1_000_000
    assert named["agent"]["id"] == made["id"]


async def test_me_says_which_person_and_what_their_role_gives(client_of: ClientOf, org: Organisation) -> None:
    person = await org.member("viewer")
    me_of = (await (await client_of(app, person.token())).get("/api/me")).json()

    assert (me_of["principal"], me_of["key"]) == ("person", None)
    assert (me_of["person"]["email"], me_of["person"]["role"]) == (person.email, "viewer")
    assert me_of["actor"] == {"kind": "person", "id": person.user_id, "label": person.email}
    assert "agents:read" in me_of["scopes"]
    assert "agents:write" not in me_of["scopes"]
