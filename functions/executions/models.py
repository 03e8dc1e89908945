"""What the routes of executions take and give, without their steps and traces."""

from decimal import Decimal
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

from pydantic import AfterValidator, AliasChoices, Field, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from functions.shared.web import Answer, Body, Money, Timestamp

Mode: TypeAlias = Literal["engine", "external"]
Status: TypeAlias = Literal["queued", "running", "waiting", "succeeded", "failed", "cancelled", "timed_out"]

# With the words of the first AgentPlane.
SaidStatus: TypeAlias = Literal[
    "queued", "running", "waiting", "succeeded", "failed", "cancelled", "timed_out", "pending", "completed"
]
Path: TypeAlias = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\x00-\x1f]*\S[^\x00-\x1f]*$")]
ModelName: TypeAlias = Annotated[str | None, Field(max_length=200)]

FORMER_STATUS = {"pending": "queued", "completed": "succeeded"}


def _rounded(value: Decimal) -> Decimal:
    return value.quantize(Decimal("1E-9"))


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


class Signalled(Answer):
    """What became of a signal: it answered a wait, it is one vote of several, or it is queued for a wait to come."""

    execution_id: UUID
    name: str
    status: Literal["answered", "voted", "queued"]
    outcome: str | None = None
    missing: Annotated[int | None, Field(description="Votes that are still missing.")] = None
