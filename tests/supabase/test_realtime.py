"""Realtime as an opt-in, at a stand-in of its schema (`realtime_stand_in.sql`): the real service was not run."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from functions.shared.db import kernel
from functions.shared.postgres.catalogue import read_catalogue
from functions.shared.postgres.connection import connected
from functions.shared.postgres.realtime import is_on, main, switch
from tests.e2e.conftest import running_plane
from tests.people import create_member

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
    from tests.organisations import Org

STAND_IN = (Path(__file__).parent / "realtime_stand_in.sql").read_text()
RAISING = (
    "create or replace function realtime.send(payload jsonb, event text, topic text, private boolean default true)"
    " returns void language plpgsql as $$ begin raise exception 'no partition'; end $$"
)
DOCUMENT = "name: w\ninput: {secret: string}\nsteps: {ask: {approval: {message: 'Well, ${{ input.secret }}?'}}}"


@pytest.fixture
async def owner(admin: asyncpg.Connection) -> AsyncIterator[asyncpg.Connection]:
    """The owner's connection to a database with Realtime, not yet used."""
    await admin.execute(STAND_IN)
    return admin


@pytest.fixture
async def org(make_org: Callable[..., Awaitable[Org]]) -> Org:
    return await make_org()


async def run_one(db: AsyncpgDatabase, org: Org) -> str:
    async with running_plane(db, org) as plane:
        execution = await plane.tenant.start(await plane.tenant.define(DOCUMENT), {"secret": "hunter2"})
        await plane.tenant.waiting_for(execution, "ask")
        await plane.tenant.signal(execution, "ask", {"outcome": "approve", "form": {}})
        assert (await plane.tenant.ended(execution))["status"] == "succeeded"
    assert await kernel.get_violations(db) == []
    return execution


async def messages(owner: asyncpg.Connection) -> list[dict[str, Any]]:
    rows = await owner.fetch("select * from realtime.messages order by inserted_at")
    return [{**row, "payload": json.loads(row["payload"])} for row in rows]


async def test_nothing_is_sent_until_it_is_switched_on(
    owner: asyncpg.Connection, db: AsyncpgDatabase, org: Org
) -> None:
    assert not await is_on(owner)
    await run_one(db, org)
    assert await messages(owner) == []


async def test_ids_and_types_of_events_are_sent_and_nothing_else(
    owner: asyncpg.Connection, db: AsyncpgDatabase, org: Org
) -> None:
    await switch(owner, "on")
    await switch(owner, "on")
    execution = await run_one(db, org)
    sent = await messages(owner)
    feed = await owner.fetch(
        "select feed_id::text, type from plane.events where execution_id = $1", uuid.UUID(execution)
    )
    told = {"feed_id", "type", "execution_id"}
    for topic in (f"org:{org.id}", f"execution:{execution}"):
        events = [event for each in sent if each["topic"] == topic for event in each["payload"]["events"]]
        own = [event for event in events if event.get("execution_id") == execution]
        assert {(event["feed_id"], event["type"]) for event in own} == {tuple(row) for row in feed}
        assert all(set(event) <= told for event in events)
        assert {"execution.started", "wait.opened"} <= {event["type"] for event in own}
    assert {each["topic"] for each in sent} == {f"org:{org.id}", f"execution:{execution}"}
    assert {(each["event"], each["private"], each["extension"]) for each in sent} == {("events", True, "broadcast")}
    assert "hunter2" not in json.dumps([each["payload"] for each in sent])


async def test_many_events_of_one_statement_are_one_message(owner: asyncpg.Connection, org: Org) -> None:
    await switch(owner, "on")
    await owner.execute(
        "insert into plane.events (org_id, type) select $1, 'observe.x' from generate_series(1, 300)", uuid.UUID(org.id)
    )
    (sent,) = await messages(owner)
    assert len(sent["payload"]["events"]) == 100


@pytest.mark.parametrize(
    "broken",
    [
        "drop function realtime.send",
        RAISING,
        "alter table realtime.messages drop column payload",
        "drop schema realtime cascade",
    ],
)
async def test_what_fails_in_realtime_breaks_no_execution(
    owner: asyncpg.Connection, db: AsyncpgDatabase, org: Org, broken: str
) -> None:
    await switch(owner, "on")
    await owner.execute(broken)
    await run_one(db, org)


async def test_only_members_may_join(owner: asyncpg.Connection, db: AsyncpgDatabase, org: Org, make_org: Any) -> None:
    await switch(owner, "on")
    other = await make_org()
    execution = await run_one(db, org)
    removed = await create_member(owner, org.id, "viewer")
    await owner.execute("update plane.members set removed_at = now() where user_id = $1", uuid.UUID(removed.user_id))
    viewer = await create_member(owner, org.id, "viewer")

    async def joins(topic: str, role: str = "authenticated", **claims: object) -> bool:
        """Ask as Realtime does: as the joining person, for a message of the topic, rolled back."""
        transaction = owner.transaction()
        await transaction.start()
        try:
            await owner.execute(
                "insert into realtime.messages (topic, extension, private) values ($1, 'broadcast', true)", topic
            )
            claims = {"role": role, "aud": "authenticated", **claims}
            await owner.execute("select set_config('request.jwt.claims', $1, true)", json.dumps(claims))
            await owner.execute("select set_config('realtime.topic', $1, true)", topic)
            await owner.execute(f"set local role {role}")
            return bool(await owner.fetchval("select count(*) from realtime.messages"))
        finally:
            await transaction.rollback()

    assert org.owner is not None
    ours, thing = f"org:{org.id}", f"execution:{execution}"
    for member in (org.owner.user_id, viewer.user_id):
        assert await joins(ours, sub=member)
        assert await joins(thing, sub=member)
    for stranger in (other.owner.user_id, removed.user_id, str(uuid.uuid4()), "", "nobody"):
        assert not await joins(ours, sub=stranger)
        assert not await joins(thing, sub=stranger)
    assert not await joins(ours)
    assert not await joins(ours, sub=org.owner.user_id, is_anonymous=True)
    assert not await joins(ours, role="anon", sub=org.owner.user_id)
    for topic in ("org:", "org", f"org:{org.id}:x", f"x:{org.id}", f"org:{org.id.upper()}", "execution:1", ":", ""):
        assert not await joins(topic, sub=org.owner.user_id), topic
    assert not await joins(f"execution:{uuid.uuid4()}", sub=org.owner.user_id)


async def test_members_cannot_send(owner: asyncpg.Connection, org: Org) -> None:
    await switch(owner, "on")
    assert org.owner is not None
    async with owner.transaction():
        claims = json.dumps({"role": "authenticated", "sub": org.owner.user_id})
        await owner.execute("select set_config('request.jwt.claims', $1, true)", claims)
        await owner.execute("set local role authenticated")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with owner.transaction():
                await owner.execute(
                    f"insert into realtime.messages (topic, extension) values ('org:{org.id}', 'broadcast')"
                )


async def test_switching_it_off_leaves_the_database_as_it_was(
    owner: asyncpg.Connection, db_url: str, db: AsyncpgDatabase, org: Org
) -> None:
    async def everything() -> dict[Any, str]:
        async with connected(db_url) as connection:
            return {key: thing.definition for key, thing in (await read_catalogue(connection)).items()}

    before = await everything()
    await switch(owner, "on")
    assert await is_on(owner)
    await switch(owner, "off")
    await switch(owner, "off")
    assert not await is_on(owner)
    assert await everything() == before
    assert await owner.fetchval("select to_regnamespace('plane_realtime')") is None
    assert await owner.fetchval("select count(*) from pg_policy where polrelid = 'realtime.messages'::regclass") == 0
    await run_one(db, org)
    assert await messages(owner) == []


def test_the_command_line_says_what_it_did(
    module_db_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AGENTPLANE_DB_URL", raising=False)
    assert main(["status", "--db-url", module_db_url]) == 0
    assert capsys.readouterr().out == "realtime is off\n"
    assert main(["on", "--db-url", module_db_url]) == 1
    assert capsys.readouterr().err == "This database has no Supabase Realtime.\n"
    assert main(["on", "--db-url", module_db_url.rpartition("/")[0] + "/nowhere"]) == 3
    with pytest.raises(SystemExit):
        main(["on"])
