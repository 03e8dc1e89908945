"""People at the port: the same token, role and organisation through every way to the database."""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64encode
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import asyncpg
import httpx
import jwt
import pytest

from functions.shared.db.port import Idempotency, Person
from functions.shared.errors import Conflict, Forbidden, NotFound, PlaneError, Unauthenticated
from tests.contract.backends import PUBLISHABLE_KEY
from tests.people import OUR_ISSUER, SigningKey, User, create_member, new_user

if TYPE_CHECKING:
    from functions.shared.db.port import Database
    from tests.contract.backends import Backend
    from tests.organisations import Org

STATE = {"component": "c", "key": "k", "value": 1}


@pytest.fixture(autouse=True)
def _verifies_tokens(backend: Backend) -> None:
    if backend.kind == "lite":
        pytest.skip("lite verifies no tokens of an asymmetric key")


@pytest.fixture
async def operator(owner: asyncpg.Connection, ours: Org) -> User:
    return await create_member(owner, ours, "operator")


async def refusal(call: Any) -> PlaneError:
    with pytest.raises(PlaneError) as error:
        await call
    return error.value


def called(error: PlaneError) -> tuple[type[PlaneError], str]:
    return type(error), error.code


async def test_a_member_acts_in_their_organisation_by_their_role(port: Database, ours: Org, operator: User) -> None:
    me: Any = await port.call("get_caller", {}, operator.caller)
    assert me["organisation"] == {"id": ours.id, "name": ours.name}
    assert me["actor"] == {"kind": "person", "id": operator.user_id, "label": operator.email}
    assert me["key"] is None
    assert (me["person"]["role"], me["person"]["aal"]) == ("operator", "aal1")
    assert "executions:write" in me["scopes"]
    assert "keys:manage" not in me["scopes"]


async def test_a_role_s_scopes_are_all_that_a_member_may_do(
    port: Database, owner: asyncpg.Connection, ours: Org
) -> None:
    viewer = await create_member(owner, ours, "viewer")
    await port.call("list_state", {"component": "c", "limit": 5}, viewer.caller)
    error = await refusal(port.call("put_state", STATE, viewer.caller))
    assert called(error) == (Forbidden, "missing_scope")
    assert "viewer" in error.detail


async def test_a_key_repeats_a_person_s_answer_for_that_person_only(
    port: Database, owner: asyncpg.Connection, ours: Org, operator: User
) -> None:
    other = await create_member(owner, ours, "operator")
    once = Idempotency(f"key-{operator.user_id}", "f")
    first = await port.call_once("probe_try", {"failures": 0, "note": "a"}, operator.caller, once)
    again = await port.call_once("probe_try", {"failures": 0, "note": "a"}, operator.caller, once)
    others = await port.call_once("probe_try", {"failures": 0, "note": "b"}, other.caller, once)
    assert (first.value, first.replayed, again.value, again.replayed) == (1, False, 1, True)
    assert (others.value, others.replayed) == (2, False)


async def test_who_is_a_member_of_two_organisations_says_which_one(
    port: Database, owner: asyncpg.Connection, ours: Org, theirs: Org
) -> None:
    here = await create_member(owner, ours, "viewer")
    await create_member(owner, theirs, "admin", here.email, user_id=here.user_id)
    error = await refusal(port.call("get_caller", {}, replace(here.caller, organisation=None)))
    assert called(error) == (Conflict, "organisation_required")
    told: Any = error.extra["organisations"]
    assert {(each["id"], each["role"]) for each in told} == {(ours.id, "viewer"), (theirs.id, "admin")}
    for named in (theirs.id, theirs.id.upper(), theirs.name):
        me: Any = await port.call("get_caller", {}, replace(here.caller, organisation=named))
        assert (me["organisation"]["id"], me["person"]["role"]) == (theirs.id, "admin")


async def test_an_organisation_of_others_and_none_at_all_look_the_same(
    port: Database, operator: User, theirs: Org
) -> None:
    for named in (theirs.id, theirs.name):
        error = await refusal(port.call("get_caller", {}, replace(operator.caller, organisation=named)))
        assert called(error) == (Forbidden, "not_a_member")
        nowhere = await refusal(port.call("get_caller", {}, replace(operator.caller, organisation="nowhere")))
        assert nowhere.detail.replace("nowhere", named) == error.detail
        assert (nowhere.code, nowhere.hint, nowhere.extra) == (error.code, error.hint, error.extra)


async def test_who_is_a_member_of_nothing_or_was_removed_sees_nothing(
    port: Database, owner: asyncpg.Connection, operator: User
) -> None:
    assert called(await refusal(port.call("get_caller", {}, new_user().caller))) == (Forbidden, "not_a_member")
    assert await port.call("get_caller", {}, operator.caller)
    await owner.execute("update plane.members set removed_at = now() where user_id = $1", operator.user_id)
    for caller in (operator.caller, replace(operator.caller, organisation=None)):
        assert called(await refusal(port.call("get_caller", {}, caller))) == (Forbidden, "not_a_member")


async def test_a_person_calls_nothing_that_is_no_verb(port: Database, operator: User) -> None:
    for fn in ("call_with_key", "call_as_person", "call_with_token", "kernel_with_key", "call_public", "nope", ""):
        assert called(await refusal(port.call(fn, {}, operator.caller))) == (NotFound, "unknown_verb")


async def test_an_expired_token_is_refused(port: Database, operator: User) -> None:
    error = await refusal(port.call("get_caller", {}, operator.calling(expires_in=-1)))
    assert called(error) == (Unauthenticated, "token_expired")


async def test_a_token_expires_by_the_plane_s_clock(owner: asyncpg.Connection, operator: User) -> None:
    answer = "select api.call_with_token($1, 'get_caller', '{}', $2)"
    claims = json.dumps(operator.claims(expires_in=3600))
    assert await owner.fetchval(answer, claims, operator.org_id)
    await owner.execute("set plane.clock_offset = '2 hours'")
    with pytest.raises(asyncpg.PostgresError, match="expired"):
        await owner.fetchval(answer, claims, operator.org_id)


async def test_a_token_of_another_kind_is_refused(port: Database, operator: User) -> None:
    for claims in (
        {"aud": "anon"},
        {"aud": None},
        {"sub": "not-a-uuid"},
        {"sub": None},
        {"exp": None},
        {"role": "anon", "aud": "anon"},
    ):
        error = await refusal(port.call("get_caller", {}, operator.calling(**claims)))
        assert isinstance(error, (Unauthenticated, Forbidden)), claims
        assert error.code in {"token_invalid", "forbidden"}, claims


async def test_what_a_token_says_of_its_holder_s_rights_counts_for_nothing(
    port: Database, theirs: Org, operator: User
) -> None:
    forged = operator.calling(principal="person", org_id=theirs.id, scopes=["keys:manage"], user_id=operator.user_id)
    me: Any = await port.call("get_caller", {}, forged)
    assert me["organisation"]["id"] == operator.org_id
    assert "keys:manage" not in me["scopes"]


async def test_the_address_that_a_token_says_is_kept_unless_auth_calls_it_unconfirmed(
    port: Database, owner: asyncpg.Connection, operator: User
) -> None:
    async def kept() -> str:
        return await owner.fetchval("select email from plane.members where user_id = $1", operator.user_id)

    await port.call("get_caller", {}, operator.calling(email="New@Example.com"))
    assert await kept() == "new@example.com"
    await port.call("get_caller", {}, operator.calling(email="o@x.y", user_metadata={"email_verified": False}))
    await port.call("get_caller", {}, operator.calling(email="o@x.y", is_anonymous=True))
    assert await kept() == "new@example.com"


async def test_many_requests_of_one_person_do_not_wait_for_each_other(port: Database, operator: User) -> None:
    answers = await asyncio.gather(*(port.call("get_caller", {}, operator.caller) for _ in range(20)))
    assert len(answers) == 20


async def test_nobody_reaches_what_is_not_public(port: Database) -> None:
    for verb in ("get_caller", "show", "", "accept_invitation"):
        assert called(await refusal(port.public(verb, {}))) == (NotFound, "unknown_verb")
    error = await refusal(port.public("show_invitation", {"token_hash": "0" * 64}))
    assert called(error) == (NotFound, "invitation_not_found")


# PostgREST verifies the signature itself, so who has the publishable key gains nothing by going there.


def tampered(token: str) -> str:
    head, body, signature = token.split(".")
    claims = jwt.decode(token, options={"verify_signature": False})
    other = urlsafe_b64encode(jwt.utils.force_bytes(str(claims).replace("'", '"'))).rstrip(b"=").decode()
    assert other != body
    return f"{head}.{other}.{signature}"


def forgeries(person: User) -> dict[str, str]:
    claims = person.claims()
    return {
        "tampered": tampered(person.token()),
        "none": jwt.encode(claims, None, algorithm="none", headers={"kid": OUR_ISSUER.key.id}),
        "hmac": jwt.encode(claims, "x" * 32, algorithm="HS256", headers={"kid": OUR_ISSUER.key.id}),
        "another key": SigningKey(OUR_ISSUER.key.id).sign(claims),
        "unknown key": SigningKey("elsewhere").sign(claims),
    }


@pytest.mark.parametrize("kind", ["tampered", "none", "hmac", "another key", "unknown key"])
async def test_postgrest_refuses_a_forged_token(backend: Backend, port: Database, operator: User, kind: str) -> None:
    if backend.kind != "postgrest":
        pytest.skip("on the direct path the function verifies the token")
    forged = Person(forgeries(operator)[kind], operator.claims(), operator.org_id)
    assert called(await refusal(port.call("get_caller", {}, forged))) == (Unauthenticated, "token_invalid")


async def test_a_raw_token_sees_nothing_but_through_its_door(
    backend: Backend, owner: asyncpg.Connection, operator: User
) -> None:
    if backend.kind != "postgrest":
        pytest.skip("only PostgREST takes tokens")
    await owner.execute(
        "insert into plane.state (org_id, component, key, value) values ($1, 'c', 'seen', '1')", operator.org_id
    )
    forged = operator.token(
        principal="person", org_id=operator.org_id, user_id=operator.user_id, scopes=["state:read", "keys:manage"]
    )
    headers = {"apikey": PUBLISHABLE_KEY, "Content-Profile": "api"}
    async with httpx.AsyncClient(base_url=backend.url, headers=headers) as client:
        for token in (operator.token(), forged):
            client.headers["Authorization"] = f"Bearer {token}"

            async def rpc(name: str, **arguments: Any) -> httpx.Response:
                return await client.post(f"/rpc/{name}", json=arguments)

            listed = await rpc("call_as_person", fn="list_state", payload={"component": "c", "limit": 50})
            assert any(row["key"] == "seen" for row in listed.json()["data"])
            raw = await rpc("list_state", payload={"component": "c", "limit": 50})
            assert raw.json() == {"data": [], "next": None}
            assert (await rpc("get_caller", payload={})).json() is None
            assert (await rpc("check_sign_in", payload={})).status_code == 401
            for door in ({"claims": operator.claims(), "fn": "get_caller"},):
                assert (await rpc("call_with_token", **door)).status_code in {401, 403, 404}
            assert (await rpc("call_public", verb="show_invitation")).status_code in {401, 403}
            assert (await rpc("call_with_key", key_hash="0" * 64, fn="get_caller")).status_code in {401, 403}
            written = await rpc("put_state", payload={"component": "c", "key": "raw", "value": 1})
            assert written.status_code >= 400
    assert await owner.fetchval("select count(*) from plane.state where key = 'raw'") == 0
