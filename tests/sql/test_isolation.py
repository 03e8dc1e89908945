"""Two organisations: for every table and every verb, neither sees nor changes what is the other's.

Generated from the catalogue and from gateway.verbs; what has no seed or no call fails.
"""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
import pytest_asyncio

from functions.shared.auth.keys import SCOPES
from tests.organisations import create_org
from tests.sql import seeds
from tests.sql.isolation import CALLS, MARK, SEEDS, Things, contents, seed, things_of
from tests.sql.seeds.people import claims_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.asyncio(loop_scope="module")

# What a tenant may do with its own rows directly; everything else goes through the kernel's functions.
WRITES = {
    "api_keys": {"insert", "update"},
    "idempotency": {"insert", "update"},
    "agents": {"insert", "update"},
    "state": {"insert", "update", "delete"},
    "workflows": {"insert", "update"},
    "workflow_versions": {"insert"},
    "events": {"insert"},
    **seeds.WRITES,
}


class World:
    """Two organisations with a row in every table, and a superuser's connection that can become anybody."""

    def __init__(self, admin: asyncpg.Connection, ours: Things, theirs: Things) -> None:
        self.admin, self.ours, self.theirs = admin, ours, theirs

    @asynccontextmanager
    async def acting(self, who: str) -> AsyncIterator[asyncpg.Connection]:
        """Be the owner, a stranger, nobody in particular or anon; nothing that is done stays."""
        claims: dict[str, Any] = {}
        if who in ("owner", "stranger"):
            things = self.ours if who == "owner" else self.theirs
            claims = {
                "principal": "api_key",
                "org_id": things.org.id,
                "key_id": things.operator,
                "key_kind": "operator",
                "scopes": list(SCOPES),
            }
        elif who == "person":  # a token of Supabase Auth that claims to be somebody
            claims = {
                "role": "authenticated",
                "principal": "person",
                "user_id": self.ours.id("owner"),
                "org_id": self.ours.org.id,
                "scopes": list(SCOPES),
                "user_metadata": {"org_id": self.ours.org.id},
            }
        undo = self.admin.transaction()
        await undo.start()
        try:
            await self.admin.execute(
                "select set_config('request.jwt.claims', $1, true)", json.dumps(claims) if claims else ""
            )
            await self.admin.execute(f"set local role {'anon' if who == 'anon' else 'authenticated'}")
            yield self.admin
        finally:
            await undo.rollback()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(module_db_url: str) -> AsyncIterator[World]:
    """Seeded once a module; the tests leave nothing behind."""
    admin = await asyncpg.connect(module_db_url)
    made: list[Things] = []
    for name in ("ours", "theirs"):
        org = await create_org(admin, name, agent_scopes=SCOPES)
        keys = await admin.fetch("select id::text from plane.api_keys where org_id = $1 order by kind", org.id)
        made.append(things_of(org, *(row["id"] for row in keys)))
        await seed(admin, made[-1])
    yield World(admin, *made)
    await admin.close()


TABLES = sorted(SEEDS)
STRANGERS = ("stranger", "person", "nobody", "anon")


def org_column(table: str) -> str:
    return "id" if table == "organisations" else "org_id"


async def attempt(db: asyncpg.Connection, statement: str, *args: Any) -> Any:
    """Run a statement; being refused is a result."""
    try:
        async with db.transaction():
            return await db.fetch(statement, *args)
    except (asyncpg.InsufficientPrivilegeError, asyncpg.GeneratedAlwaysError) as error:
        return error


async def row_of(admin: asyncpg.Connection, table: str, org_id: str) -> str:
    """A row of an organisation, as JSON."""
    return await admin.fetchval(
        f"select to_jsonb(t)::text from plane.{table} t where {org_column(table)} = $1 limit 1", org_id
    )


async def insert(admin: asyncpg.Connection, table: str) -> str:
    """The statement that puts a row of `row_of` in; Postgres computes the generated columns itself."""
    columns = await admin.fetchval(
        "select string_agg(quote_ident(attname), ', ') from pg_attribute"
        " where attrelid = $1::text::regclass and attnum > 0 and not attisdropped and attgenerated = ''",
        f"plane.{table}",
    )
    row = f"jsonb_populate_record(null::plane.{table}, $1::text::jsonb)"
    return f"insert into plane.{table} ({columns}) overriding system value select {columns} from {row}"


async def test_every_table_has_a_seed(world: World) -> None:
    tables = await world.admin.fetch(
        "select relname::text from pg_class where relnamespace = 'plane'::regnamespace and relkind in ('r', 'p')"
    )
    assert {row[0] for row in tables} == set(SEEDS), "a new table needs a line in tests/sql/isolation.py"
    for things in (world.ours, world.theirs):
        for table, rows in (await contents(world.admin, things.org.id)).items():
            assert rows, f"{table} has no row"
            assert table in {"organisations", *seeds.FIGURES} or MARK in json.dumps(rows), table


@pytest.mark.parametrize("table", TABLES)
async def test_an_owner_reads_its_rows_and_only_those(world: World, table: str) -> None:
    async with world.acting("owner") as db:
        rows = await attempt(db, f"select {org_column(table)}::text as org from plane.{table}")
    if table in seeds.HIDDEN:
        assert isinstance(rows, asyncpg.InsufficientPrivilegeError)
        return
    assert isinstance(rows, list), rows
    assert {row["org"] for row in rows} == {world.ours.org.id}


@pytest.mark.parametrize("who", STRANGERS)
@pytest.mark.parametrize("table", TABLES)
async def test_nobody_else_reads_them(world: World, table: str, who: str) -> None:
    async with world.acting(who) as db:
        rows = await attempt(db, f"select * from plane.{table} where {org_column(table)} = $1", world.ours.org.id)
    assert isinstance(rows, asyncpg.InsufficientPrivilegeError) or rows == []


@pytest.mark.parametrize("who", STRANGERS)
@pytest.mark.parametrize("table", TABLES)
async def test_nobody_else_changes_or_deletes_them(world: World, table: str, who: str) -> None:
    column = org_column(table)
    before = await contents(world.admin, world.ours.org.id)
    for statement in (
        f"update plane.{table} set {column} = {column} where {column} = $1 returning 1",
        f"delete from plane.{table} where {column} = $1 returning 1",
    ):
        async with world.acting(who) as db:
            rows = await attempt(db, statement, world.ours.org.id)
            assert isinstance(rows, asyncpg.InsufficientPrivilegeError) or rows == []
            await db.execute("reset role")
            assert await contents(db, world.ours.org.id) == before


@pytest.mark.parametrize("who", STRANGERS)
@pytest.mark.parametrize("table", TABLES)
async def test_nobody_else_adds_to_them(world: World, table: str, who: str) -> None:
    row = await row_of(world.admin, table, world.ours.org.id)
    statement = await insert(world.admin, table)
    async with world.acting(who) as db:
        assert isinstance(await attempt(db, statement, row), asyncpg.InsufficientPrivilegeError)


@pytest.mark.parametrize("table", TABLES)
async def test_nobody_gives_its_rows_away(world: World, table: str) -> None:
    column = org_column(table)
    async with world.acting("stranger") as db:
        given = await attempt(
            db, f"update plane.{table} set {column} = $1 where {column} = $2", world.ours.org.id, world.theirs.org.id
        )
    assert isinstance(given, asyncpg.InsufficientPrivilegeError)


@pytest.mark.parametrize("table", TABLES)
async def test_an_owner_writes_only_what_is_left_to_it(world: World, table: str) -> None:
    column = org_column(table)
    row = await row_of(world.admin, table, world.ours.org.id)
    allowed: set[str] = set()
    for verb, statement, arg in (
        ("update", f"update plane.{table} set {column} = {column} where {column} = $1", world.ours.org.id),
        ("delete", f"delete from plane.{table} where {column} = $1", world.ours.org.id),
        ("insert", await insert(world.admin, table), row),
    ):
        async with world.acting("owner") as db:
            try:
                refused = isinstance(await attempt(db, statement, arg), asyncpg.InsufficientPrivilegeError)
            except asyncpg.IntegrityConstraintViolationError:
                refused = False  # allowed, but this very row is there already
            if not refused:
                allowed.add(verb)
    assert allowed == WRITES.get(table, set())


async def test_every_verb_has_a_call(world: World) -> None:
    listed = await world.admin.fetch("select fn from gateway.verbs")
    assert {row["fn"] for row in listed} == set(CALLS), "a new verb needs a line in tests/sql/isolation.py"


async def call(
    world: World, caller: Things, fn: str, payload: dict[str, Any], *, way: str, organisation: str | None = None
) -> tuple[str, str]:
    """Call a verb through the door of a way; ('', answer) or (code, error). The transaction stays open."""
    doors = {
        "operator": ("select api.call_with_key($1, $2, $3::text::jsonb)::text", caller.org.operator.key_hash),
        "person": (
            "select api.call_with_token($1::text::jsonb, $2, $3::text::jsonb, $4)::text",
            json.dumps(claims_of(caller)),
        ),
    }
    statement, who = doors["operator" if way == "operator" else "person"]
    named = () if way == "operator" else (organisation or caller.org.id,)
    await world.admin.execute(f"set local role {'anon' if way == 'operator' else 'authenticator'}")
    try:
        return "", await world.admin.fetchval(statement, who, fn, json.dumps(payload), *named) or ""
    except asyncpg.PostgresError as error:
        return (error.sqlstate or ""), f"{error} {error.detail} {error.hint}"


async def ways_to(world: World, fn: str) -> list[str]:
    """Give who may call a verb: an operator's key, a member, or whoever has signed in."""
    kinds = await world.admin.fetchval("select kinds from gateway.verbs where fn = $1", fn)
    return [way for way in ("operator", "person", "user") if way in kinds]


@pytest.mark.parametrize("fn", sorted(CALLS))
async def test_a_verb_answers_its_owner(world: World, fn: str) -> None:
    ways = await ways_to(world, fn)
    assert ways
    for way in ways:
        async with world.acting("nobody"):
            code, answer = await call(world, world.ours, fn, CALLS[fn](world.ours), way=way)
        is_for_people = way == "operator" and "people_only" in answer
        assert code in ("", "PT409") or is_for_people, f"{way}: {answer}"


@pytest.mark.parametrize("fn", sorted(CALLS))
async def test_a_verb_shows_and_changes_nothing_of_another_organisation(world: World, fn: str) -> None:
    before = await contents(world.admin, world.ours.org.id)
    payload = CALLS[fn](world.ours)
    for way in await ways_to(world, fn):
        async with world.acting("nobody"):
            code, answer = await call(world, world.theirs, fn, payload, way=way)
            is_refused = way == "user" or "people_only" in answer
            assert code in ("", "PT404", "PT422", *(("PT403",) if is_refused else ())), f"{way}: {answer}"
            if not code:
                await world.admin.execute("reset role")
                assert await contents(world.admin, world.ours.org.id) == before
        assert world.ours.mark not in answer
        for secret in world.ours.ids() - {str(value) for value in payload.values()}:
            assert secret not in answer


@pytest.mark.parametrize("fn", sorted(CALLS))
async def test_who_is_no_member_does_nothing_by_naming_the_organisation(world: World, fn: str) -> None:
    if "person" not in await ways_to(world, fn):
        return
    async with world.acting("nobody"):
        code, answer = await call(
            world, world.theirs, fn, CALLS[fn](world.ours), way="person", organisation=world.ours.org.id
        )
    assert code == "PT403"
    assert "not_a_member" in answer


DEFINERS = {
    "start_execution": "select plane.start_execution(jsonb_build_object('version_id', $1::text))",
    "cancel_execution": "select plane.cancel_execution($2::uuid)",
    "signal_execution": "select plane.signal_execution($2::uuid, 'event', '{}')",
    "retry_execution": "select plane.retry_execution($3::uuid, null)",
    "end_external_execution": "select plane.end_external_execution(jsonb_build_object('execution_id', $4::text))",
    "record_external_step": "select plane.record_external_step(jsonb_build_object('execution_id', $4::text))",
    "publish_event": "select plane.publish_event('event', '{}')",
    **seeds.DEFINERS,
}
# Whoever calls these acts on, or looks into, its own organisation, whatever it says.
IN_ITS_OWN = {"publish_event", "record_audit", "model_rules", "note_spending", "search_memories"}
IS_USED = " where coalesce($1::text, $2::uuid::text, $3::uuid::text, $4::text) is not null"


async def test_every_definer_that_tenants_reach_is_tried(world: World) -> None:
    found = await world.admin.fetch("""
        select proname::text from pg_proc
        where pronamespace = 'plane'::regnamespace and prosecdef
          and has_function_privilege('authenticated', oid, 'execute')
    """)
    assert {row[0] for row in found} == set(DEFINERS)


@pytest.mark.parametrize("who", STRANGERS)
@pytest.mark.parametrize("definer", sorted(DEFINERS))
async def test_a_definer_gives_no_way_around(world: World, who: str, definer: str) -> None:
    before = await contents(world.admin, world.ours.org.id)
    ids = (world.ours.version, world.ours.running, world.ours.failed, world.ours.external)
    async with world.acting(who) as db:
        if who == "stranger" and definer in IN_ITS_OWN:
            await db.fetchval(DEFINERS[definer] + IS_USED, *ids)
        else:
            with pytest.raises(asyncpg.PostgresError) as refused:
                async with db.transaction():
                    await db.fetchval(DEFINERS[definer] + IS_USED, *ids)
            assert refused.value.sqlstate in ("PT401", "PT404", "42501")
        await db.execute("reset role")
        assert await contents(db, world.ours.org.id) == before
