"""What state was: versions, moments, and what is kept of them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from functions.shared.db import kernel
from functions.state.app import app

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
    from tests.functions.conftest import Organisation

KEY = {"component": "c", "key": "k"}


@pytest.fixture
async def agent(org: Organisation, client_of: Callable[..., Awaitable[httpx.AsyncClient]]) -> httpx.AsyncClient:
    return await client_of(app, org.agent)


async def put(agent: httpx.AsyncClient, value: Any, **more: Any) -> dict[str, Any]:
    answer = await agent.post("/api/state", json={**KEY, "value": value, **more})
    assert answer.status_code in {200, 201}, answer.text
    return answer.json()


async def history(agent: httpx.AsyncClient, **query: Any) -> dict[str, Any]:
    answer = await agent.get("/api/state/history", params={**KEY, **query})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_every_version_is_kept_with_the_time_in_which_it_counted(agent: httpx.AsyncClient) -> None:
    for value in ("a", "b", "c"):
        await put(agent, value)
    data = (await history(agent))["data"]
    assert [(row["value"], row["version"], row["ended_by"]) for row in data] == [
        ("c", 3, None),
        ("b", 2, "replaced"),
        ("a", 1, "replaced"),
    ]
    assert [row["ended_at"] for row in data] == [None, data[0]["updated_at"], data[1]["updated_at"]]


async def test_a_version_and_a_moment_give_what_was_there(agent: httpx.AsyncClient) -> None:
    first = await put(agent, 0)
    between = datetime.now(UTC).isoformat()
    await put(agent, False)
    for query, value in (({"version": 1}, 0), ({"version": 2}, False), ({"as_of": between}, 0)):
        answer = await agent.get("/api/state", params={**KEY, **query})
        assert (answer.status_code, answer.json()["value"]) == (200, value)
    exactly = await agent.get("/api/state", params={**KEY, "as_of": first["updated_at"]})
    assert exactly.json()["version"] == 1
    for query in ({"version": 3}, {"as_of": "2020-01-01T00:00:00Z"}):
        answer = await agent.get("/api/state", params={**KEY, **query})
        assert (answer.status_code, answer.json()["code"]) == (404, "state_version_not_found")


async def test_what_was_deleted_can_be_read_and_the_versions_go_on(agent: httpx.AsyncClient) -> None:
    await put(agent, "old")
    before = datetime.now(UTC).isoformat()
    await agent.delete("/api/state", params=KEY)
    after = datetime.now(UTC).isoformat()
    assert (await history(agent))["data"][0]["ended_by"] == "deleted"
    assert (await agent.get("/api/state", params={**KEY, "as_of": before})).json()["value"] == "old"
    assert (await agent.get("/api/state", params={**KEY, "as_of": after})).status_code == 404
    assert (await put(agent, "new"))["version"] == 2


@pytest.mark.parametrize("by", ["the next write", "the sweeper"])
async def test_what_has_expired_ended_when_it_expired(
    agent: httpx.AsyncClient, org: Organisation, database: AsyncpgDatabase, by: str
) -> None:
    await put(agent, "short", expires_in_seconds=3600)
    await org.connection.execute(
        "update plane.state set expires_at = now() - interval '1 minute', updated_at = now() - interval '2 minutes'"
        " where org_id = $1",
        org.id,
    )
    assert (await history(agent))["data"][0]["ended_by"] == "expired"
    if by == "the sweeper":
        await kernel.sweep(database)
    assert (await put(agent, "next"))["version"] == 2
    data = (await history(agent))["data"]
    assert [(row["value"], row["ended_by"]) for row in data] == [("next", None), ("short", "expired")]
    assert data[1]["ended_at"] < data[0]["updated_at"]


async def test_about_a_megabyte_of_a_key_is_kept(agent: httpx.AsyncClient) -> None:
    for number in range(6):
        await put(agent, f"{number}" + "x" * 250_000)
    assert [row["version"] for row in (await history(agent))["data"]] == [6, 5, 4, 3]
    for number in range(110):
        await put(agent, number)
    page = await history(agent, limit=500)
    assert len(page["data"]) == 101


async def test_history_comes_in_pages(agent: httpx.AsyncClient) -> None:
    for number in range(5):
        await put(agent, number)
    seen: list[int] = []
    cursor: dict[str, str] = {}
    while True:
        page = await history(agent, limit=2, **cursor)
        seen += [row["version"] for row in page["data"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == [5, 4, 3, 2, 1]


async def test_versions_rise_by_one_when_many_write_at_once(agent: httpx.AsyncClient) -> None:
    await asyncio.gather(*(put(agent, number) for number in range(20)))
    data = (await history(agent, limit=50))["data"]
    assert [row["version"] for row in data] == list(range(20, 0, -1))
    assert sorted(row["value"] for row in data) == list(range(20))


async def test_a_watch_answers_when_the_value_changes(agent: httpx.AsyncClient) -> None:
    watching = asyncio.create_task(agent.get("/api/state", params={**KEY, "since_version": 0, "wait": 20}))
    await asyncio.sleep(0.1)
    assert not watching.done()
    await put(agent, "first")
    assert (await asyncio.wait_for(watching, 5)).json()["version"] == 1
    watching = asyncio.create_task(agent.get("/api/state", params={**KEY, "since_version": 1, "wait": 20}))
    await asyncio.sleep(0.1)
    assert not watching.done()
    await put(agent, "second")
    assert (await asyncio.wait_for(watching, 5)).json()["value"] == "second"


async def test_a_watch_of_what_does_not_change_gives_what_there_is(agent: httpx.AsyncClient) -> None:
    await put(agent, "same")
    query = {**KEY, "since_version": 1, "wait": 0.2}
    assert (await agent.get("/api/state", params=query)).json()["version"] == 1
    await agent.delete("/api/state", params=KEY)
    assert (await agent.get("/api/state", params={**query, "wait": 20})).status_code == 404


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ({"component": "c", "version": 1}, ["/query/version"]),
        ({**KEY, "prefix": "k"}, ["/query/prefix"]),
        ({**KEY, "version": 1, "as_of": "2026-01-01T00:00:00Z"}, ["/query/as_of"]),
    ],
)
async def test_one_moment_of_one_value(agent: httpx.AsyncClient, query: dict[str, Any], wrong: list[str]) -> None:
    answer = await agent.get("/api/state", params=query)
    assert answer.status_code == 422
    assert [problem["pointer"] for problem in answer.json()["errors"]] == wrong
