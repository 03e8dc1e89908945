"""Secrets of a running deployment are replaced so that nobody who still has the former one is refused meanwhile."""

from __future__ import annotations

import json
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from functions.deploy.check import check, look
from functions.deploy.parameters import PARAMETERS, read_all, write
from functions.deploy.resealing import SEALED
from functions.deploy.rotate import CannotRotate, finish, readers, rotate
from functions.shared.auth.keys import hash_key, read_peppers
from functions.shared.sealing import MasterKey, Sealer

if TYPE_CHECKING:
    from tests.deploy.stages.conftest import Given

SQL = Path(__file__).parents[3] / "sql/tables"
ORG = "select id from plane.organisations limit 1"


def stored(given: Given, name: str) -> str:
    return read_all(given.seen.aws, given.stage)[name].value


async def test_a_shared_secret_is_known_before_it_is_used_and_then_the_former_one_is_forgotten(given: Given) -> None:
    former = stored(given, "doorbell-key")
    given.account.deployed = {given.stage.function(name) for name in readers(given.stage, "doorbell-key")}
    given.account.changed.clear()
    values: list[str] = []
    await rotate(given.stage, "doorbell-key", lambda _line: values.append(stored(given, "doorbell-key")), settle_s=0)
    new = stored(given, "doorbell-key").partition(",")[0]
    assert values[:2] == [f"{former},{new}", f"{new},{former}"]
    assert new != former

    functions = [given.stage.function(name) for name in readers(given.stage, "doorbell-key")]
    assert given.account.changed == functions * 2
    assert {"runner", "runner-llm"} <= {name.rpartition(f"{given.stage.name}-")[2] for name in functions[:4]}
    said: list[str] = []
    await finish(given.stage, "doorbell-key", said.append)
    await finish(given.stage, "doorbell-key", said.append)
    assert stored(given, "doorbell-key") == new
    assert said[1] == "doorbell-key: there was no former value"
    given.account.deployed = set()


async def test_a_new_pepper_comes_before_the_one_that_keys_were_kept_with(given: Given) -> None:
    former = stored(given, "key-pepper")
    await rotate(given.stage, "key-pepper", lambda _line: None, settle_s=0, outlast_s=0)
    assert read_peppers(stored(given, "key-pepper"))[1:] == read_peppers(former)
    most = ",".join([stored(given, "key-pepper"), "x" * 40, "y" * 40])
    write(given.seen.aws, given.stage, "key-pepper", most, overwrite=True)
    with pytest.raises(CannotRotate, match="has 4 values already"):
        await rotate(given.stage, "key-pepper", lambda _line: None, settle_s=0)
    write(given.seen.aws, given.stage, "key-pepper", former, overwrite=True)


async def test_keys_and_seals_change_only_when_invocations_that_know_the_former_secret_only_have_ended(
    given: Given,
) -> None:
    former = {name: stored(given, name) for name in ("key-pepper", "master-key", "doorbell-key")}
    for name, waited in (("key-pepper", True), ("master-key", True), ("doorbell-key", False)):
        said: list[float] = []
        began = time.monotonic()
        await rotate(
            given.stage,
            name,
            lambda _line, at=said, since=began: at.append(time.monotonic() - since),
            settle_s=0,
            outlast_s=1.5,
        )
        assert (said[0] >= 1.5) == waited, (name, said)
        write(given.seen.aws, given.stage, name, former[name], overwrite=True)


async def test_a_functions_key_that_nobody_used_meanwhile_is_not_refused_when_the_former_pepper_is_forgotten(
    given: Given,
) -> None:
    former = stored(given, "key-pepper")
    await rotate(given.stage, "key-pepper", lambda _line: None, settle_s=0, outlast_s=0)
    await finish(given.stage, "key-pepper", lambda _line: None)
    assert "," not in stored(given, "key-pepper")
    with closing((seen := await look(given.stage, given.root)).aws):
        keys = [finding for finding in await check(given.stage, seen) if finding.name == "runner-keys"]
    assert [finding.state for finding in keys] == ["ok"], keys

    write(given.seen.aws, given.stage, "key-pepper", stored(given, "key-pepper") + ",", overwrite=True)
    said: list[str] = []
    await finish(given.stage, "key-pepper", said.append)
    assert said == ["key-pepper: the former value is forgotten"], "keys without a pepper are a former value, too"
    assert former not in stored(given, "key-pepper")


async def test_a_functions_key_is_replaced_and_the_former_one_lives_as_long_as_an_invocation(given: Given) -> None:
    former = stored(given, "hooks-key")
    await rotate(given.stage, "hooks-key", lambda _line: None)
    connection = await asyncpg.connect(given.db_url)
    try:
        peppers = read_peppers(stored(given, "key-pepper"))
        for secret, minutes in ((former, 20), (stored(given, "hooks-key"), None)):
            row = await connection.fetchrow(
                "select extract(epoch from expires_at - now()) / 60 as minutes, scopes from plane.api_keys"
                " where key_hash = any (select sha256(decode(h, 'hex')) from unnest($1::text[]) as h)",
                hash_key(secret, peppers).split(),
            )
            assert row["scopes"] == ["find_hook", "receive_message"]
            assert row["minutes"] is None if minutes is None else float(row["minutes"]) == pytest.approx(minutes, abs=1)
    finally:
        await connection.close()
    with pytest.raises(CannotRotate, match="has no former value"):
        await finish(given.stage, "hooks-key", lambda _line: None)


async def test_everything_that_is_sealed_is_sealed_again_with_the_new_master_key(given: Given) -> None:
    connection = await asyncpg.connect(given.db_url)
    try:
        org = await connection.fetchval("insert into plane.organisations (name) values ('sealed') returning id")
        before = Sealer([MasterKey.of(stored(given, "master-key"))])
        hook, webhook = await _sealed_rows(connection, org, before)
        said: list[str] = []
        await rotate(given.stage, "master-key", said.append, settle_s=0, outlast_s=0)
        assert "master-key: 5 secrets are sealed again" in said
        await finish(given.stage, "master-key", said.append)

        after = Sealer([MasterKey.of(stored(given, "master-key"))])
        opened = [
            after.open(org, "TOKEN", await _read(connection, "sealed", "plane.secrets"), 7),
            after.open(org, f"hook:{hook}", await _read(connection, "secret", "plane.hooks")),
            after.open(org, f"hook:{hook}", await _read(connection, "former_secret", "plane.hooks")),
            after.open(org, f"webhook:{webhook}", await _read(connection, "secret", "plane.webhooks")),
            after.open(org, f"webhook:{webhook}", await _read(connection, "former_secret", "plane.webhooks")),
        ]
        assert opened == ["t", "h", "h0", "w", "w0"]
    finally:
        await connection.close()


async def _sealed_rows(connection: asyncpg.Connection, org: Any, sealer: Sealer) -> tuple[str, str]:
    """Write a row into each table that has sealed values, with as little else as its constraints allow."""
    await connection.execute("set session_replication_role = replica")
    hook, webhook = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"
    for table, given in {
        "plane.secrets": {"name": "TOKEN", "version": 7, "sealed": sealer.seal(org, "TOKEN", "t", 7)},
        "plane.hooks": {
            "id": hook,
            "secret": sealer.seal(org, f"hook:{hook}", "h"),
            "former_secret": sealer.seal(org, f"hook:{hook}", "h0"),
        },
        "plane.webhooks": {
            "id": webhook,
            "secret": sealer.seal(org, f"webhook:{webhook}", "w"),
            "former_secret": sealer.seal(org, f"webhook:{webhook}", "w0"),
        },
    }.items():
        await _insert(connection, table, {"org_id": org, **given})
    return hook, webhook


async def _insert(connection: asyncpg.Connection, table: str, values: dict[str, Any]) -> None:
    columns = await connection.fetch(
        "select attname as name, format_type(atttypid, null) as type from pg_attribute"
        " where attrelid = $1::regclass and attnum > 0 and attnotnull and not atthasdef and attidentity = ''",
        table,
    )
    filler = {
        "text": "x",
        "text[]": ["x"],
        "jsonb": {},
        "bytea": "\\x00",
        "integer": 1,
        "bigint": 1,
        "xid8": "1",
        "timestamp with time zone": "2026-11-21",
    }
    row = {each["name"]: filler.get(each["type"]) for each in columns} | values
    constraints = "select array_agg(conname::text) from pg_constraint where conrelid = $1::regclass and contype = 'c'"
    for name in await connection.fetchval(constraints, table) or []:
        await connection.execute(f'alter table {table} drop constraint "{name}"')
    names = ", ".join(row)
    await connection.execute(
        f"insert into {table} ({names}) select {names} from jsonb_populate_record(null::{table}, $1::jsonb)",
        json.dumps(row, default=str),
    )


async def _read(connection: asyncpg.Connection, column: str, table: str) -> Any:
    return json.loads(await connection.fetchval(f"select {column} from {table}"))


def test_every_column_that_is_sealed_is_known_to_the_rotation() -> None:
    sealed: set[tuple[str, str]] = set()
    for path in SQL.glob("*.sql"):
        for line in path.read_text().splitlines():
            before, _, remark = line.partition("--")
            if "jsonb" in before and ("sealed" in remark or "sealing" in remark):
                sealed.add((path.stem.partition("_")[2], before.split()[0]))
    assert sealed == {(each.table.removeprefix("plane."), each.column) for each in SEALED}


def test_every_secret_has_functions_that_read_it_and_are_begun_anew(given: Given) -> None:
    read = {parameter.name: readers(given.stage, parameter.name) for parameter in PARAMETERS}
    assert [name for name, functions in read.items() if not functions] == []
    assert read["smtp-url"] == ["chores"]
    assert read["database-url"] == read["publishable-key"]


async def test_what_a_person_gives_is_replaced_by_what_they_give_now(given: Given) -> None:
    given.account.deployed = {given.stage.function("keys")}
    given.account.changed.clear()
    stage = replace(given.stage, publishable_key="sb_publishable_another")
    await rotate(stage, "publishable-key", lambda _line: None)
    assert stored(given, "publishable-key") == "sb_publishable_another"
    assert given.account.changed == [given.stage.function("keys")]
    for value, told in (("", "is not given"), ("sb_secret_x", "is a secret key")):
        with pytest.raises(CannotRotate, match=told):
            await rotate(replace(stage, publishable_key=value), "publishable-key", lambda _line: None)
    given.account.deployed = set()
    with pytest.raises(CannotRotate, match="there is no secret nothing"):
        await rotate(given.stage, "nothing", lambda _line: None)
    with pytest.raises(CannotRotate, match="no address of the database's owner"):
        await rotate(replace(given.stage, database_url=""), "master-key", lambda _line: None)
