"""Counts what a Postgres connection carries, by reading the server's side of the protocol (version 3)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

_HEADER = struct.Struct("!cI")
_DENIED = b"N"  # the answer to a request for TLS or GSS: one byte, before the first message


@dataclass(slots=True)
class Counts:
    """Totals. A statement is one that the server says it has run, `begin` and `commit` among them.

    A round trip is one "ready for query". A commit is the end of a transaction that held at least one statement.
    """

    statements: int = 0
    round_trips: int = 0
    commits: int = 0
    errors: int = 0
    bytes_in: int = 0
    bytes_out: int = 0

    def copy(self) -> Counts:
        """Give the totals of this moment."""
        return Counts(self.statements, self.round_trips, self.commits, self.errors, self.bytes_in, self.bytes_out)

    def since(self, before: Counts) -> dict[str, int]:
        """Give what has been added since `before`."""
        return {name: getattr(self, name) - getattr(before, name) for name in self.__slots__}


class ServerStream:
    """Reads what the server sends on one connection, in chunks cut anywhere, and adds it to the counts."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._rest = b""
        self._is_begun = False
        self._has_worked = False

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self._counts.bytes_out += len(chunk)
        data = self._rest + chunk
        at = 0
        while not self._is_begun and data[at : at + 1] == _DENIED:
            at += 1
        while len(data) - at >= _HEADER.size:
            kind, length = _HEADER.unpack_from(data, at)
            end = at + 1 + length
            if end > len(data):
                break
            self._is_begun = True
            self._take(kind, data[at + _HEADER.size : end])
            at = end
        self._rest = data[at:]

    def _take(self, kind: bytes, body: bytes) -> None:
        counts = self._counts
        match kind:
            case b"C" | b"I" | b"s":  # completed, an empty query, or as many rows as were asked for
                counts.statements += 1
                self._complete(body.rstrip(b"\0"))
            case b"Z":
                counts.round_trips += 1
                if body == b"I" and self._has_worked:
                    self._commit()
            case b"E":
                counts.errors += 1
                self._has_worked = False
            case _:
                pass

    def _complete(self, tag: bytes) -> None:
        if tag == b"COMMIT":
            self._commit()
        elif tag == b"ROLLBACK":
            self._has_worked = False
        elif tag != b"BEGIN":
            self._has_worked = True

    def _commit(self) -> None:
        self._counts.commits += 1
        self._has_worked = False
