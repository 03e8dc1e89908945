"""What tells how an execution went: its trace and its explanation."""

from uuid import UUID

from pydantic import JsonValue

from functions.executions.models import Failure, Status, WaitingFor
from functions.executions.step_models import StepStatus, Usage
from functions.shared.web import Answer, Money, Timestamp


class Span(Answer):
    """A step in the trace, with what is below it. Milliseconds; the offset counts from the execution's start."""

    path: str
    name: str
    kind: str | None
    status: StepStatus
    started_at: Timestamp | None
    ended_at: Timestamp | None
    offset_ms: float | None
    duration_ms: float | None
    attempts: int
    error: dict[str, JsonValue] | None
    usage: Usage | None
    cost_usd: Money | None
    is_cost_unknown: bool
    is_carried: bool
    children: list["Span"]


class SlowestStep(Answer):
    """The step that worked longest, and its share of the time that all steps worked."""

    path: str
    kind: str | None
    duration_ms: float
    share: float | None


class Totals(Answer):
    """Sums over all steps. Working and waiting time are sums, so parallel steps count each."""

    steps: int
    succeeded: int
    failed: int
    skipped: int
    cancelled: int
    running: int
    waiting: int
    attempts: int
    input_tokens: int
    output_tokens: int
    step_cost_usd: Money
    unknown_costs: int
    cost_usd: Money | None
    known_cost_usd: Money | None
    working_ms: float
    waiting_ms: float


class Trace(Answer):
    """How an execution went, step by step."""

    execution_id: UUID
    workflow: str
    version: int
    status: Status
    started_at: Timestamp
    ended_at: Timestamp | None
    duration_ms: float
    spans: list[Span]
    slowest: SlowestStep | None
    totals: Totals
    is_truncated: bool


class Decision(Answer):
    """Why a step ran, was skipped, repeated, failed or was cancelled. Branch on `code`."""

    path: str
    decision: str
    code: str
    message: str


class TimedStep(Answer):
    """A step and its share of the time."""

    path: str
    kind: str | None
    ms: float
    share: float


class CostDriver(Answer):
    """A step, all its items and rounds together, and what it cost."""

    path: str
    steps: int
    cost_usd: Money | None
    share: float | None
    is_cost_unknown: bool


class RepeatedStep(Answer):
    """A step that needed more than one attempt; `wasted` of them failed."""

    path: str
    attempts: int
    wasted: int
    errors: list[dict[str, JsonValue]]


class Explanation(Answer):
    """Why an execution went as it did. The critical path is the chain of steps that its length hangs on."""

    execution_id: UUID
    status: Status
    error: Failure | None
    waiting_for: list[WaitingFor]
    decisions: list[Decision]
    critical_path: list[TimedStep]
    critical_ms: float
    slowest: TimedStep | None
    cost_drivers: list[CostDriver]
    retries: list[RepeatedStep]
    is_truncated: bool
