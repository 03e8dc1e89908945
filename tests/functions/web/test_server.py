"""The app behind a real HTTP server."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx
import pytest
import uvicorn

from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
from functions.shared.web import create_app
from functions.state.app import router

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from fastapi import FastAPI

    from tests.functions.conftest import Organisation


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    """Serve on a free port of the loopback until the end, then stop as on Ctrl-C."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, lifespan="on"))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:  # noqa: ASYNC110  the server tells nobody when it has started
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listener.close()


@pytest.fixture
async def app(module_db_url: str, authenticator_url: Callable[[str], str]) -> FastAPI:
    async def connect() -> AsyncpgDatabase:
        return await AsyncpgDatabase.connect(authenticator_url(module_db_url))

    app = create_app("served", router)
    app.state.open_database = connect
    return app


@pytest.fixture
async def client(app: FastAPI, org: Organisation) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {org.agent}"}
    async with served(app) as url, httpx.AsyncClient(base_url=url, headers=headers) as client:
        yield client


async def test_a_hundred_writes_at_once_are_all_kept(client: httpx.AsyncClient) -> None:
    async def put(number: int) -> int:
        answer = await client.post("/api/state", json={"component": "c", "key": f"k{number:03}", "value": number})
        return answer.status_code

    assert set(await asyncio.gather(*(put(number) for number in range(100)))) == {201}
    page = (await client.get("/api/state?component=c&limit=200")).json()
    assert [row["value"] for row in page["data"]] == list(range(100))


async def test_a_body_that_is_too_large_is_answered_while_it_is_sent(client: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield b"x" * 100_000

    refused = await client.post("/api/state", content=chunks())

    assert (refused.status_code, refused.json()["code"]) == (413, "body_too_large")
    assert (await client.get("/api/state?component=c")).status_code == 200


async def test_head_and_304_have_no_body_on_the_wire(client: httpx.AsyncClient) -> None:
    tag = (await client.get("/openapi.json")).headers["etag"]

    head = await client.head("/openapi.json")
    same = await client.get("/openapi.json", headers={"If-None-Match": tag})
    after = await client.get("/docs")

    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", tag)
    assert (same.status_code, same.content) == (304, b"")
    assert after.status_code == 200


async def test_a_caller_that_hangs_up_hurts_nobody(client: httpx.AsyncClient) -> None:
    reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
    writer.write(b"POST /api/state HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert await reader.read() == b""

    assert (await client.get("/api/state?component=c")).status_code == 200


async def test_stopping_closes_the_database(app: FastAPI, org: Organisation) -> None:
    headers = {"Authorization": f"Bearer {org.agent}"}
    async with served(app) as url, httpx.AsyncClient(base_url=url, headers=headers) as client:
        await client.get("/api/state?component=c")
        assert app.state.database is not None

    assert app.state.database is None
