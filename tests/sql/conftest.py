"""A plane of its own for each test, with the actors that work on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.sql.actors import Plane, Runner, Tenant, connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


@pytest.fixture
async def plane(db_url: str, authenticator_url: Callable[[str], str]) -> AsyncIterator[Plane]:
    """The owner of a fresh database; afterwards no invariant may be broken."""
    plane = Plane(await connect(db_url), db_url, authenticator_url(db_url))
    yield plane
    await plane.db.execute("reset plane.clock_offset")
    broken = await plane.violations()
    await plane.close()
    assert broken == []


@pytest.fixture
async def runner(plane: Plane) -> Runner:
    """A runner."""
    return await plane.runner()


@pytest.fixture
async def tenant(plane: Plane) -> Tenant:
    """A person of an organisation, who may do everything."""
    return await plane.tenant()


@pytest.fixture
async def version(plane: Plane, tenant: Tenant) -> str:
    """The id of a workflow's version in that organisation."""
    return await plane.version(tenant.org)
