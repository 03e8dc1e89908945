"""Doorbells between processes: datagrams that get lost, come several times, and reach the wrong one."""

from __future__ import annotations

import asyncio
import json
import random
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from functions.shared.jsonvalue import JsonObject

SUFFIX = ".bell"


@dataclass(frozen=True)
class UnsureDoorbell:
    """Rings at random workers of `folder`, those that are dead or frozen included.

    `lost`: the share of doorbells that nobody gets. `times`: how often each of the others is rung.
    """

    folder: Path
    chance: random.Random
    lost: float = 0.0
    times: int = 1

    async def ring(self, due: Sequence[JsonObject]) -> None:
        ears = sorted(self.folder.glob(f"*{SUFFIX}"))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            for message in due:
                if not ears or self.chance.random() < self.lost:
                    continue
                for _ in range(self.times):
                    # Nobody listens there any more, or it is frozen and its buffer is full: lost, as can happen.
                    with suppress(OSError):
                        sender.sendto(json.dumps(message).encode(), str(self.chance.choice(ears)))


class _Ear(asyncio.DatagramProtocol):
    def __init__(self, heard: Callable[[JsonObject], None]) -> None:
        self._heard = heard

    def datagram_received(self, data: bytes, addr: object) -> None:
        del addr
        self._heard(json.loads(data))


async def listen(folder: Path, name: str, heard: Callable[[JsonObject], None]) -> asyncio.DatagramTransport:
    """Hear the doorbells that are sent to this worker, until the transport is closed or the process dies."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind(str(folder / f"{name}{SUFFIX}"))
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: _Ear(heard), sock=sock)
    return transport
