"""Data of people and organisations: take it along, have it erased, say for how long it is kept."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query, Response
from pydantic import Field

from functions.shared.db import privacy
from functions.shared.errors import FieldProblem
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
    invalid_input,
    lambda_handler,
    requires,
)

router = PlaneRouter(prefix="/api/privacy", tags=["privacy"])

MAX_ROWS = 5_000


class ErasePerson(Body):
    """The member's address, as confirmation."""

    email: Annotated[str, Field(min_length=3, max_length=320)]


class EraseOrganisation(Body):
    """The organisation's exact name, as confirmation."""

    name: Annotated[str, Field(min_length=1, max_length=100)]


class Actor(Answer):
    """Who asked for it."""

    kind: str
    id: UUID | None
    label: str | None


class Erasure(Answer):
    """How far an erasure has come. `label`: what stands in the person's place, or the organisation's name."""

    id: UUID
    kind: Literal["person", "organisation"]
    subject: UUID
    label: str
    status: Literal["running", "finished"]
    requested_by: Actor
    requested_at: Timestamp
    finished_at: Timestamp | None
    row_count: int


class SetRetention(Body):
    """Days after an execution's end; null: for ever."""

    payload_days: Annotated[int | None, Field(ge=1, le=3650)]


class Retention(Answer):
    """For how long inputs and outputs of executions, forms and events are kept after an execution's end."""

    payload_days: int | None
    updated_at: Timestamp | None


_ERASURE: JsonObject = {
    "id": "0f9f5f0e-1b0a-4c55-8f0c-1f1c2f3b4a5d",
    "kind": "person",
    "subject": "c7d0a3a1-55b1-4a7c-9d53-2f4c8e1a9b10",
    "label": "erased-1f0c2b7a9d3e@invalid",
    "status": "running",
    "requested_by": {"kind": "operator_key", "id": "e0c6f1d4-91f4-4e9b-8a53-5d9c1f6f2b77", "label": "ops"},
    "requested_at": "2026-11-21T10:00:00Z",
    "finished_at": None,
    "row_count": 0,
}
_LINES = '{"table":"agents","row":{"id":"5f3f1f64-…","name":"mail agent","framework":"custom"}}\n'
_PERSON = "/api/privacy/people/c7d0a3a1-55b1-4a7c-9d53-2f4c8e1a9b10"
Rows = Annotated[int, Query(ge=1, description=f"Rows to look at; more than {MAX_ROWS} looks at so many.")]
After = Annotated[str | None, Query(max_length=2000, description="From the `Link` of the page before.")]


@router.get(
    "/export",
    response_class=Response,
    dependencies=[requires("data:manage")],
    responses={200: {"content": {"application/x-ndjson": {}}, "description": "One row a line."}},
    **example("/api/privacy/export", answer=_LINES, media_type="application/x-ndjson"),
)
async def export_organisation(db: Db, after: After = None, limit: Rows = 1_000) -> Response:
    """Export everything that the organisation has, as JSON lines `{table, row}`; keys, tokens and secrets are left out.

    The header `Link: <…>; rel="next"` leads to the next page; without it that was the end. Every table comes whole, but
    what changes while you read may come as it was or as it became.
    """
    return await _lines(db, "/api/privacy/export", after=after, limit=limit, user_id=None)


@router.get(
    "/people/{user_id}/export",
    response_class=Response,
    dependencies=[requires("data:manage")],
    responses={200: {"content": {"application/x-ndjson": {}}, "description": "One row a line."}},
    **example(f"{_PERSON}/export", answer=_LINES, media_type="application/x-ndjson"),
)
async def export_person(user_id: UUID, db: Db, after: After = None, limit: Rows = 1_000) -> Response:
    """Export every row that holds a member's id or address, as JSON lines. Pages may be empty before the last one."""
    return await _lines(db, f"/api/privacy/people/{user_id}/export", after=after, limit=limit, user_id=user_id)


@router.post(
    "/people/{user_id}/erase",
    status_code=202,
    response_model=Erasure,
    dependencies=[requires("data:manage")],
    **example(f"{_PERSON}/erase", body={"email": "ada@example.com"}, answer=_ERASURE, status=202),
)
async def erase_person(user_id: UUID, body: ErasePerson, db: Db) -> object:
    """Erase a member: they can do nothing from now on, and their address is replaced wherever it stands.

    Members, invitations and the audit at once, everything else within minutes. What they decided stays, by `label`; the
    audit still verifies. Nothing brings it back.
    """
    return await privacy.erase_person(db, user_id, email=body.email)


@router.post(
    "/organisation/erase",
    status_code=202,
    response_model=Erasure,
    dependencies=[requires("data:manage")],
    **example(
        "/api/privacy/organisation/erase",
        body={"name": "acme"},
        answer={**_ERASURE, "kind": "organisation", "label": "acme"},
        status=202,
    ),
)
async def erase_organisation(body: EraseOrganisation, db: Db) -> object:
    """Erase your organisation. Only an owner may, signed in, by its exact name; export it first.

    Every key and every member is refused from this moment on; all rows are deleted within minutes. Nothing brings it
    back. Who runs the plane keeps a note that it was erased, when and by whom.
    """
    return await privacy.erase_organisation(db, name=body.name)


@router.get(
    "/erasures",
    response_model=ListOf[Erasure],
    dependencies=[requires("data:manage")],
    **example("/api/privacy/erasures", answer={"data": [_ERASURE], "next_cursor": None}),
)
async def list_erasures(db: Db, page: Page) -> object:
    """List erasures and how far they have come, the latest first."""
    return page.of(await privacy.list_erasures(db, page.payload()), Erasure)


@router.get(
    "/retention",
    response_model=Retention,
    dependencies=[requires("data:manage")],
    **example("/api/privacy/retention", answer={"payload_days": 30, "updated_at": "2026-11-21T10:00:00Z"}),
)
async def get_retention(db: Db) -> object:
    """See for how long payloads are kept."""
    return await privacy.get_retention(db)


@router.put(
    "/retention",
    response_model=Retention,
    dependencies=[requires("data:manage")],
    **example(
        "/api/privacy/retention",
        body={"payload_days": 30},
        answer={"payload_days": 30, "updated_at": "2026-11-21T10:00:00Z"},
    ),
)
async def set_retention(body: SetRetention, db: Db) -> object:
    """Set for how long payloads are kept after an execution's end. That it ran, its times and its cost stay.

    What has lost its payloads cannot be retried or restarted.
    """
    return await privacy.set_retention(db, payload_days=body.payload_days)


async def _lines(db: Db, path: str, *, after: str | None, limit: int, user_id: UUID | None) -> Response:
    limit = min(limit, MAX_ROWS)
    found: Any = await privacy.export_data(db, limit=limit, after=_place_of(after), user_id=user_id)
    lines = "".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in found["data"])
    headers: dict[str, str] = {}
    if found["next"] is not None:
        following = urlsafe_b64encode(json.dumps(found["next"]).encode()).rstrip(b"=").decode()
        headers["Link"] = f'<{path}?after={following}&limit={limit}>; rel="next"'
    return Response(lines, media_type="application/x-ndjson", headers=headers)


def _place_of(after: str | None) -> JsonObject | None:
    if after is None:
        return None
    try:
        place: Any = json.loads(urlsafe_b64decode(after + "=" * (-len(after) % 4)))
        if isinstance(place["table"], str) and isinstance(place["key"], list):
            return {"table": place["table"], "key": place["key"]}
    except (ValueError, TypeError, KeyError):
        pass
    message = "This does not come from the Link header of a page."
    raise invalid_input([FieldProblem("/query/after", "invalid_cursor", message)])


app = create_app("privacy", router)
handler = lambda_handler(app)
