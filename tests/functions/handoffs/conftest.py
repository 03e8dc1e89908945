"""Agents of an organisation that hand work to each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from functions.agents.app import app as agents_app
from functions.handoffs.app import app

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from tests.functions.conftest import Organisation

ClientOf = "Callable[..., Awaitable[httpx.AsyncClient]]"


@pytest.fixture
async def agent(client_of: Callable[..., Awaitable[httpx.AsyncClient]], org: Organisation) -> httpx.AsyncClient:
    """A client of the hand-offs with an agent's key."""
    return await client_of(app, org.agent)


@pytest.fixture
async def register(
    client_of: Callable[..., Awaitable[httpx.AsyncClient]], org: Organisation
) -> Callable[..., Awaitable[str]]:
    """Registers an agent: `await register("writer", capabilities=["write"])` gives its id."""
    client = await client_of(agents_app, org.agent)

    async def registered(name: str, **fields: Any) -> str:
        answer = await client.post("/api/agents", json={"name": name, **fields})
        assert answer.is_success, answer.text
        return str(answer.json()["id"])

    return registered
