"""An HTTP service on loopback that counts what it was asked, by Idempotency-Key."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit


@dataclass
class CountingServer:
    """Answers `GET|POST /anything?delay=<seconds>&status=<code>&fail=<times>` with `{"path", "count"}`.

    `fail`: the first so many requests of a path get 503. `answers` has other bodies by path.
    `calls` counts by path, `keys` by Idempotency-Key; `on_request` is told path and headers of each.
    """

    answers: dict[str, Any] = field(default_factory=dict)
    on_request: Callable[[str, Mapping[str, str]], None] | None = None
    calls: Counter[str] = field(default_factory=Counter)
    keys: Counter[str] = field(default_factory=Counter)
    attempts: list[tuple[str, str]] = field(default_factory=list)
    active: int = 0
    most_active: int = 0
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def host(self) -> str:
        assert self._server is not None
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while await self._answer(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        await reader.readexactly(int(headers.get("content-length", 0)))
        target = urlsplit(lines[0].split()[1])
        query = {name: values[0] for name, values in parse_qs(target.query).items()}
        key = headers.get("idempotency-key", "")
        self.calls[target.path] += 1
        self.keys[key] += 1
        self.attempts.append((target.path, key))
        if self.on_request is not None:
            self.on_request(target.path, headers)
        self.active += 1
        self.most_active = max(self.most_active, self.active)
        try:
            await asyncio.sleep(float(query.get("delay", 0)))
        finally:
            self.active -= 1
        status = int(query.get("status", 200))
        if self.calls[target.path] <= int(query.get("fail", 0)):
            status = 503
        answer = self.answers.get(target.path, {"path": target.path, "count": self.calls[target.path]})
        body = json.dumps(answer).encode()
        writer.write(
            f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode()
            + body
        )
        await writer.drain()
        return headers.get("connection", "").lower() != "close"
