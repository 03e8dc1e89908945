"""What is said about agents, and what is answered."""

import re
from typing import Annotated, Any, Literal, TypeAlias, cast
from uuid import UUID

from pydantic import AwareDatetime, BeforeValidator, ConfigDict, Field, JsonValue, model_validator

from functions.shared.jsonvalue import JsonObject
from functions.shared.web import Answer, Body, Money, Timestamp

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
Status: TypeAlias = Literal["active", "inactive", "deprecated"]
Health: TypeAlias = Literal["active", "late", "lost"]
Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")]
LeaseSeconds: TypeAlias = Annotated[
    int | None,
    Field(ge=5, le=86_400, description="Call again at least this often; null: serverless, never counted as lost."),
]


class Skill(Body):
    """One thing that an agent can do. It needs an `id` or a `name`; other fields are kept as they are."""

    model_config = ConfigDict(extra="allow", frozen=True)

    id: Annotated[str | None, Field(min_length=1, max_length=200)] = None
    name: Annotated[str | None, Field(min_length=1, max_length=200)] = None
    description: Annotated[str | None, Field(max_length=4000)] = None
    tags: Annotated[list[Annotated[str, Field(min_length=1, max_length=200)]] | None, Field(max_length=50)] = None
    input_schema: Annotated[
        dict[str, JsonValue] | None, Field(description="JSON Schema of what it takes; `inputSchema` is read too.")
    ] = None
    output_schema: Annotated[dict[str, JsonValue] | None, Field(description="JSON Schema of what it gives.")] = None

    @model_validator(mode="after")
    def is_called_something(self) -> "Skill":
        if self.id is None and self.name is None:
            raise ValueError("a capability needs an id or a name")
        return self


def _listed(value: object) -> object:
    """Read `{"search": true, "mail": {"tags": [...]}}` as a list too, as some clients write it."""
    if not isinstance(value, dict):
        return value
    said = cast("dict[str, object]", value)
    return [
        {"id": name, **cast("dict[str, object]", what)} if isinstance(what, dict) else name
        for name, what in said.items()
        if what not in (False, None)
    ]


Word: TypeAlias = Annotated[str, Field(min_length=1, max_length=200)]
Capabilities: TypeAlias = Annotated[
    list[Word | Skill],
    BeforeValidator(_listed, json_schema_input_type=list[Word | Skill]),
    Field(max_length=200, description="What it can do: words, or objects with an `id` or a `name`."),
]


class AgentFields(Body):
    """What can be said about an agent. A field that is left out stays as it is."""

    framework: Annotated[str, Field(min_length=1, max_length=200)] = "custom"
    description: Annotated[str | None, Field(max_length=4000)] = None
    capabilities: Capabilities = Field(default_factory=list[Word | Skill])
    endpoint: Annotated[str | None, Field(max_length=2000, description="Where it can be called, if anywhere.")] = None
    config: dict[str, JsonValue] = Field(
        default_factory=dict[str, JsonValue], description="Whatever the agent wants to keep about itself."
    )
    status: Status = "active"
    lease_seconds: LeaseSeconds = None

    def given(self) -> dict[str, Any]:
        """Give only what was sent."""
        return self.model_dump(mode="json", exclude_unset=True)


class RegisterAgent(AgentFields):
    """An agent's own words about itself."""

    name: Name


class ChangeAgent(AgentFields):
    """The fields to change."""

    name: Name = ""


class SignOfLife(Body):
    """The agent by name or id, and optionally its new status.

    `agent_id` (an id or a name) and `last_seen` are what clients of the first AgentPlane send; the plane's own clock
    counts.
    """

    name: Name | None = None
    id: UUID | None = None
    status: Status | None = None
    agent_id: Annotated[Name | None, Field(deprecated=True, description="Send `id` or `name`.")] = None
    last_seen: Annotated[str | None, Field(max_length=100, deprecated=True, description="Not used.")] = None

    @model_validator(mode="after")
    def names_one(self) -> "SignOfLife":
        if sum(each is not None for each in (self.__dict__["agent_id"], self.name, self.id)) != 1:
            raise ValueError("name the agent by exactly one of name and id")
        return self

    def which(self) -> JsonObject:
        """Give the agent as the verb takes it."""
        agent_id: str | None = self.__dict__["agent_id"]  # by its attribute it would warn of its age
        if self.id is not None or (agent_id is not None and _UUID.fullmatch(agent_id)):
            return {"id": str(self.id or agent_id)}
        return {"name": self.name or agent_id}


class Heartbeat(Body):
    """What may have changed since the last one. `since`: answers to escalations count from then on; else of a day."""

    status: Status | None = None
    lease_seconds: LeaseSeconds = None
    since: AwareDatetime | None = None


class Agent(Answer):
    """An agent. `health`: active, late (silent for a lease) or lost (for three); without a lease always active."""

    id: UUID
    name: str
    framework: str
    description: str | None
    capabilities: list[JsonValue]
    endpoint: str | None
    config: dict[str, JsonValue]
    status: Status
    health: Health
    lease_seconds: int | None
    lease_until: Timestamp | None
    last_seen_at: Timestamp
    created_at: Timestamp
    updated_at: Timestamp


class SkillShown(Answer):
    """A capability in the one shape that all of them have."""

    id: str
    name: str
    description: JsonValue
    tags: list[JsonValue]
    input_schema: JsonValue
    output_schema: JsonValue


class Record(Answer):
    """What became of its last hundred pieces of work; `success` is the lower end of Wilson's 95 % interval."""

    succeeded: int
    failed: int
    success: float
    p50_seconds: float | None
    mean_cost_usd: Money | None
    last_error: str | None
    updated_at: Timestamp


class AgentWithSkills(Agent):
    """An agent, with its capabilities in one shape."""

    skills: list[SkillShown]


class AgentDetails(AgentWithSkills):
    """An agent, what became of its work (null: nothing yet), and how many pieces of work it has on its hands."""

    record: Record | None
    open_work: int


class Waiting(Answer):
    """How much waits.

    Its executions that have not ended, its hand-offs (offered or claimed), answers to its escalations since `since`,
    and approvals of the organisation that are open.
    """

    executions: int
    approvals: int
    handoffs: int
    escalations: int


class Lease(Answer):
    """The renewed lease, and what waits."""

    id: UUID
    name: str
    status: Status
    health: Health
    lease_until: Timestamp | None
    waiting: Waiting
