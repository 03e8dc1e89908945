"""What is sent and answered about hand-offs."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

from pydantic import Field, JsonValue, model_validator

from functions.handoffs.packet import Packet
from functions.shared.jsonvalue import JsonObject
from functions.shared.web import Answer, Body, Timestamp

MAX_CONTEXT_BYTES = 256_000
DEFAULT_LEASE_S = 300

Status: TypeAlias = Literal["pending", "claimed", "accepted", "rejected", "completed", "dead", "cancelled"]
Word: TypeAlias = Annotated[str, Field(min_length=1, max_length=200)]
Reason: TypeAlias = Annotated[str | None, Field(max_length=4_000)]
LeaseSeconds: TypeAlias = Annotated[
    float, Field(ge=1, le=86_400, description="Extend it at least this often, or the work goes back.")
]
Token: TypeAlias = Annotated[str, Field(min_length=1, max_length=200, description="What claiming it gave.")]


class Match(Body):
    """Who may take it: an agent that has all of these skills and all of these tags."""

    skills: Annotated[list[Word], Field(max_length=50)] = Field(default_factory=list[str])
    tags: Annotated[list[Word], Field(max_length=50)] = Field(default_factory=list[str])

    @model_validator(mode="after")
    def asks_for_something(self) -> Match:
        if not self.skills and not self.tags:
            raise ValueError("name a skill or a tag; leave match out to offer it to anybody")
        return self


class CreateHandoff(Body):
    """Work for `to_agent_id`, for whoever fits `match`, or, without either, for anybody."""

    from_agent_id: UUID | None = None
    to_agent_id: UUID | None = None
    match: Match | None = None
    workflow_id: Annotated[UUID | None, Field(description="What it is about: a workflow, or a version of one.")] = None
    execution_id: UUID | None = None
    parent_id: Annotated[
        UUID | None, Field(description="The hand-off that this one passes on. Circles and long chains are refused.")
    ] = None
    packet: Packet | None = None
    context: Annotated[dict[str, JsonValue] | None, Field(description="Whatever else, as it is.")] = None
    reason: Reason = None
    max_attempts: Annotated[int, Field(ge=1, le=100, description="Claims that may run out before it is dead.")] = 3

    @model_validator(mode="after")
    def says_what(self) -> CreateHandoff:
        if self.to_agent_id is not None and self.match is not None:
            raise ValueError("send to_agent_id or match, not both")
        if self.packet is None and self.context is None:
            raise ValueError("send context (any object) or packet (goal, next, acceptance, …): what is handed over?")
        if self.context is not None and (size := len(json.dumps(self.context))) > MAX_CONTEXT_BYTES:
            raise ValueError(f"the context is {size:,} bytes, and {MAX_CONTEXT_BYTES:,} may be handed over")
        return self

    def fields(self) -> JsonObject:
        """Give the verb's payload."""
        given = self.model_dump(mode="json", exclude_unset=True, exclude={"packet"})
        if self.packet is not None:
            given["packet"] = self.packet.stored()
            deadline = self.packet.budget.deadline if self.packet.budget else None
            given["deadline_at"] = None if deadline is None else deadline.isoformat()
        return given


class ChangeHandoff(Body):
    """What the agent says about it. A claimed one moves only with the token of its claim."""

    status: Literal["accepted", "rejected", "completed"]
    agent_id: Annotated[UUID | None, Field(description="The agent that says so; without it, whose it is.")] = None
    output_data: Annotated[JsonValue, Field(description="What came of it.")] = None
    reason: Annotated[Reason, Field(description="Why it is rejected.")] = None
    token: Token | None = None

    def fields(self) -> JsonObject:
        """Give the verb's payload."""
        given: dict[str, Any] = self.model_dump(mode="json", exclude_unset=True, exclude={"status"})
        return {name: value for name, value in given.items() if value is not None or name == "output_data"}


class ClaimHandoff(Body):
    """Who takes it, and for how long. Without `agent_id`, the one that it is for."""

    agent_id: UUID | None = None
    lease_seconds: LeaseSeconds = DEFAULT_LEASE_S


class ClaimNext(Body):
    """The agent that looks for work, and for how long it takes it."""

    agent_id: UUID
    lease_seconds: LeaseSeconds = DEFAULT_LEASE_S


class ExtendHandoff(Body):
    """The token of the claim, and how long it goes on from now."""

    token: Token
    lease_seconds: LeaseSeconds = DEFAULT_LEASE_S


class ReleaseHandoff(Body):
    """The token of the claim, and why it is given back."""

    token: Token
    reason: Reason = None


class CancelHandoff(Body):
    """Who handed it over, and why it is not wanted any more."""

    agent_id: Annotated[UUID | None, Field(description="The agent that handed it over.")] = None
    reason: Reason = None


class Ended(Answer):
    """Why it is rejected, dead or cancelled, or why the last claim was not kept."""

    code: str
    message: str | None = None


class Handoff(Answer):
    """A hand-off. `agent_id`: who has it, or had it last; `attempts`: how often it was taken."""

    id: UUID
    from_agent_id: UUID | None
    from_agent: Annotated[str | None, Field(description="Its name.")]
    to_agent_id: UUID | None
    to_agent: str | None
    match: dict[str, JsonValue] | None
    workflow_id: UUID | None
    execution_id: UUID | None
    path: Annotated[str | None, Field(description="The step that waits for it, if one does.")]
    packet: dict[str, JsonValue] | None
    context: dict[str, JsonValue]
    reason: str | None
    status: Status
    agent_id: UUID | None
    lease_until: Timestamp | None
    fence: Annotated[int | None, Field(description="Rises with every claim: what is written with a lower one is old.")]
    attempts: int
    max_attempts: int
    deadline_at: Timestamp | None
    output_data: JsonValue
    error: Ended | None
    parent_id: UUID | None
    hops: int
    created_by: dict[str, JsonValue]
    taken_by: dict[str, JsonValue] | None
    created_at: Timestamp
    updated_at: Timestamp
    accepted_at: Timestamp | None
    completed_at: Timestamp | None


class Claimed(Handoff):
    """The hand-off, and the token that lets it move. It is shown this once."""

    token: str


class Link(Answer):
    """A hand-off of a chain, in a line."""

    id: UUID
    parent_id: UUID | None
    hops: int
    status: Status
    goal: str | None
    from_agent_id: UUID | None
    to_agent_id: UUID | None
    agent_id: UUID | None
    execution_id: UUID | None
    path: str | None
    attempts: int
    error: Ended | None
    created_at: Timestamp
    completed_at: Timestamp | None


class Chain(Answer):
    """The first one, and all that came of it, each before what it led to."""

    data: list[Link]
