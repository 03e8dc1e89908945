"""What a trigger starts, as it is said and answered; hooks, event triggers and schedules share it."""

from typing import Annotated, Any, TypeAlias

from pydantic import Field, JsonValue, model_validator

from functions.shared.errors import FieldProblem
from functions.shared.triggers.mapping import mapping_problems
from functions.shared.web.values import Body

Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=100, pattern=r"\S")]
WorkflowName: TypeAlias = Annotated[str, Field(min_length=1, max_length=200)]
Version: TypeAlias = Annotated[int | None, Field(ge=1, le=2**31 - 1, description="Left out: the newest then.")]
EventName: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9_:-]+(\.[A-Za-z0-9_:-]+)*$", max_length=190)]


class StartTarget(Body):
    """The workflow to start, and its input: any structure with `${{ }}` inside."""

    workflow: WorkflowName
    version: Version = None
    input: dict[str, JsonValue] | str | None = None

    def as_json(self) -> dict[str, Any]:
        """Give what is stored; what was left out stays out."""
        return self.model_dump(mode="json", exclude_none=True)


class Target(Body):
    """Either a workflow to start with an `input`, or an `event` to publish with a `payload`."""

    workflow: WorkflowName | None = None
    version: Version = None
    input: Annotated[
        dict[str, JsonValue] | str | None,
        Field(description="With `${{ }}` over `body`, `headers`, `hook`, `message`; left out: the body."),
    ] = None
    event: EventName | None = None
    payload: Annotated[JsonValue, Field(description="As `input`, for the event; left out: the body.")] = None

    @model_validator(mode="after")
    def does_one_thing(self) -> "Target":
        if (self.workflow is None) == (self.event is None):
            raise ValueError("say exactly one of workflow and event")
        if self.event is not None and {"version", "input"} & self.model_fields_set:
            raise ValueError("an event takes a payload, not a version or an input")
        if self.workflow is not None and "payload" in self.model_fields_set:
            raise ValueError("a workflow takes an input, not a payload")
        return self

    def as_json(self) -> dict[str, Any]:
        """Give what is stored; what was left out stays out."""
        return self.model_dump(mode="json", exclude_unset=True)

    def problems(self, names: tuple[str, ...]) -> list[FieldProblem]:
        """Give what is wrong with its expressions."""
        field = "payload" if self.event is not None else "input"
        return mapping_problems(getattr(self, field), names, f"/target/{field}")
