"""interpret and memory call models from their packages, with the key of the organisation that asks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from functions.shared.simulator.script import Rule
from tests.functions.doorman import Doorman

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    import httpx

    from functions.shared.simulator import Simulator
    from tests.functions.conftest import Organisation
    from tests.local_lambda.running import Lambda

KEYS = ("sk-proj-of-the-first-0001", "sk-proj-of-the-second-0002")
ASKED = {"data": "We come to Bern.", "schema": {"city": "string"}, "use_cache": False}
TOLD = {
    "AGENTPLANE_EMBEDDING_MODEL": "openai/text-embedding-3-small",
    "AGENTPLANE_INTERPRET_MODEL": "openai/gpt-4o-mini",
}


@pytest.fixture
async def doorman(lambda_: Lambda, simulator: Simulator) -> AsyncIterator[Doorman]:
    """Whom both functions take for their provider of models."""
    functions = [lambda_.local.functions[name] for name in ("interpret", "memory")]
    simulator.script.load(
        [
            Rule.model_validate(
                {"replies": [{"json": {"city": {"value": "Bern", "confidence": 0.9, "evidence": "Bern"}}}]}
            )
        ]
    )
    async with Doorman(simulator) as doorman:
        for function in functions:
            started = await asyncio.to_thread(function.started)
            told = {**started.variables, **TOLD, "OPENAI_BASE_URL": f"{doorman.url}/v1"}
            await lambda_.do(function.change(variables=told))
        yield doorman
        for function in functions:
            await lambda_.do(function.restore())
    simulator.script.load([])


async def test_each_organisation_s_models_get_its_own_key_and_the_functions_are_told_none(
    lambda_: Lambda,
    doorman: Doorman,
    new_org: Callable[[], Awaitable[Organisation]],
    client_of: Callable[..., Awaitable[httpx.AsyncClient]],
):
    answers: list[httpx.Response] = []

    async def asked(org: Organisation) -> tuple[dict[str, Any], bool, str]:
        agent = await client_of(None, org.agent)
        read = await agent.post("/api/interpret", json=ASKED)
        kept = await agent.post("/api/memory", json={"namespace": "acme", "content": "Acme wants invoices."})
        found = await agent.post("/api/memory/search", json={"namespace": "acme", "query": "invoices"})
        answers.extend((read, kept, found))
        return read.json().get("data"), kept.json()["embedded"], found.json()["vector"]

    orgs = [await new_org() for _ in KEYS]
    for org, key in zip(orgs, KEYS, strict=True):
        operator = await client_of(None, org.operator)
        assert (await operator.put("/api/secrets/OPENAI_API_KEY", json={"value": key})).status_code == 201
    for org, key in zip(orgs, KEYS, strict=True):
        assert await asked(org) == ({"city": "Bern"}, True, "searched"), [answer.text for answer in answers]
        assert doorman.keys() == [key] * 3
    operator = await client_of(None, orgs[0].operator)
    assert (await operator.delete("/api/secrets/OPENAI_API_KEY")).status_code == 204
    await asked(orgs[0])
    assert doorman.keys() == ["none"] * 3  # the provider's address is the tests' own, which needs no key

    lines = [line for _, line in lambda_.log]
    assert not [text for text in (*lines, *(answer.text for answer in answers)) if "sk-proj" in text]


async def test_an_organisation_without_a_key_is_told_how_to_set_one(
    lambda_: Lambda, org: Organisation, client_of: Callable[..., Awaitable[httpx.AsyncClient]]
):
    agent = await client_of(None, org.agent)
    answer = await agent.post("/api/interpret", json={**ASKED, "model": "groq/llama-3.3-70b-versatile"})
    assert (answer.status_code, answer.json()["code"]) == (422, "model_key_missing")
    assert "PUT /api/secrets/GROQ_API_KEY" in answer.json()["hint"]
