"""What the routes of observe take and give."""

from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from pydantic import Field, JsonValue

from functions.shared.web import Answer, Body, Money, Timestamp

GroupBy: TypeAlias = Literal["provider", "model", "workflow", "agent", "step"]
Status: TypeAlias = Literal["queued", "running", "waiting", "succeeded", "failed", "cancelled", "timed_out"]


class ReportEvent(Body):
    """Something that an agent saw in an execution."""

    execution_id: UUID
    event_type: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]*$")]
    message: Annotated[str | None, Field(max_length=10_000)] = None
    metadata: Annotated[dict[str, JsonValue], Field(default_factory=dict[str, JsonValue])]
    agent_id: UUID | None = None


class ReportedEvent(Answer):
    """The event as it was recorded: in the execution's feed its type is `observe.<event_type>`."""

    id: str
    execution_id: UUID
    event_type: str
    message: str | None
    metadata: dict[str, JsonValue]
    agent_id: UUID | None
    at: Timestamp


class Spent(Answer):
    """Calls and what they cost. `cost_usd` is null once a price is unknown; `known_cost_usd` sums the others."""

    calls: int
    unknown_calls: int
    cost_usd: Money | None
    known_cost_usd: Money


class SpentToday(Spent):
    """Since midnight UTC."""

    since: Timestamp


class SpentTokens(Spent):
    """With the tokens that were counted; null when no call told."""

    input_tokens: int | None
    output_tokens: int | None


class CostGroup(SpentTokens):
    """The calls of one provider, model, workflow, agent or step. `group` names it; null: not known."""

    group: str | None
    provider: str | None = None
    model: str | None = None
    workflow: str | None = None
    agent: str | None = None
    agent_id: UUID | None = None
    step: str | None = None
    executions: int
    share: Annotated[float | None, Field(description="Of what is known of the whole.")]


class Costs(Answer):
    """What was spent in a time, the dearest group first."""

    group_by: GroupBy
    from_time: Timestamp = Field(validation_alias="from", serialization_alias="from")
    to_time: Timestamp = Field(validation_alias="to", serialization_alias="to")
    data: list[CostGroup]
    total: SpentTokens
    is_truncated: bool


class RegisteredAgents(Answer):
    """How many there are, and how many showed that they live."""

    registered: int
    active: int


class OpenApproval(Answer):
    """Somebody must decide: answer with /signal, by `name`."""

    execution_id: UUID
    kind: Literal["approval", "budget", "unknown"]
    path: str
    name: str
    message: JsonValue
    opened_at: Timestamp
    until: Timestamp | None


class RecentFailure(Answer):
    """An execution that failed or ran out of time."""

    id: UUID
    workflow: str
    status: Literal["failed", "timed_out"]
    error: dict[str, JsonValue] | None
    created_at: Timestamp
    ended_at: Timestamp


class Overview(Answer):
    """How things stand. Running executions are counted whenever they began, ended ones since `since`."""

    at: Timestamp
    since: Timestamp
    executions: dict[Status, int]
    cost_today: SpentToday
    agents: RegisteredAgents
    waiting_approvals: Annotated[int, Field(description="Approvals, budgets and lost steps that people must answer.")]
    approvals: Annotated[list[OpenApproval], Field(description="At most 20, the oldest first.")]
    recent_failures: list[RecentFailure]


class SlowStep(Answer):
    """What a step took over all its runs, in milliseconds. `share` is of the time of all steps in its list."""

    workflow: str
    step: str
    kind: str
    runs: int
    failed: int
    attempts: int
    p50_ms: float
    p95_ms: float
    max_ms: float
    total_ms: float
    share: float | None


class Bottlenecks(Answer):
    """Where the time goes: steps that worked, and apart from them steps that waited."""

    from_time: Timestamp | None = Field(validation_alias="from", serialization_alias="from")
    to_time: Timestamp | None = Field(validation_alias="to", serialization_alias="to")
    data: list[SlowStep]
    waiting: list[SlowStep]


class TrailEntry(Answer):
    """Something that happened in an execution besides its steps."""

    at: Timestamp
    type: str
    path: str | None
    data: dict[str, JsonValue]


class ObservedExecution(Answer, extra="allow"):
    """An execution as GET /api/executions shows it, with its last 100 events."""

    id: UUID
    workflow: str
    status: Status
    cost_usd: Money | None
    known_cost_usd: Money | None
    created_at: Timestamp
    ended_at: Timestamp | None
    audit_trail: list[TrailEntry]


class ExecutionFigures(Answer):
    """Figures over all executions of the last 30 days that match, not only over those shown."""

    total: int
    running: int
    succeeded: int
    failed: int
    cancelled: int
    average_duration_seconds: float | None
    known_cost_usd: Money | None = None
    unknown_costs: int | None = None


class Observed(Answer):
    """Executions with their events, and figures."""

    executions: list[ObservedExecution]
    stats: ExecutionFigures
    query: dict[str, JsonValue]
