"""Agents register, show that they live, and are found."""

from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

from fastapi import Query, Response
from pydantic import Field, JsonValue, model_validator

from functions.shared.db import agents
from functions.shared.jsonvalue import JsonObject
from functions.shared.web import (
    Answer,
    Body,
    Db,
    ListOf,
    Page,
    PlaneRouter,
    Timestamp,
    create_app,
    example,
    lambda_handler,
    requires,
)

router = PlaneRouter(prefix="/api/agents", tags=["agents"])

Status: TypeAlias = Literal["active", "inactive", "deprecated"]
Health: TypeAlias = Literal["active", "late", "lost"]
Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")]
LeaseSeconds: TypeAlias = Annotated[
    int | None,
    Field(ge=5, le=86_400, description="Call again at least this often; null: serverless, never counted as lost."),
]
Capabilities: TypeAlias = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=200)] | dict[str, JsonValue]],
    Field(max_length=200, description="What it can do: words, or objects with an `id` or a `name`."),
]


class AgentFields(Body):
    """What can be said about an agent. A field that is left out stays as it is."""

    framework: Annotated[str, Field(min_length=1, max_length=200)] = "custom"
    description: Annotated[str | None, Field(max_length=4000)] = None
    capabilities: Capabilities = Field(default_factory=list[str | dict[str, JsonValue]])
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
    """The agent by name or id, and optionally its new status."""

    name: Name | None = None
    id: UUID | None = None
    status: Status | None = None

    @model_validator(mode="after")
    def names_one(self) -> "SignOfLife":
        if (self.name is None) == (self.id is None):
            raise ValueError("name the agent by exactly one of name and id")
        return self


class Heartbeat(Body):
    """What may have changed since the last one."""

    status: Status | None = None
    lease_seconds: LeaseSeconds = None


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


class Waiting(Answer):
    """How much waits: executions of this agent that have not ended, approvals of the organisation that are open."""

    executions: int
    approvals: int


class Lease(Answer):
    """The renewed lease, and what waits."""

    id: UUID
    name: str
    status: Status
    health: Health
    lease_until: Timestamp | None
    waiting: Waiting


_AGENT: JsonObject = {
    "id": "0b9f3c1e-58a4-4c59-9d9e-0c5a7f0a4f21",
    "name": "my-agent",
    "framework": "custom",
    "description": None,
    "capabilities": ["summarise"],
    "endpoint": None,
    "config": {},
    "status": "active",
    "health": "active",
    "lease_seconds": 90,
    "lease_until": "2026-11-21T10:01:30Z",
    "last_seen_at": "2026-11-21T10:00:00Z",
    "created_at": "2026-11-21T10:00:00Z",
    "updated_at": "2026-11-21T10:00:00Z",
}
_PATH = f"/api/agents/{_AGENT['id']}"


@router.post(
    "",
    status_code=201,
    response_model=Agent,
    responses={200: {"model": Agent, "description": "It was registered before: the same agent, with what was sent."}},
    dependencies=[requires("agents:write")],
    **example(
        "/api/agents",
        body={"name": "my-agent", "framework": "custom", "capabilities": ["summarise"], "lease_seconds": 90},
        answer=_AGENT,
        status=201,
        also={200: _AGENT},
    ),
)
async def register_agent(body: RegisterAgent, db: Db, response: Response) -> object:
    """Register an agent. Names are unique: the same name again is the same agent, with the given fields changed.

    201 the first time, 200 after that. With `lease_seconds`, call the heartbeat at least that often.
    """
    answer: Any = await agents.register_agent(db, body.given())
    response.status_code = 201 if answer["is_created"] else 200
    return answer


@router.get(
    "",
    response_model=ListOf[Agent],
    dependencies=[requires("agents:read")],
    **example("/api/agents?status=active&capability=summarise", answer={"data": [_AGENT], "next_cursor": None}),
)
async def list_agents(
    db: Db,
    page: Page,
    name: Annotated[str | None, Query(description="Exactly this name.")] = None,
    status: Status | None = None,
    framework: str | None = None,
    capability: Annotated[str | None, Query(description="Agents that name this capability.")] = None,
    health: Health | None = None,
) -> object:
    """List agents, the newest first."""
    filters = page.payload(name=name, status=status, framework=framework, capability=capability, health=health)
    return page.of(await agents.list_agents(db, filters), Agent)


@router.patch(
    "",
    response_model=Agent,
    dependencies=[requires("agents:write")],
    **example("/api/agents", body={"name": "my-agent", "status": "active"}, answer=_AGENT),
)
async def sign_agent(body: SignOfLife, db: Db) -> object:
    """Show that an agent lives, by its name or id, and optionally set its status."""
    which: JsonObject = {"id": str(body.id)} if body.id else {"name": body.name}
    return await agents.sign_agent(db, which, {} if body.status is None else {"status": body.status})


@router.get(
    "/{agent_id}", response_model=Agent, dependencies=[requires("agents:read")], **example(_PATH, answer=_AGENT)
)
async def get_agent(agent_id: UUID, db: Db) -> object:
    """Read one agent."""
    return await agents.get_agent(db, agent_id)


@router.patch(
    "/{agent_id}",
    response_model=Agent,
    dependencies=[requires("agents:write")],
    **example(_PATH, body={"description": "Summarises long threads."}, answer=_AGENT),
)
async def update_agent(agent_id: UUID, body: ChangeAgent, db: Db) -> object:
    """Change fields of an agent; what is left out stays as it is."""
    return await agents.update_agent(db, agent_id, body.given())


@router.delete("/{agent_id}", status_code=204, dependencies=[requires("agents:write")], **example(_PATH))
async def delete_agent(agent_id: UUID, db: Db) -> None:
    """Delete an agent. What it did keeps its id; its name may be registered anew."""
    await agents.delete_agent(db, agent_id)


@router.post(
    "/{agent_id}/heartbeat",
    response_model=Lease,
    dependencies=[requires("agents:write")],
    **example(
        f"{_PATH}/heartbeat",
        body={"status": "active"},
        answer={
            "id": _AGENT["id"],
            "name": "my-agent",
            "status": "active",
            "health": "active",
            "lease_until": "2026-11-21T10:01:30Z",
            "waiting": {"executions": 1, "approvals": 0},
        },
    ),
)
async def heartbeat_agent(agent_id: UUID, db: Db, body: Heartbeat | None = None) -> object:
    """Renew an agent's lease and learn what waits for it, in one call. The body may be empty."""
    given = {} if body is None else body.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    return await agents.heartbeat_agent(db, agent_id, given)


app = create_app("agents", router)
handler = lambda_handler(app)
