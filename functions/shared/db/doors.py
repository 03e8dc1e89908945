"""The port over any way to send one call: which doors there are, and what is repeated when."""

from __future__ import annotations

import asyncio
import random
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, cast

from functions.shared.auth.keys import hash_key
from functions.shared.db.failures import (
    LOCK_TIMEOUT,
    ROLLED_BACK,
    AnswerLost,
    NotSent,
    Refused,
    busy,
    outcome_unknown,
    to_plane_error,
    unavailable,
)
from functions.shared.db.port import Answer, ApiKey, Caller, Idempotency, Lease, Person
from functions.shared.db.schema_version import schema_version_of
from functions.shared.db.together import GROUPED, Together
from functions.shared.errors import Conflict, Forbidden, Unauthenticated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.shared.jsonvalue import Json, JsonObject

# Tries of one call. A call that was undone after many seconds is not begun again when this much time has passed.
UNDONE_TRIES = 3
LOST_TRIES = 4
BEGIN_AGAIN_WITHIN_S = 10.0
FIRST_PAUSE_S = 0.1


class Doors(ABC):
    """The doors of the gateway. An adapter says how one call is sent; this says what that means."""

    def __init__(self, runner_key: str | None, peppers: Sequence[str] = ("",)) -> None:
        self._runner_key_hash = hash_key(runner_key, peppers) if runner_key else None
        self._together = Together(self._kernel_alone, self._kernel_together)

    @abstractmethod
    async def send(self, door: str, arguments: JsonObject, *, token: str | None = None) -> Json:
        """Call `api.<door>` once with named arguments. Raises NotSent, AnswerLost or Refused.

        `token`: whose access token goes with it, where the database's own front verifies it.
        """

    @abstractmethod
    def door_of(self, person: Person) -> tuple[str, JsonObject]:
        """Give the door that lets a person in, and the arguments that say who it is."""

    async def call(
        self, fn: str, payload: JsonObject, caller: Caller, *, safe: bool = False, lease: Lease | None = None
    ) -> Json:
        if lease is None:
            return await self._call(caller, {"fn": fn, "payload": payload}, safe=safe)
        return (await self._lease(caller, {"fn": fn, "payload": payload}, lease, safe=safe))["answer"]

    async def call_once(
        self, fn: str, payload: JsonObject, caller: Caller, idempotency: Idempotency, *, lease: Lease | None = None
    ) -> Answer:
        arguments: JsonObject = {
            "fn": fn,
            "payload": payload,
            "idempotency": {"key": idempotency.key, "fingerprint": idempotency.fingerprint},
        }
        if lease is not None:
            answer = await self._lease(caller, arguments, lease, safe=True)
        else:
            answer = cast("JsonObject", await self._call(caller, arguments, safe=True))
        return Answer(answer["answer"], replayed=bool(answer["replayed"]))

    async def public(self, verb: str, payload: JsonObject, *, safe: bool = False) -> Json:
        return await self._open("call_public", {"verb": verb, "payload": payload}, safe=safe)

    async def kernel(self, verb: str, payload: JsonObject) -> Json:
        if self._runner_key_hash is None:
            raise Forbidden(
                "This function may not move executions: it has no runner key.",
                code="no_runner_key",
                hint="Set AGENTPLANE_RUNNER_KEY for the runner and the sweeper.",
            )
        if verb in GROUPED:
            return await self._together.call(verb, payload)
        return await self._kernel_alone(verb, payload)

    async def ping(self) -> int:
        try:
            return schema_version_of(await self.send("ping", {}))
        except (NotSent, AnswerLost, Refused) as error:
            raise unavailable(error) from error

    async def close(self) -> None:
        await self._together.close()

    async def _call(self, caller: Caller, arguments: JsonObject, *, safe: bool) -> Json:
        if isinstance(caller, ApiKey):
            return await self._call_with_key(caller, {"key_hash": caller.key_hash, **arguments}, safe=safe)
        door, who = self.door_of(caller)
        return await self._open(door, {**who, **arguments}, safe=safe, token=caller.token)

    async def _call_with_key(self, caller: ApiKey, arguments: JsonObject, *, safe: bool) -> Json:
        """Call; when the key turns out to ask for signatures, verify the request's, and call again."""
        seal = caller.seal
        if seal is not None and seal.signed_by is not None:
            arguments["signed_by"] = seal.signed_by
        try:
            return await self._open("call_with_key", arguments, safe=safe)
        except Unauthenticated as refused:
            signing_key = refused.extra.pop("signing_key", None)  # no caller's business
            if seal is None or not isinstance(signing_key, str) or signing_key == seal.signed_by:
                raise
            seal.verify(signing_key)
            return await self._open("call_with_key", {**arguments, "signed_by": signing_key}, safe=safe)

    async def _lease(self, caller: Caller, arguments: JsonObject, lease: Lease, *, safe: bool) -> JsonObject:
        answer = cast("JsonObject", await self._call(caller, {**arguments, "lease": lease.asked}, safe=safe))
        lease.given = cast("JsonObject", answer["lease"] or {})
        return answer

    async def _kernel_alone(self, verb: str, payload: JsonObject) -> Json:
        arguments: JsonObject = {"key_hash": self._runner_key_hash, "verb": verb, "payload": payload}
        return await self._open("kernel_with_key", arguments, safe=True)

    async def _kernel_together(self, payload: JsonObject) -> Json:
        arguments: JsonObject = {"key_hash": self._runner_key_hash, "verb": "move_together", "payload": payload}
        return await self.send("kernel_with_key", arguments)

    async def _open(self, door: str, arguments: JsonObject, *, safe: bool, token: str | None = None) -> Json:
        """Send it until there is an answer, an error that repeating cannot change, or no more patience."""
        begun, attempt = time.monotonic(), 0
        while True:
            attempt += 1
            try:
                return await self.send(door, arguments, token=token)
            except Refused as refused:
                if refused.code not in ROLLED_BACK:
                    raise to_plane_error(refused) from refused
                if attempt >= UNDONE_TRIES or time.monotonic() - begun > BEGIN_AGAIN_WITHIN_S:
                    raise _gave_up(refused, arguments) from refused
            except NotSent as error:
                if attempt >= LOST_TRIES or time.monotonic() - begun > BEGIN_AGAIN_WITHIN_S:
                    raise unavailable(error) from error
            except AnswerLost as error:
                if not safe:
                    raise outcome_unknown(error) from error
                if attempt >= LOST_TRIES or time.monotonic() - begun > BEGIN_AGAIN_WITHIN_S:
                    raise unavailable(error) from error
            await asyncio.sleep(FIRST_PAUSE_S * 2 ** (attempt - 1) * random.uniform(0.5, 1.0))  # noqa: S311  jitter


def _gave_up(refused: Refused, arguments: JsonObject) -> Exception:
    if refused.code == LOCK_TIMEOUT and "idempotency" in arguments:
        return Conflict(
            "A request with this Idempotency-Key is still being worked on.",
            code="idempotency_in_progress",
            hint="Repeat it after the given seconds: the answer will be the same.",
            retry_after=1.0,
        )
    return busy(refused)
