"""The database as one caller sees it: what routes and typed verbs use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from functions.shared.db.port import Caller, Database, Idempotency, Lease
    from functions.shared.jsonvalue import Json, JsonObject


@dataclass(slots=True)
class CallerDb:
    """Calls verbs of schema `api` as one caller. A write of a request with an Idempotency-Key happens once."""

    database: Database
    caller: Caller
    idempotency: Idempotency | None = None
    is_replayed: bool = False
    lease: Lease | None = None  # goes with the first call
    is_asked: bool = False  # the database has seen this caller: it would have refused one that may not call the route

    async def admit(self, scope: str) -> None:
        """Let only a key or a member with this scope pass, before anything is told or computed. Asks at most once."""
        if not self.is_asked:
            await self._call("check_access", {"scope": scope})

    async def admit_user(self) -> None:
        """Let only a person who has signed in pass, member of an organisation or not. Asks at most once."""
        if not self.is_asked:
            await self._call("check_sign_in", {})

    async def read(self, fn: str, payload: JsonObject) -> Json:
        """Call a verb that changes nothing; it may be repeated when its answer was lost."""
        return await self._call(fn, payload)

    async def write(self, fn: str, payload: JsonObject, *, safe: bool = False) -> Json:
        """Call a verb that changes something. `safe`: doing it twice is the same as doing it once.

        Raises Unavailable with code `outcome_unknown` when the answer was lost and the call was neither safe nor keyed.
        """
        if self.idempotency is None:
            return await self._call(fn, payload, safe=safe)
        answer = await self.database.call_once(
            fn, payload, self.caller, self.idempotency, lease=await self._take_lease()
        )
        self.is_replayed = answer.replayed
        return answer.value

    async def compute(self, scope: str, make: Callable[[], Awaitable[Json]]) -> Json:
        """Answer a POST that only computes: the scope is checked first.

        A repeated key gets the first answer, and nothing is computed for it.
        """
        if self.idempotency is None:
            await self.admit(scope)
            return await make()
        sent: JsonObject = {"key": self.idempotency.key, "fingerprint": self.idempotency.fingerprint}
        kept = await self._call("check_access", {"scope": scope, "kept": sent})
        if isinstance(kept, dict):
            self.is_replayed = True
            return kept["answer"]
        value = await make()
        return await self.write("check_access", {"scope": scope, "answer": value})

    async def _call(self, fn: str, payload: JsonObject, *, safe: bool = True) -> Json:
        return await self.database.call(fn, payload, self.caller, safe=safe, lease=await self._take_lease())

    async def _take_lease(self) -> Lease | None:
        """Give the lease to the first call, or take it before, because a call that is refused pays for nothing."""
        self.is_asked = True
        lease, self.lease = self.lease, None
        if lease is not None and lease.pays_first:
            await self.database.call("check_access", {"scope": ""}, self.caller, safe=True, lease=lease)
            return None
        return lease
