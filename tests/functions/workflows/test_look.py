from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.functions.running import Plane

TICKET = """\
name: ticket
models: {default: anthropic/claude-haiku-4-5}
input: {text: {type: string, max_length: 100}, locale: {type: string, default: en}}
steps:
  classify: {llm: {prompt: "Refund? ${{ input.text }}", output: {label: {enum: [refund, other]}}}}
  sources:
    for_each: [a, b]
    transform: ${{ item }}
  polish:
    needs: [sources]
    loop: {max: 2}
    steps:
      draft: {transform: "${{ steps.classify.output.label }}"}
      critic: {transform: "${{ steps.draft.output }}!"}
    output: ${{ steps.critic.output }}
  approve:
    when: ${{ steps.classify.output.label == 'refund' }}
    needs: [polish]
    approval: {message: "Refund?"}
output: ${{ steps.polish.output }}
on_error:
  steps:
    notify: {emit: {event: failed}}
tests:
  - name: other tickets need nobody
    input: {text: hi}
    mock: {classify: {label: other}}
    expect: {status: succeeded, output: "other!", skipped: [approve]}
  - name: this one is wrong
    input: {text: hi}
    mock: {classify: {label: other}}
    expect: {status: succeeded, output: "refund!"}
"""


@pytest.fixture
async def ticket(still_plane: Plane) -> Plane:
    await still_plane.store(TICKET)
    return still_plane


async def test_the_graph_has_steps_needs_and_groups(ticket: Plane):
    graph = await ticket.get("/api/workflows/ticket/graph")

    nodes = {node["id"]: node for node in graph["nodes"]}
    assert set(nodes) == {
        *("classify", "sources", "polish", "polish.draft", "polish.critic", "approve", "on_error.notify")
    }
    assert (nodes["polish.draft"]["group"], nodes["on_error.notify"]["group"]) == ("polish", "on_error")
    assert nodes["sources"]["is_repeated"]
    edges = {(edge["from"], edge["to"]) for edge in graph["edges"]}
    assert edges == {
        *(("classify", "polish"), ("sources", "polish"), ("polish.draft", "polish.critic")),
        *(("classify", "approve"), ("polish", "approve")),
    }
    groups = {group["id"]: group for group in graph["groups"]}
    assert (groups["sources"]["kind"], groups["polish"]["kind"]) == ("for_each", "loop")
    assert groups["polish"]["steps"] == ["polish.draft", "polish.critic"]
    assert groups["on_error"]["steps"] == ["on_error.notify"]
    assert "s_polish__draft --> s_polish__critic" in graph["mermaid"]


async def test_the_schema_is_that_of_the_input(ticket: Plane):
    schema = await ticket.get("/api/workflows/ticket/schema")
    assert schema["required"] == ["text"]
    assert schema["properties"]["text"] == {"type": "string", "maxLength": 100}
    assert schema["properties"]["locale"]["default"] == "en"


async def test_a_runbook_has_no_graph_and_takes_any_input(still_plane: Plane):
    await still_plane.store("# Do it", name="runbook")
    assert (await still_plane.get("/api/workflows/runbook/schema"))["type"] == "object"
    answer = await still_plane.agent.get("/api/workflows/runbook/graph")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_a_document")


async def test_two_versions_are_compared_by_text_and_by_step(ticket: Plane):
    changed = (
        TICKET.replace("Refund? $", "Is it a refund? $")
        .replace("      critic: {transform", "      review: {transform")
        .replace("steps.critic", "steps.review")
        .replace("max_length: 100", "max_length: 200")
    )
    assert (await ticket.store(changed))["version"] == 2

    difference = await ticket.get("/api/workflows/ticket/diff", **{"from": 1, "to": 2})
    assert (difference["from"], difference["to"], difference["is_equal"]) == (1, 2, False)
    assert '-  classify: {llm: {prompt: "Refund?' in difference["text"]
    assert '+  classify: {llm: {prompt: "Is it a refund?' in difference["text"]
    assert difference["steps"] == {
        "added": ["polish.review"],
        "removed": ["polish.critic"],
        "changed": [{"path": "classify", "fields": ["llm"]}, {"path": "polish", "fields": ["output"]}],
    }
    assert difference["settings"] == ["input"]
    newest = await ticket.get("/api/workflows/ticket/diff", **{"from": 2})
    assert (newest["to"], newest["is_equal"], newest["text"]) == (2, True, "")


async def test_a_missing_version_is_named(ticket: Plane):
    answer = await ticket.agent.get("/api/workflows/ticket/diff", params={"from": 1, "to": 7})
    assert (answer.status_code, answer.json()["code"]) == (404, "version_not_found")
    assert "7" in answer.json()["detail"]


async def test_validation_stores_nothing_and_tells_everything(still_plane: Plane):
    good = await still_plane.agent.post("/api/workflows/validate", json={"definition": TICKET})
    assert (good.status_code, good.json()["valid"], good.json()["name"]) == (200, True, "ticket")
    broken = TICKET.replace("loop: {max: 2}", "lop: {max: 2}").replace("needs: [polish]", "needs: [polished]")
    bad = (await still_plane.agent.post("/api/workflows/validate", json={"definition": broken})).json()
    assert not bad["valid"]
    found = {(problem["line"], problem["severity"]) for problem in bad["problems"]}
    assert {(11, "error"), (18, "error")} <= found
    assert any("Did you mean" in (problem["hint"] or "") for problem in bad["problems"])
    assert (await still_plane.get("/api/workflows"))["data"] == []


async def test_the_tests_of_a_document_run_offline(ticket: Plane):
    answer = await ticket.agent.post("/api/workflows/ticket/test", json={})
    assert answer.status_code == 200
    report = answer.json()
    assert (report["passed"], report["version"]) == (False, 1)
    assert [test["passed"] for test in report["tests"]] == [True, False]
    assert "refund!" in report["tests"][1]["failures"][0]
    assert (await ticket.get("/api/executions"))["data"] == []


async def test_a_key_without_the_scope_cannot_even_validate(still_plane: Plane):
    secret = await still_plane.org.key(["state:read"])
    headers = {"Authorization": f"Bearer {secret}"}
    answer = await still_plane.agent.post("/api/workflows/validate", json={"definition": TICKET}, headers=headers)
    assert (answer.status_code, answer.json()["scope"]) == (403, "workflows:read")
