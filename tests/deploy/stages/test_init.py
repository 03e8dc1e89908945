"""`agentplane deploy --init` makes what is missing, once, and says so without a secret."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from functions.deploy.check import check, look
from functions.deploy.init import CannotInit, Wanted, init
from functions.deploy.parameters import PARAMETERS, read_all, write
from functions.shared.auth.keys import hash_key, read_peppers
from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
from functions.shared.db.port import ApiKey
from tests.deploy.stages.conftest import given_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.deploy.stages.conftest import Given
    from tests.deploy.stages.outside import LambdaAccount, MailServer

KEPT = (
    "select jsonb_build_object('keys', (select jsonb_agg(k order by k.id) from plane.api_keys as k),"
    " 'settings', (select jsonb_agg(s) from gateway.settings as s),"
    " 'organisations', (select jsonb_agg(o) from plane.organisations as o),"
    " 'migrations', (select jsonb_agg(m.version) from supabase_migrations.schema_migrations as m))"
)
ACME = Wanted("acme", "owner@example.com")


@pytest.fixture
def bare(
    cloud: LambdaAccount, mail_server: MailServer, checkout: Path, db_url: str, authenticator_url: Callable[[str], str]
) -> Iterator[Given]:
    """A stage of its own for each test, of which there is nothing yet but a database with a schema."""
    with given_for(db_url, authenticator_url, cloud, mail_server, checkout) as made:
        yield made


async def rows(given: Given, query: str) -> Any:
    connection = await asyncpg.connect(given.db_url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_it_makes_what_is_missing_and_a_second_time_changes_nothing(
    bare: Given, authenticator_url: Callable[[str], str]
) -> None:
    made = await init(bare.stage, ACME, bare.root)
    stored = read_all(bare.seen.aws, bare.stage)
    assert {parameter.name for parameter in PARAMETERS} - set(stored) == {"database-url"}
    assert {parameter.kind for parameter in stored.values()} == {"SecureString"}
    kept = await rows(bare, KEPT)

    again = await init(bare.stage, ACME, bare.root)
    assert (again.done, again.operator_key, again.invitation) == ([], "", "")
    assert read_all(bare.seen.aws, bare.stage) == stored
    assert await rows(bare, KEPT) == kept

    with closing((seen := await look(bare.stage, bare.root)).aws):
        assert [str(finding) for finding in await check(bare.stage, seen) if finding.state != "ok"] == []
    said = "\n".join([*made.done, *made.kept, repr(made)])
    hidden = [*(each.value for each in stored.values()), made.operator_key, made.invitation]
    assert [value for value in hidden if value in said] == []
    assert "closed" not in said
    assert "only you make organisations" in said

    # The first key works as it is kept, and the first owner is invited.
    database = await AsyncpgDatabase.connect(authenticator_url(bare.db_url))
    try:
        peppers = read_peppers(stored["key-pepper"].value)
        caller = ApiKey(hash_key(made.operator_key, peppers))
        listed: Any = await database.call("list_invitations", {"limit": 10}, caller, safe=True)
        assert [(each["email"], each["role"]) for each in listed["data"]] == [("owner@example.com", "owner")]
    finally:
        await database.close()


async def test_what_a_person_stored_is_kept_and_what_was_lost_half_way_is_made(bare: Given) -> None:
    write(bare.seen.aws, bare.stage, "key-pepper", "p" * 40)
    await init(bare.stage, None, bare.root)
    stored = read_all(bare.seen.aws, bare.stage)
    assert stored["key-pepper"].value == "p" * 40
    bare.seen.aws.call("ssm", "delete_parameter", Name=bare.stage.parameter("hooks-key"))
    made = await init(bare.stage, None, bare.root)
    assert made.done == [f"stored {bare.stage.parameter('hooks-key')}", "registered hooks-key for 2 kernel verbs"]
    assert read_all(bare.seen.aws, bare.stage)["master-key"] == stored["master-key"]


async def test_it_applies_migrations_and_leaves_a_decision_about_founding_alone(bare: Given) -> None:
    made = await init(bare.stage, Wanted(may_found=True), bare.root)
    assert [line for line in made.done if "migration" in line] == [
        "applied migration 20300101000000_first",
        "applied migration 20300102000000_second",
    ]
    setting = "select value from gateway.settings where name = 'new_organisations'"
    assert json.loads(await rows(bare, setting)) is True
    await init(bare.stage, Wanted(may_found=False), bare.root)
    assert json.loads(await rows(bare, setting)) is True


async def test_what_only_a_person_can_give_is_asked_for_before_anything_is_stored(bare: Given) -> None:
    for changes, told in (
        ({"publishable_key": ""}, "publishable-key is missing"),
        ({"publishable_key": "sb_secret_0123456789"}, "publishable-key is a secret key"),
        ({"smtp_url": "mail.example.com"}, "smtp-url is not smtp://"),
        ({"database_url": ""}, "no address of the database's owner"),
    ):
        with pytest.raises(CannotInit, match=told) as raised:
            await init(replace(bare.stage, **changes), None, bare.root)
        assert raised.value.way_out
    assert read_all(bare.seen.aws, bare.stage) == {}
    with pytest.raises(CannotInit, match="cannot be reached") as unreachable:
        await init(replace(bare.stage, database_url="postgresql://p:s3cret@127.0.0.1:9/x"), None, bare.root)
    assert "s3cret" not in str(unreachable.value) + unreachable.value.way_out


async def test_a_stored_secret_of_the_wrong_form_stops_it(bare: Given) -> None:
    write(bare.seen.aws, bare.stage, "master-key", "c2hvcnQ=")
    with pytest.raises(CannotInit, match="master-key is wrong: a master key has 32 bytes"):
        await init(bare.stage, None, bare.root)


async def test_an_organisation_whose_owner_cannot_be_invited_is_not_made_without_its_key(bare: Given) -> None:
    count = (
        "select (select count(*) from plane.organisations)"
        " + (select count(*) from plane.api_keys where kind <> 'runner')"
    )
    with pytest.raises(CannotInit, match="the database refused"):
        await init(bare.stage, Wanted("acme", "o" * 400 + "@example.com"), bare.root)
    assert await rows(bare, count) == 0
    made = await init(bare.stage, ACME, bare.root)
    assert made.operator_key
    assert made.invitation
