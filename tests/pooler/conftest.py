"""A database with two organisations and probe verbs, behind a pooler with five server connections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.conftest import in_thread
from tests.contract.backends import add_probes
from tests.organisations import Org, create_org
from tests.pgbouncer import Pooler, pooled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Server

SERVER_CONNECTIONS = 5


@dataclass(frozen=True, slots=True)
class Behind:
    """The database: its owner's address, the functions' address straight and through the pooler, who is in it."""

    admin_url: str
    direct_url: str
    url: str
    runner_key: str
    orgs: tuple[Org, Org]


@pytest.fixture(scope="session")
def pooler(postgres: Server) -> Iterator[Pooler]:
    """The pooler that these tests share; each database has five server connections of its own."""
    with pooled(postgres.login_url, server_connections=SERVER_CONNECTIONS) as running:
        yield running


@pytest.fixture(scope="module")
def behind(module_db_url: str, authenticator_url: Callable[[str], str], runner_key: str, pooler: Pooler) -> Behind:
    """The database that the tests of one module share."""

    async def prepare() -> tuple[Org, Org]:
        await add_probes(module_db_url)
        admin = await asyncpg.connect(module_db_url)
        try:
            return await create_org(admin, has_owner=True), await create_org(admin, has_owner=True)
        finally:
            await admin.close()

    direct = authenticator_url(module_db_url)
    return Behind(module_db_url, direct, pooler.url(direct), runner_key, in_thread(prepare()))
