"""Organisations, members and invitations over HTTP."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from functions.keys.app import router as keys
from functions.members.app import router as members
from functions.shared.config import Settings
from functions.shared.web import create_app
from tests.functions.conftest import app_state
from tests.people import User, new_user

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    import asyncpg

    from tests.functions.conftest import Organisation

    ClientOf = Callable[..., Awaitable[httpx.AsyncClient]]

app = create_app("tests", members, keys)


@pytest.fixture(autouse=True)
async def _public_address() -> AsyncIterator[None]:
    with app_state(app, settings=Settings(_env_file=None, public_url="https://plane.test")):
        yield


@pytest.fixture
async def owner(org: Organisation) -> User:
    return await org.member("owner")


@pytest.fixture
def as_(client_of: ClientOf) -> Callable[[User], Awaitable[httpx.AsyncClient]]:
    async def connect(user: User, **headers: str) -> httpx.AsyncClient:
        return await client_of(app, user.token(), **headers)

    return connect


def told(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def invite(client: httpx.AsyncClient, email: str, role: str = "approver", **fields: Any) -> dict[str, Any]:
    answer = await client.post("/api/invitations", json={"email": email, "role": role, **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_an_invitation_is_accepted_by_who_signs_in_with_its_address(
    as_: Any, client_of: ClientOf, org: Organisation, owner: User
) -> None:
    invited = new_user("Ada@Example.com")
    made = await invite(await as_(owner), "ada@example.com", "operator")
    assert made["link"] == f"https://plane.test/join?token={made['token']}"
    assert (made["status"], made["created_by"]["label"]) == ("open", owner.email)

    nobody = await client_of(app)
    offer = (await nobody.post("/api/invitations/show", json={"token": made["token"]})).json()
    assert (offer["email"], offer["role"], offer["invited_by"]) == ("ada@example.com", "operator", owner.email)

    theirs = await as_(invited)
    joined = (await theirs.post("/api/invitations/accept", json={"token": made["token"]})).json()
    assert (joined["organisation"]["id"], joined["member"]["role"]) == (org.id, "operator")
    again = await theirs.post("/api/invitations/accept", json={"token": made["token"]})
    assert again.json() == joined
    assert (await theirs.get("/api/organisation")).json()["id"] == org.id
    listed = (await (await as_(owner)).get("/api/invitations")).json()["data"]
    assert [(each["status"], each["accepted_by"]) for each in listed] == [("accepted", invited.user_id)]
    assert "token" not in listed[0]


async def test_an_invitation_is_nobody_else_s(as_: Any, owner: User) -> None:
    made = await invite(await as_(owner), "ada@example.com")
    token = {"token": made["token"]}
    for claims, code in (
        ({}, "wrong_address"),
        ({"email": "ada@example.com", "is_anonymous": True}, "address_unconfirmed"),
        ({"email": "ada@example.com", "user_metadata": {"email_verified": False}}, "address_unconfirmed"),
        ({"email": None}, "address_unconfirmed"),
    ):
        client = await as_(new_user())
        client.headers["Authorization"] = f"Bearer {new_user().token(**claims)}"
        assert told(await client.post("/api/invitations/accept", json=token)) == (403, code)
    assert told(await (await as_(owner)).post("/api/invitations/accept", json={"token": "inv_" + "x" * 43})) == (
        404,
        "invitation_not_found",
    )


async def test_an_invitation_ends_when_it_is_taken_back_replaced_or_old(
    as_: Any, owner: User, superuser: asyncpg.Connection
) -> None:
    client, ada = await as_(owner), await as_(new_user("ada@example.com"))
    first = await invite(client, "ada@example.com")
    second = await invite(client, "ADA@example.com", "viewer")
    third = await invite(client, "grace@example.com")
    assert (await client.delete(f"/api/invitations/{second['id']}")).status_code == 204
    assert (await client.delete(f"/api/invitations/{second['id']}")).status_code == 204
    await superuser.execute(
        "update plane.invitations set created_at = created_at - interval '1 day', expires_at = now() where id = $1",
        third["id"],
    )
    listed = {each["id"]: each["status"] for each in (await client.get("/api/invitations")).json()["data"]}
    assert listed == {first["id"]: "revoked", second["id"]: "revoked", third["id"]: "expired"}
    for made in (first, second, third):
        refused = await ada.post("/api/invitations/accept", json={"token": made["token"]})
        assert told(refused) == (404, "invitation_not_found")
        assert told(await ada.post("/api/invitations/show", json={"token": made["token"]})) == (
            404,
            "invitation_not_found",
        )


async def test_a_repeated_invitation_shows_its_token_once(as_: Any, owner: User) -> None:
    client = await as_(owner)
    body = {"email": "ada@example.com", "role": "viewer"}
    first = await client.post("/api/invitations", json=body, headers={"Idempotency-Key": "one"})
    again = await client.post("/api/invitations", json=body, headers={"Idempotency-Key": "one"})
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (again.json()["id"], again.json()["token"], again.json()["link"]) == (first.json()["id"], None, None)


async def test_of_two_who_accept_at_once_one_joins(as_: Any, owner: User) -> None:
    made = await invite(await as_(owner), "ada@example.com")
    clients = [await as_(new_user("ada@example.com")) for _ in range(4)]
    answers = await asyncio.gather(
        *(each.post("/api/invitations/accept", json={"token": made["token"]}) for each in clients)
    )
    assert sorted(answer.status_code for answer in answers) == [200, 404, 404, 404]


async def test_an_operator_s_key_invites_the_first_owner_and_no_second(
    client_of: ClientOf, as_: Any, org: Organisation
) -> None:
    key = await client_of(app, org.operator)
    made = await invite(key, "ada@example.com", "owner")
    accepted = await (await as_(new_user("ada@example.com"))).post(
        "/api/invitations/accept", json={"token": made["token"]}
    )
    assert accepted.json()["member"]["role"] == "owner"
    refused = await key.post("/api/invitations", json={"email": "grace@example.com", "role": "owner"})
    assert told(refused) == (403, "owners_only")
    await invite(key, "grace@example.com", "admin")


async def test_a_key_gives_no_role_that_can_do_what_it_cannot(client_of: ClientOf, as_: Any, org: Organisation) -> None:
    owner, viewer, admin = await org.member("owner"), await org.member("viewer"), await org.member("admin")
    scopes = ["members:manage", "agents:read"]
    made = await (await as_(owner)).post("/api/keys", json={"name": "desk", "kind": "operator", "scopes": scopes})
    key = await client_of(app, made.json()["secret"])
    for role in ("admin", "viewer"):
        refused = await key.post("/api/invitations", json={"email": "eve@example.com", "role": role})
        assert told(refused) == (403, "scope_not_held")
    assert told(await key.patch(f"/api/members/{viewer.user_id}", json={"role": "admin"})) == (403, "scope_not_held")
    assert (await key.patch(f"/api/members/{admin.user_id}", json={"role": "viewer"})).json()["role"] == "viewer"


async def test_only_owners_make_and_unmake_owners(as_: Any, org: Organisation, owner: User) -> None:
    admin, viewer = await org.member("admin"), await org.member("viewer")
    client = await as_(admin)
    assert told(await client.post("/api/invitations", json={"email": "a@b.c", "role": "owner"})) == (
        403,
        "owners_only",
    )
    assert told(await client.patch(f"/api/members/{viewer.user_id}", json={"role": "owner"})) == (403, "owners_only")
    assert told(await client.patch(f"/api/members/{owner.user_id}", json={"role": "viewer"})) == (403, "owners_only")
    assert told(await client.delete(f"/api/members/{owner.user_id}")) == (403, "owners_only")
    changed = await client.patch(f"/api/members/{viewer.user_id}", json={"role": "admin", "may_decide_by_mail": True})
    assert (changed.json()["role"], changed.json()["may_decide_by_mail"]) == ("admin", True)


async def test_an_organisation_keeps_an_owner(as_: Any, org: Organisation, owner: User) -> None:
    client = await as_(owner)
    assert told(await client.delete(f"/api/members/{owner.user_id}")) == (409, "last_owner")
    assert told(await client.patch(f"/api/members/{owner.user_id}", json={"role": "admin"})) == (409, "last_owner")
    second = await org.member("owner")
    await asyncio.gather(
        client.delete(f"/api/members/{second.user_id}"),
        (await as_(second)).delete(f"/api/members/{owner.user_id}"),
    )
    left = await org.connection.fetchval(
        "select count(*) from plane.members where org_id = $1 and role = 'owner' and removed_at is null", org.id
    )
    assert left == 1


async def test_who_was_taken_out_is_refused_at_once_and_may_come_back(as_: Any, org: Organisation, owner: User) -> None:
    boss, them = await as_(owner), await org.member("operator", email="ada@example.com")
    client = await as_(them)
    assert (await client.get("/api/members")).status_code == 200
    assert (await boss.delete(f"/api/members/{them.user_id}")).status_code == 204
    assert (await boss.delete(f"/api/members/{them.user_id}")).status_code == 204
    assert told(await client.get("/api/members")) == (403, "not_a_member")
    assert told(await boss.patch(f"/api/members/{them.user_id}", json={"role": "viewer"})) == (404, "member_not_found")
    made = await invite(boss, "ada@example.com", "viewer")
    await client.post("/api/invitations/accept", json={"token": made["token"]})
    assert (await client.get("/api/members", params={"email": "ada@example.com"})).json()["data"][0]["role"] == "viewer"


async def test_anybody_may_leave_but_not_throw_others_out(as_: Any, org: Organisation, owner: User) -> None:
    viewer = await org.member("viewer")
    client = await as_(viewer)
    assert told(await client.delete(f"/api/members/{owner.user_id}")) == (403, "missing_scope")
    assert told(await client.post("/api/invitations", json={"email": "a@b.c"})) == (403, "missing_scope")
    assert (await client.delete(f"/api/members/{viewer.user_id}")).status_code == 204
    assert told(await client.get("/api/members")) == (403, "not_a_member")


async def test_agents_do_not_see_who_the_people_are(client_of: ClientOf, org: Organisation, owner: User) -> None:
    agent = await client_of(app, org.agent)
    assert told(await agent.get("/api/members")) == (403, "wrong_kind")
    refused = await agent.get("/api/organisations")
    assert told(refused) == (403, "wrong_kind")
    assert refused.json()["hint"] == "Sign in, and send the access token: this is for people."
    assert (await agent.get("/api/organisation")).json()["id"] == org.id
    listed = (await (await client_of(app, org.operator)).get("/api/members")).json()["data"]
    assert [each["email"] for each in listed] == [owner.email]


async def test_another_organisation_s_members_are_not_there(
    as_: Any, owner: User, new_org: Callable[[], Awaitable[Organisation]]
) -> None:
    other = await (await new_org()).member("viewer")
    client = await as_(owner)
    assert told(await client.patch(f"/api/members/{other.user_id}", json={"role": "admin"})) == (
        404,
        "member_not_found",
    )
    assert told(await client.delete(f"/api/members/{other.user_id}")) == (404, "member_not_found")


async def test_members_come_in_pages(as_: Any, org: Organisation, owner: User) -> None:
    for _ in range(4):
        await org.member("viewer")
    client = await as_(owner)
    seen: list[str] = []
    cursor = None
    while True:
        page = (await client.get("/api/members", params={"limit": 2, **({"cursor": cursor} if cursor else {})})).json()
        seen += [each["user_id"] for each in page["data"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert len(seen) == len(set(seen)) == 5
    assert [each["role"] for each in (await client.get("/api/members?role=owner")).json()["data"]] == ["owner"]


async def test_whoever_has_signed_in_founds_an_organisation_and_owns_it(as_: Any) -> None:
    founder = new_user()
    client = await as_(founder)
    assert (await client.get("/api/organisations")).json() == {"data": [], "next_cursor": None}
    assert told(await client.get("/api/members")) == (403, "not_a_member")
    name = f"acme of {founder.email}"
    made = await client.post("/api/organisations", json={"name": f" {name} "}, headers={"Idempotency-Key": "k"})
    assert (made.status_code, made.json()["role"], made.json()["name"]) == (201, "owner", name)
    again = await client.post("/api/organisations", json={"name": name})
    assert (again.status_code, again.json()) == (200, made.json())
    assert [each["id"] for each in (await client.get("/api/organisations")).json()["data"]] == [made.json()["id"]]
    assert [each["email"] for each in (await client.get("/api/members")).json()["data"]] == [founder.email]
    stranger = await as_(new_user())
    assert told(await stranger.post("/api/organisations", json={"name": name})) == (409, "organisation_exists")


async def test_founding_organisations_can_be_switched_off(as_: Any, superuser: asyncpg.Connection) -> None:
    client = await as_(new_user())
    await superuser.execute("select gateway.change_setting('new_organisations', 'false')")
    try:
        refused = await client.post("/api/organisations", json={"name": "never"})
    finally:
        await superuser.execute("select gateway.change_setting('new_organisations', 'true')")
    assert told(refused) == (403, "new_organisations_are_off")


async def test_one_person_owns_a_limited_number(as_: Any) -> None:
    founder = new_user()
    client = await as_(founder)
    for number in range(20):
        made = await client.post("/api/organisations", json={"name": f"{founder.user_id} {number}"})
        assert made.status_code == 201
    refused = await client.post("/api/organisations", json={"name": f"{founder.user_id} more"})
    assert told(refused) == (409, "too_many_organisations")
    assert (await client.post("/api/organisations", json={"name": f"{founder.user_id} 3"})).status_code == 200


async def test_an_organisation_is_renamed_by_its_admins(
    as_: Any, org: Organisation, owner: User, new_org: Callable[[], Awaitable[Organisation]]
) -> None:
    client = await as_(owner)
    renamed = await client.patch("/api/organisation", json={"name": f"new {org.id}"})
    assert renamed.json()["name"] == f"new {org.id}"
    other = await new_org()
    taken = await other.connection.fetchval("select name from plane.organisations where id = $1", other.id)
    assert told(await client.patch("/api/organisation", json={"name": taken})) == (409, "organisation_exists")
    viewer = await as_(await org.member("viewer"))
    assert told(await viewer.patch("/api/organisation", json={"name": "x"})) == (403, "missing_scope")


async def test_a_change_is_audited_with_who_made_it(as_: Any, org: Organisation, owner: User) -> None:
    client = await as_(owner)
    made = await invite(client, "ada@example.com")
    ada = new_user("ada@example.com")
    await (await as_(ada)).post("/api/invitations/accept", json={"token": made["token"]})
    await client.patch(f"/api/members/{ada.user_id}", json={"role": "viewer"})
    await client.delete(f"/api/members/{ada.user_id}")
    rows = await org.connection.fetch(
        "select action, actor_kind, actor_id::text from plane.audit_entries"
        " where org_id = $1 and actor_kind = 'person' order by id",
        org.id,
    )
    assert [tuple(row) for row in rows] == [
        ("create_invitation", "person", owner.user_id),
        ("accept_invitation", "person", ada.user_id),
        ("update_member", "person", owner.user_id),
        ("remove_member", "person", owner.user_id),
    ]
    types = await org.connection.fetchval(
        "select array_agg(type order by feed_id) from plane.events where org_id = $1 and type like 'member.%'", org.id
    )
    assert types == ["member.invited", "member.joined", "member.changed", "member.removed"]


async def test_who_is_removed_leaves_no_invitation_behind(
    org: Organisation, owner: User, as_: Callable[..., Awaitable[httpx.AsyncClient]]
) -> None:
    owners = await as_(owner)
    admin = await org.member("admin")
    admins = await as_(admin)
    theirs = await invite(admins, "friend@example.org")
    removed = await owners.delete(f"/api/members/{admin.user_id}")
    assert removed.status_code in {200, 204}, removed.text
    listed = {each["id"] for each in (await owners.get("/api/invitations")).json()["data"] if each["status"] == "open"}
    assert theirs["id"] not in listed
