"""A TCP proxy that breaks connections at a chosen moment."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


class Proxy:
    """Forwards to one address. `cut_answer_in = 1` swallows the next answer, and its connection, once it was given."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname
        assert parts.port
        self._to = (parts.hostname, parts.port)
        self._parts = parts
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._port = 0
        self.cut_answer_in = 0

    @property
    def url(self) -> str:
        place = self._parts.netloc.rpartition("@")
        return self._parts._replace(netloc=f"{place[0]}{place[1]}127.0.0.1:{self._port}").geturl()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Refuse new connections and cut those that are open."""
        if self._server:
            self._server.close()
            self._server = None
        for writer in list(self._open):
            writer.transport.abort()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        try:
            upstream_reader, upstream_writer = await asyncio.open_connection(*self._to)
        except OSError:
            writer.close()
            self._tasks.discard(task)
            return
        ends = {writer, upstream_writer}
        self._open |= ends
        try:
            await asyncio.gather(
                self._pump(reader, upstream_writer, ends), self._pump(upstream_reader, writer, ends, is_answer=True)
            )
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            for end in ends:
                end.transport.abort()
            self._open -= ends
            self._tasks.discard(task)

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        ends: set[asyncio.StreamWriter],
        *,
        is_answer: bool = False,
    ) -> None:
        while data := await reader.read(65536):
            if is_answer and self.cut_answer_in > 0:
                self.cut_answer_in -= 1
                if self.cut_answer_in == 0:
                    break
            writer.write(data)
            await writer.drain()
        for end in ends:
            end.transport.abort()


@asynccontextmanager
async def proxied(url: str) -> AsyncGenerator[Proxy]:
    """Stand between a client and `url`."""
    proxy = Proxy(url)
    await proxy.start()
    yield proxy
    await proxy.stop()
