"""One database with probe verbs, and every way to reach it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.conftest import in_thread
from tests.contract.backends import KINDS, Backend, add_probes, serve
from tests.contract.proxy import Proxy, proxied
from tests.organisations import Org, create_org

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from functions.shared.db.port import Database


@dataclass(frozen=True, slots=True)
class Contract:
    """The database that the tests of one module share, its owner's address, and two organisations in it."""

    admin_url: str
    login_url: str
    ours: Org
    theirs: Org


@pytest.fixture(scope="module")
def contract(module_db_url: str, authenticator_url: Callable[[str], str]) -> Contract:
    async def prepare() -> Contract:
        await add_probes(module_db_url)
        admin = await asyncpg.connect(module_db_url)
        try:
            orgs = await create_org(admin), await create_org(admin)
        finally:
            await admin.close()
        return Contract(module_db_url, authenticator_url(module_db_url), *orgs)

    prepared: Contract = in_thread(prepare())
    return prepared


@pytest.fixture(
    scope="module", params=[pytest.param(kind, marks=pytest.mark.xdist_group(f"contract-{kind}")) for kind in KINDS]
)
def backend(request: pytest.FixtureRequest, contract: Contract, runner_key: str) -> Iterator[Backend]:
    with serve(request.param, contract.login_url, runner_key) as served:
        yield served


@pytest.fixture
async def port(backend: Backend) -> AsyncIterator[Database]:
    async with backend.connected() as database:
        yield database


@pytest.fixture
async def proxy(backend: Backend) -> AsyncIterator[Proxy]:
    async with proxied(backend.url) as between:
        yield between


@pytest.fixture
async def through_proxy(backend: Backend, proxy: Proxy) -> AsyncIterator[Database]:
    async with backend.connected(proxy.url) as database:
        yield database


@pytest.fixture
async def owner(contract: Contract) -> AsyncIterator[asyncpg.Connection]:
    """The owner's connection, with the probes' notes wiped."""
    connection = await asyncpg.connect(contract.admin_url)
    await connection.execute("truncate probe.done; alter sequence probe.tries restart")
    yield connection
    await connection.close()


@pytest.fixture
def ours(contract: Contract) -> Org:
    return contract.ours


@pytest.fixture
def theirs(contract: Contract) -> Org:
    return contract.theirs
