"""What the routes of an execution's steps take and give."""

from datetime import datetime
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, AliasChoices, AwareDatetime, Field, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from functions.executions.models import Cost, ModelName, Path
from functions.shared.web import Answer, Body, Money, Timestamp

FIRST_YEAR, LAST_YEAR = 1969, 3000

StepStatus: TypeAlias = Literal["waiting", "running", "succeeded", "failed", "skipped", "cancelled"]
Tokens: TypeAlias = Annotated[int | None, Field(ge=0, le=2**53)]


def _in_our_time(value: datetime) -> datetime:
    if not FIRST_YEAR < value.year < LAST_YEAR:
        raise PydanticCustomError("out_of_range", "the year must be between 1970 and 2999")
    return value


Moment: TypeAlias = Annotated[AwareDatetime, AfterValidator(_in_our_time)]


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
