"""Keys over HTTP, and what they let in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from functions.keys.app import router as keys
from functions.me.app import router as me
from functions.shared.auth.keys import AGENT_SCOPES, SCOPES, hash_key, is_key, new_key
from functions.shared.web import create_app

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

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


def test_a_key_has_a_checksum_that_catches_a_mistyped_letter() -> None:
    secret = new_key().secret

    assert is_key(secret)
    assert secret.startswith("ap_live_")
    assert new_key("runner").secret.startswith("ap_run_")
    for place in range(8, len(secret)):
        other = "a" if secret[place] != "a" else "b"
        assert not is_key(secret[:place] + other + secret[place + 1 :])
    assert not is_key(secret[:-1])
    assert not is_key(secret + "0")


async def test_a_new_key_works_at_once_and_its_secret_is_shown_once(
    client_of: ClientOf, operator: httpx.AsyncClient
) -> None:
    made = await create(operator, scopes=["state:read"])
    me = await (await client_of(app, made["secret"])).get("/api/me")
    listed = (await operator.get("/api/keys")).json()["data"]

    assert me.json()["key"]["id"] == made["id"]
    assert me.json()["scopes"] == ["state:read"]
    assert made["secret"].startswith(made["prefix"])
    assert made["secret"] not in str(listed)
    assert listed[0]["last_used_at"] is not None


async def test_only_a_hash_of_the_hash_is_stored(operator: httpx.AsyncClient, org: Organisation) -> None:
    made = await create(operator)

    row = await org.connection.fetchrow("select * from plane.api_keys where id = $1", made["id"])
    assert row["key_hash"].hex() != hash_key(made["secret"])
    assert made["secret"] not in str(row)


async def test_scopes_left_out_are_those_of_the_kind(operator: httpx.AsyncClient) -> None:
    assert (await create(operator))["scopes"] == list(AGENT_SCOPES)
    assert (await create(operator, kind="operator"))["scopes"] == list(SCOPES)


async def test_a_key_cannot_give_what_it_lacks(client_of: ClientOf, org: Organisation) -> None:
    weak = await client_of(app, await org.key(["keys:manage", "state:read"], kind="operator"))

    assert (await create(weak, scopes=["state:read"]))["scopes"] == ["state:read"]
    refused = await weak.post("/api/keys", json={"name": "n", "scopes": ["state:read", "state:write"]})
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_not_held")
    assert refused.json()["errors"][0]["pointer"] == "/scopes/1"


async def test_scopes_that_do_not_exist_or_are_for_operators_are_all_named(operator: httpx.AsyncClient) -> None:
    refused = await operator.post(
        "/api/keys", json={"name": "n", "scopes": ["state:reed", "keys:manage", "state:read"]}
    )

    errors = refused.json()["errors"]
    assert refused.status_code == 422
    assert [(error["pointer"], error["code"]) for error in errors] == [
        ("/scopes/0", "unknown_scope"),
        ("/scopes/1", "operator_scope"),
    ]
    assert errors[0]["did_you_mean"] == "state:read"


async def test_a_revoked_key_is_refused_from_the_next_request_on(
    client_of: ClientOf, operator: httpx.AsyncClient
) -> None:
    made = await create(operator)
    client = await client_of(app, made["secret"])
    assert (await client.get("/api/me")).status_code == 200

    revoked = await operator.post(f"/api/keys/{made['id']}/revoke")
    refused = await client.get("/api/me")

    assert revoked.json()["status"] == "revoked"
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
    assert refused.headers["www-authenticate"].startswith("Bearer ")
    assert (await operator.delete(f"/api/keys/{made['id']}")).status_code == 204


async def test_an_expired_key_is_refused(client_of: ClientOf, operator: httpx.AsyncClient, org: Organisation) -> None:
    made = await create(operator, expires_in_seconds=3600)
    client = await client_of(app, made["secret"])
    assert (await client.get("/api/me")).status_code == 200
    await org.connection.execute("update plane.api_keys set expires_at = plane.clock() where id = $1", made["id"])

    assert (await client.get("/api/me")).status_code == 401
    listed = (await operator.get("/api/keys")).json()["data"]
    assert next(row for row in listed if row["id"] == made["id"])["status"] == "expired"


async def test_the_last_key_that_manages_keys_cannot_be_revoked(operator: httpx.AsyncClient) -> None:
    own = (await operator.get("/api/me")).json()["key"]["id"]

    refused = await operator.delete(f"/api/keys/{own}")
    assert (refused.status_code, refused.json()["code"]) == (409, "last_operator_key")

    await create(operator, kind="operator")
    assert (await operator.delete(f"/api/keys/{own}")).status_code == 204


async def test_a_repeated_creation_makes_one_key_and_hides_the_secret(operator: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "make-it-once"}
    first = await operator.post("/api/keys", json={"name": "once"}, headers=headers)
    again = await operator.post("/api/keys", json={"name": "once"}, headers=headers)

    assert again.headers["idempotency-replayed"] == "true"
    assert again.json()["id"] == first.json()["id"]
    assert again.json()["secret"] is None
    names = [row["name"] for row in (await operator.get("/api/keys")).json()["data"]]
    assert names.count("once") == 1


async def test_me_says_who_is_calling_and_needs_no_scope(client_of: ClientOf, org: Organisation) -> None:
    me = await (await client_of(app, await org.key([]))).get("/api/me")

    assert me.status_code == 200
    assert me.json()["organisation"]["id"] == str(org.id)
    assert me.json()["scopes"] == []


async def test_another_organisations_keys_are_not_there(
    client_of: ClientOf, new_org: Callable[[], Awaitable[Organisation]], operator: httpx.AsyncClient
) -> None:
    made = await create(operator)
    other = await client_of(app, (await new_org()).operator)

    assert (await other.delete(f"/api/keys/{made['id']}")).status_code == 404
    assert (await other.post(f"/api/keys/{uuid4()}/revoke")).status_code == 404
    assert made["id"] not in str((await other.get("/api/keys")).json())


async def test_what_is_done_with_keys_is_in_the_audit(operator: httpx.AsyncClient, org: Organisation) -> None:
    made = await create(operator)
    await operator.delete(f"/api/keys/{made['id']}")

    actions = await org.connection.fetch(
        "select action from plane.audit_entries where org_id = $1 and resource_id = $2 order by id", org.id, made["id"]
    )
    assert [row["action"] for row in actions] == ["create_key", "revoke_key"]
