from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.functions.running import Plane

GREETING = """\
name: greeting
description: Greets
input: {who: string}
steps:
  greet: {transform: "Hello ${{ input.who }}"}
output: ${{ steps.greet.output }}
"""


async def test_a_document_is_stored_as_it_was_given_and_fetched_by_name(still_plane: Plane):
    answer = await still_plane.agent.post("/api/workflows", json={"name": "greeting", "definition": GREETING})

    assert answer.status_code == 201
    stored = answer.json()
    assert (stored["version"], stored["format"], stored["is_new"], stored["description"]) == (1, "yaml", True, "Greets")
    assert stored["steps"] == [{"path": "greet", "kind": "transform"}]
    fetched = await still_plane.agent.get(answer.headers["Location"])
    assert fetched.json()["definition"] == GREETING
    assert fetched.json()["id"] == stored["id"]


async def test_an_object_comes_back_as_an_object_and_json_text_is_a_document(still_plane: Plane):
    document = {"name": "plain", "steps": {"one": {"transform": {"b": 1, "a": [1.5, None]}}}}
    stored = await still_plane.store(document)
    assert stored["definition"] == document
    again = await still_plane.store({"steps": document["steps"], "name": "plain"})
    assert (again["is_new"], again["version"]) == (False, 1)
    assert (await still_plane.store('{"name": "text", "steps": {"one": {"transform": 1}}}'))["format"] == "yaml"


async def test_the_same_content_is_the_same_version_and_other_content_the_next(still_plane: Plane):
    first = await still_plane.agent.post("/api/workflows", json={"definition": GREETING})
    same = await still_plane.agent.post("/api/workflows", json={"definition": GREETING})
    other = await still_plane.agent.post("/api/workflows", json={"definition": GREETING + "# changed\n"})
    former = await still_plane.agent.post("/api/workflows", json={"definition": GREETING})

    assert [first.status_code, same.status_code, other.status_code, former.status_code] == [201, 200, 201, 200]
    assert same.json()["version_id"] == first.json()["version_id"]
    assert (other.json()["version"], former.json()["version"], former.json()["latest_version"]) == (2, 1, 2)
    newest = await still_plane.get("/api/workflows", name="greeting")
    assert newest["version"] == 2
    assert (await still_plane.get("/api/workflows", name="greeting", version=1))["definition"] == GREETING


async def test_concurrent_versions_are_numbered_without_gaps(still_plane: Plane):
    texts = [f"{GREETING}# {number % 8}\n" for number in range(16)]
    answers = await asyncio.gather(*(still_plane.store(text) for text in texts))

    by_text = {text: {answer["version"] for answer in answers if answer["definition"] == text} for text in texts}
    assert all(len(versions) == 1 for versions in by_text.values())
    assert sorted({answer["version"] for answer in answers}) == list(range(1, 9))
    assert sum(answer["is_new"] for answer in answers) == 8


async def test_a_runbook_is_markdown_and_keeps_its_metadata(still_plane: Plane):
    stored = await still_plane.store(
        "# Weekly report\n1. Collect\n2. Send",
        name="Weekly report",
        designed_with_model="opus",
        executable_by_model="haiku",
        metadata={"team": "ops"},
    )
    assert stored["format"] == "markdown"
    assert stored["steps"] == []
    fetched = await still_plane.get("/api/workflows", name="Weekly report")
    assert fetched["definition"] == "# Weekly report\n1. Collect\n2. Send"
    assert (fetched["designed_with_model"], fetched["executable_by_model"]) == ("opus", "haiku")
    assert fetched["metadata"] == {"team": "ops"}


async def test_all_errors_of_a_document_come_at_once_with_their_places(still_plane: Plane):
    broken = (
        "name: broken\nsteps:\n  one: {lm: {prompt: hi}}\n  two: {transform: 1, needs: [won]}\n"
        "  three: {wait: {for: soon}}\n"
    )
    answer = await still_plane.agent.post("/api/workflows", json={"name": "other", "definition": broken})

    assert answer.status_code == 422
    problem = answer.json()
    errors = {(error["code"], error.get("line")): error for error in problem["errors"]}
    assert ("name_mismatch", None) in errors
    assert {line for _, line in errors if line} == {3, 4, 5}
    assert all(error["pointer"] in {"/name", "/definition"} for error in problem["errors"])
    assert all(error.get("column") for error in problem["errors"] if error["pointer"] == "/definition")
    assert any("hint" in error for error in problem["errors"])
    assert (await still_plane.agent.get("/api/workflows", params={"name": "broken"})).status_code == 404


async def test_errors_of_an_object_point_into_it(still_plane: Plane):
    document = {"name": "broken", "steps": {"one": {"transform": "${{ input.nowhere. }}"}}}
    answer = await still_plane.agent.post("/api/workflows", json={"definition": document})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].startswith("/definition/steps/one/transform")


async def test_warnings_do_not_refuse_and_come_with_the_answer(still_plane: Plane):
    document = "name: warned\nsteps:\n  one: {when: '${{ true }}', transform: 1}\n"
    stored = await still_plane.store(document)
    (warning,) = stored["warnings"]
    assert (warning["severity"], warning["line"]) == ("warning", 3)
    assert warning["message"]


async def test_a_runbook_without_a_name_is_told_what_a_document_looks_like(still_plane: Plane):
    answer = await still_plane.agent.post("/api/workflows", json={"definition": "step:\n  one: {}\n"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/name"
    assert "steps:" in answer.json()["errors"][0]["hint"]


async def test_a_version_that_is_not_the_next_one_is_refused(still_plane: Plane):
    await still_plane.store(GREETING, version=1)
    answer = await still_plane.agent.post("/api/workflows", json={"definition": GREETING + "#\n", "version": 5})
    assert (answer.status_code, answer.json()["code"]) == (409, "version_taken")


async def test_an_agent_of_nobody_cannot_have_designed_it(still_plane: Plane, other_plane: Plane):
    theirs = (await other_plane.agent.post("/api/agents", json={"name": "theirs"})).json()["id"]
    answer = await still_plane.agent.post(
        "/api/workflows", json={"definition": GREETING, "designed_by_agent_id": theirs}
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/designed_by_agent_id"


async def test_workflows_are_listed_in_pages_the_last_changed_first(still_plane: Plane):
    for number in range(5):
        await still_plane.store(f"# {number}", name=f"runbook-{number}")
    await still_plane.store("# changed", name="runbook-1")

    first = await still_plane.get("/api/workflows", limit=2)
    second = await still_plane.get("/api/workflows", limit=2, cursor=first["next_cursor"])
    third = await still_plane.get("/api/workflows", limit=2, cursor=second["next_cursor"])
    names = [row["name"] for page in (first, second, third) for row in page["data"]]
    assert names == ["runbook-1", "runbook-4", "runbook-3", "runbook-2", "runbook-0"]
    assert third["next_cursor"] is None
    assert first["data"][0]["version"] == 2
    assert "definition" not in first["data"][0]


async def test_versions_are_listed_in_pages_the_newest_first(still_plane: Plane):
    for number in range(5):
        await still_plane.store(f"# {number}", name="runbook")
    first = await still_plane.get("/api/workflows/runbook/versions", limit=3)
    rest = await still_plane.get("/api/workflows/runbook/versions", limit=3, cursor=first["next_cursor"])
    assert [row["version"] for row in first["data"] + rest["data"]] == [5, 4, 3, 2, 1]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize("path", ["?name=greeting", "/greeting/versions", "/greeting/graph", "/greeting/schema"])
async def test_other_organisations_workflows_are_not_found(still_plane: Plane, other_plane: Plane, path: str):
    await still_plane.store(GREETING)
    answer = await other_plane.operator.get(f"/api/workflows{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "workflow_not_found")
    assert (await other_plane.store(GREETING))["version"] == 1


async def test_a_read_that_is_known_already_is_not_sent_again(still_plane: Plane):
    await still_plane.store(GREETING)
    first = await still_plane.agent.get("/api/workflows", params={"name": "greeting"})
    again = await still_plane.agent.get(
        "/api/workflows", params={"name": "greeting"}, headers={"If-None-Match": first.headers["ETag"]}
    )
    assert again.status_code == 304


async def test_storing_is_in_the_audit(still_plane: Plane):
    stored = await still_plane.store(GREETING)
    entry = await still_plane.org.connection.fetchrow(
        "select action, resource_id, details ->> 'version' as version from plane.audit_entries"
        " where org_id = $1 and action = 'create_workflow'",
        still_plane.org.id,
    )
    assert dict(entry) == {"action": "create_workflow", "resource_id": stored["id"], "version": "1"}


async def test_what_names_secrets_is_stored_by_who_may_use_them(still_plane: Plane) -> None:
    definition = (
        "name: pay\nsecrets: [SHOP]\nsteps:\n  a: {http: {url: 'https://shop.example', auth: {bearer: SHOP}}}\n"
    )
    refused = await still_plane.agent.post("/api/workflows", json={"definition": definition})
    assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope")
    assert refused.json()["scope"] == "secrets:use"
    assert (await still_plane.operator.post("/api/workflows", json={"definition": definition})).status_code == 201
