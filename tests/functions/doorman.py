"""Stands before the simulator of model providers, which forgets keys, and knows which one each call came with."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

import httpx

if TYPE_CHECKING:
    from functions.shared.simulator import Simulator


class Doorman:
    """`came`: the path and the Authorization of each call, in order."""

    def __init__(self, simulator: Simulator) -> None:
        self.came: list[tuple[str, str]] = []
        self.url = ""
        self._simulator = simulator

    def keys(self) -> list[str]:
        """Give the keys of the calls since the last time."""
        keys = [authorization.removeprefix("Bearer ") for _, authorization in self.came]
        self.came.clear()
        return keys

    async def __aenter__(self) -> Self:
        self._http = httpx.AsyncClient(base_url=self._simulator.url, trust_env=False)
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._http.aclose()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, path, _ = first.split(" ", 2)
            headers = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)
            }
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            self.came.append((path, headers.get("authorization", "")))
            answer = await self._http.request(
                method, path, content=body, headers={"content-type": headers.get("content-type", "")}
            )
            head = (
                f"HTTP/1.1 {answer.status_code} {answer.reason_phrase}\r\n"
                f"content-type: {answer.headers['content-type']}\r\ncontent-length: {len(answer.content)}\r\n"
                "connection: close\r\n\r\n"
            )
            writer.write(head.encode() + answer.content)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
