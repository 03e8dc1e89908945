"""Policies: data that says which tools, hosts and models steps may use, and about which a person is asked."""

from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

from fastapi import Query
from pydantic import Field, JsonValue, field_validator

from functions.shared.db import policies
from functions.shared.dsl.catalogue import provider_of
from functions.shared.errors import FieldProblem
from functions.shared.jsonvalue import JsonObject
from functions.shared.policies import Subject, decide, host_subject, model_subject, policy_of, tool_subject
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
    invalid_input,
    lambda_handler,
    requires,
)

router = PlaneRouter(prefix="/api/policies", tags=["policies"])

MOST = 500
Effect: TypeAlias = Annotated[
    Literal["deny", "ask", "allow"],
    Field(description="deny: the step fails. ask: a person decides first. allow: an exception to a lower priority."),
]
Kind: TypeAlias = Annotated[Literal["tool", "host", "model"], Field(description="What it is about.")]
Pattern: TypeAlias = Annotated[
    str,
    Field(
        min_length=1,
        max_length=300,
        description="`*` is any text, `?` one character: *.example.com, openai/*, web_fetch. Hosts may name a port.",
    ),
]
Names: TypeAlias = Annotated[list[Annotated[str, Field(min_length=1, max_length=300)]], Field(max_length=50)]
Priority: TypeAlias = Annotated[
    int, Field(ge=-1000, le=1000, description="The highest wins; of equal ones deny, then ask, then allow.")
]


class CreatePolicy(Body):
    """What steps may not use, may use, or may use when a person agrees. What no policy fits is allowed."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    effect: Effect
    kind: Kind
    pattern: Pattern
    workflows: Names = Field([], description="Only in workflows whose names fit one of these patterns.")
    agents: Names = Field([], description="Only in executions for agents whose names fit one of these.")
    priority: Priority = 0
    reason: Annotated[str | None, Field(max_length=500, description="Shown to whom it concerns.")] = None
    is_enabled: bool = True


class UpdatePolicy(Body):
    """The fields to change; those left out stay."""

    name: Annotated[str | None, Field(min_length=1, max_length=100)] = None
    effect: Effect | None = None
    kind: Kind | None = None
    pattern: Pattern | None = None
    workflows: Names | None = None
    agents: Names | None = None
    priority: Priority | None = None
    reason: Annotated[str | None, Field(max_length=500)] = None
    is_enabled: bool | None = None

    @field_validator("name", "effect", "kind", "pattern", "workflows", "agents", "priority", "is_enabled")
    @classmethod
    def not_null(cls, value: JsonValue) -> JsonValue:
        """Refuse null: leaving a field out keeps it."""
        if value is None:
            raise ValueError("must not be null; leave it out to keep it")
        return value


class Actor(Answer):
    """Who made it."""

    kind: str
    id: UUID | None
    label: str | None


class Policy(Answer):
    """A policy. It holds within a few seconds of a change, wherever steps run."""

    id: UUID
    name: str
    effect: Effect
    kind: Kind
    pattern: str
    workflows: list[str]
    agents: list[str]
    priority: int
    reason: str | None
    is_enabled: bool
    created_by: Actor
    created_at: Timestamp
    updated_at: Timestamp


class AskPolicies(Body):
    """A tool, host or model, and where it would be used."""

    kind: Kind
    name: Annotated[
        str, Field(min_length=1, max_length=300, description="web_fetch · api.example.com:8443 · openai/gpt-5")
    ]
    workflow: Annotated[str, Field(max_length=200)] = ""
    agent: Annotated[str | None, Field(max_length=200)] = None


class Decided(Answer):
    """What would happen. `policy` is the one that decides; null: none fits, so it is allowed."""

    effect: Effect
    policy: Policy | None
    names: list[str] = Field(description="The spellings that patterns were compared with.")


_POLICY: JsonObject = {
    "id": "7b0f6a52-31a7-4c55-9d9f-93c1f5b4c0aa",
    "name": "no pastebins",
    "effect": "deny",
    "kind": "host",
    "pattern": "*.pastebin.com",
    "workflows": [],
    "agents": [],
    "priority": 0,
    "reason": "Customer data must not leave",
    "is_enabled": True,
    "created_by": {"kind": "operator_key", "id": "e0c6f1d4-91f4-4e9b-8a53-5d9c1f6f2b77", "label": "ops"},
    "created_at": "2026-11-21T10:00:00Z",
    "updated_at": "2026-11-21T10:00:00Z",
}
_PATH = f"/api/policies/{_POLICY['id']}"


@router.post(
    "",
    status_code=201,
    response_model=Policy,
    dependencies=[requires("policies:manage")],
    **example(
        "/api/policies",
        body={name: _POLICY[name] for name in ("name", "effect", "kind", "pattern", "reason")},
        answer=_POLICY,
        status=201,
    ),
)
async def create_policy(body: CreatePolicy, db: Db) -> object:
    """Add a policy. To allow only what you list: deny `*` at a low priority, and allow patterns at a higher one."""
    return await policies.create_policy(db, body.model_dump(mode="json"))


@router.get(
    "",
    response_model=ListOf[Policy],
    dependencies=[requires("policies:manage")],
    **example("/api/policies", answer={"data": [_POLICY], "next_cursor": None}),
)
async def list_policies(
    db: Db, page: Page, kind: Annotated[Literal["tool", "host", "model"] | None, Query()] = None
) -> object:
    """List policies in the order in which they count."""
    return page.of(await policies.list_policies(db, page.payload(kind=kind)), Policy)


@router.get(
    "/{policy_id}",
    response_model=Policy,
    dependencies=[requires("policies:manage")],
    **example(_PATH, answer=_POLICY),
)
async def get_policy(policy_id: UUID, db: Db) -> object:
    """Read a policy."""
    return await policies.get_policy(db, policy_id)


@router.patch(
    "/{policy_id}",
    response_model=Policy,
    dependencies=[requires("policies:manage")],
    **example(_PATH, body={"effect": "ask"}, answer={**_POLICY, "effect": "ask"}),
)
async def update_policy(policy_id: UUID, body: UpdatePolicy, db: Db) -> object:
    """Change a policy."""
    return await policies.update_policy(db, policy_id, body.model_dump(mode="json", exclude_unset=True))


@router.delete(
    "/{policy_id}",
    status_code=204,
    dependencies=[requires("policies:manage")],
    **example(_PATH),
)
async def delete_policy(policy_id: UUID, db: Db) -> None:
    """Delete a policy."""
    await policies.delete_policy(db, policy_id)


@router.post(
    "/test",
    response_model=Decided,
    dependencies=[requires("policies:manage")],
    **example(
        "/api/policies/test",
        body={"kind": "host", "name": "www.pastebin.com", "workflow": "summarise"},
        answer={"effect": "deny", "policy": _POLICY, "names": ["www.pastebin.com"]},
    ),
)
async def test_policies(body: AskPolicies, db: Db) -> object:
    """Say what would happen to a step that uses this, and which policy decides. Nothing is done."""
    subject = _subject(body)
    listed: Any = await policies.list_policies(db, {"limit": MOST, "cursor": None, "kind": body.kind})
    rows = [row for row in listed["data"] if row["is_enabled"]]
    decision = decide(map(policy_of, rows), subject, workflow=body.workflow, agent=body.agent)
    first = decision.policy
    return {
        "effect": decision.effect,
        "policy": next((row for row in rows if first is not None and row["id"] == first.id), None),
        "names": [*subject.names],
    }


def _subject(body: AskPolicies) -> Subject:
    match body.kind:
        case "tool":
            return tool_subject(body.name)
        case "model":
            return model_subject(body.name, provider_of(body.name) or "")
        case _:
            host, _, port = body.name.rpartition(":")
            if not host or (":" in host and not host.endswith("]")):
                return host_subject(body.name)
            if not port.isdecimal():
                message = "Must be a host, or host:port: no scheme and no path."
                raise invalid_input([FieldProblem("/name", "wrong_form", message)])
            return host_subject(host, int(port))


app = create_app("policies", router)
handler = lambda_handler(app)
