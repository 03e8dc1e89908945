"""Interpret and memory with the caller's organisation's own keys, as on AWS: the plane lends nobody anything.

What reaches the database here is the limited key that the deployed functions carry.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from functions.deploy.runner_keys import key_of, register
from functions.interpret.app import MODEL_VARIABLE
from functions.interpret.app import router as interpret
from functions.memory.app import router as memory
from functions.secrets.app import router as secrets
from functions.shared.auth.keys import new_key
from functions.shared.config import Settings
from functions.shared.db import safety
from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
from functions.shared.errors import Forbidden
from functions.shared.sealing import new_master_key
from functions.shared.simulator import Simulator
from functions.shared.simulator.script import Rule
from functions.shared.steps.embedding import MODEL_VARIABLE as EMBEDDING_VARIABLE
from functions.shared.web import create_app
from tests.functions.conftest import app_state
from tests.functions.doorman import Doorman

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    import asyncpg
    import httpx

    from tests.functions.conftest import Organisation

APP = create_app("tests", interpret, memory, secrets)
SETTINGS = Settings(_env_file=None, master_key=SecretStr(new_master_key()), lend_environment=False)
OURS, THEIRS = "sk-proj-of-ours-0001", "sk-proj-of-theirs-0002"
ASKED = {"data": "We are four and come to Bern.", "schema": {"city": "string"}, "use_cache": False}


@dataclass(frozen=True, slots=True)
class World:
    """An organisation's clients, and who sees the calls of models."""

    org: Organisation
    agent: httpx.AsyncClient
    operator: httpx.AsyncClient
    doorman: Doorman
    simulator: Simulator

    async def set_key(self, value: str, name: str = "OPENAI_API_KEY") -> None:
        answer = await self.operator.put(f"/api/secrets/{name}", json={"value": value})
        assert answer.is_success, answer.text

    async def drop_key(self, name: str = "OPENAI_API_KEY") -> None:
        assert (await self.operator.delete(f"/api/secrets/{name}")).status_code == 204

    async def ask(self, **more: Any) -> httpx.Response:
        return await self.agent.post("/api/interpret", json={**ASKED, **more})

    async def remember(self, content: str = "Acme prefers invoices by e-mail.") -> dict[str, Any]:
        answer = await self.agent.post("/api/memory", json={"namespace": "acme", "content": content})
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def search(self) -> dict[str, Any]:
        answer = await self.agent.post("/api/memory/search", json={"namespace": "acme", "query": "invoices"})
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
async def database(
    module_db_url: str, authenticator_url: Callable[[str], str], superuser: asyncpg.Connection
) -> AsyncIterator[AsyncpgDatabase]:
    """The database as interpret and memory have it on AWS."""
    secret = new_key("runner").secret
    key = key_of("interpret")
    assert key is not None
    assert key == key_of("memory")
    await register(superuser, key, secret, ("",))
    database = await AsyncpgDatabase.connect(authenticator_url(module_db_url), runner_key=secret)
    yield database
    await database.close()


@pytest.fixture
async def new_world(
    new_org: Callable[[], Awaitable[Organisation]],
    client_of: Callable[..., Awaitable[httpx.AsyncClient]],
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Callable[[], Awaitable[World]]]:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "ANTHROPIC_API_BASE", "ANTHROPIC_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(MODEL_VARIABLE, "openai/gpt-4o-mini")
    monkeypatch.setenv(EMBEDDING_VARIABLE, "openai/text-embedding-3-small")
    with Simulator() as simulator, app_state(APP, settings=SETTINGS):
        says(simulator, "Bern")
        async with Doorman(simulator) as doorman:
            monkeypatch.setenv("OPENAI_API_BASE", f"{doorman.url}/v1")

            async def make() -> World:
                org = await new_org()
                return World(
                    org, await client_of(APP, org.agent), await client_of(APP, org.operator), doorman, simulator
                )

            yield make


@pytest.fixture
async def world(new_world: Callable[[], Awaitable[World]]) -> World:
    """An organisation that has a key of its own."""
    made = await new_world()
    await made.set_key(OURS)
    return made


@pytest.fixture
async def other(new_world: Callable[[], Awaitable[World]]) -> World:
    """Another one, with another key."""
    made = await new_world()
    await made.set_key(THEIRS)
    return made


def says(simulator: Simulator, city: str) -> None:
    answer = {"city": {"value": city, "confidence": 0.97, "evidence": "Bern"}}
    simulator.script.load([Rule.model_validate({"replies": [{"json": answer}]})])


async def test_each_organisation_s_models_are_asked_with_its_own_key(world: World, other: World):
    for asking, key in ((world, OURS), (other, THEIRS), (world, OURS)):
        answer = await asking.ask()
        assert (answer.status_code, answer.json()["data"]) == (200, {"city": "Bern"}), answer.text
        assert world.doorman.keys() == [key]
        assert "sk-proj" not in answer.text
    listed = (await world.operator.get("/api/secrets")).json()["data"]
    assert [(row["name"], row["last_used_at"] is not None) for row in listed] == [("OPENAI_API_KEY", True)]


async def test_each_item_of_a_batch_is_asked_with_it(world: World, other: World):
    batch = {"items": ["To Bern", "Bern, please"], "schema": ASKED["schema"], "use_cache": False}
    assert (await other.agent.post("/api/interpret/batch", json=batch)).status_code == 200
    assert world.doorman.keys() == [THEIRS, THEIRS]


async def test_texts_are_embedded_and_found_with_the_organisation_s_own_key(world: World, other: World):
    assert (await world.remember())["embedded"]
    assert (await world.search())["vector"] == "searched"
    assert world.doorman.came[0][0] == "/v1/embeddings"
    assert world.doorman.keys() == [OURS, OURS]
    assert (await other.remember())["embedded"]
    assert world.doorman.keys() == [THEIRS]


async def test_what_was_written_without_a_key_is_embedded_once_there_is_one(
    new_world: Callable[[], Awaitable[World]], monkeypatch: pytest.MonkeyPatch
):
    world = await new_world()
    address = world.doorman.url + "/v1"
    monkeypatch.delenv("OPENAI_API_BASE")
    assert not (await world.remember())["embedded"]
    assert (await world.search())["vector"] == "model_key_missing"
    embed = {"namespace": "acme"}
    assert (await world.agent.post("/api/memory/embed", json=embed)).json()["status"] == "model_key_missing"
    monkeypatch.setenv("OPENAI_API_BASE", address)
    await world.set_key(OURS)
    assert (await world.agent.post("/api/memory/embed", json=embed)).json()["embedded"] == 1
    assert world.doorman.keys() == [OURS]


async def test_a_new_value_is_used_and_a_deleted_one_is_not_from_the_next_call_on(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    await world.ask()
    await world.set_key("sk-proj-renewed-0003")
    await world.ask()
    await world.search()
    await world.drop_key()
    await world.ask()
    await world.search()
    assert world.doorman.keys() == [OURS, "sk-proj-renewed-0003", "sk-proj-renewed-0003", "none", "none"]
    monkeypatch.delenv("OPENAI_API_BASE")  # who has no server of his own needs a key
    refused = await world.ask()
    assert (refused.status_code, refused.json()["code"]) == (422, "model_key_missing")
    assert "PUT /api/secrets/OPENAI_API_KEY" in refused.json()["detail"]
    assert "PUT /api/secrets/OPENAI_API_KEY" in refused.json()["hint"]
    assert (await world.search())["vector"] == "model_key_missing"


async def test_a_key_of_another_provider_is_not_used_for_this_one(
    new_world: Callable[[], Awaitable[World]], monkeypatch: pytest.MonkeyPatch
):
    world = await new_world()
    await world.set_key("sk-ant-of-ours-0004", "ANTHROPIC_API_KEY")
    monkeypatch.delenv("OPENAI_API_BASE")
    assert (await world.ask()).json()["code"] == "model_key_missing"
    listed = (await world.operator.get("/api/secrets")).json()["data"]
    assert [row["last_used_at"] for row in listed] == [None]


async def test_the_plane_s_own_key_is_for_its_own_model_and_stands_behind_the_organisation_s(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-plane-0005")
    await world.ask()
    await world.search()
    await world.drop_key()
    await world.ask()
    await world.search()
    await world.ask(model="openai/gpt-4o")  # lent to nobody
    assert world.doorman.keys() == [OURS, OURS, "sk-of-the-plane-0005", "sk-of-the-plane-0005", "none"]


async def test_whose_keys_they_are_is_what_the_door_says_not_the_request(world: World, other: World):
    for named in ({"org_id": other.org.id}, {"organisation": other.org.id}):
        assert (await world.ask(**named)).status_code == 422
    queried = await world.agent.post("/api/interpret", json=ASKED, params={"org_id": other.org.id})
    assert queried.status_code == 422
    named = await world.agent.post("/api/interpret", json=ASKED, headers={"AgentPlane-Organisation": other.org.id})
    assert (named.status_code, world.doorman.keys()) == (200, [OURS])


async def test_a_person_of_two_organisations_uses_the_keys_of_the_one_they_name(
    world: World, other: World, client_of: Callable[..., Awaitable[httpx.AsyncClient]]
):
    person = await world.org.member("owner")
    await other.org.member("owner", user_id=person.user_id, email=person.email)
    for asking, key in ((world, OURS), (other, THEIRS)):
        client = await client_of(APP, person.token(), **{"AgentPlane-Organisation": asking.org.id})
        assert (await client.post("/api/interpret", json=ASKED)).status_code == 200
        assert world.doorman.keys() == [key]


async def test_the_functions_key_opens_provider_keys_and_nothing_else(world: World, database: AsyncpgDatabase):
    await world.set_key("4eC39Hq-sealed", "STRIPE_KEY")
    names = ["OPENAI_API_KEY", "STRIPE_KEY", "ANTHROPIC_API_KEY"]
    assert list(await safety.load_provider_keys(database, org_id=world.org.id, names=names)) == ["OPENAI_API_KEY"]
    for verb in ("load_secrets", "load_guard", "claim"):
        with pytest.raises(Forbidden, match=f"may not call {verb}"):
            await database.kernel(verb, {})


async def test_a_key_stands_in_no_answer_no_table_and_no_log(world: World, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    logging.getLogger("agentplane").propagate = True
    says(world.simulator, f"Bern {OURS}")  # as a provider that repeats what it was called with
    told = await world.ask(use_cache=True)
    assert told.json()["data"] == {"city": "Bern [secret OPENAI_API_KEY]"}
    refusing = {"status": 401, "error": f"no such key: {OURS}"}
    world.simulator.script.load([Rule.model_validate({"replies": [refusing]})])
    refused = await world.ask()
    assert (refused.status_code, refused.json()["code"]) == (422, "model_key_refused")
    assert "PUT /api/secrets/OPENAI_API_KEY" in refused.json()["hint"]
    await world.remember()
    tables = await world.org.connection.fetch(
        "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname in ('plane', 'gateway')"
    )
    rows = [await world.org.connection.fetch(f"select to_jsonb(t)::text as row from {name[0]} t") for name in tables]
    texts = [row["row"] for found in rows for row in found]
    assert any("[secret OPENAI_API_KEY]" in text for text in texts), "the answer was kept"
    for text in (*texts, caplog.text, told.text, refused.text):
        assert OURS not in text


async def test_a_value_that_does_not_open_is_an_error_for_interpret_and_words_only_for_memory(world: World):
    await world.org.connection.execute("update plane.secrets set version = version + 1 where org_id = $1", world.org.id)
    refused = await world.ask()
    assert (refused.status_code, refused.json()["code"]) == (500, "secret_damaged")
    assert not (await world.remember())["embedded"]
    assert (await world.search())["vector"] == "secret_damaged"
    assert world.doorman.keys() == []


async def test_a_function_without_a_master_key_or_a_runner_key_uses_the_plane_s_own(
    world: World,
    module_db_url: str,
    authenticator_url: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-plane-0005")
    with app_state(APP, settings=SETTINGS.model_copy(update={"master_key": None})):
        assert (await world.ask()).status_code == 200
        await world.search()
    bare = await AsyncpgDatabase.connect(authenticator_url(module_db_url))
    with app_state(APP, database=bare):
        assert (await world.ask()).status_code == 200
        await world.search()
    await bare.close()
    assert world.doorman.keys() == ["sk-of-the-plane-0005"] * 4


async def test_a_runner_key_that_was_revoked_is_the_plane_s_fault_and_said_so(
    world: World, superuser: asyncpg.Connection
):
    await superuser.execute(
        "update plane.api_keys set revoked_at = now() where scopes = '{load_provider_keys}' and revoked_at is null"
    )
    refused = await world.ask()
    assert (refused.status_code, refused.json()["code"]) == (503, "model_keys_unreadable")
    assert (await world.search())["vector"] == "model_keys_unreadable"
    assert world.doorman.keys() == []
