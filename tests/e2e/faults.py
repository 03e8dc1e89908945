"""A database that counts kernel calls and breaks one of them, around the real adapter."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Literal

from functions.shared.errors import Unavailable

if TYPE_CHECKING:
    from functions.shared.db.port import Answer, Caller, Database, Idempotency, Lease
    from functions.shared.jsonvalue import Json, JsonObject

# before: the call fails, nothing is committed · lost: it commits, the answer never comes · twice: it is sent twice
Fault = Literal["before", "lost", "twice"]


class Crash(BaseException):
    """The process died here."""


class WatchedDatabase:
    """Counts kernel calls by verb, and breaks the `at`-th (from 1) with `fault`: of all, or of one `verb`.

    With `is_crash` the process dies with that call: it and every later one raises Crash, and `died` is set.
    """

    def __init__(
        self, inner: Database, *, verb: str = "", at: int = 0, fault: Fault = "before", is_crash: bool = False
    ) -> None:
        self.inner = inner
        self.verb = verb
        self.at = at
        self.fault = fault
        self.is_crash = is_crash
        self.calls: list[str] = []
        self.results: list[int] = []
        self.died = asyncio.Event()

    @property
    def counts(self) -> Counter[str]:
        return Counter(self.calls)

    async def kernel(self, verb: str, payload: JsonObject) -> Json:
        if self.died.is_set():
            raise Crash
        if verb == "sweep":  # comes by the clock
            return await self.inner.kernel(verb, payload)
        self.calls.append(verb)
        if verb == "checkpoint":
            records = payload["records"]
            assert isinstance(records, list)
            self.results.append(len(records))
        number = self.calls.count(self.verb) if self.verb else len(self.calls)
        if number != self.at or self.verb not in ("", verb):
            return await self.inner.kernel(verb, payload)
        if self.fault == "before":
            raise self._error()
        await self.inner.kernel(verb, payload)
        if self.fault == "twice":
            return await self.inner.kernel(verb, payload)
        raise self._error()

    def _error(self) -> BaseException:
        if self.is_crash:
            self.died.set()
            return Crash()
        return Unavailable("the connection was lost", code="outcome_unknown")

    async def call(
        self, fn: str, payload: JsonObject, caller: Caller, *, safe: bool = False, lease: Lease | None = None
    ) -> Json:
        return await self.inner.call(fn, payload, caller, safe=safe, lease=lease)

    async def call_once(
        self, fn: str, payload: JsonObject, caller: Caller, idempotency: Idempotency, *, lease: Lease | None = None
    ) -> Answer:
        return await self.inner.call_once(fn, payload, caller, idempotency, lease=lease)

    async def public(self, verb: str, payload: JsonObject, *, safe: bool = False) -> Json:
        return await self.inner.public(verb, payload, safe=safe)

    async def ping(self) -> int:
        return await self.inner.ping()

    async def close(self) -> None:
        await self.inner.close()
