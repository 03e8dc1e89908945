"""A database port that breaks one call: it fails, its answer is lost, it comes twice, or the process dies with it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NoReturn, TypeAlias

from functions.shared.errors import Unavailable

if TYPE_CHECKING:
    from functions.shared.db.port import Answer, Caller, Database, Idempotency, Lease
    from functions.shared.jsonvalue import Json, JsonObject

FaultKind: TypeAlias = Literal["fails", "lost", "twice", "dies_before", "dies_after", "dies_inside"]


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens at the `at`-th call (from 1).

    fails        the call does not reach the database        lost         it commits, its answer does not come
    twice        it is sent twice                            dies_before  the process dies instead of sending it
    dies_after   the process dies when it has committed      dies_inside  it dies in the `at`-th step, after its effect
    """

    kind: FaultKind
    at: int


class FaultyDatabase:
    """Passes calls on, counts those of the kernel, and breaks one of them. `died`: nothing goes through any more.

    A dead process makes no progress: its calls never return. Whoever simulates it has to cancel what waits for them.
    """

    def __init__(self, inner: Database, fault: Fault | None = None) -> None:
        self.inner = inner
        self.fault = fault
        self.calls: list[str] = []
        self.died = asyncio.Event()
        self.has_struck = False

    async def kernel(self, verb: str, payload: JsonObject) -> Json:
        if self.died.is_set():
            await self.die()
        self.calls.append(verb)
        fault = self.fault
        if fault is None or fault.kind == "dies_inside" or len(self.calls) != fault.at:
            return await self.inner.kernel(verb, payload)
        self.has_struck = True
        if fault.kind == "dies_before":
            await self.die()
        if fault.kind == "fails":
            raise Unavailable("The connection was refused.")
        answer = await self.inner.kernel(verb, payload)
        if fault.kind == "dies_after":
            await self.die()
        if fault.kind == "lost":
            raise Unavailable("The connection was lost.", code="outcome_unknown")
        return await self.inner.kernel(verb, payload) if fault.kind == "twice" else answer

    async def die(self) -> NoReturn:
        """End the simulated process here."""
        self.has_struck = True
        self.died.set()
        while True:
            await asyncio.Event().wait()

    def revive(self) -> None:
        """Stand for the process that comes after; it meets no fault."""
        self.fault = None
        self.died = asyncio.Event()

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
