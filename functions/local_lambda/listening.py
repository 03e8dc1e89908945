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
    """Serves an ASGI app while it is open, at a socket that listens, or at a free port."""

    def __init__(self, app: Any, listener: socket.socket | None = None) -> None:  # noqa: ANN401  whatever speaks ASGI
        self._socket = listener or _free_port()
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
        while not self._server.started:
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


def _free_port() -> socket.socket:
    # Only where TCP is named does asyncio turn Nagle's algorithm off; else each answer takes 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind((HOST, 0))
    listener.listen(128)
    return listener


class _Quiet(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield
