"""The world outside for steps: an HTTP server that counts what it is asked and keeps somebody waiting when told to."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field


@dataclass(slots=True)
class Desk:
    """`calls` by path, `keys` the Idempotency-Keys that came with them. A path in `closed` waits until it is opened."""

    calls: Counter[str] = field(default_factory=Counter[str])
    keys: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict[str, set[str]](set))
    url: str = ""
    _closed: dict[str, asyncio.Event] = field(default_factory=dict[str, asyncio.Event])
    _came: asyncio.Condition = field(default_factory=asyncio.Condition)
    _server: asyncio.Server | None = None

    async def start(self) -> Desk:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def stop(self) -> None:
        for path in list(self._closed):
            self.open(path)
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    def close(self, path: str) -> None:
        """Answer no more there, for now."""
        self._closed[path] = asyncio.Event()

    def open(self, path: str) -> None:
        """Answer again, who waits too."""
        self._closed.pop(path).set()

    async def asked(self, path: str, times: int = 1) -> None:
        """Wait until so many have come there."""
        async with self._came, asyncio.timeout(20):
            await self._came.wait_for(lambda: self.calls[path] >= times)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            path = head[0].split()[1]
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            await reader.readexactly(int(headers.get("content-length", 0)))
            async with self._came:
                self.calls[path] += 1
                self.keys[path].add(headers.get("idempotency-key", ""))
                self._came.notify_all()
            if path in self._closed:
                await self._closed[path].wait()
            body = json.dumps({"path": path, "call": self.calls[path]}).encode()
            lines = ["HTTP/1.1 200 OK", "content-type: application/json", f"content-length: {len(body)}"]
            writer.write("\r\n".join([*lines, "connection: close", "", ""]).encode() + body)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # who asked was killed, as planned
        finally:
            writer.close()
