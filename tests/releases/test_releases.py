"""What a killed worker of an earlier release left half-done is finished by this engine, after its migrations.

Every `<release>.sql` here is such a database; `write.py` makes it, CONTRIBUTING says when.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from functions.shared.db import kernel
from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
from functions.shared.db.port import ApiKey
from functions.shared.postgres.connection import connected
from functions.shared.postgres.history import read_migrations
from functions.shared.postgres.migrate import apply
from functions.shared.postgres.schema import run_script
from tests.organisations import Org, create_runner_key
from tests.people import create_member
from tests.releases.finishing import finish
from tests.releases.situations import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from functions.shared.postgres.connection import Connection
    from tests.conftest import Server

HERE = Path(__file__).parent
RELEASES = sorted(path.stem for path in HERE.glob("*.sql"))
# The plane comes back this much later: leases, timers, back-offs and a time-out of less are over.
AWAY = timedelta(minutes=1)
TIMES = """
    select table_schema || '.' || table_name as place, array_agg(column_name::text) as columns
    from information_schema.columns join information_schema.tables using (table_schema, table_name)
    where table_schema = 'plane' and data_type = 'timestamp with time zone' and table_type = 'BASE TABLE'
    group by 1
"""
DONE = """
    select c.execution_id::text as execution, c.path
    from plane.checkpoints c join plane.executions e on e.id = c.execution_id and e.gen = c.gen
    where c.status = 'succeeded'
"""


@pytest.fixture
def empty_url(postgres: Server) -> Iterator[str]:
    url = postgres.clone("template0")
    yield url
    postgres.drop(url)


async def load_release(url: str, release: str, fixture: dict[str, Any], folder: Path) -> set[tuple[str, str]]:
    """Make the database that the release left, and bring it up to date; gives execution and path of what was done."""
    for migration in read_migrations():
        if str(migration) in fixture["migrations"]:
            (folder / f"{migration}.sql").write_text(migration.script)
    await apply(url, folder)
    async with connected(url) as connection:
        await run_script(connection, (HERE / f"{release}.sql").read_text(), name=f"{release}.sql")
        await _let_time_pass(connection, datetime.now(UTC) - datetime.fromisoformat(fixture["taken_at"]) - AWAY)
        done = {(row["execution"], row["path"]) for row in await connection.fetch(DONE)}
    await apply(url)
    return done


async def _let_time_pass(connection: Connection, time: timedelta) -> None:
    async with connection.transaction():
        await connection.execute("set local session_replication_role = replica")  # rows keep their partners
        for row in await connection.fetch(TIMES):
            changes = ", ".join(f"{column} = {column} + $1" for column in row["columns"])
            await connection.execute(f"update {row['place']} set {changes}", time)


@pytest.mark.parametrize("release", RELEASES)
async def test_what_a_release_left_half_done_is_finished(
    empty_url: str, authenticator_url: Callable[[str], str], release: str, tmp_path: Path
) -> None:
    fixture = json.loads((HERE / f"{release}.json").read_text())
    done = await load_release(empty_url, release, fixture, tmp_path)
    assert len(done) > 150
    login = authenticator_url(empty_url)
    db = await AsyncpgDatabase.connect(login, runner_key=await create_runner_key(empty_url))
    operator = ApiKey(fixture["org"]["operator_key_hash"])
    async with connected(empty_url) as admin:
        owner = await create_member(admin, fixture["org"]["id"], "owner")
    org = Org(fixture["org"]["id"], "acme", operator, "", operator, "", owner)
    world = World(is_hanging=False)
    try:
        ended = await finish(db, org, world, within=60)
        assert await kernel.get_violations(db) == []
    finally:
        await db.close()

    for expected in fixture["executions"]:
        execution = ended.pop(expected["id"])
        end = {
            "status": execution["status"],
            "output": execution["output"],
            "code": (execution["error"] or {}).get("code"),
            "steps": {path: step["status"] for path, step in sorted(execution["steps"].items())},
        }
        assert end == expected["end"], expected["situation"]
    children = sorted((execution["workflow"], execution["status"]) for execution in ended.values())
    assert children == [("part", "succeeded"), ("slow_part", "cancelled"), ("slow_part", "succeeded")]
    assert [step for step in done if world.calls[step]] == []
    assert max(world.calls.values()) == 1


@pytest.mark.parametrize("release", RELEASES)
def test_a_migration_that_was_released_has_not_changed_since(release: str) -> None:
    now = {str(migration): sha256(migration.script.encode()).hexdigest() for migration in read_migrations()}
    released = json.loads((HERE / f"{release}.json").read_text())["migrations"]
    assert {name: now.get(name) for name in released} == released


def test_the_fixtures_name_no_machine() -> None:
    for release in RELEASES:
        for path in (HERE / f"{release}.sql", HERE / f"{release}.json"):
            assert not re.search(r"/(home|root|work|tmp|Users)/", path.read_text()), path
