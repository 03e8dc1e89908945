"""What holds for every table, function, policy and grant of the plane, read from the catalogue and the files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SQL = Path(__file__).resolve().parents[2] / "sql"
OURS = "('api', 'gateway', 'plane')"
DOORS = {"call_with_key", "call_as_person", "call_with_token", "call_public", "kernel_with_key", "ping"}
# What api.call_public calls.
PUBLIC = ["gateway.refuse_public", "gateway.show_invitation", "gateway.link_claims"]
# Kernel verbs that anon and authenticated must never reach.
KERNEL = {
    "move_together",
    "claim",
    "checkpoint",
    "extend_lease",
    "load_records",
    "act",
    "report_dead",
    "report_owner_dead",
    "sweep",
    "get_violations",
    "meter_usage",
    "meter_requests",
    "watch_budgets",
    "count_quotas",
    "expire_handoffs",
    "time_out_escalation",
    "announce_escalations",
    "claim_mails",
    "note_mail",
    "note_agent_health",
    "update_agent_records",
    "note_chore",
    "get_plane_health",
    "fan_out_webhooks",
    "claim_deliveries",
    "record_delivery",
    "find_hook",
    "receive_message",
    "fan_out_triggers",
    "claim_messages",
    "finish_message",
    "claim_schedules",
    "record_firings",
    "start_queued",
    "forget_triggered",
    "load_guard",
    "load_secrets",
    "load_provider_keys",
    "note_policy",
    "drop_payloads",
    "seal_audit",
}


@pytest.fixture
async def catalogue(module_db_url: str) -> AsyncIterator[asyncpg.Connection]:
    """The database as it was loaded; nothing here changes it."""
    connection = await asyncpg.connect(module_db_url)
    yield connection
    await connection.close()


async def names(catalogue: asyncpg.Connection, query: str) -> list[str]:
    return [row[0] for row in await catalogue.fetch(query)]


async def test_every_table_enables_and_forces_row_level_security(catalogue: asyncpg.Connection) -> None:
    weak = f"""
        select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname in {OURS} and c.relkind in ('r', 'p') and not (c.relrowsecurity and c.relforcerowsecurity)"""
    assert await names(catalogue, weak) == []
    without = f"""
        select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname in {OURS} and c.relkind in ('r', 'p')
          and not exists (select from pg_policy p where p.polrelid = c.oid)"""
    assert await names(catalogue, without) == []


async def test_a_tenant_s_policies_compare_the_organisation_once_a_statement(catalogue: asyncpg.Connection) -> None:
    rows = await catalogue.fetch("""
        select tablename, policyname, coalesce(qual, '') || coalesce(with_check, '') as rule
        from pg_policies where schemaname = 'plane' and 'authenticated' = any (roles)""")
    assert len(rows) > 20
    for row in rows:
        assert re.search(r"\b(org_id|id) = \( SELECT plane\.caller_org\(\)", row["rule"]), row["policyname"]
        assert row["rule"].count("plane.caller_org()") == len(
            re.findall(r"SELECT plane\.caller_org\(\)", row["rule"])
        ), row["policyname"]


async def test_no_policy_is_for_everybody(catalogue: asyncpg.Connection) -> None:
    assert (
        await names(
            catalogue, f"select policyname from pg_policies where schemaname in {OURS} and 'public' = any (roles)"
        )
        == []
    )


async def test_what_a_tenant_reads_is_found_by_its_organisation_or_an_execution(catalogue: asyncpg.Connection) -> None:
    unindexed = """
        select c.relname from pg_class c
        where c.relnamespace = 'plane'::regnamespace and c.relkind = 'r'
          and has_table_privilege('authenticated', c.oid, 'select')
          and not exists (
            select from pg_index i
            join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]
            where i.indrelid = c.oid and (a.attname in ('org_id', 'execution_id') or c.relname = 'organisations'))"""
    assert await names(catalogue, unindexed) == []


async def test_no_column_is_an_enum(catalogue: asyncpg.Connection) -> None:
    assert (
        await names(
            catalogue, f"select typname from pg_type where typtype = 'e' and typnamespace::regnamespace::text in {OURS}"
        )
        == []
    )


async def test_every_function_looks_for_types_in_the_catalogue_first(catalogue: asyncpg.Connection) -> None:
    """With an empty path Postgres looks into pg_temp first, where a caller may have made a `uuid` of its own."""
    loose = f"""
        select p.oid::regprocedure::text from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where n.nspname in {OURS} and not coalesce(p.proconfig, '{{}}') @> array['search_path=pg_catalog, pg_temp']"""
    assert await names(catalogue, loose) == []


async def test_parameters_are_named_for_what_they_are(catalogue: asyncpg.Connection) -> None:
    rows = await catalogue.fetch(f"""
        select p.oid::regprocedure::text as name, n.nspname, p.proname, p.proargnames, p.proargmodes, p.pronargs
        from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname in {OURS}""")
    for row in rows:
        inputs = list(row["proargnames"] or [])[: row["pronargs"]]
        if row["nspname"] == "api" and row["proname"] not in DOORS:
            assert inputs == ["payload"], row["name"]
        elif row["proname"] not in DOORS:
            assert all(name in ("p", "payload") or name.startswith("p_") for name in inputs), row["name"]


async def test_what_runs_with_more_rights_is_owned_by_a_role_that_bypasses_nothing(
    catalogue: asyncpg.Connection,
) -> None:
    rows = await catalogue.fetch(f"""
        select p.oid::regprocedure::text as name, r.rolname from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        join pg_roles r on r.oid = p.proowner where n.nspname in {OURS} and p.prosecdef""")
    assert {
        row["name"]: row["rolname"]
        for row in rows
        if row["rolname"] not in ("plane_kernel", "plane_gateway", "plane_auditor", "plane_eraser")
    } == {}
    assert len(rows) > 15
    roles = await catalogue.fetch("""
        select rolname from pg_roles where rolname in
          ('plane_kernel', 'plane_gateway', 'plane_auditor', 'plane_eraser', 'plane_runner', 'plane_functions',
           'authenticator', 'anon', 'authenticated')
        and not (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb)""")
    assert len(roles) == 9
    assert await names(catalogue, "select rolname from pg_roles where rolname like 'plane_%' and rolcanlogin") == []


async def test_nobody_may_create_in_our_schemas(catalogue: asyncpg.Connection) -> None:
    found = f"""
        select r.rolname || ' in ' || n.nspname from pg_roles r cross join pg_namespace n
        where n.nspname in {OURS} and has_schema_privilege(r.oid, n.oid, 'create')
          and not r.rolsuper and r.rolname not like 'pg\\_%'"""
    assert await names(catalogue, found) == []


def executable(role: str) -> str:
    return f"""
        select n.nspname || '.' || p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where n.nspname in {OURS} and has_function_privilege('{role}', p.oid, 'execute')
          and has_schema_privilege('{role}', n.oid, 'usage')
        order by 1"""


async def test_anon_may_open_the_doors_and_nothing_else(catalogue: asyncpg.Connection) -> None:
    doors = {"api.call_public", "api.call_with_key", "api.kernel_with_key", "api.ping", "gateway.authenticate", *PUBLIC}
    assert set(await names(catalogue, executable("anon"))) == doors
    # Whose login it is: it has verified the token itself.
    direct = {"api.call_with_token", "gateway.authenticate_person"}
    for login in ("authenticator", "plane_functions"):
        assert set(await names(catalogue, executable(login))) == doors | direct
    everybody = f"""
        select p.oid::regprocedure::text from pg_proc p join pg_namespace n on n.oid = p.pronamespace,
          lateral aclexplode(p.proacl) a
        where n.nspname in {OURS} and a.grantee = 0"""
    assert await names(catalogue, everybody) == []


async def test_no_tenant_may_execute_a_kernel_verb(catalogue: asyncpg.Connection) -> None:
    allowed = set(await names(catalogue, executable("authenticated")))
    assert allowed & {f"plane.{verb}" for verb in KERNEL} == set()
    assert {name for name in allowed if name.removeprefix("api.") in DOORS} == {"api.call_as_person", "api.ping"}
    assert {name for name in allowed if name.startswith("gateway.")} == {
        *("gateway._begin_once", "gateway._end_once", "gateway._call_verb", "gateway.authenticate_person"),
        "gateway._lease_tokens",
        *("gateway.accept_invitation", "gateway.found_organisation", "gateway.list_memberships"),
        *("gateway.export_page", "gateway.begin_erasure"),
    }


async def test_a_definer_that_tenants_call_takes_the_organisation_from_the_claims(
    catalogue: asyncpg.Connection,
) -> None:
    rows = await catalogue.fetch("""
        select p.oid::regprocedure::text as name, p.prosrc, p.proargnames from pg_proc p
        where p.pronamespace = 'plane'::regnamespace and p.prosecdef
          and has_function_privilege('authenticated', p.oid, 'execute')""")
    assert len(rows) >= 7
    for row in rows:
        assert re.search(r"plane\._require_(org|execution|escalation)\(", row["prosrc"]), row["name"]
        assert not {"p_org", "p_org_id"} & set(row["proargnames"] or ()), row["name"]


async def test_runners_hold_no_tables(catalogue: asyncpg.Connection) -> None:
    found = f"""
        select r.rolname || ': ' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
        cross join (values ('plane_runner'), ('plane_functions'), ('anon'), ('authenticator')) as r (rolname)
        where n.nspname in {OURS} and c.relkind in ('r', 'v', 'm', 'p')
          and has_table_privilege(r.rolname, c.oid, 'select, insert, update, delete, truncate, references, trigger')"""
    assert await names(catalogue, found) == []
    assert set(await names(catalogue, executable("plane_runner"))) == {f"plane.{verb}" for verb in KERNEL} | {
        "plane.raise_error",
        "plane._begin_act",
        "gateway.erase_next",
    }


async def test_every_verb_is_listed_and_every_listed_verb_exists(catalogue: asyncpg.Connection) -> None:
    listed = set(await names(catalogue, "select fn from gateway.verbs"))
    functions = set(
        await names(catalogue, "select proname::text from pg_proc where pronamespace = 'api'::regnamespace")
    )
    assert listed == functions - DOORS


async def test_there_are_no_triggers_and_no_extension_but_pgvector(catalogue: asyncpg.Connection) -> None:
    assert await names(catalogue, "select tgname::text from pg_trigger where not tgisinternal") == []
    # Memory is searched by meaning where it is, and by words alone where it is not.
    assert await names(catalogue, "select extname::text from pg_extension where extname <> 'plpgsql'") == ["vector"]


def files(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((SQL / folder).glob("*.sql"))]


def code(path: Path) -> str:
    """A file without its comments and texts."""
    return re.sub(r"'(?:[^']|'')*'", "''", re.sub(r"--.*", "", path.read_text()))


@pytest.mark.parametrize("path", files("kernel", "gateway", "api"), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_file_holds_the_one_thing_that_it_is_named_after(path: Path) -> None:
    text = path.read_text()
    made = re.findall(r"^create (?:function|view|table) \w+\.(\w+)", text, re.MULTILINE)
    assert [name.lstrip("_") for name in made] == [path.stem.lstrip("_")]
    assert text.startswith("-- ")
    assert len(text.splitlines()) <= 130


def test_grants_stand_on_one_page() -> None:
    for path in files("tables", "kernel", "gateway", "api"):
        assert not re.search(r"^\s*(grant|revoke)\b", code(path), re.MULTILINE | re.IGNORECASE), path


def test_only_the_gateway_builds_statements() -> None:
    dynamic = {
        path.name
        for path in files("tables", "kernel", "gateway", "api")
        if re.search(r"\bexecute\b(?!\s+on\b)", code(path), re.IGNORECASE)
    }
    whatever_table = {"99_erasing.sql", "export_page.sql", "_erase_person.sql", "_erase_organisation.sql"}
    assert dynamic == {"call_with_key.sql", "_call_verb.sql"} | whatever_table


def test_only_errors_that_the_adapters_know_are_raised() -> None:
    for path in files("kernel", "gateway", "api"):
        assert not re.search(r"\braise\s+(exception|sqlstate|notice|warning)\b", code(path), re.IGNORECASE), path
        for status in re.findall(r"plane\.raise_error\((\d+)", path.read_text()):
            assert status in {"401", "402", "403", "404", "409", "410", "412", "413", "422", "429", "500", "503"}, path


def test_nothing_asks_for_extensions_or_newer_functions() -> None:
    for path in [*SQL.glob("*.sql"), *files("tables", "kernel", "gateway", "api")]:
        assert not re.search(
            r"\b(uuidv7|uuidv4|gen_salt|pgcrypto|digest|json_table|any_value|merge into)\b", code(path), re.IGNORECASE
        ), path
