"""Memory over HTTP: kept by namespace and key, found by words, and by meaning where there is a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from functions.memory.app import app
from functions.shared.simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    import httpx

    from tests.functions.conftest import Organisation

TEXTS = {
    "billing": "Acme prefers invoices by e-mail, in euro.",
    "contact": "Their engineer is Mara; call her before noon.",
    "outage": "The March outage cost them two days of work.",
    "zero": "0",
}


@pytest.fixture
async def agent(org: Organisation, client_of: Callable[..., Awaitable[httpx.AsyncClient]]) -> httpx.AsyncClient:
    return await client_of(app, org.agent)


@pytest.fixture
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AGENTPLANE_EMBEDDING_MODEL", raising=False)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An embedding model that speaks OpenAI's protocol, on loopback."""
    with Simulator() as simulator:
        monkeypatch.setenv("OPENAI_API_BASE", f"{simulator.url}/v1")
        monkeypatch.setenv("OPENAI_API_KEY", "sk-simulated")
        monkeypatch.setenv("AGENTPLANE_EMBEDDING_MODEL", "openai/text-embedding-3-small")
        yield "openai/text-embedding-3-small"


async def put(agent: httpx.AsyncClient, content: str, **more: Any) -> dict[str, Any]:
    answer = await agent.post("/api/memory", json={"namespace": "acme", "content": content, **more})
    assert answer.status_code in {200, 201}, answer.text
    return answer.json()


async def search(agent: httpx.AsyncClient, query: str, **more: Any) -> dict[str, Any]:
    answer = await agent.post("/api/memory/search", json={"namespace": "acme", "query": query, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def remember_all(agent: httpx.AsyncClient) -> None:
    for topic, content in TEXTS.items():
        await put(agent, content, metadata={"topic": topic})


def topics(found: dict[str, Any]) -> list[str]:
    return [each["metadata"]["topic"] for each in found["data"]]


@pytest.mark.usefixtures("no_model")
async def test_without_a_model_words_find_and_the_answer_says_so(agent: httpx.AsyncClient) -> None:
    await remember_all(agent)
    found = await search(agent, "How should we send the invoice?")
    assert topics(found) == ["billing"]
    assert found["vector"] == "no_model"
    assert found["data"][0]["ranks"] == {"text": 1, "vector": None}
    assert topics(await search(agent, "nothing of the kind")) == []


@pytest.mark.usefixtures("model")
async def test_words_and_meaning_are_fused(agent: httpx.AsyncClient) -> None:
    await remember_all(agent)
    found = await search(agent, "engineering contact", limit=2)
    assert found["vector"] == "searched"
    assert topics(found)[0] == "contact"
    best = found["data"][0]
    assert best["embedded"]
    assert best["score"] == pytest.approx(1 / 61 + 1 / 61, abs=1e-6)
    assert best["ranks"] == {"text": 1, "vector": 1}
    assert 0 < best["similarity"] <= 1


@pytest.mark.usefixtures("no_model")
async def test_an_empty_question_gives_the_newest(agent: httpx.AsyncClient) -> None:
    await remember_all(agent)
    assert topics(await search(agent, "", limit=2)) == ["zero", "outage"]


@pytest.mark.usefixtures("no_model")
async def test_a_filter_compares_fields_of_the_metadata(agent: httpx.AsyncClient) -> None:
    await put(agent, "red apples", metadata={"farm": {"id": 1}, "ripe": True})
    await put(agent, "green apples", metadata={"farm": {"id": 2}, "ripe": True})
    found = await search(agent, "apples", filter={"farm": {"id": 2}, "ripe": True})
    assert [each["content"] for each in found["data"]] == ["green apples"]


@pytest.mark.usefixtures("no_model")
async def test_a_key_replaces_and_none_adds(agent: httpx.AsyncClient) -> None:
    first = await put(agent, "one", key="k")
    again = await agent.post("/api/memory", json={"namespace": "acme", "content": "two", "key": "k"})
    assert (again.status_code, again.json()["id"], again.json()["content"]) == (200, first["id"], "two")
    await put(agent, "one")
    await put(agent, "one")
    listed = (await agent.get("/api/memory?namespace=acme")).json()["data"]
    assert sorted(each["content"] for each in listed) == ["one", "one", "two"]
    by_key = (await agent.get("/api/memory?namespace=acme&key=k")).json()["data"]
    assert [each["content"] for each in by_key] == ["two"]


@pytest.mark.usefixtures("no_model")
async def test_what_has_expired_is_gone(agent: httpx.AsyncClient, org: Organisation) -> None:
    made = await put(agent, "short lived", expires_in_seconds=60)
    await org.connection.execute("update plane.memories set expires_at = now() where org_id = $1", org.id)
    assert (await agent.get(f"/api/memory/{made['id']}")).status_code == 404
    assert (await search(agent, "short"))["data"] == []
    assert (await agent.get("/api/memory/namespaces")).json()["data"] == []


@pytest.mark.usefixtures("no_model")
async def test_forgetting_one_and_all(agent: httpx.AsyncClient) -> None:
    made = await put(agent, "a")
    await put(agent, "b")
    assert (await agent.delete(f"/api/memory/{made['id']}")).status_code == 204
    assert (await agent.delete(f"/api/memory/{made['id']}")).status_code == 404
    assert (await agent.delete("/api/memory?namespace=acme")).json() == {"deleted": 1}
    assert (await agent.delete("/api/memory?namespace=acme")).json()["code"] == "memory_not_found"


@pytest.mark.usefixtures("model")
async def test_what_was_written_without_a_model_is_embedded_later(
    agent: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    monkeypatch.delenv("AGENTPLANE_EMBEDDING_MODEL")
    made = await put(agent, TEXTS["contact"])
    assert not made["embedded"]
    none = (await agent.post("/api/memory/embed", json={})).json()
    assert none == {"embedded": 0, "left": False, "status": "no_model", "embedding_model": None}
    monkeypatch.setenv("AGENTPLANE_EMBEDDING_MODEL", model)
    done = (await agent.post("/api/memory/embed", json={"namespace": "acme"})).json()
    assert done == {"embedded": 1, "left": False, "status": "ok", "embedding_model": model}
    assert (await agent.get(f"/api/memory/{made['id']}")).json()["embedded"]


async def test_a_model_that_is_away_costs_the_meaning_and_nothing_else(
    agent: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_BASE", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-simulated")
    monkeypatch.setenv("AGENTPLANE_EMBEDDING_MODEL", "openai/text-embedding-3-small")
    assert not (await put(agent, "kept all the same"))["embedded"]
    found = await search(agent, "kept")
    assert [each["content"] for each in found["data"]] == ["kept all the same"]
    assert found["vector"] == "provider_unreachable"


@pytest.mark.usefixtures("no_model")
async def test_a_memory_has_its_limits(agent: httpx.AsyncClient) -> None:
    for body, status in (
        ({"content": "é" * 40_000}, 413),
        ({"content": "x", "metadata": {"m": "y" * 20_000}}, 413),
        ({"content": ""}, 422),
        ({"content": "x", "expires_at": "2020-01-01T00:00:00Z"}, 422),
    ):
        answer = await agent.post("/api/memory", json={"namespace": "acme", **body})
        assert answer.status_code == status, answer.text


@pytest.mark.usefixtures("no_model")
async def test_another_organisations_memory_is_not_there(
    agent: httpx.AsyncClient,
    new_org: Callable[[], Awaitable[Organisation]],
    client_of: Callable[..., Awaitable[httpx.AsyncClient]],
) -> None:
    made = await put(agent, "ours alone")
    stranger = await client_of(app, (await new_org()).agent)
    assert (await search(stranger, "ours alone"))["data"] == []
    assert (await stranger.get(f"/api/memory/{made['id']}")).status_code == 404
    assert (await stranger.delete("/api/memory?namespace=acme")).status_code == 404
