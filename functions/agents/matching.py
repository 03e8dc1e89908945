"""What is asked of a match, and what it answers."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, JsonValue

from functions.agents.models import AgentWithSkills
from functions.shared.jsonvalue import JsonObject
from functions.shared.web import Answer, Body

Word: TypeAlias = Annotated[str, Field(min_length=1, max_length=200)]
Share: TypeAlias = Literal["skill", "text", "tag", "schema", "health", "success", "latency", "cost", "load"]


class Need(Body):
    """What is needed. All of it is optional; what is left out does not count."""

    need: Annotated[str | None, Field(max_length=10_000, description="In words.")] = None
    skills: Annotated[list[Word], Field(max_length=50, description="Ids or names of skills.")] = Field(
        default_factory=list[str]
    )
    capabilities: Annotated[list[Word], Field(max_length=50, description="The same as `skills`.")] = Field(
        default_factory=list[str]
    )
    tags: Annotated[list[Word], Field(max_length=50)] = Field(default_factory=list[str])
    input_schema: Annotated[
        dict[str, JsonValue] | None, Field(description="JSON Schema of what the agent would get.")
    ] = None
    input: Annotated[dict[str, JsonValue] | None, Field(description="What the agent would get.")] = None
    exclude: Annotated[list[Word], Field(max_length=200, description="Ids or names of agents.")] = Field(
        default_factory=list[str]
    )
    weights: Annotated[
        dict[Share, Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]],
        Field(description="How much each share counts, instead of the usual weights."),
    ] = Field(default_factory=dict[Share, float])
    limit: Annotated[int, Field(ge=1, le=100)] = 10

    def payload(self) -> JsonObject:
        """Give it as the verb takes it."""
        said = self.model_dump(mode="json", exclude_none=True, exclude={"capabilities"})
        return {**said, "skills": [*self.skills, *self.capabilities]}


class Shares(Answer):
    """Each from 0 to 1; null: not asked for. docs/agents.md tells how each is made."""

    skill: float | None
    text: float | None
    tag: float | None
    fit: Annotated[float | None, Field(alias="schema")]
    health: float
    success: float
    latency: float
    cost: float
    load: float


class Match(Answer):
    """An agent, its score (the shares by their weights), and why in words."""

    agent: AgentWithSkills
    score: float
    shares: Shares
    reasons: list[str]


class Excluded(Answer):
    """An agent that fits and may not be taken."""

    id: str
    name: str
    why: str


class Matches(Answer):
    """The best first. `weights` add up to 1; `considered`: how many agents answer to anything of the need."""

    data: list[Match]
    weights: dict[str, float]
    excluded: list[Excluded]
    considered: int
