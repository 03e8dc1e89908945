"""What the routes of limits, usage and budgets take and give."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from pydantic import Field, JsonValue, model_validator

from functions.shared.errors import FieldProblem
from functions.shared.web import Answer, Body, Money, Timestamp, invalid_input

QuotaName: TypeAlias = Literal[
    "agents",
    "keys",
    "members",
    "workflows",
    "state_entries",
    "state_bytes",
    "memories",
    "executions_per_day",
    "concurrent_executions",
    "webhooks",
    "hooks",
    "event_triggers",
    "schedules",
    "budgets",
    "rate_limits",
]
Metric: TypeAlias = Literal[
    "requests",
    "executions",
    "steps",
    "model_calls",
    "input_tokens",
    "output_tokens",
    "cost_usd",
    "unknown_costs",
    "handoffs",
    "state_entries",
    "state_bytes",
    "agents",
    "workflows",
]
RateKind: TypeAlias = Literal["key", "person", "agent"]
Period: TypeAlias = Literal["day", "month"]
OnReached: TypeAlias = Literal["stop", "ask"]
MAX_QUOTA = 10**15
MAX_RATE = 10_000_000
Limit = Annotated[int, Field(ge=0, le=MAX_QUOTA)]
Usd = Annotated[Decimal, Field(ge=0, le=999_999_999, decimal_places=9, examples=["25.00"])]
WarnAt = Annotated[float | None, Field(gt=0, lt=1, description="Tell when so much of it is spent; null: do not.")]


class Quota(Answer):
    """How much there may be of something, and how much there is."""

    name: str
    limit: Annotated[int | None, Field(description="null: as much as you like.")]
    default: Annotated[int | None, Field(description="The limit when nobody sets another.")]
    used: Annotated[int | None, Field(description="null: too much to count at once, and nobody compares it.")]
    is_approximate: Annotated[bool, Field(description="Counted within the last minute or two, not now.")]
    left: int | None


class RateLimit(Answer):
    """How many requests somebody may send."""

    kind: RateKind
    subject: Annotated[str, Field(description="A key's or person's id, an agent's name, or * for each of the kind.")]
    quota: Annotated[int | None, Field(description="Requests in a window; null: as many as they like.")]
    window_seconds: int
    burst: Annotated[int | None, Field(description="At once, after a rest.")]


class Limits(Answer):
    """What the organisation may use."""

    quotas: list[Quota]
    rates: Annotated[list[RateLimit], Field(description="Those that were set; others have the plane's defaults.")]


class ChangeLimits(Body):
    """Quotas to set, and quotas to put back to their default."""

    quotas: Annotated[
        dict[QuotaName, Limit | None],
        Field(default_factory=dict[QuotaName, "Limit | None"], description="null: as much as you like."),
    ]
    reset: Annotated[list[QuotaName], Field(default_factory=list[QuotaName], max_length=50)]


class SetRateLimit(Body):
    """How many requests somebody may send."""

    kind: RateKind
    subject: Annotated[str, Field(min_length=1, max_length=200)] = "*"
    quota: Annotated[int | None, Field(ge=1, le=MAX_RATE, description="Requests in a window; null: no limit.")]
    window_seconds: Annotated[int, Field(ge=1, le=86_400)] = 60
    burst: Annotated[int | None, Field(ge=1, le=MAX_RATE, description="At once, after a rest; else a quota.")] = None


class UsageRow(Answer):
    """What was used of one metric on one day, or of all of a day's or of one metric's."""

    day: date | None = None
    metric: str | None = None
    value: Annotated[str | None, Field(description="A whole number, or US dollars.")] = None
    metrics: dict[str, str] | None = None


class Usage(Answer):
    """What was used. `cost_usd` sums known prices; calls whose price is not known are in `unknown_costs`, never 0."""

    from_day: date = Field(validation_alias="from", serialization_alias="from")
    to_day: date = Field(validation_alias="to", serialization_alias="to")
    group_by: Literal["day,metric", "day", "metric"]
    metered_at: Annotated[Timestamp | None, Field(description="What happened before is counted.")]
    data: list[UsageRow]


class CreateBudget(Body):
    """Who may spend how much, and what happens then."""

    scope: Literal["organisation", "workflow", "agent"] = "organisation"
    workflow_id: UUID | None = None
    agent_id: UUID | None = None
    period: Period
    limit_usd: Usd
    on_reached: Annotated[
        OnReached,
        Field(description="stop: paid steps fail and nothing starts. ask: paid steps wait while a person is asked."),
    ] = "stop"
    warn_at: WarnAt = 0.8

    @model_validator(mode="after")
    def _names_its_target(self) -> "CreateBudget":
        for scope, given in (("workflow", self.workflow_id), ("agent", self.agent_id)):
            if (self.scope == scope) != (given is not None):
                problem = FieldProblem(
                    f"/{scope}_id",
                    "missing" if given is None else "not_fitting",
                    f"A budget of the scope {self.scope} "
                    + (f"names its {scope}." if given is None else f"names no {scope}."),
                )
                raise invalid_input([problem])
        return self


class ChangeBudget(Body):
    """What to change of a budget; what is left out stays."""

    limit_usd: Usd | None = None
    on_reached: OnReached | None = None
    warn_at: WarnAt = None


class BudgetState(Answer):
    """How a budget stands in its period. `asking`: paid steps wait for a person; `stopped`: they fail."""

    status: Literal["open", "warning", "asking", "stopped"]
    period_start: Timestamp
    resets_at: Timestamp
    raised_usd: Annotated[Money, Field(description="Added to the limit for this period by a person who was asked.")]
    spent_usd: Annotated[Money, Field(description="Of calls with a known price.")]
    unknown_calls: Annotated[int, Field(description="Calls whose price is not known: they are in no sum.")]
    left_usd: Money
    forecast_usd: Annotated[Money, Field(description="What the period will cost if it goes on like this.")]
    escalation_id: UUID | None


class Budget(Answer):
    """How much may be spent in a day or a month (UTC)."""

    id: UUID
    scope: Literal["organisation", "workflow", "agent"]
    workflow_id: UUID | None
    agent_id: UUID | None
    period: Period
    limit_usd: Money
    on_reached: OnReached
    warn_at: float | None
    created_by: dict[str, JsonValue]
    created_at: Timestamp
    updated_at: Timestamp
    state: BudgetState
