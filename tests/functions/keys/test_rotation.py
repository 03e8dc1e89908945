"""Keys that take over from keys, keys that end, and the pepper by which they are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from functions.keys.app import router as keys
from functions.me.app import router as me
from functions.shared.auth.keys import hash_key, new_key, read_peppers
from functions.shared.config import Settings
from functions.shared.web import create_app

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
    from tests.functions.conftest import Organisation

    ClientOf = Callable[..., Awaitable[httpx.AsyncClient]]

app = create_app("tests", keys, me)


@pytest.fixture
async def operator(client_of: ClientOf, org: Organisation) -> httpx.AsyncClient:
    return await client_of(app, org.operator)


async def create(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    answer = await client.post("/api/keys", json={"name": "new", **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_the_old_secret_works_until_the_overlap_is_over(
    client_of: ClientOf, operator: httpx.AsyncClient, org: Organisation
) -> None:
    old = await create(operator, scopes=["state:read"])
    answer = await operator.post(f"/api/keys/{old['id']}/rotate", json={"overlap_seconds": 600})
    new = answer.json()
    with_old, with_new = await client_of(app, old["secret"]), await client_of(app, new["secret"])
    both = [(await each.get("/api/me")).status_code for each in (with_old, with_new)]
    await org.connection.execute("update plane.api_keys set expires_at = plane.clock() where id = $1", old["id"])
    after = [(await each.get("/api/me")).status_code for each in (with_old, with_new)]

    assert answer.status_code == 201
    assert (new["scopes"], new["name"], new["kind"]) == (old["scopes"], old["name"], old["kind"])
    assert (new["rotated_from"], new["replaces"]["rotated_to"]) == (old["id"], new["id"])
    assert new["replaces"]["expires_at"] is not None
    assert new["expires_at"] is None
    assert both == [200, 200]
    assert after == [401, 200]


async def test_a_chain_of_rotations_is_visible_and_each_key_is_rotated_once(operator: httpx.AsyncClient) -> None:
    first = await create(operator)
    second = (await operator.post(f"/api/keys/{first['id']}/rotate", json={})).json()
    third = (await operator.post(f"/api/keys/{second['id']}/rotate", json={})).json()
    again = await operator.post(f"/api/keys/{first['id']}/rotate", json={})
    listed = {each["id"]: each for each in (await operator.get("/api/keys")).json()["data"]}

    chain = [listed[each["id"]] for each in (first, second, third)]
    assert [each["rotated_from"] for each in chain] == [None, first["id"], second["id"]]
    assert [each["rotated_to"] for each in chain] == [second["id"], third["id"], None]
    assert (again.status_code, again.json()["code"]) == (409, "already_rotated")
    assert again.json()["rotated_to"] == second["id"]


async def test_a_key_rotates_itself_but_gains_no_time_by_it(client_of: ClientOf, operator: httpx.AsyncClient) -> None:
    mine = await create(operator, scopes=["state:read"], expires_in_seconds=3600)
    other = await create(operator, scopes=["state:read"])
    agent = await client_of(app, mine["secret"])

    rotated = await agent.post(f"/api/keys/{mine['id']}/rotate", json={"overlap_seconds": 0})
    foreign = await (await client_of(app, rotated.json()["secret"])).post(f"/api/keys/{other['id']}/rotate", json={})
    gone = await agent.get("/api/me")

    assert rotated.status_code == 201
    assert rotated.json()["expires_at"] == mine["expires_at"]
    assert (foreign.status_code, foreign.json()["scope"]) == (403, "keys:manage")
    assert gone.status_code == 401


async def test_nobody_rotates_or_prolongs_a_key_that_may_more_than_they(
    client_of: ClientOf, operator: httpx.AsyncClient, org: Organisation
) -> None:
    strong = await create(operator, kind="operator", expires_in_seconds=3600)
    weak = await client_of(app, await org.key(["keys:manage", "state:read"], kind="operator"))

    rotated = await weak.post(f"/api/keys/{strong['id']}/rotate", json={})
    prolonged = await weak.patch(f"/api/keys/{strong['id']}", json={"expires_in_seconds": 7200})
    shortened = await weak.patch(f"/api/keys/{strong['id']}", json={"expires_in_seconds": 60})

    assert (rotated.status_code, rotated.json()["code"]) == (403, "scope_not_held")
    assert (prolonged.status_code, prolonged.json()["code"]) == (403, "scope_not_held")
    assert shortened.status_code == 200


async def test_a_key_that_ends_makes_none_that_ends_later(client_of: ClientOf, operator: httpx.AsyncClient) -> None:
    brief = await create(operator, kind="operator", expires_in_seconds=3600)
    maker = await client_of(app, brief["secret"])

    longer = await maker.post("/api/keys", json={"name": "n", "expires_in_seconds": 7200})
    unsaid = await create(maker)

    assert (longer.status_code, longer.json()["code"]) == (403, "outlives_maker")
    assert unsaid["expires_at"] == brief["expires_at"]


async def test_a_key_is_renamed_and_its_end_moved(operator: httpx.AsyncClient) -> None:
    key = await create(operator)
    ending = await operator.patch(f"/api/keys/{key['id']}", json={"name": "other", "expires_in_seconds": 60})
    lasting = await operator.patch(f"/api/keys/{key['id']}", json={"expires_in_seconds": None})
    nothing = await operator.patch(f"/api/keys/{key['id']}", json={})
    await operator.delete(f"/api/keys/{key['id']}")
    late = await operator.patch(f"/api/keys/{key['id']}", json={"name": "late"})

    assert (ending.json()["name"], ending.json()["expires_at"] is None) == ("other", False)
    assert (lasting.json()["name"], lasting.json()["expires_at"]) == ("other", None)
    assert nothing.status_code == 422
    assert (late.status_code, late.json()["code"]) == (409, "key_not_active")


async def test_what_happens_to_keys_is_told_and_audited(operator: httpx.AsyncClient, org: Organisation) -> None:
    key = await create(operator)
    new = (await operator.post(f"/api/keys/{key['id']}/rotate", json={})).json()
    await operator.delete(f"/api/keys/{new['id']}")
    told = await org.connection.fetch(
        "select type, data::text from plane.events where org_id = $1 and type like 'key.%' order by feed_id", org.id
    )
    audited = await org.connection.fetch(
        "select action from plane.audit_entries where org_id = $1 and resource = 'keys' order by id", org.id
    )

    assert [row["type"] for row in told] == ["key.created", "key.rotated", "key.revoked"]
    assert all(key["secret"] not in row["data"] and hash_key(key["secret"]) not in row["data"] for row in told)
    assert [row["action"] for row in audited][-3:] == ["create_key", "rotate_key", "revoke_key"]


def with_pepper(database: AsyncpgDatabase, pepper: str) -> Callable[[str], httpx.AsyncClient]:
    peppered = create_app("tests", keys, me)
    peppered.state.settings = Settings(_env_file=None, key_pepper=pepper)  # type: ignore[call-arg]
    peppered.state.database = database

    def client(secret: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(peppered),
            base_url="http://plane",
            headers={"Authorization": f"Bearer {secret}"},
        )

    return client


async def status(client: httpx.AsyncClient) -> int:
    async with client:
        return (await client.get("/api/me")).status_code


async def test_a_pepper_is_introduced_and_changed_without_losing_a_key(
    database: AsyncpgDatabase, org: Organisation
) -> None:
    none, both, first = (with_pepper(database, pepper) for pepper in ("", "one,", "one"))
    changing, second = (with_pepper(database, pepper) for pepper in ("two,one", "two"))

    assert [await status(each(org.agent)) for each in (none, first)] == [200, 401]
    assert await status(both(org.agent)) == 200
    assert [await status(each(org.agent)) for each in (none, first, both)] == [401, 200, 200]
    assert await status(changing(org.agent)) == 200
    assert [await status(each(org.agent)) for each in (first, second, changing)] == [401, 200, 200]
    assert await status(changing(new_key().secret)) == 401


async def test_a_new_key_is_kept_by_the_current_pepper(database: AsyncpgDatabase, org: Organisation) -> None:
    async with with_pepper(database, "one,")(org.operator) as operator:
        made = await create(operator)

    assert await status(with_pepper(database, "one")(made["secret"])) == 200
    assert await status(with_pepper(database, "")(made["secret"])) == 401


def test_without_the_pepper_a_key_cannot_be_tried_against_what_is_stored() -> None:
    secret = new_key().secret

    assert hash_key(secret, ["p"]) != hash_key(secret)
    assert hash_key(secret, ["p", ""]).split() == [hash_key(secret, ["p"]), hash_key(secret)]
    assert read_peppers("new, old") == ("new", "old")
    assert (read_peppers(""), read_peppers("new,")) == (("",), ("new", ""))
