"""Who is calling, and what waits for an agent that wakes up."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query
from pydantic import AwareDatetime, Field, JsonValue
from starlette.requests import Request

from functions.me.items import items_of
from functions.me.packing import pack, tokens_of
from functions.shared.db import me
from functions.shared.errors import FieldProblem
from functions.shared.jsonvalue import JsonObject
from functions.shared.web import (
    Answer,
    Db,
    Money,
    PlaneRouter,
    Timestamp,
    create_app,
    example,
    invalid_input,
    lambda_handler,
    requires,
)
from functions.shared.web.edge import MAX_BODY_BYTES
from functions.shared.web.sign_of_life import AGENT_HEADER, named_agent

router = PlaneRouter(prefix="/api/me", tags=["me"])

AgentName = Annotated[
    str | None,
    Query(
        min_length=1, max_length=200, description=f"The agent that calls, by id or name; or the header {AGENT_HEADER}."
    ),
]


class Organisation(Answer):
    """The organisation that the caller belongs to."""

    id: UUID
    name: str


class Key(Answer):
    """The key that calls: what it may do and how it is, never the secret."""

    id: UUID
    name: str
    kind: Literal["agent", "operator"]
    prefix: str
    scopes: list[str]
    status: Literal["active", "expired", "revoked"]
    created_at: Timestamp
    created_by: UUID | None
    expires_at: Timestamp | None
    revoked_at: Timestamp | None
    last_used_at: Timestamp | None


class PersonShown(Answer):
    """The person that calls, and their role here."""

    user_id: UUID
    email: str | None
    role: str
    aal: str | None
    may_decide_by_mail: bool
    joined_at: Timestamp


class Actor(Answer):
    """Who it is, as audit and escalations name them."""

    kind: str
    id: UUID
    label: str | None


class AgentShown(Answer):
    """The agent that calls."""

    id: UUID
    name: str
    status: str
    health: str
    lease_until: Timestamp | None


class Limits(Answer):
    """What one request may hold. How many requests there may be stands in the header RateLimit-Policy."""

    max_body_bytes: int
    max_page: int
    max_wait_seconds: int


class Caller(Answer):
    """Who is calling: a key or a person, and the agent that was named. `scopes`: what the caller may do."""

    principal: str
    organisation: Organisation
    actor: Actor
    key: Key | None
    person: PersonShown | None
    agent: AgentShown | None
    scopes: list[str]
    limits: Limits


class Waiting(Answer):
    """How much waits in all, also what is not shown."""

    executions: int
    approvals: int
    handoffs: int
    escalations: int


class NextCall(Answer):
    """A call that takes it further."""

    why: str
    method: str
    path: str
    body: JsonValue = None


class InboxItem(Answer):
    """One thing to know. `details` are left out when there is little room."""

    kind: str
    id: str
    title: str
    at: Timestamp | None
    next: list[NextCall]
    details: dict[str, JsonValue] | None = None


class Inbox(Answer):
    """What an agent should know when it wakes up, what matters most first.

    `omitted`: how many of each kind did not fit; `withheld`: scopes that the key lacks for more.
    """

    agent: AgentShown
    since: Timestamp
    waiting: Waiting
    budget_left_usd: Annotated[
        Money | None, Field(description="The least that is left of a budget; null: there is none.")
    ]
    items: list[InboxItem]
    omitted: dict[str, int]
    withheld: list[str]
    next: list[NextCall]
    max_tokens: int
    tokens: Annotated[int, Field(description="An estimate: a quarter of the characters of this answer.")]


_AGENT: JsonObject = {
    "id": "0b9f3c1e-58a4-4c59-9d9e-0c5a7f0a4f21",
    "name": "my-agent",
    "status": "active",
    "health": "active",
    "lease_until": "2026-11-21T10:01:30Z",
}
_LIMITS: JsonObject = {"max_body_bytes": MAX_BODY_BYTES, "max_page": 500, "max_wait_seconds": 25}


@router.get(
    "",
    response_model=Caller,
    dependencies=[requires("")],
    **example(
        "/api/me",
        answer={
            "principal": "api_key",
            "organisation": {"id": "a3a7f0de-7f0c-4a8e-9a55-7a3f0e4a1b02", "name": "acme"},
            "actor": {
                "kind": "agent_key",
                "id": "5f3f1f64-1c7e-4c8e-8a43-3a4d7b1c9f10",
                "label": "mail agent",
            },
            "key": {
                "id": "5f3f1f64-1c7e-4c8e-8a43-3a4d7b1c9f10",
                "name": "mail agent",
                "kind": "agent",
                "prefix": "ap_live_8Fz3Qk",
                "scopes": ["state:read", "state:write"],
                "status": "active",
                "created_at": "2026-11-21T10:00:00Z",
                "created_by": "e0c6f1d4-91f4-4e9b-8a53-5d9c1f6f2b77",
                "expires_at": None,
                "revoked_at": None,
                "last_used_at": None,
            },
            "person": None,
            "agent": None,
            "scopes": ["state:read", "state:write"],
            "limits": _LIMITS,
        },
    ),
)
async def get_me(request: Request, db: Db, agent: AgentName = None) -> object:
    """Say who is calling: the organisation, the key or the person with their role, and what they may do."""
    answer: Any = await me.get_caller(db, agent or named_agent(request))
    return {**answer, "limits": _LIMITS}


@router.get(
    "/inbox",
    response_model=Inbox,
    response_model_exclude_none=False,
    dependencies=[requires("agents:read")],
    **example(
        "/api/me/inbox?agent=my-agent&max_tokens=800",
        answer={
            "agent": _AGENT,
            "since": "2026-11-20T10:00:00Z",
            "waiting": {"executions": 1, "approvals": 0, "handoffs": 1, "escalations": 0},
            "budget_left_usd": "4.200000000",
            "items": [
                {
                    "kind": "handoff_offered",
                    "id": "3d1c2b1e-6c56-4f1e-9a8b-0e6a5d4c3b2a",
                    "title": "You may take this hand-off: answer the customer",
                    "at": "2026-11-21T09:58:00Z",
                    "next": [
                        {
                            "why": "take it",
                            "method": "POST",
                            "path": "/api/handoffs/3d1c2b1e-6c56-4f1e-9a8b-0e6a5d4c3b2a/claim",
                            "body": {"agent_id": _AGENT["id"]},
                        }
                    ],
                    "details": {"attempts": 0},
                }
            ],
            "omitted": {},
            "withheld": [],
            "next": [],
            "max_tokens": 800,
            "tokens": 190,
        },
    ),
)
async def get_inbox(
    request: Request,
    db: Db,
    agent: AgentName = None,
    max_tokens: Annotated[
        int, Query(ge=300, le=50_000, description="How much may be answered, at four characters a token.")
    ] = 2000,
    since: Annotated[
        AwareDatetime | None, Query(description="Answers to escalations from then on; left out: of the last day.")
    ] = None,
) -> object:
    """Tell an agent that wakes up what it was doing and what waits for it, in one call, within a budget of tokens.

    Its executions and what they wait for, hand-offs that it has or may take, answers to what it asked, money left, and
    what it noted last; each with a call that takes it further. What does not fit is shortened, then counted in
    `omitted`.
    """
    named = agent or named_agent(request)
    if named is None:
        hint = f"Send ?agent=<id or name>, or the header {AGENT_HEADER}. POST /api/agents registers one."
        raise invalid_input([FieldProblem("/query/agent", "missing", "Say which agent you are.", hint=hint)])
    found: Any = await me.get_inbox(db, named, since.isoformat() if since else None)
    budgets: list[Any] = found["budgets"] or []
    left: list[str] = [budget["left_usd"] for budget in budgets]
    frame: JsonObject = {
        "agent": found["agent"],
        "since": found["since"],
        "waiting": found["waiting"],
        "budget_left_usd": min(left, key=float) if left else None,
        "withheld": found["withheld"],
        "next": [_more(found["agent"]["id"], max_tokens)],
        "max_tokens": max_tokens,
        "tokens": max_tokens,
    }
    packed = pack(items_of(found), max_tokens, frame)
    answer: JsonObject = {
        **frame,
        "items": [*packed.items],
        "omitted": {**packed.omitted},
        "next": frame["next"] if packed.omitted else [],
    }
    shown = Inbox.model_validate(answer)
    return {**answer, "tokens": tokens_of(shown.model_dump(mode="json"))}


def _more(agent_id: str, max_tokens: int) -> JsonObject:
    path = f"/api/me/inbox?agent={agent_id}&max_tokens={min(50_000, 4 * max_tokens)}"
    return {"why": "see what was left out", "method": "GET", "path": path}


app = create_app("me", router)
handler = lambda_handler(app)
