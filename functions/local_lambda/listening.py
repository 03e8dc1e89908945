"""HTTP servers of the local Lambda, on this machine only; whoever runs the loop handles signals."""

from __future__ import annotations

import asyncio
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import uvicorn

if TYPE_CHECKING:
    from collections.abc import Generator

HOST = "127.0.0.1"


class Listening:
    """Serves an ASGI app while it is open. `port` 0: a free one."""

    def __init__(self, app: Any, port: int = 0) -> None:  # noqa: ANN401  whatever speaks ASGI
        # Only where TCP is named does asyncio turn Nagle's algorithm off; else each answer takes 40 ms.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((HOST, port))
        self._socket.listen(128)
        self.url = f"http://{HOST}:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(
            app,
            lifespan="off",
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_keep_alive=60,
            timeout_graceful_shutdown=1,
        )
        self._server = _Quiet(config)
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Accept requests."""
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        while not self._server.started:  # noqa: ASYNC110  uvicorn has no event for it
            if self._serving.done():
                await self._serving
                raise RuntimeError("the server ended while it started")
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """Finish what is being answered, for a second."""
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving
        self._socket.close()


class _Quiet(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield
