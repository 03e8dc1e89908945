"""The first AgentPlane's escalation flow with its own bodies, and what its client sends that its server never took."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from tests.functions.escalations.conftest import Somebody
    from tests.functions.running import Plane


async def ask(agent: Somebody, **fields: Any) -> dict[str, Any]:
    """The original's body: agent_id, workflow_id, execution_id, reason, context and priority."""
    registered = await agent.http.post("/api/agents", json={"name": "my-agent", "framework": "custom"})
    body = {
        "agent_id": registered.json()["id"],
        "reason": "Customer requested refund outside policy",
        "context": {"customer_id": "123", "amount": 500},
        "priority": "medium",
        **fields,
    }
    answer = await agent.http.post("/api/escalations", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_the_original_flow_from_the_question_to_its_resolution(
    agent: Somebody, anna: Somebody, still_plane: Plane
) -> None:
    await still_plane.store("# Refunds\n\nAsk before you pay.", name="refunds")
    execution = await still_plane.start("refunds")
    asked = await ask(agent, workflow_id=execution["workflow_id"], execution_id=execution["id"])
    assert (asked["status"], asked["priority"]) == ("open", "normal")

    listed = await anna.http.get("/api/escalations", params={"status": "open", "priority": "medium", "limit": 10})
    assert [each["id"] for each in listed.json()["data"]] == [asked["id"]]
    by_agent = await anna.http.get("/api/escalations", params={"agent_id": asked["agent_id"]})
    assert [each["id"] for each in by_agent.json()["data"]] == [asked["id"]]

    path = f"/api/escalations/{asked['id']}"
    taken = await anna.http.patch(path, json={"status": "in_progress", "priority": "urgent"})
    assert (taken.status_code, taken.json()["status"], taken.json()["priority"]) == (200, "claimed", "urgent")
    body = {"status": "resolved", "resolution": "Approved by the manager", "resolved_by": "somebody else"}
    resolved = (await anna.http.patch(path, json=body)).json()

    assert (resolved["status"], resolved["outcome"], resolved["comment"]) == (
        "resolved",
        "answered",
        "Approved by the manager",
    )
    assert resolved["decided_by"]["label"] == "anna@example.com"  # who it was is not what the body says
    assert (await agent.read(asked))["comment"] == "Approved by the manager"


async def test_the_original_statuses_are_filters_too(agent: Somebody, anna: Somebody) -> None:
    first, second = await ask(agent), await ask(agent)
    await anna.http.patch(f"/api/escalations/{second['id']}", json={"status": "in_progress"})

    assert [each["id"] for each in await anna.list(status="pending")] == [first["id"]]
    assert [each["id"] for each in await anna.list(status="in_progress")] == [second["id"]]
    assert await anna.list(status="resolved") == []


async def test_the_original_dismisses_by_patch(agent: Somebody, anna: Somebody) -> None:
    asked = await ask(agent)

    dismissed = await anna.http.patch(f"/api/escalations/{asked['id']}", json={"status": "dismissed"})

    assert (dismissed.status_code, dismissed.json()["status"]) == (200, "dismissed")


async def test_the_original_clients_call_works_as_its_documents_spell_it(
    agent: Somebody, anna: Somebody, still_plane: Plane
) -> None:
    # No agent_id, no context, and two names that its server did not know.
    await still_plane.store("# Refunds", name="refunds")
    execution = await still_plane.start("refunds")
    body = {"reason": "Low confidence", "assigned_to": "anna@example.com", "workflow_execution_id": execution["id"]}

    answer = await agent.http.post("/api/escalations", json=body)

    assert answer.status_code == 201, answer.text
    assert answer.json()["execution_id"] == execution["id"]
    assert answer.json()["assign_to"] == [{"email": "anna@example.com"}]
    assert [each["id"] for each in await anna.list(mine=True)] == [answer.json()["id"]]


async def test_what_nobody_spells_like_that_gets_a_hint(agent: Somebody) -> None:
    body = {"reason": "r", "assignee": "anna@example.com", "agent": str(uuid4()), "timeout": 60}

    refused = await agent.http.post("/api/escalations", json=body)
    listed = await agent.http.get("/api/escalations", params={"state": "open"})

    meant = {error["pointer"]: error.get("did_you_mean") for error in refused.json()["errors"]}
    assert (refused.status_code, listed.status_code) == (422, 422)
    assert meant == {"/assignee": "assign_to", "/agent": "agent_id", "/timeout": "timeout_seconds"}
    assert listed.json()["errors"][0]["did_you_mean"] == "status"


async def test_a_team_that_is_no_address_is_refused_with_what_is_one(agent: Somebody) -> None:
    refused = await agent.http.post("/api/escalations", json={"reason": "r", "assigned_to": "human-team"})

    assert refused.status_code == 422
    assert "role:approver" in refused.text


async def test_the_urgent_come_first_not_the_alphabetically_last(agent: Somebody, anna: Somebody) -> None:
    for priority in ("low", "urgent", "medium", "high", "urgent", "low"):
        await ask(agent, priority=priority)

    listed = await anna.list()
    first = (await anna.http.get("/api/escalations", params={"limit": 4})).json()
    rest = (await anna.http.get("/api/escalations", params={"limit": 4, "cursor": first["next_cursor"]})).json()

    assert [each["priority"] for each in listed] == ["urgent", "urgent", "high", "normal", "low", "low"]
    for priority in ("urgent", "low"):
        made = [each["created_at"] for each in listed if each["priority"] == priority]
        assert made == sorted(made)
    assert [each["id"] for each in [*first["data"], *rest["data"]]] == [each["id"] for each in listed]
    assert rest["next_cursor"] is None
