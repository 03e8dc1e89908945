"""What the routes of workflows take and give."""

from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

from pydantic import Field, JsonValue

from functions.shared.web import Answer, Body, Timestamp

Format: TypeAlias = Literal["yaml", "markdown"]
Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=200)]
GivenDefinition: TypeAlias = Annotated[
    str | dict[str, JsonValue],
    Field(description="A workflow document as an object or as YAML or JSON text, or the text of a markdown runbook."),
]
GivenFormat: TypeAlias = Annotated[
    Format | None,
    Field(description="Left out: an object, or text with a line that starts `steps:`, is yaml, all else markdown."),
]


class StoreWorkflow(Body):
    """A workflow to store. `name` may be left out when the document says it; both must agree."""

    name: Name | None = None
    definition: GivenDefinition
    format: GivenFormat = None
    version: Annotated[int | None, Field(ge=1, description="Refuse unless this is the number it gets.")] = None
    description: Annotated[str | None, Field(max_length=4000)] = None
    designed_with_model: Annotated[str | None, Field(max_length=200)] = None
    executable_by_model: Annotated[str | None, Field(max_length=200)] = None
    designed_by_agent_id: UUID | None = None
    metadata: Annotated[dict[str, JsonValue], Field(default_factory=dict[str, JsonValue])]


class CheckWorkflow(Body):
    """A definition to check; nothing is stored."""

    name: Name | None = None
    definition: GivenDefinition
    format: GivenFormat = None


class ChooseVersion(Body):
    """Which version to test: the newest when none is named."""

    version: Annotated[int | None, Field(ge=1)] = None


class Problem(Answer):
    """A finding in a workflow document. Lines and columns count from 1; null when the definition was an object."""

    path: str
    line: int | None
    column: int | None
    code: str
    severity: Literal["error", "warning"]
    message: str
    hint: str | None


class StepIndex(Answer):
    """A step of the document: its dotted path and its kind."""

    path: str
    kind: str


class WorkflowSummary(Answer):
    """One immutable version of a workflow, without its definition."""

    id: UUID
    name: str
    version: int
    latest_version: int
    version_id: UUID
    format: Format
    description: str | None
    content_hash: str
    steps: list[StepIndex]
    designed_with_model: str | None
    executable_by_model: str | None
    designed_by_agent_id: UUID | None
    metadata: dict[str, JsonValue]
    created_at: Timestamp


class ListedWorkflow(WorkflowSummary):
    """A workflow, as its newest version."""

    updated_at: Timestamp


class Workflow(WorkflowSummary):
    """One immutable version of a workflow. `definition` is as it was given: an object or text."""

    definition: str | dict[str, JsonValue]


class StoredWorkflow(Workflow):
    """What was stored. `is_new` is false when this content was there already; warnings do not refuse."""

    is_new: bool
    warnings: list[Problem]


class Validity(Answer):
    """Whether a definition could be stored, and all that is to say about it."""

    valid: bool
    name: str | None
    format: Format
    problems: list[Problem]


class ChangedStep(Answer):
    """A step that both versions have, and which of its keys differ."""

    path: str
    fields: list[str]


class ChangedSteps(Answer):
    """Steps by dotted path."""

    added: list[str]
    removed: list[str]
    changed: list[ChangedStep]


class Difference(Answer):
    """What changed. `text` is a unified diff; `settings` names changed top-level keys."""

    name: str
    from_version: int = Field(serialization_alias="from", validation_alias="from")
    to_version: int = Field(serialization_alias="to", validation_alias="to")
    is_equal: bool
    text: str
    steps: ChangedSteps
    settings: list[str]


class Node(Answer):
    """A step. `group` is the step, or on_error, that encloses it."""

    id: str
    name: str
    kind: str
    group: str | None
    requires: str
    when: Any
    is_repeated: bool
    note: str | None


class Edge(Answer):
    """`to` needs `from`."""

    source: str = Field(serialization_alias="from", validation_alias="from")
    to: str


class Group(Answer):
    """A step that encloses or repeats others."""

    id: str
    kind: Literal["group", "loop", "for_each", "on_error"]
    steps: list[str]


class Graph(Answer):
    """What runs after what, and the same as Mermaid text."""

    name: str
    version: int
    nodes: list[Node]
    edges: list[Edge]
    groups: list[Group]
    mermaid: str


class TestedCase(Answer):
    """How one test went. `failures` says what was not as expected; `status` is null when it could not run."""

    name: str
    passed: bool
    failures: list[str]
    status: str | None
    error: dict[str, JsonValue] | None


class Tested(Answer):
    """How the tests of a version went, and which branches they took."""

    name: str
    version: int
    passed: bool
    tests: list[TestedCase]
    coverage: dict[str, JsonValue]
