"""What the routes of executions take and give."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

from pydantic import AfterValidator, AliasChoices, AwareDatetime, Field, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from functions.shared.web import Answer, Body, Money, Timestamp

Mode: TypeAlias = Literal["engine", "external"]
Status: TypeAlias = Literal["queued", "running", "waiting", "succeeded", "failed", "cancelled", "timed_out"]
FIRST_YEAR, LAST_YEAR = 1969, 3000

# With the words of the first AgentPlane.
SaidStatus: TypeAlias = Literal[
    "queued", "running", "waiting", "succeeded", "failed", "cancelled", "timed_out", "pending", "completed"
]
StepStatus: TypeAlias = Literal["waiting", "running", "succeeded", "failed", "skipped", "cancelled"]
Path: TypeAlias = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\x00-\x1f]*\S[^\x00-\x1f]*$")]
ModelName: TypeAlias = Annotated[str | None, Field(max_length=200)]
Tokens: TypeAlias = Annotated[int | None, Field(ge=0, le=2**53)]

FORMER_STATUS = {"pending": "queued", "completed": "succeeded"}


def _rounded(value: Decimal) -> Decimal:
    return value.quantize(Decimal("1E-9"))


def _in_our_time(value: datetime) -> datetime:
    if not FIRST_YEAR < value.year < LAST_YEAR:
        raise PydanticCustomError("out_of_range", "the year must be between 1970 and 2999")
    return value


Moment: TypeAlias = Annotated[AwareDatetime, AfterValidator(_in_our_time)]
Cost: TypeAlias = Annotated[
    Decimal, Field(ge=0, lt=1_000_000_000, description="US dollars, as a number or a string."), AfterValidator(_rounded)
]


class StartExecution(Body):
    """Which workflow to execute, and on what: its newest version unless told."""

    workflow: Annotated[
        str | None, Field(max_length=200, validation_alias=AliasChoices("workflow", "workflow_name"))
    ] = None
    workflow_id: Annotated[UUID | None, Field(description="The id of a workflow, or of one of its versions.")] = None
    version: Annotated[int | None, Field(ge=1, le=2**31 - 1)] = None
    input: Annotated[
        dict[str, JsonValue],
        Field(default_factory=dict[str, JsonValue], validation_alias=AliasChoices("input", "input_data")),
    ]
    agent_id: Annotated[
        UUID | None,
        Field(
            description="The agent that this is for, or that executes it.",
            validation_alias=AliasChoices("agent_id", "executed_by_agent_id"),
        ),
    ] = None
    executed_with_model: Annotated[ModelName, Field(validation_alias=AliasChoices("executed_with_model", "model"))] = (
        None
    )
    mode: Annotated[
        Mode | None,
        Field(description="external: an agent does it and reports. Left out: engine for yaml, external for markdown."),
    ] = None
    callback_url: Annotated[
        str | None, Field(description="Not available yet; follow with `Prefer: wait` or events.")
    ] = None

    @model_validator(mode="after")
    def names_one(self) -> "StartExecution":
        if (self.workflow is None) == (self.workflow_id is None):
            raise PydanticCustomError("not_one", "name the workflow by exactly one of workflow and workflow_id")
        return self


class UpdateExecution(Body):
    """How an external execution goes or ended. `completed` is stored as succeeded."""

    status: Literal["running", "succeeded", "completed", "failed", "cancelled"]
    output_data: Annotated[JsonValue, Field(validation_alias=AliasChoices("output_data", "output"))] = None
    error_message: Annotated[str | None, Field(max_length=10_000)] = None
    cost_estimate: Annotated[Cost | None, Field(validation_alias=AliasChoices("cost_estimate", "cost_usd"))] = None
    agent_id: UUID | None = None

    @property
    def report(self) -> dict[str, Any]:
        """Give only what was sent, in the plane's own words."""
        fields: dict[str, Any] = {"status": FORMER_STATUS.get(self.status, self.status)}
        if "output_data" in self.model_fields_set:
            fields["output"] = self.output_data
        if self.error_message is not None:
            fields["error"] = {"code": "reported", "message": self.error_message}
        if self.cost_estimate is not None:
            fields["cost_usd"] = str(self.cost_estimate)
        if self.agent_id is not None:
            fields["agent_id"] = str(self.agent_id)
        return fields


class Usage(Answer):
    """What model calls used; null where it is not known."""

    model: str | None = None
    provider: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


class ReportedUsage(Body):
    """What model calls of a step used."""

    model: ModelName = None
    provider: ModelName = None
    input_tokens: Tokens = None
    output_tokens: Tokens = None


class ReportedError(Body, extra="allow"):
    """Why a step failed; more members are kept."""

    code: Annotated[str, Field(min_length=1, max_length=100)] = "reported"
    message: Annotated[str, Field(max_length=10_000)]


class ReportStep(Body):
    """A step that an agent began or ended. Repetitions need paths of their own: `send[1]`."""

    path: Annotated[Path, Field(validation_alias=AliasChoices("path", "name"))]
    kind: Annotated[str, Field(min_length=1, max_length=60)] = "external"
    status: Literal["running", "succeeded", "completed", "failed", "skipped", "cancelled"]
    output: JsonValue = None
    error: Annotated[
        Annotated[str, Field(max_length=10_000)] | ReportedError | None,
        Field(description="A message, or {code, message}."),
    ] = None
    attempts: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    started_at: Moment | None = None
    ended_at: Moment | None = None
    usage: ReportedUsage | None = None
    cost_usd: Annotated[Cost | None, Field(description="Left out with usage: unknown, not 0.")] = None

    @model_validator(mode="after")
    def ends_after_its_start(self) -> "ReportStep":
        if self.started_at and self.ended_at and self.ended_at < self.started_at:
            raise PydanticCustomError("out_of_range", "ended_at is before started_at")
        return self


class SendSignal(Body):
    """An event for this execution, or the answer to what it waits for."""

    name: Annotated[
        str, Field(min_length=1, max_length=300, description="The event's name, the path of an approval, or `budget`.")
    ]
    payload: Annotated[
        JsonValue,
        Field(
            description="An event: anything. An approval: `{outcome, form?, comment?}`. `budget`: `{outcome, form?}`."
        ),
    ] = None


class RetryExecution(Body):
    """What to run again besides what did not succeed."""

    from_path: Annotated[
        Path | None, Field(validation_alias="from", description="This step and what depends on it run again too.")
    ] = None


class Nothing(Body):
    """Nothing needs to be said."""


class WaitingFor(Answer, extra="allow"):
    """Something that an execution waits for. An approval also shows `message`, `show`, `form` and `outcomes`."""

    path: str
    kind: str
    name: str
    until: Timestamp | None
    opened_at: Timestamp


class Failure(Answer, extra="allow"):
    """Why it failed."""

    code: str | None = None
    message: str | None = None
    path: str | None = None


class Execution(Answer):
    """One run of one workflow version. Money is null while it is unknown; `known_cost_usd` is what is known so far."""

    id: UUID
    workflow: str
    workflow_id: UUID
    version: int
    version_id: UUID
    mode: Mode
    status: Status
    gen: Annotated[int, Field(description="Rises with every retry.")]
    input: JsonValue
    output: JsonValue
    left_out: Annotated[list[str], Field(description="In lists: which of input and output were too large to show.")]
    error: Failure | None
    agent_id: UUID | None
    executed_with_model: str | None
    cost_usd: Money | None
    known_cost_usd: Money | None
    waiting_for: list[WaitingFor]
    parent_execution_id: UUID | None
    parent_path: str | None
    restarted_from: UUID | None
    created_at: Timestamp
    deadline_at: Timestamp | None
    cancel_requested_at: Timestamp | None
    ended_at: Timestamp | None
    output_data: Annotated[JsonValue, Field(description="External: the same as output.")] = None
    error_message: Annotated[str | None, Field(description="External: the message of error.")] = None
    cost_estimate: Annotated[Money | None, Field(description="External: the same as cost_usd.")] = None

    @model_validator(mode="before")
    @classmethod
    def repeats_former_names(cls, row: dict[str, Any]) -> dict[str, Any]:
        if row.get("mode") != "external":
            return row
        error: dict[str, Any] = row.get("error") or {}
        return {
            **row,
            "output_data": row["output"],
            "error_message": error.get("message"),
            "cost_estimate": row["cost_usd"],
        }


class Step(Answer):
    """One path of an execution, with its attempts inside."""

    path: str
    kind: str | None
    status: StepStatus
    output: JsonValue = None
    output_ref: Annotated[
        str | None, Field(description="Instead of an output that did not fit on the page: ask for it with ?path=.")
    ] = None
    error: dict[str, JsonValue] | None = None
    attempts: int
    started_at: Timestamp | None = None
    ended_at: Timestamp | None = None
    duration_ms: float | None = None
    until: Timestamp | None = None
    waiting_for: dict[str, JsonValue] | None = None
    usage: Usage | None = None
    cost_usd: Money | None = None
    is_cost_unknown: bool = False
    is_carried: Annotated[bool, Field(description="Succeeded before a retry, which kept it.")] = False
    gen: int
    details: Annotated[dict[str, JsonValue], Field(default_factory=dict[str, JsonValue])]


class ReportedStep(Step):
    """The step as it is recorded. `is_new` is false when the same was reported before."""

    is_new: bool


class Event(Answer):
    """Something that happened: `step.<status>`, `wait.opened`, `execution.<status>`, `observe.<type>` and others."""

    id: Annotated[str, Field(description="Send it as `after` to go on behind this one.")]
    at: Timestamp
    type: str
    path: str | None
    name: str | None
    data: dict[str, JsonValue]


class Events(Answer):
    """A page of events. `next_cursor` is null when the execution has ended and everything was given."""

    data: list[Event]
    next_cursor: str | None


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


class Signalled(Answer):
    """What became of a signal: it answered a wait, it is one vote of several, or it is queued for a wait to come."""

    execution_id: UUID
    name: str
    status: Literal["answered", "voted", "queued"]
    outcome: str | None = None
    missing: Annotated[int | None, Field(description="Votes that are still missing.")] = None
