"""Migrations: the history is the Supabase CLI's, and it gives the schema that sql/ says."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from functions.shared.postgres.connection import connected
from functions.shared.postgres.history import MigrationProblem, read_migrations
from functions.shared.postgres.migrate import apply, main, plan
from functions.shared.postgres.schema import find_broken_functions, load_schema
from functions.shared.postgres.urls import with_database
from tests.postgres.servers import database, dump, embedded, query

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Server


@pytest.fixture
def empty_url(postgres: Server) -> Iterator[str]:
    url = postgres.clone("template0")
    yield url
    postgres.drop(url)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "20270101000000_first.sql").write_text("-- a table\ncreate table first (id int);\n")
    (tmp_path / "20270102000000_second.sql").write_text(
        "create table second (id int); -- and\ninsert into second values (1);"
    )
    return tmp_path


@pytest.mark.parametrize("version", [16, 18])
async def test_migrations_equal_sql(tmp_path: Path, version: int) -> None:
    async with (
        embedded(tmp_path, version) as server,
        database(server, "plane_from_sql") as from_sql,
        database(server, "plane_from_migrations") as from_migrations,
    ):
        await load_schema(from_sql)
        await apply(from_migrations)
        expected = (await dump(server, "plane_from_sql")).splitlines()
        assert (await dump(server, "plane_from_migrations")).splitlines() == expected
        assert "CREATE TABLE plane.frames (" in expected


async def test_every_function_of_the_plane_has_a_valid_body(db_url: str) -> None:
    async with connected(db_url) as connection:
        assert await find_broken_functions(connection) == {}


async def test_a_broken_function_is_found(db_url: str) -> None:
    async with connected(db_url) as connection:
        await connection.execute("set check_function_bodies = off")
        await connection.execute("create function plane.lost() returns int language sql as 'select plane.nowhere()'")
        await connection.execute("set check_function_bodies = on")
        assert "plane.nowhere()" in (await find_broken_functions(connection))["plane.lost()"]


async def test_applying_twice_applies_once(empty_url: str, folder: Path) -> None:
    assert [str(each) for each in await plan(empty_url, folder)] == ["20270101000000_first", "20270102000000_second"]
    assert len(await apply(empty_url, folder)) == 2
    assert await plan(empty_url, folder) == []
    assert await apply(empty_url, folder) == []
    assert await query(empty_url, "select count(*) from second") == 1


async def test_planes_that_start_together_apply_once(empty_url: str, folder: Path) -> None:
    applied = await asyncio.gather(*(apply(empty_url, folder) for _ in range(5)))
    assert sorted(len(each) for each in applied) == [0, 0, 0, 0, 2]


async def test_the_history_is_the_one_that_the_supabase_cli_keeps(empty_url: str, folder: Path) -> None:
    await apply(empty_url, folder)
    async with connected(empty_url) as connection:
        rows = await connection.fetch("select * from supabase_migrations.schema_migrations order by version")
    assert [(row["version"], row["name"]) for row in rows] == [
        ("20270101000000", "first"),
        ("20270102000000", "second"),
    ]
    assert rows[1]["statements"] == ["create table second (id int)", "insert into second values (1)"]


async def test_what_the_supabase_cli_applied_is_recognised(empty_url: str, folder: Path) -> None:
    async with connected(empty_url) as connection:  # as `supabase db push` 3.1.0 leaves it
        await connection.execute("create schema supabase_migrations")
        await connection.execute(
            "create table supabase_migrations.schema_migrations"
            " (version text not null primary key, statements text[], name text)"
        )
        await connection.execute(
            "insert into supabase_migrations.schema_migrations values ('20270101000000', $1, 'first')",
            ["-- a table\ncreate table first (id int)"],
        )
    assert [each.name for each in await apply(empty_url, folder)] == ["second"]


async def test_a_failing_migration_leaves_nothing_and_names_the_line(empty_url: str, folder: Path) -> None:
    (folder / "20270103000000_third.sql").write_text("create table third (id int);\n\nselect\n  nothing;\n")
    with pytest.raises(MigrationProblem, match=r'20270103000000_third\.sql:4: column "nothing" does not exist'):
        await apply(empty_url, folder)
    assert await query(empty_url, "select to_regclass('third')") is None
    assert await query(empty_url, "select to_regclass('second')") == "second"
    assert [each.name for each in await plan(empty_url, folder)] == ["third"]


async def test_a_migration_makes_way_for_who_uses_a_table_and_comes_back(empty_url: str, folder: Path) -> None:
    await apply(empty_url, folder)
    (folder / "20270103000000_third.sql").write_text("alter table first add column more int;")
    async with connected(empty_url) as user:
        await user.execute("begin")
        await user.execute("select * from first")
        applying = asyncio.create_task(apply(empty_url, folder, lock_s=0.1))
        await asyncio.sleep(0.3)
        assert await query(empty_url, "select count(*) from first") == 0  # nobody queues behind it
        assert not applying.done()
        await user.execute("commit")
        assert [each.name for each in await applying] == ["third"]


async def test_a_database_of_a_newer_version_is_refused(empty_url: str, folder: Path) -> None:
    (folder / "20280101000000_newer.sql").write_text("create table newer (id int);")
    await apply(empty_url, folder)
    (folder / "20280101000000_newer.sql").unlink()
    with pytest.raises(MigrationProblem, match=r"does not know: 20280101000000\. It belongs to a newer version"):
        await plan(empty_url, folder)


async def test_a_migration_in_between_is_refused(empty_url: str, folder: Path) -> None:
    await apply(empty_url, folder)
    (folder / "20270101120000_late.sql").write_text("create table late (id int);")
    with pytest.raises(MigrationProblem, match=r"20270101120000_late is older than 20270102000000"):
        await apply(empty_url, folder)


async def test_a_changed_migration_is_refused(empty_url: str, folder: Path) -> None:
    await apply(empty_url, folder)
    (folder / "20270101000000_first.sql").write_text("-- only a comment changed\ncreate table first (id int);\n")
    assert await plan(empty_url, folder) == []
    (folder / "20270101000000_first.sql").write_text("create table first (id bigint);")
    with pytest.raises(MigrationProblem, match="20270101000000_first was changed"):
        await plan(empty_url, folder)


@pytest.mark.parametrize("name", ["2027_short.sql", "20270101000000-dash.sql", "20270101000000_doubled.sql"])
def test_wrong_names_are_refused(folder: Path, name: str) -> None:
    (folder / name).touch()
    with pytest.raises(MigrationProblem, match=name[:8]):
        read_migrations(folder)


def test_the_command_line_says_what_it_did(
    empty_url: str, capsys: pytest.CaptureFixture[str], postgres: Server
) -> None:
    assert main(["plan", "--db-url", empty_url]) == 0
    assert capsys.readouterr().out.startswith("pending  20261121000000_baseline")
    assert main(["apply", "--db-url", empty_url]) == 0
    assert capsys.readouterr().out.startswith("applied  20261121000000_baseline")
    assert main(["plan", "--db-url", empty_url]) == 0
    assert capsys.readouterr().out == "up to date\n"
    nowhere = with_database(postgres.admin_url, "nowhere")
    assert main(["apply", "--db-url", nowhere]) == 3
    shown = capsys.readouterr().err
    assert shown.startswith("cannot connect to postgresql://postgres@127.0.0.1")
