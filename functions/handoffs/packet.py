"""What travels with handed-over work: the packet, typed, so that nothing is lost between two agents."""

from __future__ import annotations

import json
from typing import Annotated, TypeAlias

from pydantic import Field, JsonValue, model_validator

from functions.shared.dsl.schema import is_json_schema, schema_problems
from functions.shared.dsl.shorthand import shorthand_problems
from functions.shared.jsonvalue import JsonObject
from functions.shared.web import Body, Money, Timestamp

MAX_PACKET_BYTES = 64_000
MAX_INLINE_BYTES = 16_000

Line: TypeAlias = Annotated[str, Field(min_length=1, max_length=2_000)]
Lines: TypeAlias = Annotated[list[Line], Field(max_length=200)]


class Decision(Body):
    """Something that was decided on the way, so that the next agent does not decide it again."""

    what: Line
    why: Line | None = None
    by: Line | None = None
    evidence: JsonValue = None


class Acceptance(Body):
    """When the work is done. `schema`: what the output must fit, as shorthand or JSON Schema; it is checked.

    `criteria`: what else must be true, in words.
    """

    schema_: Annotated[dict[str, JsonValue] | None, Field(alias="schema")] = None
    criteria: Lines = Field(default_factory=list[str])

    @model_validator(mode="after")
    def schema_can_be_checked(self) -> Acceptance:
        if self.schema_ is None:
            return self
        if is_json_schema(self.schema_):
            problems = schema_problems(self.schema_)
        else:
            problems = [f"{'.'.join(map(str, path))}: {said}" for path, _, said, _ in shorthand_problems(self.schema_)]
        if problems:
            raise ValueError(f"the schema cannot be used: {problems[0]}")
        return self


class Artifact(Body):
    """A thing that goes with the work: where it is, or the thing itself when it is small."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    uri: Annotated[str | None, Field(max_length=2_000)] = None
    inline: JsonValue = None
    media_type: Annotated[str | None, Field(max_length=200)] = None
    sha256: Annotated[str | None, Field(pattern=r"^[0-9a-f]{64}$")] = None

    @model_validator(mode="after")
    def is_somewhere(self) -> Artifact:
        if (self.uri is None) == (self.inline is None):
            raise ValueError("say where it is by exactly one of uri and inline")
        if self.inline is not None and len(json.dumps(self.inline)) > MAX_INLINE_BYTES:
            raise ValueError(f"more than {MAX_INLINE_BYTES:,} bytes inline; store it and give its uri")
        return self


class WorkBudget(Body):
    """What is left for the work. After `deadline` nobody can take it any more; the others are advice to the agent."""

    usd: Annotated[Money | None, Field(ge=0)] = None
    tokens: Annotated[int | None, Field(ge=0)] = None
    deadline: Timestamp | None = None


class Packet(Body):
    """What the next agent must know: the goal, what is done and what is next, and when it is done."""

    goal: Annotated[str, Field(min_length=1, max_length=2_000, description="In a sentence.")]
    done: Lines = Field(default_factory=list[str])
    next: Lines = Field(default_factory=list[str])
    decisions: Annotated[list[Line | Decision], Field(max_length=200)] = Field(default_factory=list[str | Decision])
    constraints: Lines = Field(default_factory=list[str])
    open_questions: Lines = Field(default_factory=list[str])
    tried_and_failed: Lines = Field(default_factory=list[str])
    acceptance: Acceptance | None = None
    artifacts: Annotated[list[Artifact], Field(max_length=100)] = Field(default_factory=list[Artifact])
    budget: WorkBudget | None = None

    @model_validator(mode="after")
    def is_no_archive(self) -> Packet:
        if (size := len(json.dumps(self.stored()))) > MAX_PACKET_BYTES:
            raise ValueError(
                f"{size:,} bytes, and {MAX_PACKET_BYTES:,} may be handed over; store the rest and refer to it"
            )
        return self

    def stored(self) -> JsonObject:
        """Give what is kept and shown again: what was said, and nothing else."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)
