"""What a step handler gets and gives. Handlers know nothing of plans, leases or the database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol, TypeAlias

from functions.shared.jsonvalue import Json, JsonObject

Resolver: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Usage:
    """What model calls took. Without a known price `cost_usd` is None and `is_cost_unknown` true; never a false 0."""

    model: str
    provider: str
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal | None
    is_cost_unknown: bool
    calls: int = 1


@dataclass(frozen=True, slots=True)
class Done:
    """A finished step. `details` are for the trace: numbers and names, no secrets, no prompt text."""

    output: Json
    usage: Usage | None = None
    details: JsonObject = field(default_factory=dict[str, Json])


@dataclass(eq=False)
class StepFailed(Exception):
    """The step did not succeed. `retryable`: trying again may help; `retry_after`: the seconds that were asked for."""

    code: str
    message: str
    retryable: bool = False
    retry_after: float | None = None
    details: JsonObject = field(default_factory=dict[str, Json])
    usage: Usage | None = None

    def __post_init__(self) -> None:
        super().__init__(f"{self.code}: {self.message}")


class Effects(Protocol):
    """State and events of the execution's organisation, each exactly once by its key."""

    async def act(self, verb: str, payload: JsonObject, *, idempotency_key: str) -> Json: ...


@dataclass(frozen=True, slots=True)
class HttpPolicy:
    """Where http steps and tools may go, and how much they may take.

    `allow_private`: hosts or host:port in private ranges that are reachable all the same, in any case.
    `resolve` gives the addresses of a host and port; None is the system's resolver.
    """

    allow_private: frozenset[str] = frozenset()
    max_bytes: int = 5_000_000
    max_redirects: int = 5
    resolve: Resolver | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """What surrounds one attempt. `secrets` raises StepFailed `secret_missing` for a name that is not there."""

    execution_id: str
    path: str
    attempt: int
    idempotency_key: str
    models: Mapping[str, str]
    secrets: Callable[[str], str]
    timeout_s: float
    budget_usd: Decimal | None
    effects: Effects
    http: HttpPolicy
    environment: Mapping[str, str]


class Handler(Protocol):
    """Does one attempt of a step. `config` is the step's spec with every template rendered. Raises StepFailed."""

    async def __call__(self, config: JsonObject, context: Context) -> Done: ...
