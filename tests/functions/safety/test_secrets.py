"""Secrets go in, steps use them, and nothing ever shows them."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from pydantic import SecretStr

from functions.shared.sealing import Sealer, new_master_key
from tests.functions.conftest import app_state
from tests.functions.safety.world import APP, SETTINGS

if TYPE_CHECKING:
    import asyncpg

    from tests.functions.safety.world import World

pytestmark = pytest.mark.filterwarnings("ignore:Items? .* on TypedDict class:UserWarning")  # of litellm's own models

VALUE = 'sk-live/Z"9+7xQ=secret'


def calling(url: str, **http: Any) -> dict[str, Any]:
    return {
        "name": "call",
        "secrets": ["STRIPE_KEY"],
        "steps": {"s": {"http": {"url": url, "auth": {"bearer": "STRIPE_KEY"}, **http}}},
        "output": {"body": "${{ steps.s.output.body }}"},
    }


async def test_a_value_goes_in_and_never_comes_out(world: World):
    made = await world.operator.put("/api/secrets/STRIPE_KEY", json={"value": VALUE})
    again = await world.operator.put("/api/secrets/STRIPE_KEY", json={"value": VALUE + "2"})
    listed = await world.operator.get("/api/secrets")
    assert [made.status_code, again.status_code] == [201, 200]
    assert (made.json()["version"], again.json()["version"]) == (1, 2)
    assert [row["name"] for row in listed.json()["data"]] == ["STRIPE_KEY"]
    for answer in (made, again, listed):
        assert "sk-live" not in answer.text
        assert not {"value", "sealed", "text", "wrapped"} & set(json.dumps(answer.json()).replace('"', " ").split())
    assert (await world.operator.get("/api/secrets/STRIPE_KEY")).status_code in (404, 405)
    assert (await world.operator.delete("/api/secrets/STRIPE_KEY")).status_code == 204
    assert (await world.operator.delete("/api/secrets/STRIPE_KEY")).json()["code"] == "secret_not_found"


async def test_only_who_may_manage_secrets_sees_even_their_names(world: World):
    for method, path in (("GET", "/api/secrets"), ("PUT", "/api/secrets/A"), ("DELETE", "/api/secrets/A")):
        answer = await world.agent.request(method, path, json={"value": "x"} if method == "PUT" else None)
        assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope"), answer.text


@pytest.mark.parametrize(("name", "body"), [("lower", {"value": "x"}), ("A", {"value": ""}), ("A", {"value": 7})])
async def test_a_wrong_request_is_refused_without_repeating_the_value(world: World, name: str, body: dict[str, Any]):
    answer = await world.operator.put(f"/api/secrets/{name}", json=body)
    assert answer.status_code == 422
    longer = await world.operator.put("/api/secrets/A", json={"valeu": VALUE, "value": VALUE * 5000})
    assert longer.status_code == 422
    assert "sk-live" not in longer.text


async def test_without_a_master_key_nothing_is_kept_and_the_way_out_is_said(world: World):
    with app_state(APP, settings=SETTINGS.model_copy(update={"master_key": None})):
        answer = await world.operator.put("/api/secrets/A", json={"value": VALUE})
    assert (answer.status_code, answer.json()["code"]) == (503, "sealing_not_configured")


async def test_a_step_uses_the_organisations_secret_before_the_runners(world: World):
    world.environment["AGENTPLANE_SECRET_STRIPE_KEY"] = "the-runners-own"
    first = await world.run(calling(world.outside.url))
    await world.ok("PUT", "/api/secrets/STRIPE_KEY", json={"value": "the-organisations"})
    second = await world.run(calling(world.outside.url))
    assert [first["status"], second["status"]] == ["succeeded", "succeeded"], (first, second)
    assert [call["headers"]["authorization"] for call in world.outside.seen] == [
        "Bearer the-runners-own",
        "Bearer the-organisations",
    ]
    assert (await world.ok("GET", "/api/secrets"))["data"][0]["last_used_at"] is not None


async def test_what_comes_back_never_holds_it_in_any_form(world: World):
    await world.ok("PUT", "/api/secrets/STRIPE_KEY", json={"value": VALUE})
    ended = await world.run(calling(world.outside.url, method="POST", json={"a": 1}))
    assert ended["status"] == "succeeded", ended
    assert "[secret STRIPE_KEY]" in json.dumps(ended["output"])
    assert world.outside.seen[0]["headers"]["authorization"].endswith("secret"), "the world outside did get it"


async def test_an_undeclared_secret_is_not_even_loaded(world: World):
    await world.ok("PUT", "/api/secrets/OTHER_SECRET", json={"value": VALUE})
    document = calling(world.outside.url)
    ended = await world.run(document)
    assert ended["error"]["code"] == "secret_missing"
    assert "PUT /api/secrets/STRIPE_KEY" in ended["error"]["message"]


async def test_another_organisations_secret_is_not_there(world: World, new_org: Any, client_of: Any):
    stranger = await new_org()
    client = await client_of(APP, stranger.operator)
    assert (await client.put("/api/secrets/STRIPE_KEY", json={"value": VALUE})).status_code == 201
    ended = await world.run(calling(world.outside.url))
    assert ended["error"]["code"] == "secret_missing"


async def test_a_model_is_called_with_the_organisations_key_and_says_nothing_of_it(world: World):
    document = {
        "name": "ask",
        "models": {"default": "openai/gpt-4o-mini"},
        "steps": {"s": {"llm": {"prompt": "hi"}}},
        "output": {"text": "${{ steps.s.output.text }}"},
    }
    plain = await world.run(document)
    await world.ok("PUT", "/api/secrets/OPENAI_API_KEY", json={"value": "sk-of-the-organisation-42"})
    own = await world.run(document)
    assert [plain["status"], own["status"]] == ["succeeded", "succeeded"], (plain, own)
    assert [call["headers"]["authorization"] for call in world.outside.seen] == [
        "Bearer the-planes-own-key-0001",
        "Bearer sk-of-the-organisation-42",
    ]
    assert own["output"]["text"] == "you called me with Bearer [secret OPENAI_API_KEY]"


async def test_a_row_that_was_moved_to_another_name_opens_nothing(world: World):
    await world.ok("PUT", "/api/secrets/A_SECRET", json={"value": VALUE})
    await world.org.connection.execute(
        "update plane.secrets set name = 'STRIPE_KEY' where org_id = $1 and name = 'A_SECRET'", world.org.id
    )
    ended = await world.run(calling(world.outside.url))
    assert ended["error"]["code"] == "secret_damaged"
    assert world.outside.seen == []


async def test_a_row_that_was_changed_opens_nothing(world: World):
    await world.ok("PUT", "/api/secrets/STRIPE_KEY", json={"value": VALUE})
    await world.org.connection.execute(
        "update plane.secrets set version = version + 1 where org_id = $1 and name = 'STRIPE_KEY'", world.org.id
    )
    assert (await world.run(calling(world.outside.url)))["error"]["code"] == "secret_damaged"


async def test_after_a_rotation_and_a_resealing_the_former_key_is_superfluous(world: World):
    await world.ok("PUT", "/api/secrets/STRIPE_KEY", json={"value": "before-rotation"})
    former = SETTINGS.master_key.get_secret_value() if SETTINGS.master_key else ""
    present = new_master_key()
    rotated = SETTINGS.model_copy(update={"master_key": SecretStr(f"{present},{former}")})
    with app_state(APP, settings=rotated):
        done = await world.ok("POST", "/api/secrets/reseal")
        again = await world.ok("POST", "/api/secrets/reseal")
    assert (done["resealed"], done["has_more"], again["resealed"]) == (1, False, 0)
    row = await world.org.connection.fetchrow(
        "select sealed, version from plane.secrets where org_id = $1", world.org.id
    )
    only = Sealer.from_settings(SETTINGS.model_copy(update={"master_key": SecretStr(present)}))
    assert only.open(world.org.id, "STRIPE_KEY", json.loads(row["sealed"]), row["version"]) == "before-rotation"


async def test_two_writers_at_once_never_store_a_value_that_does_not_open(world: World):
    answers = await asyncio.gather(
        *(world.operator.put("/api/secrets/STRIPE_KEY", json={"value": f"value-{n}"}) for n in range(8))
    )
    assert {answer.status_code for answer in answers} <= {200, 201, 409}
    row = await world.org.connection.fetchrow(
        "select sealed, version from plane.secrets where org_id = $1", world.org.id
    )
    text = Sealer.from_settings(SETTINGS).open(world.org.id, "STRIPE_KEY", json.loads(row["sealed"]), row["version"])
    assert text.startswith("value-")


async def everything_in(connection: asyncpg.Connection) -> str:
    """Every row of every table of the plane, as text."""
    tables = await connection.fetch(
        "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname in ('plane', 'gateway')"
    )
    assert len(tables) > 20
    rows = [
        await connection.fetch(f"select t::text as row, to_jsonb(t)::text as json from {table[0]} t")
        for table in tables
    ]
    return "\n".join(f"{row['row']}\n{row['json']}" for found in rows for row in found)


async def test_a_secret_stands_nowhere_in_the_database_or_the_logs(world: World, caplog: pytest.LogCaptureFixture):
    """After successes, failures and retries the whole database is dumped and searched, in every form it travels in."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger("agentplane").propagate = True
    await world.ok("PUT", "/api/secrets/STRIPE_KEY", json={"value": VALUE})
    await world.ok("PUT", "/api/secrets/OPENAI_API_KEY", json={"value": "sk-proj-find-me-4242"})
    url = world.outside.url
    await world.run(calling(url, method="POST", body="x"))
    await world.run({**calling(url, expect={"status": [500]}), "name": "refused"})
    await world.run({**calling("http://127.0.0.1:1/"), "name": "unreachable"})
    headers = {"X-Key": {"secret": "STRIPE_KEY", "prefix": "Token "}}
    basic = {"basic": {"username": "me", "password": "STRIPE_KEY"}}
    await world.run({**calling(url, headers=headers, auth=basic), "name": "basic"})
    steps = {
        "s": {"llm": {"prompt": "hi"}},
        "e": {"needs": ["s"], "emit": {"event": "said", "payload": "${{ steps.s.output }}"}},
    }
    told = await world.run({"name": "model", "models": {"default": "openai/gpt-4o-mini"}, "steps": steps})
    assert told["status"] == "succeeded", told
    await world.operator.put("/api/secrets/STRIPE_KEY", json={"value": VALUE, "more": VALUE})
    assert len(world.outside.seen) >= 4

    dump = await everything_in(world.org.connection)
    assert "[secret STRIPE_KEY]" in dump
    assert "[secret OPENAI_API_KEY]" in dump
    for value in (VALUE, "sk-proj-find-me-4242"):
        raw = value.encode()
        for form in (
            value,
            quote(value, safe=""),
            json.dumps(value)[1:-1],
            json.dumps(json.dumps(value))[2:-2],
            base64.b64encode(raw).decode().rstrip("="),
            base64.b64encode(b"me:" + raw).decode().rstrip("="),
            raw.hex(),
        ):
            assert form not in dump
            assert form not in caplog.text
