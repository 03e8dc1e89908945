"""Templates over HTTP: found, made into workflows that pass their tests, forked, rated and ranked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from agentplane.cli.offline_steps import OfflineSteps

from functions.shared.dsl.checker import check
from functions.shared.dsl.compiled import compile_document
from functions.shared.engine.inline_tests import run_tests
from functions.shared.web import create_app
from functions.templates.app import router as templates
from functions.templates.builtin import builtins
from functions.workflows.app import router as workflows

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from tests.functions.conftest import Organisation

APP = create_app("tests", templates, workflows)
PATTERNS = {
    "data-extraction",
    "human-in-loop",
    "multi-agent-handoff",
    "stateful-conversation",
    "progressive-disclosure",
    "error-recovery",
    "cost-aware-execution",
}
OWN = "name: greeting\n# kept\nmodels:\n  default: openai/gpt-4o-mini\nsteps:\n  hi: {llm: {prompt: hi}}\n"


@pytest.fixture
async def agent(org: Organisation, client_of: Callable[..., Awaitable[httpx.AsyncClient]]) -> httpx.AsyncClient:
    return await client_of(APP, org.agent)


async def post(agent: httpx.AsyncClient, path: str, status: int = 201, **body: Any) -> dict[str, Any]:
    answer = await agent.post(f"/api/templates{path}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def names(agent: httpx.AsyncClient, **query: Any) -> list[str]:
    answer = await agent.get("/api/templates", params=query)
    assert answer.status_code == 200, answer.text
    return [template["name"] for template in answer.json()["data"]]


async def test_the_seven_patterns_are_there(agent: httpx.AsyncClient) -> None:
    assert set(await names(agent)) >= PATTERNS
    assert await names(agent, tag="memory") == ["stateful-conversation"]
    assert await names(agent, query="budget") == ["cost-aware-execution"]


@pytest.mark.parametrize("name", sorted(builtins()))
async def test_every_template_can_be_made_into_a_workflow(agent: httpx.AsyncClient, name: str) -> None:
    made = await post(agent, f"/{name}/instantiate")
    assert (made["workflow"], made["version"], made["template"]) == (name, 1, name)
    stored = (await agent.get("/api/workflows", params={"name": name})).json()
    assert stored["metadata"]["template"] == {"name": name, "version": 1, "is_builtin": True}
    assert stored["definition"] == builtins()[name].definition
    tested = (await agent.post(f"/api/workflows/{name}/test", json={})).json()
    assert tested["tests"]
    if not any(step["kind"] == "code" for step in stored["steps"]):  # this function has no sandbox
        assert tested["passed"], tested


@pytest.mark.parametrize("name", sorted(builtins()))
def test_every_template_passes_its_own_tests(name: str) -> None:
    checked = check(builtins()[name].definition, environment=None)
    assert checked.document is not None
    with OfflineSteps() as offline:
        report = run_tests(compile_document(checked.document), offline.run)
    assert report.passed, report.as_json()
    assert report.coverage.percent >= 80


async def test_the_originals_spelling_of_a_name_is_understood(agent: httpx.AsyncClient) -> None:
    assert (await agent.get("/api/templates/data_extraction")).json()["name"] == "data-extraction"


async def test_name_and_models_can_be_chosen_and_nothing_else_changes(agent: httpx.AsyncClient) -> None:
    made = await post(
        agent, "/data-extraction/instantiate", name="orders", models={"default": "anthropic/claude-haiku-4-5"}
    )
    assert made["workflow"] == "orders"
    text = (await agent.get("/api/workflows", params={"name": "orders"})).json()["definition"]
    before = builtins()["data-extraction"].definition
    assert text == before.replace("name: data-extraction", "name: orders").replace(
        "openai/gpt-4o-mini", "anthropic/claude-haiku-4-5"
    )
    again = await post(
        agent, "/data-extraction/instantiate", 200, name="orders", models={"default": "anthropic/claude-haiku-4-5"}
    )
    assert (again["version"], again["is_new"]) == (1, False)
    refused = await post(agent, "/data-extraction/instantiate", 422, models={"smart": "openai/gpt-4o"})
    assert refused["errors"][0]["pointer"] == "/models/smart"
    assert refused["errors"][0]["allowed"] == ["default"]


async def test_versions_of_ones_own_are_numbered_and_stay(agent: httpx.AsyncClient) -> None:
    first = await post(agent, "", definition=OWN, tags=["example"])
    assert (first["name"], first["version"], first["title"]) == ("greeting", 1, "Greeting")
    assert (await post(agent, "", 200, definition=OWN, tags=["example"]))["version"] == 1
    assert (await post(agent, "", definition=OWN.replace("prompt: hi", "prompt: ho"), tags=["example"]))["version"] == 2
    one = (await agent.get("/api/templates/greeting?version=1")).json()
    assert (one["definition"], one["versions"]) == (OWN, [2, 1])
    made = await post(agent, "/greeting/instantiate", version=1)
    assert made["template_version"] == 1
    assert (await names(agent, tag="example")).count("greeting") == 1


async def test_a_fork_knows_where_it_comes_from(agent: httpx.AsyncClient) -> None:
    fork = await post(agent, "/human-in-loop/fork", name="my-review", tags=["mine"])
    assert fork["lineage"] == {"name": "human-in-loop", "version": 1, "is_builtin": True}
    grandchild = await post(agent, "/my-review/fork", name="their-review")
    assert grandchild["lineage"] == {"name": "my-review", "version": 1, "is_builtin": False}
    assert grandchild["tags"] == ["mine"]
    changed = await post(agent, "/my-review/fork", name="changed", definition=OWN)
    assert "name: changed\n# kept" in changed["definition"]


async def test_what_comes_with_the_plane_cannot_be_taken(agent: httpx.AsyncClient) -> None:
    refused = await post(agent, "", 409, definition=OWN.replace("greeting", "hello"))
    assert refused["code"] == "template_is_builtin"
    assert (await agent.delete("/api/templates/hello")).status_code == 409


async def test_a_broken_document_is_not_published(agent: httpx.AsyncClient) -> None:
    refused = await post(agent, "", 422, definition="name: broken\nsteps:\n  a: {transfrom: 1}\n")
    assert refused["errors"][0]["pointer"].startswith("/definition")


async def test_ratings_and_uses_rank_and_one_rating_does_not_decide(
    agent: httpx.AsyncClient, org: Organisation, client_of: Callable[..., Awaitable[httpx.AsyncClient]]
) -> None:
    operator = await client_of(APP, org.operator)
    assert (await names(agent))[0] == min(await names(agent))  # nothing is known: by name
    for client in (agent, operator):
        answer = await client.put("/api/templates/error_recovery/rating", json={"stars": 5, "comment": "Saved us."})
        assert answer.status_code == 200, answer.text
    await agent.put("/api/templates/error-recovery/rating", json={"stars": 4})
    standing = (await agent.get("/api/templates/error-recovery")).json()
    assert (standing["rating"], standing["ratings"]) == (4.5, 2)
    assert standing["score"] == pytest.approx((9 + 10.5) / 5)
    assert (await names(agent))[0] == "error-recovery"
    for number in range(31):
        await post(agent, "/hello/instantiate", name=f"hello-{number}")
    assert (await names(agent))[0] == "hello"  # used much, though nobody has rated it
    ratings = (await agent.get("/api/templates/error-recovery/ratings")).json()["data"]
    assert sorted((rating["stars"], rating["comment"]) for rating in ratings) == [(4, None), (5, "Saved us.")]


async def test_pages_give_each_template_once(agent: httpx.AsyncClient) -> None:
    everything = await names(agent, limit=500)
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await agent.get("/api/templates", params={"limit": 2, **cursor})).json()
        seen += [template["name"] for template in page["data"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == everything


async def test_another_organisations_templates_and_ratings_are_not_there(
    agent: httpx.AsyncClient,
    new_org: Callable[[], Awaitable[Organisation]],
    client_of: Callable[..., Awaitable[httpx.AsyncClient]],
) -> None:
    await post(agent, "", definition=OWN)
    await agent.put("/api/templates/hello/rating", json={"stars": 1})
    stranger = await client_of(APP, (await new_org()).agent)
    assert "greeting" not in await names(stranger)
    assert (await stranger.get("/api/templates/greeting")).status_code == 404
    assert (await stranger.get("/api/templates/hello")).json()["ratings"] == 0
    assert (await agent.delete("/api/templates/greeting")).json() == {"withdrawn": 1}
    assert (await agent.get("/api/templates/greeting")).json()["code"] == "template_not_found"
