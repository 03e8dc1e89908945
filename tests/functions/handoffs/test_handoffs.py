"""Hand-offs over HTTP: the original's flow with its bodies, claims, who may, how they end."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from functions.handoffs.app import app

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
    from tests.functions.conftest import Organisation

    ClientOf = Callable[..., Awaitable[httpx.AsyncClient]]
    Register = Callable[..., Awaitable[str]]

CONTEXT = {"progress": "half", "next_steps": ["the rest"]}
GOAL = {"goal": "Write the rest"}


async def hand(client: httpx.AsyncClient, code: int = 201, /, **body: Any) -> dict[str, Any]:
    answer = await client.post("/api/handoffs", json={"context": CONTEXT, **body})
    assert answer.status_code == code, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def post(client: httpx.AsyncClient, path: str, code: int = 200, /, **body: Any) -> dict[str, Any]:
    answer = await client.post(f"/api/handoffs/{path}", json=body)
    assert answer.status_code == code, answer.text
    given: dict[str, Any] = answer.json()
    return given


async def patch(client: httpx.AsyncClient, handoff: str, code: int = 200, /, **body: Any) -> dict[str, Any]:
    answer = await client.patch(f"/api/handoffs/{handoff}", json=body)
    assert answer.status_code == code, answer.text
    given: dict[str, Any] = answer.json()
    return given


async def lapse(org: Organisation, handoff: str) -> None:
    """Let the lease of a claim run out."""
    await org.connection.execute(
        "update plane.handoffs set lease_until = plane.clock() - interval '1 second' where id = $1", handoff
    )


async def events(org: Organisation, handoff: str) -> list[str]:
    rows = await org.connection.fetch(
        "select type from plane.events where org_id = $1 and data ->> 'handoff_id' = $2 order by feed_id",
        *(org.id, handoff),
    )
    return [row["type"] for row in rows]


# The original's flow


async def test_the_original_flow_with_its_bodies(agent: httpx.AsyncClient, register: Register) -> None:
    a, b = await register("agent-a"), await register("agent-b")

    made = await hand(agent, to_agent_id=b, context={"progress": "half"})
    assert (made["status"], made["from_agent_id"], made["to_agent_id"], made["reason"]) == ("pending", None, b, None)

    listed = (await agent.get("/api/handoffs", params={"to_agent": b, "status": "pending"})).json()
    assert [found["id"] for found in listed["data"]] == [made["id"]]
    assert (await agent.get("/api/handoffs", params={"to_agent": a})).json()["data"] == []

    accepted = await patch(agent, made["id"], status="accepted")
    assert (accepted["status"], accepted["agent_id"]) == ("accepted", b)
    assert accepted["accepted_at"] is not None

    completed = await patch(agent, made["id"], status="completed", output_data={"result": 42})
    assert (completed["status"], completed["output_data"]) == ("completed", {"result": 42})
    assert completed["completed_at"] is not None
    read = (await agent.get(f"/api/handoffs/{made['id']}")).json()
    assert read["output_data"] == {"result": 42}


async def test_all_fields_of_the_original_are_taken(
    agent: httpx.AsyncClient, register: Register, org: Organisation
) -> None:
    a, b = await register("agent-a"), await register("agent-b")
    workflow, execution = await _external(org)
    made = await hand(
        agent,
        from_agent_id=a,
        to_agent_id=b,
        workflow_id=workflow,
        execution_id=execution,
        reason="outside my scope",
        context=CONTEXT,
    )
    given = ("from_agent_id", "to_agent_id", "workflow_id", "execution_id", "reason", "context")
    assert [made[name] for name in given] == [a, b, workflow, execution, "outside my scope", CONTEXT]
    assert (made["from_agent"], made["to_agent"]) == ("agent-a", "agent-b")
    for name, value in (("from_agent", a), ("workflow_id", workflow), ("execution_id", execution)):
        found = (await agent.get("/api/handoffs", params={name: value})).json()["data"]
        assert [one["id"] for one in found] == [made["id"]], name
    assert (await agent.get("/api/handoffs", params={"execution_id": str(uuid4())})).json()["data"] == []


async def _external(org: Organisation) -> tuple[str, str]:
    """Make a workflow and an execution of it, which its agent reports itself."""
    row = await org.connection.fetchrow(
        """
        with w as (insert into plane.workflows (org_id, name, latest) values ($1, 'book', 1) returning id),
        v as (
          insert into plane.workflow_versions (org_id, workflow_id, version, format, definition, content_hash)
          select $1, id, 1, 'markdown', 'x', repeat('0', 64) from w returning id, workflow_id
        )
        select v.id, v.workflow_id, gen_random_uuid() as execution_id from v
        """,
        org.id,
    )
    assert row is not None
    await org.connection.execute(
        """
        insert into plane.executions (id, org_id, workflow_id, version_id, mode, root_execution_id, deadline_at)
        values ($1, $2, $3, $4, 'external', $1, plane.clock() + interval '1 day')
        """,
        *(row["execution_id"], org.id, row["workflow_id"], row["id"]),
    )
    return str(row["workflow_id"]), str(row["execution_id"])


async def test_two_cannot_both_accept_and_neither_can_one_twice(agent: httpx.AsyncClient, register: Register) -> None:
    b = await register("agent-b")
    made = await hand(agent, to_agent_id=b)
    await patch(agent, made["id"], status="accepted", agent_id=b)
    refused = await patch(agent, made["id"], 409, status="accepted", agent_id=b)
    assert (refused["code"], refused["status"]) == ("handoff_taken", 409)


async def test_only_the_legal_ways_are_open(agent: httpx.AsyncClient) -> None:
    untaken = await hand(agent)
    assert (await patch(agent, untaken["id"], 409, status="completed"))["code"] == "handoff_not_taken"
    rejected = await patch(agent, untaken["id"], status="rejected", reason="not mine")
    assert rejected["error"] == {"code": "rejected", "message": "not mine"}
    for status in ("accepted", "rejected", "completed"):
        assert (await patch(agent, untaken["id"], 409, status=status))["code"] == "handoff_ended"
    accepted = await hand(agent)
    await patch(agent, accepted["id"], status="accepted")
    assert (await patch(agent, accepted["id"], status="rejected"))["status"] == "rejected"


async def test_an_output_may_be_anything_and_is_echoed(agent: httpx.AsyncClient) -> None:
    for output in (0, "", False, None, [], {"a": [1, {"b": None}]}):
        made = await hand(agent)
        await patch(agent, made["id"], status="accepted")
        assert (await patch(agent, made["id"], status="completed", output_data=output))["output_data"] == output


@pytest.mark.parametrize(
    ("body", "pointer", "meant"),
    [
        ({"to_agent": "x", "context": {}}, "/to_agent", "to_agent_id"),
        ({"from_agent": "x", "context": {}}, "/from_agent", "from_agent_id"),
        ({"workflow_execution_id": "x", "context": {}}, "/workflow_execution_id", "execution_id"),
        ({"handoff_context": {}}, "/handoff_context", "context"),
    ],
)
async def test_a_misspelt_field_is_answered_with_the_one_that_was_meant(
    body: dict[str, Any], pointer: str, meant: str, agent: httpx.AsyncClient
) -> None:
    answer = await agent.post("/api/handoffs", json=body)
    assert answer.status_code == 422
    [problem] = [found for found in answer.json()["errors"] if found["pointer"] == pointer]
    assert problem["did_you_mean"] == meant


async def test_misspelt_filters_statuses_and_outputs_are_answered_with_a_hint(agent: httpx.AsyncClient) -> None:
    filtered = await agent.get("/api/handoffs", params={"to_agent_id": str(uuid4())})
    assert filtered.json()["errors"][0]["did_you_mean"] == "to_agent"
    made = await hand(agent)
    said = await patch(agent, made["id"], 422, status="complete")
    assert said["errors"][0]["did_you_mean"] == "completed"
    output = await patch(agent, made["id"], 422, status="completed", output={"a": 1})
    assert output["errors"][0]["did_you_mean"] == "output_data"


@pytest.mark.parametrize("field", ["from_agent_id", "to_agent_id"])
async def test_an_agent_that_is_not_there_is_named(field: str, agent: httpx.AsyncClient) -> None:
    refused = await hand(agent, 422, **{field: str(uuid4())})
    assert refused["errors"][0]["pointer"] == f"/{field}"


async def test_nothing_can_be_handed_to_an_agent_that_was_deleted(
    agent: httpx.AsyncClient, register: Register, org: Organisation
) -> None:
    gone = await register("gone")
    await org.connection.execute("update plane.agents set deleted_at = plane.clock() where id = $1", gone)
    assert (await hand(agent, 422, to_agent_id=gone))["errors"][0]["code"] == "unknown_agent"


async def test_what_is_handed_over_must_be_said_and_not_twice(agent: httpx.AsyncClient, register: Register) -> None:
    empty = await agent.post("/api/handoffs", json={"reason": "x"})
    assert "context" in empty.json()["detail"]
    b = await register("agent-b")
    await hand(agent, 422, to_agent_id=b, match={"skills": ["write"]})
    await hand(agent, 422, match={})


# Claims


async def test_a_claim_gives_a_token_once_and_only_it_moves_the_work(
    agent: httpx.AsyncClient, register: Register, org: Organisation
) -> None:
    b = await register("agent-b")
    made = await hand(agent, to_agent_id=b, packet=GOAL)
    claimed = await post(agent, f"{made['id']}/claim", agent_id=b, lease_seconds=60)
    assert (claimed["status"], claimed["agent_id"], claimed["attempts"]) == ("claimed", b, 1)
    token = claimed["token"]
    assert "token" not in (await agent.get(f"/api/handoffs/{made['id']}")).json()
    kept = await org.connection.fetchval(
        "select row_to_json(h)::text from plane.handoffs as h where id = $1", made["id"]
    )
    assert token not in kept

    for body in ({}, {"token": "hoc_wrong"}):
        refused = await patch(agent, made["id"], 409 if body else 422, status="completed", output_data=1, **body)
        assert refused["code"] == "claim_lost" if body else refused["errors"][0]["pointer"] == "/token"
    assert (await patch(agent, made["id"], 409, status="accepted"))["code"] == "handoff_taken"

    extended = await post(agent, f"{made['id']}/extend", token=token, lease_seconds=600)
    assert extended["lease_until"] > claimed["lease_until"]
    done = await patch(agent, made["id"], status="completed", output_data={"ok": True}, token=token)
    assert (done["status"], done["output_data"]) == ("completed", {"ok": True})
    assert await events(org, made["id"]) == ["handoff.created", "handoff.claimed", "handoff.completed"]
    audit = await org.connection.fetch(
        "select action, details ->> 'agent_id' as agent_id from plane.audit_entries"
        " where org_id = $1 and resource_id = $2 order by id",
        *(org.id, made["id"]),
    )
    assert [tuple(row) for row in audit] == [("create_handoff", None), ("claim_handoff", b), ("complete_handoff", b)]


async def test_of_fifty_claimers_one_wins(
    agent: httpx.AsyncClient, register: Register, org: Organisation, client_of: ClientOf
) -> None:
    claimers = [await client_of(app, org.agent) for _ in range(50)]
    made = await hand(agent)
    answers = await asyncio.gather(
        *(client.post(f"/api/handoffs/{made['id']}/claim", json={"lease_seconds": 60}) for client in claimers)
    )
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 49}
    assert {answer.json().get("code") for answer in answers} == {None, "handoff_taken"}
    assert (await agent.get(f"/api/handoffs/{made['id']}")).json()["attempts"] == 1
    assert (await events(org, made["id"])).count("handoff.claimed") == 1


async def test_fifty_who_ask_for_the_next_get_different_work_and_nobody_gets_none(
    agent: httpx.AsyncClient, register: Register, org: Organisation, client_of: ClientOf
) -> None:
    b = await register("agent-b")
    made = {(await hand(agent, to_agent_id=b))["id"] for _ in range(20)}
    claimers = [await client_of(app, org.agent) for _ in range(50)]
    answers = await asyncio.gather(*(client.post("/api/handoffs/claim", json={"agent_id": b}) for client in claimers))
    taken = Counter(answer.json()["id"] for answer in answers if answer.status_code == 200)
    assert taken == dict.fromkeys(made, 1)
    assert sum(answer.status_code == 204 for answer in answers) == 30


async def test_a_claim_that_ran_out_is_over_before_anybody_has_noticed(
    agent: httpx.AsyncClient, org: Organisation
) -> None:
    made = await hand(agent)
    first = await post(agent, f"{made['id']}/claim")
    await lapse(org, made["id"])
    assert (await post(agent, f"{made['id']}/extend", 409, token=first["token"]))["code"] == "claim_lost"
    second = await post(agent, f"{made['id']}/claim")
    assert (second["attempts"], second["fence"] > first["fence"]) == (2, True)
    late = await patch(agent, made["id"], 409, status="completed", output_data=1, token=first["token"])
    assert late["code"] == "claim_lost"
    assert (await patch(agent, made["id"], status="completed", output_data=2, token=second["token"]))[
        "output_data"
    ] == 2
    assert await events(org, made["id"]) == [
        "handoff.created",
        "handoff.claimed",
        "handoff.expired",
        "handoff.claimed",
        "handoff.completed",
    ]


async def test_a_lost_answer_to_a_claim_is_given_again(agent: httpx.AsyncClient) -> None:
    made = await hand(agent)
    key = {"Idempotency-Key": "claim-1"}
    first, again = [await agent.post(f"/api/handoffs/{made['id']}/claim", headers=key) for _ in range(2)]
    assert first.json() == again.json()
    assert again.headers["Idempotency-Replayed"] == "true"


async def test_what_is_released_goes_to_the_next_one_until_it_is_dead_and_a_person_is_asked(
    agent: httpx.AsyncClient, org: Organisation
) -> None:
    made = await hand(agent, packet=GOAL, max_attempts=2)
    for attempt in (1, 2):
        claimed = await post(agent, f"{made['id']}/claim")
        released = await post(agent, f"{made['id']}/release", token=claimed["token"], reason="out of tokens")
        assert released["status"] == ("pending" if attempt == 1 else "dead")
        assert released["error"] == {"code": "released", "message": "out of tokens"}
    assert (await post(agent, f"{made['id']}/claim", 409))["code"] == "handoff_ended"
    reason = await org.connection.fetchval(
        "select reason from plane.escalations where org_id = $1 and context ->> 'handoff_id' = $2", org.id, made["id"]
    )
    assert "Write the rest" in reason
    assert (await events(org, made["id"]))[-1] == "handoff.dead"


async def test_the_chore_takes_back_what_was_not_kept_and_buries_what_is_late(
    agent: httpx.AsyncClient, org: Organisation, database: AsyncpgDatabase
) -> None:
    kept, lost, last = [await hand(agent, max_attempts=n) for n in (3, 3, 1)]
    deadline = "2027-01-31T09:00:00+01:00"
    late = await hand(agent, packet={**GOAL, "budget": {"deadline": deadline, "usd": "0.5"}})
    assert late["deadline_at"] == "2027-01-31T08:00:00Z"
    for made in (kept, lost, last):
        await post(agent, f"{made['id']}/claim")
    for made in (lost, last):
        await lapse(org, made["id"])
    await org.connection.execute("update plane.handoffs set deadline_at = plane.clock() where id = $1", late["id"])

    while (answer := await database.kernel("expire_handoffs", {"limit": 1}))["expired"]:  # type: ignore[index,call-overload]
        assert answer["due"] == []  # type: ignore[index,call-overload]
    statuses = [(await agent.get(f"/api/handoffs/{made['id']}")).json()["status"] for made in (kept, lost, last, late)]
    assert statuses == ["claimed", "pending", "dead", "dead"]


# Who may


async def test_only_the_addressee_takes_what_is_addressed(agent: httpx.AsyncClient, register: Register) -> None:
    b, c = await register("agent-b"), await register("agent-c")
    made = await hand(agent, to_agent_id=b)
    assert (await post(agent, f"{made['id']}/claim", 403, agent_id=c))["code"] == "not_addressee"
    assert (await patch(agent, made["id"], 403, status="accepted", agent_id=c))["code"] == "not_addressee"
    assert (await post(agent, f"{made['id']}/claim"))["agent_id"] == b
    taken = await hand(agent, to_agent_id=b)
    await patch(agent, taken["id"], status="accepted")
    assert (await patch(agent, taken["id"], 403, status="completed", agent_id=c))["code"] == "not_addressee"


async def test_an_open_call_is_offered_to_whoever_fits_and_to_nobody_else(
    agent: httpx.AsyncClient, register: Register
) -> None:
    skilled = await register("skilled", capabilities=[{"id": "review", "tags": ["legal", "german"]}, "Write Text"])
    other = await register("other", capabilities=["review"])
    made = await hand(agent, match={"skills": ["Review", "write text"], "tags": ["LEGAL"]})
    own = await hand(agent, to_agent_id=skilled)
    anybody = await hand(agent)

    offered = [
        found["id"] for found in (await agent.get("/api/handoffs", params={"offered_to": skilled})).json()["data"]
    ]
    assert sorted(offered) == sorted([made["id"], own["id"], anybody["id"]])
    for_other = (await agent.get("/api/handoffs", params={"offered_to": other})).json()["data"]
    assert [found["id"] for found in for_other] == [anybody["id"]]

    assert (await post(agent, f"{made['id']}/claim", 403, agent_id=other))["code"] == "not_addressee"
    assert (await post(agent, f"{made['id']}/claim", 422))["errors"][0]["pointer"] == "/agent_id"
    assert (await post(agent, f"{made['id']}/claim", agent_id=skilled))["agent_id"] == skilled


async def test_who_asks_is_not_offered_its_own_open_call(agent: httpx.AsyncClient, register: Register) -> None:
    asker = await register("asker", capabilities=["review"])
    await hand(agent, from_agent_id=asker, match={"skills": ["review"]})
    assert (await agent.get("/api/handoffs", params={"offered_to": asker})).json()["data"] == []
    assert (await agent.post("/api/handoffs/claim", json={"agent_id": asker})).status_code == 204


async def test_a_hand_off_is_taken_back_by_who_handed_it_over(
    agent: httpx.AsyncClient, register: Register, org: Organisation, client_of: ClientOf
) -> None:
    a = await register("agent-a")
    stranger = await client_of(app, await org.key(["handoffs:write"]))
    first, second, third = [await hand(agent, from_agent_id=a) for _ in range(3)]
    claimed = await post(agent, f"{first['id']}/claim")
    assert (await post(stranger, f"{first['id']}/cancel", 403))["code"] == "not_creator"
    cancelled = await post(agent, f"{first['id']}/cancel", reason="not needed")
    assert (cancelled["status"], cancelled["error"]["message"]) == ("cancelled", "not needed")
    refused = await patch(agent, first["id"], 409, status="completed", token=claimed["token"])
    assert refused["code"] == "handoff_ended"
    await post(stranger, f"{second['id']}/cancel", agent_id=a)
    await post(await client_of(app, org.operator), f"{third['id']}/cancel")


async def test_other_organisations_and_keys_without_the_scope_see_nothing(
    agent: httpx.AsyncClient, org: Organisation, client_of: ClientOf, new_org: Callable[[], Awaitable[Organisation]]
) -> None:
    made = await hand(agent)
    other = await client_of(app, (await new_org()).agent)
    for answer in (
        await other.get(f"/api/handoffs/{made['id']}"),
        await other.post(f"/api/handoffs/{made['id']}/claim"),
        await other.patch(f"/api/handoffs/{made['id']}", json={"status": "accepted"}),
        await other.get(f"/api/handoffs/{made['id']}/chain"),
        await other.post("/api/handoffs", json={"context": {}, "parent_id": made["id"]}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "handoff_not_found")
    reader = await client_of(app, await org.key(["handoffs:read"]))
    assert (await reader.post("/api/handoffs", json={"context": {}})).json()["code"] == "missing_scope"


# Packets


SCHEMA = {"verdict": {"enum": ["ok", "changes"]}, "notes": {"type": "string", "min_length": 3}}


async def test_an_output_that_does_not_fit_is_named_field_by_field_and_the_claim_stays(
    agent: httpx.AsyncClient,
) -> None:
    made = await hand(agent, packet={**GOAL, "acceptance": {"schema": SCHEMA, "criteria": ["is short"]}})
    claimed = await post(agent, f"{made['id']}/claim")
    wrong = {"verdict": "maybe", "notes": ""}
    refused = await patch(agent, made["id"], 422, status="completed", output_data=wrong, token=claimed["token"])
    assert [problem["pointer"] for problem in refused["errors"]] == ["/output_data/notes", "/output_data/verdict"]
    assert (await agent.get(f"/api/handoffs/{made['id']}")).json()["status"] == "claimed"
    fits = {"verdict": "ok", "notes": "fine"}
    done = await patch(agent, made["id"], status="completed", output_data=fits, token=claimed["token"])
    assert done["output_data"] == fits


async def test_a_packet_comes_out_as_it_went_in(agent: httpx.AsyncClient) -> None:
    packet = {
        "goal": "Write the rest",
        "done": ["first half"],
        "next": ["second half"],
        "decisions": [
            "British spelling",
            {"what": "no tables", "why": "the reader is on a phone", "evidence": {"n": 3}},
        ],
        "constraints": ["no names"],
        "open_questions": ["which title?"],
        "tried_and_failed": ["asking the author"],
        "acceptance": {
            "schema": {"type": "object", "properties": {"text": {"type": "string"}}},
            "criteria": ["reads well"],
        },
        "artifacts": [{"name": "draft", "uri": "https://files.example.com/d"}, {"name": "notes", "inline": ["a", 1]}],
        "budget": {"usd": "0.500000000", "tokens": 4000},
    }
    assert (await hand(agent, packet=packet))["packet"] == packet


@pytest.mark.parametrize(
    ("packet", "pointer"),
    [
        ({}, "/packet/goal"),
        ({"goal": "g", "acceptance": {"schema": {"a": "strnig"}}}, "/packet/acceptance"),
        ({"goal": "g", "acceptance": {"schema": {"$schema": "x", "type": "nonsense"}}}, "/packet/acceptance"),
        ({"goal": "g", "artifacts": [{"name": "x"}]}, "/packet/artifacts/0"),
        ({"goal": "g", "artifacts": [{"name": "x", "inline": "y" * 20_000}]}, "/packet/artifacts/0"),
        ({"goal": "g", "done": ["x" * 2_000] * 40}, "/packet"),
        ({"goal": "g", "budget": {"usd": -1}}, "/packet/budget/usd"),
        ({"goal": "g", "constraint": []}, "/packet/constraint"),
    ],
)
async def test_a_packet_that_does_not_fit_is_refused_at_its_place(
    packet: dict[str, Any], pointer: str, agent: httpx.AsyncClient
) -> None:
    refused = await hand(agent, 422, packet=packet)
    assert refused["errors"][0]["pointer"] == pointer


async def test_a_context_or_an_output_that_is_too_large_is_refused(agent: httpx.AsyncClient) -> None:
    await hand(agent, 422, context={"text": "x" * 300_000})
    made = await hand(agent)
    await patch(agent, made["id"], status="accepted")
    await patch(agent, made["id"], 413, status="completed", output_data="x" * 1_000_001)


# Chains


async def test_a_chain_is_shown_from_any_of_its_links(agent: httpx.AsyncClient, register: Register) -> None:
    a, b, c = [await register(f"agent-{name}") for name in "abc"]
    first = await hand(agent, from_agent_id=a, to_agent_id=b, packet=GOAL)
    second = await hand(agent, from_agent_id=b, to_agent_id=c, parent_id=first["id"])
    back = await hand(agent, from_agent_id=b, to_agent_id=a, parent_id=first["id"])
    assert [made["hops"] for made in (first, second, back)] == [0, 1, 1]
    for made in (first, second, back):
        chain = (await agent.get(f"/api/handoffs/{made['id']}/chain")).json()["data"]
        assert [link["id"] for link in chain] == [first["id"], second["id"], back["id"]]
    below = (await agent.get("/api/handoffs", params={"parent_id": first["id"]})).json()["data"]
    assert {found["id"] for found in below} == {second["id"], back["id"]}


async def test_work_that_goes_round_in_circles_is_refused(agent: httpx.AsyncClient, register: Register) -> None:
    a, b = await register("agent-a"), await register("agent-b")
    first = await hand(agent, from_agent_id=a, to_agent_id=b)
    back = await hand(agent, from_agent_id=b, to_agent_id=a, parent_id=first["id"])
    refused = await hand(agent, 409, from_agent_id=a, to_agent_id=b, parent_id=back["id"])
    assert refused["code"] == "handoff_loop"
    assert [link["id"] for link in refused["chain"]] == [first["id"], back["id"]]


async def test_an_open_call_cannot_be_used_to_go_round_in_circles(agent: httpx.AsyncClient, register: Register) -> None:
    a = await register("agent-a", capabilities=["review"])
    b = await register("agent-b", capabilities=["review"])
    first = await hand(agent, from_agent_id=a, match={"skills": ["review"]})
    await post(agent, f"{first['id']}/claim", agent_id=b)
    back = await hand(agent, from_agent_id=b, to_agent_id=a, parent_id=first["id"])
    again = await hand(agent, from_agent_id=a, match={"skills": ["review"]}, parent_id=back["id"])
    assert (await post(agent, f"{again['id']}/claim", 409, agent_id=b))["code"] == "handoff_loop"


async def test_a_chain_has_an_end(agent: httpx.AsyncClient) -> None:
    parent = (await hand(agent))["id"]
    for _ in range(10):
        parent = (await hand(agent, parent_id=parent))["id"]
    assert (await hand(agent, 409, parent_id=parent))["code"] == "handoff_too_long"


async def test_pages_follow_each_other(agent: httpx.AsyncClient) -> None:
    made = [(await hand(agent))["id"] for _ in range(5)]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        params = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await agent.get("/api/handoffs", params=params)).json()
        seen += [found["id"] for found in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == made[::-1]


async def test_an_agent_knows_what_waits_for_it(
    agent: httpx.AsyncClient, register: Register, org: Organisation
) -> None:
    a, b = await register("agent-a"), await register("agent-b", capabilities=["review"])
    sent = await hand(agent, from_agent_id=b, to_agent_id=a, packet=GOAL)
    await patch(agent, sent["id"], status="rejected")
    held = await hand(agent, to_agent_id=b)
    await patch(agent, held["id"], status="accepted")
    await hand(agent, to_agent_id=b)
    await hand(agent, match={"skills": ["review"]})
    await org.connection.execute(
        "select set_config('request.jwt.claims', $1, false)",
        json.dumps({"principal": "api_key", "org_id": org.id}),
    )
    assert await org.connection.fetchval("select plane.waiting_handoffs($1)", b) == 2
    inbox = await org.connection.fetchrow(
        "select jsonb_array_length(i -> 'held'), jsonb_array_length(i -> 'offered'), i -> 'sent' -> 0 ->> 'status'"
        " from plane.inbox_handoffs($1, 10) as i",
        b,
    )
    assert inbox is not None
    assert tuple(inbox) == (1, 2, "rejected")
