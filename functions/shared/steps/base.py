"""What a step handler gets and gives. Handlers know nothing of plans, leases or the database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, Protocol, TypeAlias

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


@dataclass(eq=False)
class NeedsPerson(Exception):
    """A person must answer before the step goes on; raised by a handler, or by the guard before it.

    The engine opens an approval at the step's path, parks, and calls the handler again with the answer in
    `context.answers`; the attempt is the same one. Raise it before anything has happened outside: what came before it
    in the handler is done again, unless its fruit is in `kept`, which comes back with the answer.
    `outcomes`: what may be decided. `on_timeout`: one of them, or `fail`. `rules`: what else the approval says
    (quorum, assignees). `usage`: what the handler has used up to here.
    """

    reason: str
    show: Json = None
    form: JsonObject = field(default_factory=dict[str, Json])
    outcomes: Sequence[str] = ("approve", "reject")
    kind: Literal["policy", "approval"] = "approval"
    timeout_s: float | None = None
    on_timeout: str = "fail"
    kept: Json = None
    rules: JsonObject = field(default_factory=dict[str, Json])
    usage: Usage | None = None

    def __post_init__(self) -> None:
        super().__init__(self.reason)
        if not self.outcomes or self.on_timeout not in (*self.outcomes, "fail"):
            raise ValueError(f"on_timeout must be fail or one of the outcomes {list(self.outcomes)}")


@dataclass(frozen=True, slots=True)
class PersonAnswer:
    """What came of a NeedsPerson. `kind` and `kept` are the question's; nobody decided what timed out."""

    kind: str
    outcome: str
    form: JsonObject
    decided_by: Json
    kept: Json = None


class Effects(Protocol):
    """State and events of the execution's organisation, each exactly once by its key."""

    async def act(self, verb: str, payload: JsonObject, *, idempotency_key: str) -> Json: ...


CheckHost: TypeAlias = Callable[[str, int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class HttpPolicy:
    """Where http steps and tools may go, and how much they may take.

    `allow_private`: hosts or host:port in private ranges that are reachable all the same, in any case.
    `resolve` gives the addresses of a host and port; None is the system's resolver.
    `check_host` is asked before each request, also of a redirect, and raises StepFailed; None allows every host.
    """

    allow_private: frozenset[str] = frozenset()
    max_bytes: int = 5_000_000
    max_redirects: int = 5
    resolve: Resolver | None = None
    check_host: CheckHost | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose step it is: what policies and budgets are about. `agent`: the name of the one that the execution is for."""

    org_id: str
    execution_id: str
    frame: str
    epoch: int
    gen: int
    workflow: str
    workflow_id: str
    agent_id: str | None = None
    agent: str | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """What surrounds one attempt. `secrets` raises StepFailed `secret_missing` for a name that is not there.

    `answers`: to what this step has asked people, the latest last. `private`: values that nothing may show, by name.
    """

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
    answers: Sequence[PersonAnswer] = ()
    origin: Origin | None = None
    private: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def answer(self) -> PersonAnswer | None:
        """The answer to what this step's handler has asked last."""
        return self.answer_to("approval")

    def answer_to(self, kind: str) -> PersonAnswer | None:
        """Give the answer to the last question of a kind; a guard's are of kind `policy`."""
        return next((answer for answer in reversed(self.answers) if answer.kind == kind), None)


class Guard(Protocol):
    """Is asked before each attempt of each step. Raises StepFailed to refuse it, NeedsPerson to have it decided.

    What a person has decided about it is `context.answer_to("policy")`. Its time is not the step's.
    """

    async def check(self, kind: str, config: JsonObject, context: Context) -> None: ...

    async def check_host(self, host: str, port: int, origin: Origin, answers: Sequence[PersonAnswer]) -> None:
        """Is asked about each host of a request, redirects' too. `answers`: to this step's questions."""
        ...


class Handler(Protocol):
    """Does one attempt of a step. `config` is the step's spec with every template rendered.

    Raises StepFailed, or NeedsPerson.
    """

    async def __call__(self, config: JsonObject, context: Context) -> Done: ...
