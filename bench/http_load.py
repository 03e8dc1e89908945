"""`python -m bench.http_load`: a closed loop of HTTP/1.1 requests over keep-alive connections, cheap for the machine.

Reads one JSON object from standard input: {port, connections, seconds, requests: [{method, path, headers, body}]}.
Each connection sends the next request when it has the answer to the last one. Prints {latencies_ms, seconds, sent,
client_us}: `sent` counts the requests of the warm-up too.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any, cast

HOST = "127.0.0.1"
WARM_UP_S = 0.1


def main() -> None:
    """Do what standard input asks for."""
    print(json.dumps(asyncio.run(_load(json.load(sys.stdin)))))


async def _load(task: dict[str, Any]) -> dict[str, Any]:
    requests = [_encoded(**request) for request in task["requests"]]
    loop = asyncio.get_running_loop()
    connections = task["connections"]
    clients = [
        (await loop.create_connection(lambda at=number: _Connection(requests[at::connections]), HOST, task["port"]))[1]
        for number in range(connections)
    ]
    await asyncio.gather(*(client.run(WARM_UP_S) for client in clients))
    began, used = time.perf_counter(), time.process_time()
    latencies = await asyncio.gather(*(client.run(task["seconds"]) for client in clients))
    flat = [each * 1000 for one in latencies for each in one]
    took, used = time.perf_counter() - began, time.process_time() - used
    sent = sum(client.sent for client in clients)
    return {"latencies_ms": flat, "seconds": took, "sent": sent, "client_us": used / len(flat) * 1e6}


def _encoded(method: str, path: str, headers: dict[str, str], body: Any = None) -> bytes:
    content = b"" if body is None else json.dumps(body).encode()
    named = {"Host": HOST, "Content-Type": "application/json", "Content-Length": str(len(content)), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + content


class _Connection(asyncio.Protocol):
    """One connection. An answer must have a Content-Length and a status of success."""

    def __init__(self, requests: list[bytes]) -> None:
        self._requests = requests
        self.sent = 0
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    async def run(self, seconds: float) -> list[float]:
        """Send one request after the other for so many seconds; give the latency of each, in seconds."""
        self._done = asyncio.get_running_loop().create_future()
        self._latencies: list[float] = []
        self._until = time.perf_counter() + seconds
        self._send()
        await self._done
        return self._latencies

    def _send(self) -> None:
        self._began = time.perf_counter()
        self._transport.write(self._requests[self.sent % len(self._requests)])
        self.sent += 1

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found or len(body) < _content_length(head):
            return
        self._received = b""
        now = time.perf_counter()
        self._latencies.append(now - self._began)
        if not head.startswith(b"HTTP/1.1 20"):
            self._done.set_exception(RuntimeError((head + body).decode()))
        elif now >= self._until:
            self._done.set_result(None)
        else:
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(exc or RuntimeError("the server hung up"))


def _content_length(head: bytes) -> int:
    return int(head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])


if __name__ == "__main__":
    main()
