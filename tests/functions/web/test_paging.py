"""Cursors: opaque, and only good where they came from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from functions.agents.app import app

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from tests.functions.conftest import Organisation


@pytest.fixture
async def agent(client_of: Callable[..., Awaitable[httpx.AsyncClient]], org: Organisation) -> httpx.AsyncClient:
    client = await client_of(app, org.agent)
    for number in range(3):
        await client.post("/api/agents", json={"name": f"agent-{number}"})
    return client


async def first_cursor(agent: httpx.AsyncClient) -> str:
    cursor: str = (await agent.get("/api/agents?limit=1&status=active")).json()["next_cursor"]
    return cursor


async def refusal(client: httpx.AsyncClient, cursor: str, status: str = "active") -> str:
    answer = await client.get("/api/agents", params={"limit": 1, "status": status, "cursor": cursor})
    return answer.json().get("code", f"status {answer.status_code}")


async def test_a_cursor_goes_on_where_the_page_ended_with_another_limit(agent: httpx.AsyncClient) -> None:
    cursor = await first_cursor(agent)

    page = (await agent.get("/api/agents", params={"limit": 5, "status": "active", "cursor": cursor})).json()

    assert [row["name"] for row in page["data"]] == ["agent-1", "agent-0"]
    assert page["next_cursor"] is None


async def test_any_changed_character_of_a_cursor_is_noticed(agent: httpx.AsyncClient) -> None:
    cursor = await first_cursor(agent)
    for place in range(0, len(cursor), 5):
        other = "A" if cursor[place] != "A" else "B"
        assert await refusal(agent, cursor[:place] + other + cursor[place + 1 :]) == "invalid_cursor"


@pytest.mark.parametrize("cursor", ["x", "é", "=", "!!!!", "A" * 3999, "e30"])
async def test_what_never_was_a_cursor_is_refused(agent: httpx.AsyncClient, cursor: str) -> None:
    assert await refusal(agent, cursor) == "invalid_cursor"


async def test_a_cursor_does_not_fit_other_filters(agent: httpx.AsyncClient) -> None:
    cursor = await first_cursor(agent)

    assert await refusal(agent, cursor, "inactive") == "invalid_cursor"
    assert await refusal(agent, cursor, "deprecated") == "invalid_cursor"
    assert await refusal(agent, cursor) == "status 200"


async def test_a_cursor_does_not_fit_another_key(
    client_of: Callable[..., Awaitable[httpx.AsyncClient]], agent: httpx.AsyncClient, org: Organisation
) -> None:
    cursor = await first_cursor(agent)

    assert await refusal(await client_of(app, org.operator), cursor) == "invalid_cursor"


async def test_a_larger_limit_is_cut_and_a_smaller_one_refused(agent: httpx.AsyncClient) -> None:
    assert (await agent.get("/api/agents?limit=100000")).status_code == 200
    for limit in ("0", "-1", "ten", ""):
        assert (await agent.get(f"/api/agents?limit={limit}")).status_code == 422
