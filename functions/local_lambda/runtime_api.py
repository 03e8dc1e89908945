"""Lambda's Runtime API for one execution environment: hands over events, takes their answers.

The protocol is AWS's: GET …/invocation/next waits for an event; POST …/{id}/response or …/{id}/error answers it;
POST /runtime/init/error says that the handler could not be loaded. https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

HOST = "127.0.0.1"
_VERSION = "/2018-06-01/runtime"
_MAX_HEAD = 2 * 1024 * 1024  # the runtime client sends the trace of an error as a header


@dataclass(frozen=True, slots=True)
class Event:
    """What one invocation is told: its body, and the headers that the runtime client reads."""

    request_id: str
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answered:
    """What the handler gave, or how it failed: `{errorType, errorMessage, stackTrace}`."""

    body: bytes
    is_error: bool = False


@dataclass(slots=True)
class RuntimeApi:
    """One environment's server. Not shared: an environment works on one event at a time."""

    init_error: dict[str, Any] | None = None
    address: str = ""
    _asks: asyncio.Event = field(default_factory=asyncio.Event)
    _events: asyncio.Queue[Event] = field(default_factory=asyncio.Queue[Event])
    _answer: asyncio.Future[Answered] | None = None
    _current: str = ""
    _server: asyncio.Server | None = None
    _serving: set[asyncio.Task[None]] = field(default_factory=set["asyncio.Task[None]"])

    async def start(self) -> None:
        """Listen on a free port of this machine."""
        self._server = await asyncio.start_server(self._serve, HOST, 0, limit=_MAX_HEAD)
        self.address = f"{HOST}:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._server is not None:
            self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def asked(self) -> None:
        """Wait until the runtime has nothing left to do and asks for its next event."""
        await self._asks.wait()

    async def hand_over(self, event: Event) -> Answered:
        """Give the waiting runtime an event; give its answer once it asks for the next."""
        self._asks.clear()
        self._current = event.request_id
        self._answer = asyncio.get_running_loop().create_future()
        self._events.put_nowait(event)
        answer = await self._answer
        await self._asks.wait()
        return answer

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  asyncio runs this in a task
        self._serving.add(task)
        try:
            while (request := await _read(reader, writer)) is not None:
                await self._reply(*request, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the process has ended; who waits for it is told by its exit
        except asyncio.CancelledError:
            pass  # the plane stops
        finally:
            self._serving.discard(task)
            with suppress(ConnectionError):
                writer.close()

    async def _reply(self, method: str, path: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        match method, path.removeprefix(_VERSION).strip("/").split("/"):
            case "GET", ["invocation", "next"]:
                self._asks.set()
                event = await self._events.get()
                await _write(writer, 200, event.body, event.headers)
                return
            case "POST", ["invocation", request_id, "response" | "error" as kind] if request_id == self._current:
                if self._answer is not None and not self._answer.done():
                    self._answer.set_result(Answered(body, is_error=kind == "error"))
                await _write(writer, 202, b'{"status":"OK"}')
                return
            case "POST", ["init", "error"]:
                self.init_error = json.loads(body or b"{}")
                await _write(writer, 202, b'{"status":"OK"}')
                return
            case _:
                problem = {"errorType": "InvalidRequestID", "errorMessage": f"{method} {path}"}
                await _write(writer, 400, json.dumps(problem).encode())


async def _read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[str, str, bytes] | None:
    """Read a request; None when the connection ends before one."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    except asyncio.IncompleteReadError:
        return None
    method, path, _ = head[0].split(" ", 2)
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return method, path, await _chunks(reader)
    return method, path, await reader.readexactly(int(headers.get("content-length") or 0))


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    parts: list[bytes] = []
    while size := int((await reader.readline()).partition(b";")[0], 16):
        parts.append(await reader.readexactly(size))
        await reader.readline()
    while (await reader.readline()).strip():
        pass
    return b"".join(parts)


async def _write(
    writer: asyncio.StreamWriter, status: int, body: bytes, headers: Mapping[str, str] | None = None
) -> None:
    # One write: in two the second waits for the first's delayed acknowledgement, 40 ms.
    lines = [f"HTTP/1.1 {status} X", "content-type: application/json", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    writer.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
    await writer.drain()
