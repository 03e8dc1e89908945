"""Agents register, show that they live, are found, and are matched to what is needed."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response
from pydantic import Field
from starlette.requests import Request

from functions.agents.matching import Matches, Need
from functions.agents.models import (
    Agent,
    AgentDetails,
    AgentWithSkills,
    ChangeAgent,
    Health,
    Heartbeat,
    Lease,
    Name,
    RegisterAgent,
    SignOfLife,
    Status,
)
from functions.shared.db import agents
from functions.shared.jsonvalue import Json, JsonObject
from functions.shared.web import (
    Body,
    Db,
    ListOf,
    Page,
    PlaneRouter,
    create_app,
    example,
    lambda_handler,
    requires,
)
from functions.shared.web.connection import settings_of

router = PlaneRouter(prefix="/api/agents", tags=["agents"])


class DiscoverAgent(Body):
    """Where the card is: its address, or the origin of an agent that has it at /.well-known/agent-card.json."""

    card_url: Annotated[str, Field(min_length=1, max_length=2000)]
    name: Annotated[Name | None, Field(description="What to call it here, instead of what its card says.")] = None


class DiscoveredAgent(AgentWithSkills):
    """The agent of the card. `verified`: signed by a key of the origin that serves the card, or unsigned."""

    verified: str
    key_id: str | None


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
_SKILLS: JsonObject = {
    "skills": [
        {
            "id": "summarise",
            "name": "summarise",
            "description": None,
            "tags": [],
            "input_schema": None,
            "output_schema": None,
        }
    ]
}
_RECORD: JsonObject = {
    "succeeded": 12,
    "failed": 1,
    "success": 0.6212,
    "p50_seconds": 3.2,
    "mean_cost_usd": "0.010000000",
    "last_error": "The mailbox is full.",
    "updated_at": "2026-11-21T10:00:00Z",
}
_SHARES: JsonObject = {
    "skill": 1.0,
    "text": 0.75,
    "tag": None,
    "schema": None,
    "health": 1.0,
    "success": 0.6212,
    "latency": 0.9494,
    "cost": 0.9091,
    "load": 1.0,
}


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
    return await agents.sign_agent(db, body.which(), {} if body.status is None else {"status": body.status})


@router.post(
    "/match",
    response_model=Matches,
    dependencies=[requires("agents:read")],
    **example(
        "/api/agents/match",
        body={"need": "summarise long mail threads", "skills": ["summarise"], "limit": 3},
        answer={
            "data": [
                {
                    "agent": {**_AGENT, **_SKILLS},
                    "score": 0.8962,
                    "shares": _SHARES,
                    "reasons": [
                        "has the skill summarise",
                        "says summari",
                        "12 of its last 13 pieces of work succeeded",
                    ],
                }
            ],
            "weights": {
                "skill": 0.375,
                "text": 0.25,
                "health": 0.1,
                "success": 0.125,
                "latency": 0.05,
                "cost": 0.05,
                "load": 0.05,
            },
            "excluded": [],
            "considered": 1,
        },
    ),
)
async def match_agents(body: Need, db: Db) -> object:
    """Rank the agents that can do what is needed.

    By skill, tag, words and input, then by health, success, speed, cost and load.

    Every share of each score is shown, with reasons in words. Lost and inactive agents are left out and
    named in `excluded`. The same question about the same agents has the same answer.
    """

    async def rank() -> Json:
        return await agents.match_agents(db, body.payload())

    return await db.compute("agents:read", rank)


@router.post(
    "/discover",
    status_code=201,
    response_model=DiscoveredAgent,
    responses={200: {"model": DiscoveredAgent, "description": "It was discovered before: the same agent, refreshed."}},
    dependencies=[requires("agents:write")],
    **example(
        "/api/agents/discover",
        body={"card_url": "https://agents.example.com"},
        answer={**_AGENT, **_SKILLS, "framework": "a2a", "verified": "signed", "key_id": "key-1"},
        status=201,
        also={200: {**_AGENT, **_SKILLS, "framework": "a2a", "verified": "unsigned", "key_id": None}},
    ),
)
async def discover_agent(body: DiscoverAgent, request: Request, db: Db, response: Response) -> object:
    """Register an agent by its A2A agent card: the plane fetches the card, checks its shape and its signature.

    Again with the same address: the same agent, refreshed. A card with signatures of which none holds is refused, and
    so is one that was signed before and is not any more. Only public https addresses are asked.
    """
    from functions.agents.discovery import discover  # noqa: PLC0415  only this route goes out
    from functions.shared.steps.base import HttpPolicy  # noqa: PLC0415

    await db.admit("agents:write")
    policy = HttpPolicy(allow_private=frozenset(settings_of(request.app).allow_private_hosts))
    found = await discover(body.card_url, policy)
    answer: Any = await agents.discover_agent(
        db,
        {
            **found.fields,
            **({"name": body.name} if body.name else {}),
            "card_url": found.card_url,
            "card_name": found.name,
            "verified": found.verified,
            "key_id": found.key_id,
        },
    )
    response.status_code = 201 if answer["is_created"] else 200
    return {**answer, "verified": found.verified, "key_id": found.key_id}


@router.get(
    "/{agent_id}",
    response_model=AgentDetails,
    dependencies=[requires("agents:read")],
    **example(_PATH, answer={**_AGENT, **_SKILLS, "record": _RECORD, "open_work": 0}),
)
async def get_agent(agent_id: UUID, db: Db) -> object:
    """Read one agent: what it says about itself, what became of its work, and how much it has on its hands."""
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
            "waiting": {"executions": 1, "approvals": 0, "handoffs": 0, "escalations": 0},
        },
    ),
)
async def heartbeat_agent(agent_id: UUID, db: Db, body: Heartbeat | None = None) -> object:
    """Renew an agent's lease and learn what waits for it, in one call. The body may be empty."""
    given = {} if body is None else body.model_dump(mode="json", exclude_unset=True)
    given = {name: value for name, value in given.items() if value is not None or name == "lease_seconds"}
    return await agents.heartbeat_agent(db, agent_id, given)


app = create_app("agents", router)
handler = lambda_handler(app)
