"""`python -m bench.http_apps plane|bare`: serves an app on a free port, which it prints first.

Both are served by uvicorn with the settings of `agentplane dev`, in one process, on the database that
AGENTPLANE_DATABASE_URL names.
"""

from __future__ import annotations

import json
import socket
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel, JsonValue

from functions.local import create_local_app
from functions.shared.config import settings

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

HOST = "127.0.0.1"
CONNECTIONS = 10  # as many as the plane's own pool has


class Row(BaseModel):
    """What the bare endpoint takes."""

    component: str
    key: str
    value: JsonValue


def bare_app() -> FastAPI:
    """One endpoint as the manual of FastAPI has it: a Pydantic body, one insert in a transaction of its own."""

    @asynccontextmanager
    async def live(app: FastAPI) -> AsyncGenerator[None]:
        url = settings().database_url
        assert url is not None
        async with asyncpg.create_pool(
            url.get_secret_value(), min_size=0, max_size=CONNECTIONS, reset=_nothing_to_reset
        ) as pool:
            app.state.pool = pool
            yield

    app = FastAPI(lifespan=live)

    @app.post("/rows", status_code=201)
    async def insert(row: Row) -> dict[str, Any]:
        query = "insert into public.floor (component, key, value) values ($1, $2, $3) returning id"
        inserted: int = await app.state.pool.fetchval(query, row.component, row.key, json.dumps(row.value))
        return {"id": inserted, **row.model_dump()}

    return app


async def _nothing_to_reset(_connection: object) -> None:
    """Spare the bare endpoint the round trip of a reset, which the plane does not make either."""


def main() -> None:
    """Serve until SIGTERM. The socket listens before its port is told, so the first request waits for the app."""
    app = bare_app() if sys.argv[1:] == ["bare"] else create_local_app()
    # Only where TCP is named does asyncio turn Nagle's algorithm off.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind((HOST, 0))
        listener.listen(128)
        print(listener.getsockname()[1], flush=True)
        config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False)
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
