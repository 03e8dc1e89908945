"""What an organisation has can be taken along and erased, whole or a person's; and nothing is forgotten."""

from __future__ import annotations

import json
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import pytest

from functions.escalations.app import router as escalations
from functions.members.app import router as members
from functions.privacy.app import router as privacy
from functions.shared.db.privacy import drop_payloads, erase_next
from functions.shared.web import create_app
from functions.state.app import router as state
from tests.functions.safety.world import APP
from tests.people import create_member
from tests.sql import isolation

if TYPE_CHECKING:
    from tests.functions.safety.world import World

PRIVACY = create_app("tests", privacy, escalations, state, members)
# Tables of which an organisation exports nothing, with the reason.
NOT_EXPORTED = {"audit_salts": "whoever has them can guess what was hashed"}
ASK = {
    "name": "ask",
    "input": {"note": "string"},
    "steps": {"a": {"approval": {"message": "Sure?", "form": {"why": {"type": "string"}}}}},
    "output": {"answer": "${{ steps.a.output }}"},
}


async def lines(client: Any, path: str, limit: int = 500) -> list[dict[str, Any]]:
    """All pages of an export."""
    found: list[dict[str, Any]] = []
    path = f"{path}?limit={limit}"
    while path:
        answer = await client.get(path)
        assert answer.status_code == 200, answer.text
        found += [json.loads(line) for line in answer.text.splitlines()]
        path = answer.headers["link"][1:].partition(">")[0] if "link" in answer.headers else ""
    return found


async def test_the_export_has_every_table_and_every_row(world: World, client_of: Any, superuser: Any):
    """Generated from the catalogue: a new table is exported, or named above with a reason."""
    things = isolation.things_of(isolation_org(world), *[str(key) for key in await keys_of(superuser, world.org.id)])
    await isolation.seed(superuser, things)
    owner = await client_of(PRIVACY, (await create_member(superuser, world.org, role="owner")).token())
    exported = await lines(owner, "/api/privacy/export", limit=7)
    tables = await superuser.fetch("""
        select c.relname::text as name,
          exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'org_id') as is_ours
        from pg_class c where c.relnamespace = 'plane'::regnamespace and c.relkind in ('r', 'p')""")
    ours = {row["name"] for row in tables if row["is_ours"]} | {"organisations"}
    assert {row["name"] for row in tables} - ours == set(), "a table belongs to no organisation: say here why"
    counted = {table: len([line for line in exported if line["table"] == table]) for table in ours}
    for table, count in counted.items():
        column = "id" if table == "organisations" else "org_id"
        rows = await superuser.fetchval(f"select count(*) from plane.{table} where {column} = $1", world.org.id)
        assert count == (0 if table in {*NOT_EXPORTED, "erasures"} else rows), table
    text = json.dumps(exported)
    assert things.mark in text
    assert not {"key_hash", "token_hash", "sealed"} & {name for line in exported for name in line["row"]}


async def keys_of(connection: Any, org_id: str) -> list[Any]:
    rows = await connection.fetch("select id from plane.api_keys where org_id = $1 order by kind", org_id)
    return [row["id"] for row in rows]


def isolation_org(world: World) -> Any:
    class Org:
        id, name = world.org.id, f"org {world.org.id}"

    return Org()


async def test_only_who_may_manage_data_exports_it(world: World, client_of: Any, superuser: Any):
    admin = await client_of(PRIVACY, (await create_member(superuser, world.org, role="admin")).token())
    agent = await client_of(PRIVACY, world.org.agent)
    for client in (admin, agent):
        for path in ("/export", "/erasures", "/retention"):
            assert (await client.get(f"/api/privacy{path}")).status_code == 403
        answer = await client.post("/api/privacy/organisation/erase", json={"name": "x"})
        assert answer.status_code == 403


async def test_another_organisations_rows_are_not_in_it(world: World, client_of: Any, new_org: Any):
    stranger = await new_org()
    client = await client_of(PRIVACY, stranger.operator)
    await client.post("/api/state", json={"component": "theirs", "key": "k", "value": 1})
    mine = json.dumps(await lines(await client_of(PRIVACY, world.org.operator), "/api/privacy/export"))
    assert stranger.id not in mine
    assert "theirs" not in mine


class Ada:
    """A member who has done all that people can do."""

    def __init__(self, world: World, member: Any, client: Any) -> None:
        self.world, self.member, self.client = world, member, client
        self.id, self.email = str(member.user_id), member.email

    async def everywhere(self) -> None:
        """Decide, write, comment, fail to sign in, and be written about."""
        waiting = await self.world.run(ASK, input={"note": f"for {self.email}"})
        listed = await self.world.ok("GET", "/api/escalations", params={"execution_id": waiting["id"]})
        question = f"/api/escalations/{listed['data'][0]['id']}"
        for path, body in (
            ("comment", {"text": f"I am {self.email.upper()}"}),
            ("resolve", {"outcome": "approve", "form": {"why": f"{self.email} says so"}, "comment": self.email}),
        ):
            answer = await self.client.post(f"{question}/{path}", json=body)
            assert answer.is_success, answer.text
        assert (await self.world.until(waiting["id"], "succeeded", "failed"))["status"] == "succeeded"
        value = {"email": self.email, "list": [self.email], self.id: 1}
        answer = await self.client.post("/api/state", json={"component": "c", "key": "k", "value": value})
        assert answer.is_success, answer.text
        await self.client.post("/api/state", json={"component": "c", "key": "k", "value": 1})


@pytest.fixture
async def ada(world: World, client_of: Any, superuser: Any) -> Ada:
    member = await create_member(superuser, world.org, role="operator", email=f"ada.{token_hex(4)}@example.test")
    made = Ada(world, member, await client_of(APP, member.token()))
    await made.everywhere()
    return made


async def test_a_persons_export_is_every_row_that_names_them(world: World, ada: Ada, client_of: Any):
    client = await client_of(PRIVACY, world.org.operator)
    whole = await lines(client, "/api/privacy/export")
    theirs = await lines(client, f"/api/privacy/people/{ada.id}/export", limit=3)
    named = [line for line in whole if ada.id in json.dumps(line).lower() or ada.email in json.dumps(line).lower()]
    assert sorted(map(json.dumps, theirs)) == sorted(map(json.dumps, named))
    assert {"members", "escalations", "state_history", "audit_entries", "events"} <= {line["table"] for line in theirs}
    assert (await client.get(f"/api/privacy/people/{world.org.id}/export")).json()["code"] == "member_not_found"


async def test_an_erased_person_stands_nowhere_and_the_audit_still_verifies(
    world: World, ada: Ada, client_of: Any, superuser: Any
):
    await world.seal()
    before = await world.ok("GET", "/api/audit/verify")
    client = await client_of(PRIVACY, world.org.operator)
    path = f"/api/privacy/people/{ada.id}/erase"
    assert (await client.post(path, json={"email": "x@y.z"})).json()["code"] == "not_confirmed"
    erasure = (await client.post(path, json={"email": ada.email})).json()
    assert (erasure["status"], erasure["label"].startswith("erased-")) == ("running", True)
    assert (await ada.client.get("/api/state/c/k")).status_code in (403, 404), "they can do nothing at once"
    listed = await world.ok("GET", "/api/audit", params={"actor_id": ada.id})
    assert {entry["actor"]["label"] for entry in listed["data"]} == {None}
    while await erase_next(world.database, limit=10):
        pass
    [done] = (await client.get("/api/privacy/erasures")).json()["data"]
    assert (done["status"], done["row_count"] > 3) == ("finished", True)

    tables = await superuser.fetch("select tablename from pg_tables where schemaname = 'plane'")
    for table in tables:
        rows = await superuser.fetch(f"select t::text as text from plane.{table['tablename']} t")
        assert [row["text"] for row in rows if ada.email in row["text"].lower()] == [], table
    await world.seal()
    after = await world.ok("GET", "/api/audit/verify", params={"known": before["head"]})
    assert (after["is_intact"], after["problem"]) == (True, None)
    assert after["erased"] > 0
    assert (await world.ok("GET", "/api/audit", params={"action": "erase_person"}))["data"][0]["resource_id"] == ada.id


async def test_what_others_have_is_not_changed_by_an_erasure(world: World, ada: Ada, client_of: Any, superuser: Any):
    bob = await create_member(superuser, world.org, role="operator", email="bob@example.test")
    person = await client_of(APP, bob.token())
    await person.post("/api/state", json={"component": "b", "key": "k", "value": {"email": "bob@example.test"}})
    client = await client_of(PRIVACY, world.org.operator)
    await client.post(f"/api/privacy/people/{ada.id}/erase", json={"email": ada.email})
    while await erase_next(world.database):
        pass
    value = await superuser.fetchval(
        "select value::text from plane.state where component = 'b' and org_id = $1", world.org.id
    )
    assert "bob@example.test" in value
    assert (await person.get("/api/escalations")).status_code == 200


async def test_the_last_owner_cannot_be_erased(world: World, client_of: Any, superuser: Any):
    owner = await create_member(superuser, world.org, role="owner", email="only@example.test")
    client = await client_of(PRIVACY, owner.token())
    answer = await client.post(f"/api/privacy/people/{owner.user_id}/erase", json={"email": "only@example.test"})
    assert (answer.status_code, answer.json()["code"]) == (409, "last_owner")


async def test_an_erased_organisation_is_gone_and_nobody_gets_in(
    world: World, ada: Ada, client_of: Any, new_org: Any, superuser: Any
):
    other = await new_org()
    await world.ok("PUT", "/api/secrets/A_SECRET", json={"value": "v"})
    await world.seal()
    beside = await everything_of(superuser, other.id)
    owner = await create_member(superuser, world.org, role="owner", email="owner@example.test")
    person = await client_of(PRIVACY, owner.token())
    name = await superuser.fetchval("select name from plane.organisations where id = $1", world.org.id)
    operator = await client_of(PRIVACY, world.org.operator)
    assert (await operator.post("/api/privacy/organisation/erase", json={"name": name})).status_code == 403
    assert (await person.post("/api/privacy/organisation/erase", json={"name": "x"})).json()["code"] == "not_confirmed"
    assert (await person.post("/api/privacy/organisation/erase", json={"name": name})).status_code == 202
    assert (await world.operator.get("/api/audit")).status_code == 401
    assert (await person.get("/api/privacy/erasures")).status_code == 403
    while await erase_next(world.database, limit=20):
        pass
    assert {table: rows for table, rows in (await everything_of(superuser, world.org.id)).items() if rows} == {}
    kept = await superuser.fetchrow(
        "select label, requested_by, audit_head, finished_at from plane.erasures where subject = $1", world.org.id
    )
    assert (kept["label"], json.loads(kept["requested_by"])["label"]) == (name, "owner@example.test")
    assert json.loads(kept["audit_head"])["seq"] > 0
    assert kept["finished_at"] is not None
    assert await everything_of(superuser, other.id) == beside


async def everything_of(connection: Any, org_id: str) -> dict[str, int]:
    tables = await connection.fetch("""
        select c.relname::text as name from pg_class c
        where c.relnamespace = 'plane'::regnamespace and c.relkind in ('r', 'p') and c.relname <> 'erasures'
          and (c.relname = 'organisations' or exists (
            select from pg_attribute a where a.attrelid = c.oid and a.attname = 'org_id'))""")
    counts = {}
    for row in tables:
        column = "id" if row["name"] == "organisations" else "org_id"
        counts[row["name"]] = await connection.fetchval(
            f"select count(*) from plane.{row['name']} where {column} = $1", org_id
        )
    return counts


async def test_payloads_are_dropped_when_their_time_is_over(world: World, client_of: Any, superuser: Any):
    client = await client_of(PRIVACY, world.org.operator)
    assert (await client.get("/api/privacy/retention")).json() == {"payload_days": None, "updated_at": None}
    document = {
        "name": "big",
        "input": {"text": "string"},
        "steps": {"s": {"transform": "${{ input.text + input.text }}"}},
        "output": {"v": "${{ steps.s.output }}"},
    }
    old = await world.run(document, input={"text": "old-payload " * 400})
    young = await world.run(document, input={"text": "young-payload " * 400})
    await superuser.execute(
        "update plane.executions set ended_at = now() - interval '31 days' where id = $1", old["id"]
    )
    assert await drop_payloads(world.database) == 0
    assert (await client.put("/api/privacy/retention", json={"payload_days": 30})).json()["payload_days"] == 30
    assert await drop_payloads(world.database) == 1
    assert await drop_payloads(world.database) == 0
    seen = await world.ok("GET", f"/api/executions/{old['id']}")
    assert (seen["status"], seen["input"], seen["output"]) == ("succeeded", {}, None)
    assert (await world.ok("GET", f"/api/executions/{young['id']}"))["output"] is not None
    rows = await superuser.fetch("select body::text as text from plane.payloads where org_id = $1", world.org.id)
    text = "".join(row["text"] for row in rows)
    assert "old-payload" not in text
    assert "young-payload" in text
    answer = await world.operator.post(f"/api/executions/{old['id']}/restart")
    assert (answer.status_code, answer.json()["code"]) == (409, "payloads_dropped")
