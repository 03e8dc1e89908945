"""Signs of life, and what is told when there are none: health as events, each change once."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import asyncpg
import pytest

from functions.agents.app import app
from functions.shared.chores import CHORES, Plane
from functions.shared.chores.agents import NOTE_AGENTS
from functions.shared.config import Settings
from functions.shared.web import sign_of_life
from functions.state.app import app as state_app

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
    from tests.functions.conftest import Organisation

    ClientOf = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest.fixture
async def agent(client_of: ClientOf, org: Organisation) -> httpx.AsyncClient:
    return await client_of(app, org.agent)


@pytest.fixture(autouse=True)
def forgetful() -> None:
    """Another test's sign of life is not remembered."""
    sign_of_life._noted.clear()


async def register(client: httpx.AsyncClient, name: str, **fields: Any) -> dict[str, Any]:
    return (await client.post("/api/agents", json={"name": name, **fields})).json()


async def silent(org: Organisation, agent_id: str, seconds: float, noted_ago: float = 1000) -> None:
    await org.connection.execute(
        "update plane.agents set last_seen_at = plane.clock() - make_interval(secs => $2),"
        " noted_at = plane.clock() - make_interval(secs => $3) where id = $1",
        *(agent_id, seconds, noted_ago),
    )


async def events(org: Organisation, kind: str = "agent.%") -> list[dict[str, Any]]:
    rows = await org.connection.fetch(
        "select type, data from plane.events where org_id = $1 and type like $2 order by feed_id", org.id, kind
    )
    return [{"type": row["type"], **json.loads(row["data"])} for row in rows]


async def changes(org: Organisation) -> list[tuple[str, str]]:
    return [(each["from"], each["to"]) for each in await events(org, "agent.health_changed")]


# Any authenticated call that names an agent


async def test_the_header_of_any_call_is_a_sign_of_life(
    client_of: ClientOf, agent: httpx.AsyncClient, org: Organisation
) -> None:
    made = await register(agent, "crawler", lease_seconds=60)
    state = await client_of(state_app, org.agent)
    for named in (made["id"], "crawler"):
        sign_of_life._noted.clear()
        await silent(org, made["id"], 500)
        read = await state.get("/api/state?component=c&key=missing", headers={"AgentPlane-Agent": named})

        assert read.status_code == 404
        assert read.headers["agentplane-agent"] == made["id"]
        assert (await agent.get(f"/api/agents/{made['id']}")).json()["health"] == "active"


async def test_an_unknown_agent_in_the_header_is_told_and_harms_nothing(agent: httpx.AsyncClient) -> None:
    answer = await agent.get("/api/agents", headers={"AgentPlane-Agent": "nobody"})

    assert (answer.status_code, answer.headers["agentplane-agent"]) == (200, "unknown")


async def test_a_wrong_key_is_no_sign_of_life(client_of: ClientOf, agent: httpx.AsyncClient, org: Organisation) -> None:
    made = await register(agent, "crawler", lease_seconds=60)
    await silent(org, made["id"], 500)
    headers = {"AgentPlane-Agent": "crawler", "Authorization": f"Bearer {org.agent[:-1]}x"}
    refused = await agent.get("/api/agents", headers=headers)

    assert refused.status_code == 401
    assert (await agent.get(f"/api/agents/{made['id']}")).json()["health"] == "lost"


async def test_another_organisation_cannot_keep_an_agent_alive(
    client_of: ClientOf, agent: httpx.AsyncClient, org: Organisation, new_org: Callable[[], Awaitable[Organisation]]
) -> None:
    made = await register(agent, "crawler", lease_seconds=60)
    await silent(org, made["id"], 500)
    other = await client_of(app, (await new_org()).agent)
    told = await other.get("/api/agents", headers={"AgentPlane-Agent": made["id"]})
    client = await client_of(app, org.agent)

    assert told.headers["agentplane-agent"] == "unknown"
    assert (await client.get(f"/api/agents/{made['id']}")).json()["health"] == "lost"


async def test_many_calls_make_one_write(agent: httpx.AsyncClient, org: Organisation) -> None:
    made = await register(agent, "busy", lease_seconds=60)
    await silent(org, made["id"], 30)
    seen: set[object] = set()
    for _ in range(10):
        sign_of_life._noted.clear()  # as ten processes would
        await agent.get("/api/agents?limit=1", headers={"AgentPlane-Agent": "busy"})
        seen.add(await org.connection.fetchval("select last_seen_at from plane.agents where id = $1", made["id"]))

    assert len(seen) == 1


async def test_a_sign_of_life_waits_for_no_lock(
    agent: httpx.AsyncClient, org: Organisation, module_db_url: str
) -> None:
    made = await register(agent, "locked", lease_seconds=60)
    await silent(org, made["id"], 500)
    holder = await asyncpg.connect(module_db_url)
    lock = holder.transaction()
    await lock.start()
    await holder.execute("select 1 from plane.agents where id = $1 for update", made["id"])
    async with asyncio.timeout(1):
        answer = await agent.get("/api/agents?limit=1", headers={"AgentPlane-Agent": "locked"})
    await lock.rollback()
    await holder.close()

    assert (answer.status_code, answer.headers["agentplane-agent"]) == (200, made["id"])


# Health as events


async def test_each_change_of_health_is_told_once_whoever_looks(
    agent: httpx.AsyncClient, org: Organisation, database: AsyncpgDatabase
) -> None:
    made = await register(agent, "leased", lease_seconds=60)
    for seconds in (0, 70, 100, 170, 200, 220, 220):
        await silent(org, made["id"], seconds)
        await asyncio.gather(*(database.kernel("note_agent_health", {}) for _ in range(4)))
    await silent(org, made["id"], 1)
    await asyncio.gather(*(database.kernel("note_agent_health", {}) for _ in range(4)))

    assert await changes(org) == [("active", "late"), ("late", "lost"), ("lost", "active")]
    told = (await events(org, "agent.health_changed"))[0]
    assert (told["agent_id"], told["name"], told["lease_seconds"]) == (made["id"], "leased", 60)


async def test_what_is_told_is_half_a_lease_behind_and_changes_back_once_a_lease_at_most(
    agent: httpx.AsyncClient, org: Organisation, database: AsyncpgDatabase
) -> None:
    made = await register(agent, "slow-beat", lease_seconds=60)
    for seconds, noted_ago in ((89, 1000), (91, 1000), (1, 10), (91, 10), (1, 59), (1, 61)):
        await silent(org, made["id"], seconds, noted_ago)
        await database.kernel("note_agent_health", {})

    assert await changes(org) == [("active", "late"), ("late", "active")]


async def test_serverless_agents_are_never_told_late(
    agent: httpx.AsyncClient, org: Organisation, database: AsyncpgDatabase
) -> None:
    made = await register(agent, "serverless")
    await silent(org, made["id"], 10_000_000)
    await database.kernel("note_agent_health", {})
    leased = await register(agent, "was-leased", lease_seconds=60)
    await silent(org, leased["id"], 500)
    await database.kernel("note_agent_health", {})
    await agent.patch(f"/api/agents/{leased['id']}", json={"lease_seconds": None})
    await database.kernel("note_agent_health", {})

    assert await changes(org) == [("active", "lost"), ("lost", "active")]


async def test_the_chore_does_all_of_it_in_pages(
    agent: httpx.AsyncClient, org: Organisation, database: AsyncpgDatabase
) -> None:
    await org.connection.execute(
        "insert into plane.agents (org_id, name, lease_seconds, last_seen_at)"
        " select $1, 'many-' || i, 60, now() - interval '1 hour' from generate_series(1, 450) as i",
        org.id,
    )
    assert NOTE_AGENTS in CHORES
    assert await NOTE_AGENTS.run(Plane(database, Settings(_env_file=None))) == []

    assert len(await changes(org)) == 450


# Registering and changing


async def test_what_happens_to_an_agent_is_in_the_feed_and_in_the_audit(
    agent: httpx.AsyncClient, org: Organisation
) -> None:
    made = await register(agent, "told", capabilities=["a"])
    await register(agent, "told", capabilities=["a"])  # nothing new: nothing told
    await register(agent, "told", capabilities=["b"], description="d")
    await agent.patch("/api/agents", json={"name": "told"})
    await agent.post(f"/api/agents/{made['id']}/heartbeat", json={"status": "inactive"})
    await agent.post(f"/api/agents/{made['id']}/heartbeat", json={"status": "inactive"})
    await agent.delete(f"/api/agents/{made['id']}")

    told = await events(org)
    assert [each["type"] for each in told] == ["agent.registered", "agent.changed", "agent.changed", "agent.deleted"]
    assert [each.get("fields") for each in told] == [None, ["capabilities", "description"], ["status"], None]
    audit = await org.connection.fetch(
        "select action, before_hash, after_hash from plane.audit_entries"
        " where org_id = $1 and resource = 'agents' order by id",
        org.id,
    )
    assert [row["action"] for row in audit] == ["register_agent", "update_agent", "update_agent", "delete_agent"]
    assert audit[0]["before_hash"] is None
    assert audit[3]["after_hash"] is None
    assert [row["before_hash"] for row in audit[1:]] == [row["after_hash"] for row in audit[:-1]]


async def test_twenty_registrations_at_once_make_one_agent_and_one_event(
    agent: httpx.AsyncClient, org: Organisation
) -> None:
    bodies = [{"name": "raced", "capabilities": [f"c{number}"]} for number in range(20)]
    answers = await asyncio.gather(*(agent.post("/api/agents", json=body) for body in bodies))

    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(await events(org, "agent.registered")) == 1
    assert len(await events(org, "agent.changed")) == 19
    terms = await org.connection.fetch(
        "select term from plane.agent_terms where org_id = $1 and kind = 'skill'", org.id
    )
    kept = (await agent.get("/api/agents?name=raced")).json()["data"][0]["capabilities"]
    assert [row["term"] for row in terms] == kept


async def test_capabilities_have_one_shape_however_they_were_said(agent: httpx.AsyncClient) -> None:
    schema = {"type": "object", "required": ["q"]}
    made = await register(
        agent,
        "shaped",
        capabilities=[
            "Web Search",
            {"name": "Translate Text", "tags": ["language"], "inputSchema": schema, "more": 1},
            {"id": "ocr", "description": "reads pages", "output_schema": {"type": "string"}},
        ],
    )
    skills = (await agent.get(f"/api/agents/{made['id']}")).json()["skills"]

    empty = {"description": None, "tags": [], "input_schema": None, "output_schema": None}
    assert skills == [
        {**empty, "id": "web-search", "name": "Web Search"},
        {**empty, "id": "translate-text", "name": "Translate Text", "tags": ["language"], "input_schema": schema},
        {**empty, "id": "ocr", "name": "ocr", "description": "reads pages", "output_schema": {"type": "string"}},
    ]
    assert made["capabilities"][1]["more"] == 1  # what was sent is kept
    refused = await agent.post("/api/agents", json={"name": "x", "capabilities": [{"tags": ["a"]}]})
    assert refused.status_code == 422
    assert "id or a name" in str(refused.json()["errors"])


async def test_an_agent_that_has_not_changed_is_not_sent_again(agent: httpx.AsyncClient) -> None:
    made = await register(agent, "cached")
    for path in (f"/api/agents/{made['id']}", "/api/agents", "/api/agents?name=cached"):
        first = await agent.get(path)
        same = await agent.get(path, headers={"If-None-Match": first.headers["etag"]})
        assert (same.status_code, same.content) == (304, b"")
    etag = (await agent.get(f"/api/agents/{made['id']}")).headers["etag"]
    await agent.patch(f"/api/agents/{made['id']}", json={"description": str(uuid4())})

    assert (await agent.get(f"/api/agents/{made['id']}", headers={"If-None-Match": etag})).status_code == 200
