"""The database port: one call, one function of schema `api`, one transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from functions.shared.jsonvalue import Json, JsonObject


class Seal(Protocol):
    """The signature that came with a request. `signed_by`: the public key that it was verified by; None: not yet."""

    signed_by: str | None

    def verify(self, signing_key: str) -> None:
        """Verify it by a key's public key. Raises Unauthenticated `signature_invalid`."""
        ...


@dataclass(frozen=True, slots=True)
class ApiKey:
    """Who calls: what was made of the presented key (`functions.shared.auth.keys.hash_key`).

    `seal`: the request's signature. Only keys that were made with a public key ask for one.
    """

    key_hash: str
    seal: Seal | None = field(default=None, compare=False)  # it is the request's: a caller is a key of caches


@dataclass(frozen=True, slots=True)
class Person:
    """Who calls: somebody with an access token, and its claims, which were verified. `organisation`: its id or name.

    Without one they mean the only organisation that they are a member of.
    """

    token: str
    claims: JsonObject = field(compare=False)  # they are the token's: a caller is a key of caches
    organisation: str | None = None


Caller: TypeAlias = ApiKey | Person


@dataclass(frozen=True, slots=True)
class Idempotency:
    """An Idempotency-Key, and the hex sha256 of method, path and canonical body that it stands for."""

    key: str
    fingerprint: str


@dataclass(slots=True)
class Lease:
    """Requests that a call takes from its caller's buckets on the way: what is asked, and what the database gave.

    `pays_first`: so much is owed that a call of its own must pay for it before anything else is done.
    """

    asked: JsonObject
    given: JsonObject | None = None
    pays_first: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What a verb answered; `replayed` when it had been done before under the same key."""

    value: Json
    replayed: bool = False


class Database(Protocol):
    """Calls verbs. Raises the tree of `errors.py`: what SQL raised as `PT<status>`, or Unavailable, or Internal."""

    async def call(
        self, fn: str, payload: JsonObject, caller: Caller, *, safe: bool = False, lease: Lease | None = None
    ) -> Json:
        """Call `api.<fn>(payload)` as the key's owner, or as a member. `safe`: may be repeated when lost.

        `lease` gets what the database gave of it. Raises RateLimited when there is nothing to give.
        """
        ...

    async def call_once(
        self, fn: str, payload: JsonObject, caller: Caller, idempotency: Idempotency, *, lease: Lease | None = None
    ) -> Answer:
        """Call it at most once for this Idempotency-Key; always safe to repeat."""
        ...

    async def public(self, verb: str, payload: JsonObject, *, safe: bool = False) -> Json:
        """Call what a secret in the payload is enough for, without being anybody."""
        ...

    async def kernel(self, verb: str, payload: JsonObject) -> Json:
        """Call a kernel verb with the runner's key; always safe to repeat."""
        ...

    async def ping(self) -> int:
        """Give the number of the database's schema when it answers. Raises Unavailable."""
        ...

    async def close(self) -> None:
        """Give all connections back."""
        ...
