"""Where Supabase hosts the database: its owner is no superuser, and its roles are there already."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

import asyncpg
import pytest

from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
from functions.shared.postgres.catalogue import read_catalogue
from functions.shared.postgres.connection import connected
from functions.shared.postgres.history import read_migrations
from functions.shared.postgres.login import ensure_login
from functions.shared.postgres.login import main as make_login
from functions.shared.postgres.migrate import apply, plan
from functions.shared.postgres.realtime import switch
from functions.shared.postgres.schema import find_broken_functions, load_schema
from functions.shared.postgres.urls import with_database, with_login
from tests.conftest import in_thread
from tests.e2e.conftest import running_plane
from tests.organisations import create_org, create_runner_key
from tests.pgbouncer import pooled
from tests.supabase.hosted import OWNER, Hosted, start_hosted
from tests.supabase.test_realtime import STAND_IN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.supabase.cli import Cli

# What the platform gave out, which nobody but the platform takes back.
PLATFORM_S = re.compile(
    r"database grant: .* to (public|owner)|default privileges: .*|owner: schema extensions"
    r"|grant: usage on schema extensions to (anon|authenticated|service_role)"
)


async def differences(one: str, other: str) -> list[str]:
    """Give the names of what two databases do not have alike, but for what is the platform's."""
    catalogues: list[dict[str, str]] = []
    for url in (one, other):
        async with connected(url) as connection:
            things = await read_catalogue(connection)
        catalogues.append({f"{kind}: {name}": thing.definition for (kind, name), thing in things.items()})
    here, there = catalogues
    assert len(here) > 3000
    differing = [name for name in sorted({*here, *there}) if here.get(name) != there.get(name)]
    return [name for name in differing if not PLATFORM_S.fullmatch(name)]


@pytest.fixture(scope="module")
def hosted_on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[int], Hosted]]:
    """A stand-in on Postgres 16 or 18, started when the first test asks for it."""
    started: dict[int, Hosted] = {}

    def on(version: int) -> Hosted:
        if version not in started:
            started[version] = in_thread(start_hosted(tmp_path_factory.mktemp(f"hosted-{version}"), version))
        return started[version]

    yield on
    for stand_in in started.values():
        in_thread(stand_in.server.stop())


async def test_the_cli_pushes_what_our_own_runner_would_apply(hosted_on: Callable[[int], Hosted], cli: Cli) -> None:
    stand_in = hosted_on(18)
    url = await stand_in.database("pushed")
    names = [str(each) for each in read_migrations()]
    pushed = await cli.run("db", "push", f"--remote={url}", "--yes")
    assert (pushed.code, [name for name in names if f"{name}.sql" not in pushed.text]) == (0, []), pushed.text
    assert await plan(url) == []
    assert await apply(url) == []
    listed = await cli.run("migration", "list", f"--remote={url}")
    for name in names:
        version = name.partition("_")[0]
        assert listed.text.count(version) == 2, listed.text  # here and there
    plain = await stand_in.plain_database("pushed_plain")
    await apply(plain)
    assert await differences(url, plain) == []


async def test_the_cli_recognises_what_our_own_runner_applied(hosted_on: Callable[[int], Hosted], cli: Cli) -> None:
    url = await hosted_on(16).database("applied")
    applied = await apply(url)
    assert [str(each) for each in applied] == [str(each) for each in read_migrations()]
    pushed = await cli.run("db", "push", f"--remote={url}", "--dry-run")
    assert pushed.code == 0, pushed.text
    assert "up to date" in pushed.text


@pytest.mark.parametrize(("version", "has_vector"), [(16, True), (18, False)])
async def test_the_schema_loads_where_its_owner_is_no_superuser(
    hosted_on: Callable[[int], Hosted], version: int, has_vector: bool
) -> None:
    stand_in = hosted_on(version)
    url = await stand_in.database("loaded", has_vector=has_vector)
    await load_schema(url)
    async with connected(url) as owner:
        assert await find_broken_functions(owner) == {}
    plain = await stand_in.plain_database("loaded_plain")
    await load_schema(plain)
    missing = [] if has_vector else ["extension: vector"]  # only the platform may make it
    assert [name for name in await differences(url, plain) if not name.startswith("grant: execute")] == missing


async def test_the_plane_runs_there_by_both_logins(hosted_on: Callable[[int], Hosted]) -> None:
    """By PostgREST's; and behind a pooler by one of the functions' own: authenticator's password is the platform's."""
    stand_in = hosted_on(18)
    url = await stand_in.database("running")
    await load_schema(url)
    async with connected(url) as owner:
        await ensure_login(owner, "agentplane_functions", "first")
        await ensure_login(owner, "agentplane_functions", "it's rotated")
    own = with_login(url, "agentplane_functions", "it's rotated")
    runner_key = await create_runner_key(url)
    with pooled(own) as pooler:
        await run_one(url, stand_in.authenticator_url(url), runner_key)
        await run_one(url, pooler.url(own), runner_key)
    await listen_by_realtime(stand_in, url, runner_key)
    login = await asyncpg.connect(own)
    assert await login.fetchval("show statement_timeout") == "8s"
    for forbidden in ("select * from plane.executions", "select * from plane.state", "set role plane_kernel"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await login.execute(forbidden)
    await login.close()


async def listen_by_realtime(stand_in: Hosted, url: str, runner_key: str) -> None:
    """Switch Realtime on as the owner, who may make policies on its table there, and run an execution."""
    async with connected(with_database(stand_in.server.url(), "running")) as platform:
        await platform.execute(STAND_IN)
        await platform.execute(f"alter table realtime.messages owner to {OWNER}")
        await platform.execute(f"grant usage on schema realtime to {OWNER} with grant option")
    async with connected(url) as owner:
        await switch(owner, "on")
        await run_one(url, stand_in.authenticator_url(url), runner_key)
        assert await owner.fetchval("select count(*) from realtime.messages") > 0
        await switch(owner, "off")


async def run_one(url: str, login: str, runner_key: str) -> None:
    """Run an execution in which a person decides, in an organisation of its own."""
    admin = await asyncpg.connect(url)
    org = await create_org(admin, has_owner=True)
    await admin.close()
    db = await AsyncpgDatabase.connect(login, runner_key=runner_key, pooled=True)
    try:
        async with running_plane(db, org) as plane:
            document = "name: w\nsteps: {ask: {approval: {message: Well?}}}"
            execution = await plane.tenant.start(await plane.tenant.define(document))
            await plane.tenant.waiting_for(execution, "ask")
            await plane.tenant.signal(execution, "ask", {"outcome": "approve", "form": {}})
            assert (await plane.tenant.ended(execution))["status"] == "succeeded"
    finally:
        await db.close()


def test_the_command_line_makes_a_login_or_says_why_not(
    module_db_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"login_{secrets.token_hex(4)}"
    monkeypatch.setenv("AGENTPLANE_LOGIN_PASSWORD", "secret")
    assert make_login([name, "--db-url", module_db_url]) == 0
    assert capsys.readouterr().out == f"{name} may log in, with the rights of plane_functions\n"
    in_thread(connect_and_close(with_login(module_db_url, name, "secret")))
    in_thread(drop_login(module_db_url, name))
    nowhere = module_db_url.rpartition("/")[0] + "/nowhere"
    assert make_login([name, "--db-url", nowhere]) == 3
    assert capsys.readouterr().err.startswith("cannot connect to postgresql://postgres@127.0.0.1")
    for wrong in ("plane_x", "pg_x", "x; drop table y", "X"):
        with pytest.raises(SystemExit):
            make_login([wrong, "--db-url", module_db_url])
    monkeypatch.delenv("AGENTPLANE_LOGIN_PASSWORD")
    with pytest.raises(SystemExit):
        make_login([name, "--db-url", module_db_url])


async def connect_and_close(url: str) -> None:
    connection = await asyncpg.connect(url)
    assert await connection.fetchval("select api.ping() is not null")
    await connection.close()


async def drop_login(url: str, name: str) -> None:
    """Drop it: roles belong to the whole server."""
    async with connected(url) as admin:
        await admin.execute(f"drop role {name}")
