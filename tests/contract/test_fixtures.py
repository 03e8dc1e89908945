"""The fixtures that every other test stands on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
import pytest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from functions.shared.db.port import Database
    from tests.organisations import Org


async def test_a_fresh_database_knows_no_organisation_but_those_that_the_test_makes(
    admin: asyncpg.Connection, db: Database, make_org: Callable[..., Awaitable[Org]]
) -> None:
    assert await admin.fetchval("select count(*) from plane.organisations") == 0
    org = await make_org("acme")
    assert await db.call("list_workflows", {}, org.agent) == {"data": [], "next": None}
    assert await admin.fetchval("select name from plane.organisations") == "acme"


async def test_the_functions_log_in_as_a_role_without_rights(
    db_url: str, authenticator_url: Callable[[str], str]
) -> None:
    connection = await asyncpg.connect(authenticator_url(db_url))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.fetch("select * from plane.organisations")
    await connection.close()
