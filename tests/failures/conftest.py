"""Both views of a plane: the engine on a real database, and the kernel's verbs called one by one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from functions.shared.db import kernel
from tests.e2e.conftest import Plane, running_plane
from tests.sql.actors import Plane as Tables
from tests.sql.actors import connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
    from tests.organisations import Org


@pytest.fixture
async def org(make_org: Callable[..., Awaitable[Org]]) -> Org:
    """The organisation of the test."""
    return await make_org()


@pytest.fixture
def plane_with(db: AsyncpgDatabase, org: Org) -> Callable[..., AbstractAsyncContextManager[Plane]]:
    """A plane that runs in this process: `async with plane_with(handlers=work.handlers) as plane:`."""
    return partial(running_plane, db, org)


@pytest.fixture
async def tables(db_url: str, authenticator_url: Callable[[str], str]) -> AsyncIterator[Tables]:
    """The owner of the same database, who makes kernel actors; at the end no invariant may be broken."""
    tables = Tables(await connect(db_url), db_url, authenticator_url(db_url))
    yield tables
    broken = await tables.violations()
    await tables.close()
    assert broken == []


@pytest.fixture(autouse=True)
async def nothing_is_broken(db: AsyncpgDatabase) -> AsyncIterator[None]:
    """After every failure here the plane's own list of violations is empty."""
    yield
    assert await kernel.get_violations(db) == []
