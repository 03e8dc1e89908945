"""The audit: who did what, when and for whom; a chain of hashes that shows whether anything was changed since."""

import json
import re
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query, Response
from pydantic import AwareDatetime, Field, JsonValue

from functions.shared.db import audit
from functions.shared.errors import FieldProblem
from functions.shared.jsonvalue import JsonObject
from functions.shared.web import (
    Answer,
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

router = PlaneRouter(prefix="/api/audit", tags=["audit"])

MAX_VERIFIED, MAX_EXPORTED = 10_000, 1_000
ActorKind = Literal["api_key", "operator", "runner", "person", "link", "plane"]
_HEAD = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")


class Actor(Answer):
    """Who did it. `label`: the key's name or the person's address as it was then; null when it was erased."""

    kind: ActorKind
    id: UUID | None
    label: str | None


class Principal(Answer):
    """On whose behalf it was done: a step acts for who started its execution, a one-time link for its member."""

    kind: Literal["api_key", "person"]
    id: UUID | None
    label: str | None
    execution_id: UUID | None


class AuditEntry(Answer):
    """One change or decision. `seq`: its place in the chain; null until it is sealed, a moment later."""

    id: int
    seq: int | None
    at: Timestamp
    actor: Actor
    on_behalf_of: Principal | None
    action: str
    resource: str
    resource_id: str | None
    details: dict[str, JsonValue]
    before_hash: str | None = Field(description="Of the resource before it, with the organisation's salt.")
    after_hash: str | None
    trace_id: str | None
    is_erased: bool = Field(description="Its details and label were erased with a person's data.")


class Problem(Answer):
    """The first entry that is not as it was sealed."""

    kind: Literal["changed", "removed", "reordered", "inserted"]
    seq: int
    entry_id: int | None
    message: str


class Verified(Answer):
    """What a walk along the chain found. Keep `head` elsewhere: given as `known`, it shows that nothing was cut off."""

    is_intact: bool
    problem: Problem | None
    checked: int = Field(description="Entries of this page.")
    count: int = Field(description="Entries in the chain.")
    head: str = Field(description="`count:hash` of the last entry.")
    next_after: str | None = Field(description="Send it as `after` to go on; null: that was the end.")
    erased: int = Field(description="Entries of this page whose details were erased with a person's data.")
    unsealed: int = Field(description="Entries that wait to be sealed; at most 10,000 are counted.")
    unsealed_since: Timestamp | None


_ENTRY: JsonObject = {
    "id": 1042,
    "seq": 1040,
    "at": "2026-11-21T10:00:00Z",
    "actor": {"kind": "operator", "id": "e0c6f1d4-91f4-4e9b-8a53-5d9c1f6f2b77", "label": "ops"},
    "on_behalf_of": None,
    "action": "create_key",
    "resource": "keys",
    "resource_id": "5f3f1f64-1c7e-4c8e-8a43-3a4d7b1c9f10",
    "details": {"name": "mail agent", "kind": "agent", "scopes": ["state:read"]},
    "before_hash": None,
    "after_hash": "5bd6c1a1f4cf32bb8f1a1d4c0e35b9b1f0f0b6a2b1a7f3a5d8e8c4e2a6b7c9d0",
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    "is_erased": False,
}
_HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_LINE = '{"seq":1,"hash":"9f86…","text":"{…}","nonce":"6f1c…","entry":{…},"labels":{"actor":"ops"}}\n'
After = Annotated[str | None, Query(max_length=90, description="`next_after` of the page before, or a kept `head`.")]


@router.get(
    "",
    response_model=ListOf[AuditEntry],
    dependencies=[requires("audit:read")],
    **example("/api/audit?resource=keys", answer={"data": [_ENTRY], "next_cursor": None}),
)
async def list_audit(  # noqa: PLR0913, PLR0917  each is a filter
    db: Db,
    page: Page,
    action: Annotated[str | None, Query(max_length=100, description="As the verb: create_key.")] = None,
    resource: Annotated[str | None, Query(max_length=100, description="agents, keys, executions, …")] = None,
    resource_id: Annotated[str | None, Query(max_length=800)] = None,
    actor_id: Annotated[UUID | None, Query(description="Who did it, or on whose behalf it was done.")] = None,
    actor_kind: ActorKind | None = None,
    trace_id: Annotated[str | None, Query(max_length=64, description="Of one request.")] = None,
    since: Annotated[AwareDatetime | None, Query(alias="from", description="From this time on.")] = None,
    until: Annotated[AwareDatetime | None, Query(alias="to", description="Up to this time.")] = None,
) -> object:
    """List who did what, the newest first."""
    filters = page.payload(
        action=action,
        resource=resource,
        resource_id=resource_id,
        actor_id=str(actor_id) if actor_id else None,
        actor_kind=actor_kind,
        trace_id=trace_id,
        since=since.isoformat() if since else None,
        until=until.isoformat() if until else None,
    )
    return page.of(await audit.list_audit(db, filters), AuditEntry)


@router.get(
    "/verify",
    response_model=Verified,
    dependencies=[requires("audit:read")],
    **example(
        "/api/audit/verify",
        answer={
            "is_intact": True,
            "problem": None,
            "checked": 1040,
            "count": 1040,
            "head": f"1040:{_HASH}",
            "next_after": None,
            "erased": 0,
            "unsealed": 2,
            "unsealed_since": "2026-11-21T10:00:01Z",
        },
    ),
)
async def verify_audit(
    db: Db,
    after: After = None,
    known: Annotated[str | None, Query(max_length=90, description="A kept `head`: it must still be there.")] = None,
    limit: Annotated[int, Query(ge=1, description=f"How many to check; at most {MAX_VERIFIED}.")] = 5_000,
) -> object:
    """Check that no entry was changed, removed, reordered or inserted since it was sealed. Tells the first that was."""
    found: Any = await audit.verify_audit(
        db, limit=min(limit, MAX_VERIFIED), after=_read_head("after", after), known=_read_head("known", known)
    )
    problem = found["problem"]
    return {
        **found,
        "is_intact": problem is None,
        "count": found["head"]["seq"],
        "head": _head(found["head"]),
        "next_after": _head(found["to"]) if found["has_more"] else None,
    }


@router.get(
    "/export",
    response_class=Response,
    dependencies=[requires("audit:read")],
    responses={200: {"content": {"application/x-ndjson": {}}, "description": "One entry a line, in their order."}},
    **example("/api/audit/export", answer=_LINE, media_type="application/x-ndjson"),
)
async def export_audit(
    db: Db,
    after: Annotated[int, Query(ge=0, lt=2**62, description="The last `seq` that you have.")] = 0,
    limit: Annotated[int, Query(ge=1, description=f"Lines; more than {MAX_EXPORTED} gives so many.")] = MAX_EXPORTED,
) -> Response:
    """Export sealed entries as JSON lines `{seq, hash, text, nonce, entry, labels}`: sha256 of `text` is `hash`.

    The header `Link: <…>; rel="next"` leads to the next page; without it that was the end.
    """
    found: Any = await audit.export_audit(db, after=after, limit=min(limit, MAX_EXPORTED))
    lines = "".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in found["data"])
    headers = {"AgentPlane-Audit-Head": _head(found["head"])} if found["head"] else {}
    if found["next"] is not None:
        headers["Link"] = f'</api/audit/export?after={found["next"]}&limit={min(limit, MAX_EXPORTED)}>; rel="next"'
    return Response(lines, media_type="application/x-ndjson", headers=headers)


def _head(place: dict[str, Any]) -> str:
    return f"{place['seq']}:{place['hash']}"


def _read_head(name: str, text: str | None) -> JsonObject | None:
    if text is None:
        return None
    match = _HEAD.fullmatch(text)
    if match is None:
        message = "Must be `count:hash` as `head` and `next_after` give it."
        raise invalid_input([FieldProblem(f"/query/{name}", "wrong_form", message)])
    return {"seq": int(match[1]), "hash": match[2]}


app = create_app("audit", router)
handler = lambda_handler(app)
