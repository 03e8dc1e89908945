"""What the campaigns share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.organisations import Org


@pytest.fixture
async def org(make_org: Callable[..., Awaitable[Org]]) -> Org:
    """The organisation of the test."""
    return await make_org()
