"""Who can do this? Ranking over HTTP: each share, the order, and who is left out."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from functions.agents.app import app

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import asyncpg
    import httpx

    from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
    from tests.functions.conftest import Organisation


@pytest.fixture
async def agent(client_of: Callable[..., Awaitable[httpx.AsyncClient]], org: Organisation) -> httpx.AsyncClient:
    return await client_of(app, org.agent)


async def register(client: httpx.AsyncClient, name: str, **fields: Any) -> str:
    answer = await client.post("/api/agents", json={"name": name, **fields})
    assert answer.status_code in (200, 201), answer.text
    return answer.json()["id"]


async def match(client: httpx.AsyncClient, **need: Any) -> dict[str, Any]:
    answer = await client.post("/api/agents/match", json=need)
    assert answer.status_code == 200, answer.text
    return answer.json()


def names(answer: dict[str, Any]) -> list[str]:
    return [each["agent"]["name"] for each in answer["data"]]


async def ended(
    admin: asyncpg.Connection,
    org: Organisation,
    agent_id: str,
    *statuses: str,
    seconds: float = 10,
    cost: str = "0.02",
    ago: float = 0,
) -> None:
    """Give an agent executions that have ended."""
    workflow, version = uuid4(), uuid4()
    await admin.execute(
        "insert into plane.workflows (id, org_id, name, latest) values ($1, $2, $3, 1)", workflow, org.id, str(workflow)
    )
    await admin.execute(
        "insert into plane.workflow_versions (id, org_id, workflow_id, version, format, definition, content_hash)"
        " values ($1, $2, $3, 1, 'markdown', '# w', $4)",
        *(version, org.id, workflow, str(version)),
    )
    at = datetime.now(UTC) - timedelta(seconds=ago)
    insert = (
        "insert into plane.executions (id, org_id, workflow_id, version_id, mode, status, root_execution_id, agent_id,"
        " known_cost_usd, created_at, ended_at, error)"
        " values ($1, $2, $3, $4, 'external', $5, $1, $6, $7::text::numeric, $8, $9, $10::text::jsonb)"
    )
    for number, status in enumerate(statuses):
        end = at - timedelta(seconds=len(statuses) - number)
        await admin.execute(
            insert,
            *(uuid4(), org.id, workflow, version, status, agent_id, cost, end - timedelta(seconds=seconds)),
            *(None if status == "running" else end, json.dumps({"code": "x", "message": "it broke"})),
        )


async def test_every_share_of_a_score_is_shown_and_adds_up(agent: httpx.AsyncClient) -> None:
    await register(
        agent,
        "summariser",
        description="Summarises long mail threads.",
        capabilities=[{"id": "summarise", "tags": ["mail"], "input_schema": {"type": "object", "required": ["text"]}}],
    )
    answer = await match(
        agent, need="summarise my mail threads", skills=["summarise"], tags=["mail"], input={"text": "hello"}
    )

    best = answer["data"][0]
    assert abs(sum(answer["weights"].values()) - 1) < 0.001
    assert set(answer["weights"]) == {"skill", "text", "tag", "schema", "health", "success", "latency", "cost", "load"}
    assert best["score"] == pytest.approx(
        sum(best["shares"][share] * weight for share, weight in answer["weights"].items()), abs=0.001
    )
    assert (best["shares"]["skill"], best["shares"]["tag"], best["shares"]["schema"]) == (1, 1, 1)
    assert best["shares"]["text"] > 0.8
    assert best["reasons"][:2] == ["has the skill summarise", "has the tag mail"]
    assert "takes the input as it is" in best["reasons"]
    assert "has no record yet" in best["reasons"]
    assert best["agent"]["skills"][0]["id"] == "summarise"


async def test_what_was_not_asked_for_does_not_count(agent: httpx.AsyncClient) -> None:
    await register(agent, "one", capabilities=["search"])
    answer = await match(agent, capabilities=["search"])

    assert set(answer["weights"]) == {"skill", "health", "success", "latency", "cost", "load"}
    assert answer["data"][0]["shares"]["text"] is None


async def test_words_are_found_by_their_stems_and_rare_ones_count_more(agent: httpx.AsyncClient) -> None:
    for number in range(8):
        await register(agent, f"common-{number}", description="Writes reports about customers.")
    await register(agent, "rare", description="Reconciles ledgers for customers.")
    answer = await match(agent, need="reconciling a customer's ledger")

    assert names(answer)[0] == "rare"
    assert answer["data"][0]["shares"]["text"] > 2 * answer["data"][1]["shares"]["text"]
    assert answer["considered"] == 9


async def test_a_misspelt_word_finds_the_one_that_is_known(agent: httpx.AsyncClient) -> None:
    await register(agent, "billing", description="Extracts invoices.", capabilities=["summarise"])
    by_word = await match(agent, need="extract invocies")
    by_skill = await match(agent, skills=["Summarize"])

    assert names(by_word) == ["billing"]
    assert 0 < by_word["data"][0]["shares"]["text"] < 1
    assert any("for invoci" in reason for reason in by_word["data"][0]["reasons"])
    assert 0.5 <= by_skill["data"][0]["shares"]["skill"] < 1
    assert by_skill["data"][0]["reasons"][0] == "has the skill summarise, which is close to summarize"


async def test_nothing_in_common_is_no_match(agent: httpx.AsyncClient) -> None:
    await register(agent, "painter", description="Paints pictures.")

    assert (await match(agent, need="quarterly tax filing"))["data"] == []
    assert (await match(agent, need="the of and"))["data"] == []
    assert names(await match(agent)) == ["painter"]


async def test_skills_are_the_same_however_they_are_written(agent: httpx.AsyncClient) -> None:
    await register(agent, "a", capabilities=["Web_Search"])
    await register(agent, "b", capabilities=[{"id": "x1", "name": "web search"}])
    await register(agent, "c", capabilities={"web-search": True, "other": False})
    answer = await match(agent, skills=["web-search"])

    assert names(answer) == ["a", "b", "c"]
    assert {each["shares"]["skill"] for each in answer["data"]} == {1}


async def test_an_input_schema_is_compared_field_by_field(agent: httpx.AsyncClient) -> None:
    def takes(*required: str, **types: str) -> list[dict[str, Any]]:
        schema = {"properties": {name: {"type": kind} for name, kind in types.items()}, "required": list(required)}
        return [{"id": "do", "input_schema": schema}]

    await register(agent, "fits", capabilities=takes("text", "limit", text="string", limit="integer"))
    await register(agent, "half", capabilities=takes("text", "language", text="string", language="string"))
    await register(agent, "wrong-type", capabilities=takes("text", text="array"))
    answer = await match(agent, input_schema={"properties": {"text": {"type": "string"}, "limit": {"type": "integer"}}})

    fits = {each["agent"]["name"]: each["shares"]["schema"] for each in answer["data"]}
    assert fits == {"fits": 1, "half": 0.5, "wrong-type": 0}
    assert names(answer)[0] == "fits"


async def test_the_lost_the_paused_and_the_excluded_are_named_with_why(
    agent: httpx.AsyncClient, org: Organisation
) -> None:
    for name in ("good", "lost", "paused", "unwanted"):
        await register(agent, name, capabilities=["ocr"], lease_seconds=60)
    await agent.patch("/api/agents", json={"name": "paused", "status": "inactive"})
    await org.connection.execute(
        "update plane.agents set last_seen_at = now() - interval '1 hour' where org_id = $1 and name = 'lost'", org.id
    )
    answer = await match(agent, skills=["ocr"], exclude=["unwanted"])

    assert names(answer) == ["good"]
    why = {each["name"]: each["why"] for each in answer["excluded"]}
    assert why["paused"] == "its status is inactive"
    assert why["unwanted"] == "you excluded it"
    assert why["lost"].startswith("it is lost: last seen 20")


async def test_success_speed_cost_and_load_order_what_is_otherwise_equal(
    agent: httpx.AsyncClient, org: Organisation, database: AsyncpgDatabase
) -> None:
    ids = {name: await register(agent, name, capabilities=["ocr"]) for name in ("bad", "busy", "good", "new", "slow")}
    connection = org.connection
    await ended(connection, org, ids["good"], *["succeeded"] * 10)
    await ended(connection, org, ids["bad"], *["failed"] * 9, "succeeded")
    await ended(connection, org, ids["slow"], *["succeeded"] * 10, seconds=3600, cost="2.5")
    await ended(connection, org, ids["busy"], *["succeeded"] * 10, *["running"] * 4)
    await database.kernel("update_agent_records", {"limit": 100})
    answer = await match(agent, skills=["ocr"])

    assert names(answer)[0] == "good"
    shares = {each["agent"]["name"]: each["shares"] for each in answer["data"]}
    assert shares["bad"]["success"] < shares["new"]["success"] < shares["good"]["success"]
    assert shares["slow"]["latency"] < shares["new"]["latency"] < shares["good"]["latency"]
    assert shares["slow"]["cost"] < shares["new"]["cost"] < shares["good"]["cost"]
    assert (shares["busy"]["load"], shares["good"]["load"]) == (0.5, 1)
    best = answer["data"][0]
    assert "10 of its last 10 pieces of work succeeded" in best["reasons"]
    assert "usually takes 10.0 s" in best["reasons"]
    details = (await agent.get(f"/api/agents/{ids['bad']}")).json()
    assert (details["record"]["succeeded"], details["record"]["failed"]) == (1, 9)
    assert (details["record"]["last_error"], details["open_work"]) == ("it broke", 0)


async def test_a_record_follows_what_ends_and_forgets_what_is_older_than_a_hundred(
    agent: httpx.AsyncClient, org: Organisation, database: AsyncpgDatabase
) -> None:
    made = await register(agent, "changing")
    await ended(org.connection, org, made, *["failed"] * 60, ago=100)
    counted: Any = await database.kernel("update_agent_records", {})
    again: Any = await database.kernel("update_agent_records", {})
    await ended(org.connection, org, made, *["succeeded"] * 90, *["cancelled"] * 5)
    await database.kernel("update_agent_records", {})

    record = (await agent.get(f"/api/agents/{made}")).json()["record"]
    assert (counted["counted"] >= 1, again["counted"]) == (True, 0)
    assert (record["succeeded"], record["failed"]) == (90, 10)


async def test_weights_can_be_chosen(agent: httpx.AsyncClient) -> None:
    await register(agent, "skilled", capabilities=["ocr"])
    await register(agent, "wordy", description="reads pages")
    by_skill = await match(agent, need="read pages", skills=["ocr"], weights={"text": 0})
    by_text = await match(agent, need="read pages", skills=["ocr"], weights={"skill": 0.01, "text": 5})
    refused = await agent.post(
        "/api/agents/match",
        json={"weights": {"health": 0, "success": 0, "latency": 0, "cost": 0, "load": 0}},
    )

    assert names(by_skill)[0] == "skilled"
    assert names(by_text)[0] == "wordy"
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_weights")
    misspelt = (await agent.post("/api/agents/match", json={"weights": {"skil": 1}})).json()["errors"][0]
    assert misspelt["did_you_mean"] == "skill"


async def test_the_same_question_has_the_same_answer(agent: httpx.AsyncClient) -> None:
    for number in range(20):
        await register(agent, f"same-{number:02}", capabilities=["ocr"], description="reads")
    first = await match(agent, need="reads", skills=["ocr"], limit=7)

    assert names(first) == [f"same-{number:02}" for number in range(7)]
    assert names(await match(agent, need="reads", skills=["ocr"], limit=7)) == names(first)


async def test_what_an_agent_does_not_say_any_more_is_not_found(agent: httpx.AsyncClient) -> None:
    made = await register(agent, "moving", capabilities=["ocr"], description="reads pages")
    await agent.patch(f"/api/agents/{made}", json={"capabilities": ["translate"], "description": None})

    assert names(await match(agent, skills=["ocr"])) == []
    assert names(await match(agent, need="pages")) == []
    assert names(await match(agent, skills=["translate"])) == ["moving"]
    await agent.delete(f"/api/agents/{made}")
    assert names(await match(agent, skills=["translate"])) == []


async def test_nobody_matches_another_organisations_agents(
    client_of: Callable[..., Awaitable[httpx.AsyncClient]],
    new_org: Callable[[], Awaitable[Organisation]],
    agent: httpx.AsyncClient,
) -> None:
    await register(agent, "private", capabilities=["ocr"])
    other = await client_of(app, (await new_org()).agent)

    assert (await match(other, skills=["ocr", "ocrs"]))["considered"] == 0
    assert (await match(other))["data"] == []
