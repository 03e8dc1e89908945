"""The workflow document as Pydantic models. What a template says stays text here; expressions are evaluated later."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Literal, TypeAlias, cast

from pydantic import Field, JsonValue

from functions.shared.dsl.kinds import (
    Agent,
    Approval,
    CallWorkflow,
    Code,
    Condition,
    Duration,
    Emit,
    Fail,
    Handoff,
    Http,
    Interpret,
    Items,
    Llm,
    Memory,
    Model,
    PlainText,
    SchemaText,
    SecretName,
    State,
    Tool,
    Wait,
)

LEAF_KINDS = (
    "llm",
    "tool",
    "http",
    "code",
    "transform",
    "approval",
    "state",
    "memory",
    "interpret",
    "handoff",
    "agent",
    "workflow",
    "wait",
    "emit",
    "fail",
)
KINDS = (*LEAF_KINDS, "steps")
NOT_YET_KEYS = ("triggers", "concurrency", "expose")
MAX_LOOP = 1_000
MAX_GROUP_DEPTH = 8
NO_RETRY_KINDS = ("steps", "approval", "wait", "handoff", "agent")

StepName: TypeAlias = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
Alias: TypeAlias = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$", max_length=60)]
Money: TypeAlias = Annotated[float, Field(ge=0, le=1_000_000)]


class Retry(Model):
    """How often, and with which pauses, a step is repeated after a transient error."""

    max_attempts: int = Field(default=3, ge=1, le=100)
    backoff: Literal["exponential", "constant"] = "exponential"
    first: Duration = "1s"
    longest: Duration = "30s"


class Loop(Model):
    """Repeat the body until the condition holds, `max` times at most."""

    max: int = Field(ge=1, le=MAX_LOOP)
    until: Condition | None = None


class Cache(Model):
    """Use an earlier result of the same key again while it is younger than `ttl`."""

    key: str = Field(min_length=1)
    ttl: Duration


class Limits(Model):
    """What one execution may take. `timeout` is wall time, waiting included."""

    timeout: Duration = "365d"
    budget_usd: Money | None = None
    max_steps: int = Field(
        default=10_000, ge=1, le=100_000, description="Steps that may run, every item and round counted."
    )
    on_budget: Literal["stop", "ask"] = "stop"


class Defaults(Model):
    """For leaf steps that do not say it themselves; never for groups, approvals and waits."""

    retry: Retry = Retry()
    timeout: Duration = "60s"


class Step(Model):
    """One step: its attributes and exactly one kind."""

    needs: list[str] = Field([])
    requires: Literal["some", "all", "ended"] = "some"
    when: Condition | None = None
    for_each: Items | None = None
    max_parallel: int = Field(8, ge=1, le=100)
    on_item_error: Literal["fail", "continue"] = "fail"
    loop: Loop | None = None
    retry: Retry | None = None
    timeout: Duration | None = None
    on_error: Literal["fail", "continue"] = "fail"
    effect: Literal["at_least_once", "at_most_once"] = "at_least_once"
    on_unknown: Literal["fail", "ask", "verify"] = "fail"
    verify: Tool | None = Field(
        None,
        description="With `on_unknown: verify`: the tool that finds out whether an at-most-once step whose answer was "
        "lost did happen. It must give `{found: boolean, output}`; `output` becomes the step's.",
    )
    cache: Cache | None = None
    idempotency_key: str | None = Field(None, min_length=1)
    budget_usd: Money | None = None
    note: str | None = None

    llm: Llm | None = None
    tool: Tool | None = None
    http: Http | None = None
    code: Code | None = None
    transform: JsonValue = None
    approval: Approval | None = None
    state: State | None = None
    memory: Memory | None = None
    interpret: Interpret | None = None
    handoff: Handoff | None = None
    agent: Agent | None = None
    workflow: CallWorkflow | None = None
    wait: Wait | None = None
    emit: Emit | None = None
    fail: Fail | None = None
    steps: dict[StepName, Step] | None = Field(None, min_length=1)
    output: JsonValue = Field(None, description="Of a group; without it the outputs of its steps by name.")

    @cached_property
    def kind(self) -> str:
        """The kind, one of LEAF_KINDS, or group."""
        written = next(kind for kind in KINDS if kind in self.model_fields_set)
        return "group" if written == "steps" else written

    @property
    def spec(self) -> Model | JsonValue:
        """What stands under the kind: its model; the structure of a transform; None for a group."""
        return None if self.kind == "group" else cast("Model | JsonValue", getattr(self, self.kind))

    @property
    def has_output(self) -> bool:
        """Whether a group says what its output is."""
        return "output" in self.model_fields_set


class OnError(Model):
    """Steps that run when the execution has failed. They also see `error`: {code, message, path}."""

    steps: dict[StepName, Step] = Field(min_length=1)


class ExpectedEnd(Model):
    """How a test's execution must end; what is left out is not compared."""

    status: Literal["succeeded", "failed", "cancelled", "timed_out"] | None = None
    output: JsonValue = None
    skipped: list[str] | None = None
    failed: list[str] | None = None

    @property
    def has_output(self) -> bool:
        """Whether the output is compared."""
        return "output" in self.model_fields_set


class InlineTest(Model):
    """A test inside the document. `mock` has an output by step path, a list by item, or `{error: {code}}`."""

    name: str = Field(min_length=1)
    input: dict[str, JsonValue] = Field({})
    mock: dict[str, JsonValue] = Field({})
    expect: ExpectedEnd = ExpectedEnd()


class Workflow(Model):
    """A whole document."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=100)]
    description: str = ""
    models: dict[Alias, Annotated[PlainText, Field(min_length=1)]] = Field({}, description="Alias: litellm model id.")
    input: SchemaText | None = Field(None, description="Schema shorthand or JSON Schema; without it no input is taken.")
    output: JsonValue = Field(None, description="Without it the outputs of all steps by name.")
    limits: Limits = Limits()
    defaults: Defaults = Defaults()
    secrets: list[SecretName] = Field([])
    steps: dict[StepName, Step] = Field(min_length=1)
    on_error: OnError | None = None
    tests: list[InlineTest] = Field([])

    @property
    def has_output(self) -> bool:
        """Whether the document says what its output is."""
        return "output" in self.model_fields_set
