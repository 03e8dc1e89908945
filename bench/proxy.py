"""A TCP proxy on loopback that adds a round trip's delay and counts what passes.

Threads and `time.sleep`, because an event loop's timers are only good to a millisecond.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, Self

from bench.wire import Counts, ServerStream

if TYPE_CHECKING:
    from collections.abc import Callable

HOST = "127.0.0.1"
CHUNK = 65_536


class Proxy:
    """Forwards connections to a port of this machine. `round_trip_s` may be changed at any time.

    The whole delay is put on the way back: whoever waits for an answer cannot tell the difference.
    """

    def __init__(self, target_port: int, *, round_trip_s: float = 0.0) -> None:
        self.round_trip_s = round_trip_s
        self.counts = Counts()
        self._target_port = target_port
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server((HOST, 0))
        self.port = int(self._listener.getsockname()[1])

    def __enter__(self) -> Self:
        _thread(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        for one in (self._listener, *self._open):
            _shut(one)

    def _accept(self) -> None:
        with suppress(OSError):  # the listener was closed
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection((HOST, self._target_port))
                except OSError:
                    client.close()
                    continue
                for one in (client, server):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self._open.add(one)
                stream = ServerStream(self.counts)
                _thread(lambda a=client, b=server: self._forward(a, b, self._count_in))
                _thread(lambda a=server, b=client, s=stream: self._forward_later(a, b, s.feed))

    def _count_in(self, chunk: bytes) -> None:
        self.counts.bytes_in += len(chunk)

    def _forward(self, source: socket.socket, target: socket.socket, count: Callable[[bytes], None]) -> None:
        with suppress(OSError):
            while chunk := source.recv(CHUNK):
                with self._lock:
                    count(chunk)
                target.sendall(chunk)
        self._end(source, target)

    def _forward_later(self, source: socket.socket, target: socket.socket, count: Callable[[bytes], None]) -> None:
        """Read at once and send when it is due, so that chunks behind each other wait together, not in turn."""
        due: SimpleQueue[tuple[float, bytes]] = SimpleQueue()
        _thread(lambda: self._send_when_due(due, source, target))
        with suppress(OSError):
            while chunk := source.recv(CHUNK):
                arrived = time.perf_counter()
                with self._lock:
                    count(chunk)
                due.put((arrived + self.round_trip_s, chunk))
        due.put((0.0, b""))

    def _send_when_due(
        self, due: SimpleQueue[tuple[float, bytes]], source: socket.socket, target: socket.socket
    ) -> None:
        with suppress(OSError):
            while True:
                when, chunk = due.get()
                if not chunk:
                    break
                if (left := when - time.perf_counter()) > 0:
                    time.sleep(left)
                target.sendall(chunk)
        self._end(source, target)

    def _end(self, *ends: socket.socket) -> None:
        for one in ends:
            self._open.discard(one)
            _shut(one)


def _thread(work: Callable[[], None]) -> None:
    threading.Thread(target=work, daemon=True).start()


def _shut(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
