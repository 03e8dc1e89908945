"""Organisations, their members, and invitations to join."""

import secrets
from hashlib import sha256
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from functions.members.models import (
    CreatedInvitation,
    CreateInvitation,
    Invitation,
    InvitationToken,
    Joined,
    Member,
    Membership,
    Memberships,
    Offer,
    Organisation,
    OrganisationName,
    Role,
    UpdateMember,
    WhereToSignIn,
)
from functions.shared.db import members
from functions.shared.jsonvalue import JsonObject
from functions.shared.web import (
    Db,
    ListOf,
    Page,
    PlaneRouter,
    create_app,
    example,
    lambda_handler,
    public,
    requires,
    signed_in,
)
from functions.shared.web.connection import database_of, settings_of

router = PlaneRouter(tags=["members"])

_USER = "7d1c0f6e-4f0b-4c55-9a1e-0a5a2c8f7b31"
_ORG = "2b8a3c1d-5e0f-4a7b-8c9d-6e5f4a3b2c1d"
_MEMBER: JsonObject = {
    "user_id": _USER,
    "email": "ada@example.com",
    "role": "approver",
    "may_decide_by_mail": False,
    "joined_at": "2026-11-21T10:00:00Z",
    "last_seen_at": "2026-11-21T10:05:00Z",
    "removed_at": None,
}
_INVITATION: JsonObject = {
    "id": "c1a7e9a2-8b1d-4b3e-9f60-2f0b7d5c4e11",
    "email": "ada@example.com",
    "role": "approver",
    "status": "open",
    "created_by": {"kind": "person", "id": "0a8e9c1f-0f57-4c0e-8f2c-1f3a5b7d9e10", "label": "grace@example.com"},
    "created_at": "2026-11-21T09:00:00Z",
    "expires_at": "2026-11-28T09:00:00Z",
    "accepted_at": None,
    "accepted_by": None,
    "revoked_at": None,
}
_TOKEN = "inv_3q2Yc1Zx8mPq0rT5uV7wX9yA1bC3dE5fG7hJ9kL1mN"  # noqa: S105  an example
_MEMBERSHIP: JsonObject = {"id": _ORG, "name": "acme", "role": "approver", "joined_at": "2026-11-21T10:00:00Z"}
_ORGANISATION: JsonObject = {"id": _ORG, "name": "acme", "created_at": "2026-11-20T08:00:00Z"}
_INVITATION_PATH = f"/api/invitations/{_INVITATION['id']}"


@router.get(
    "/api/members",
    response_model=ListOf[Member],
    dependencies=[requires("")],
    **example("/api/members?role=approver", answer={"data": [_MEMBER], "next_cursor": None}),
)
async def list_members(
    db: Db,
    page: Page,
    role: Annotated[Role | None, Query(description="Only members with this role.")] = None,
    email: Annotated[str | None, Query(max_length=320, description="Only the member with this address.")] = None,
) -> object:
    """List the members, the newest first: whom an escalation can be assigned to. For members and operator keys."""
    return page.of(await members.list_members(db, {**page.payload(), "role": role, "email": email}), Member)


@router.patch(
    "/api/members/{user_id}",
    response_model=Member,
    dependencies=[requires("members:manage")],
    **example(f"/api/members/{_USER}", body={"role": "approver"}, answer=_MEMBER),
)
async def update_member(user_id: UUID, body: UpdateMember, db: Db) -> object:
    """Give a member another role. Only owners make and unmake owners, and one owner always stays."""
    return await members.update_member(db, user_id, body.model_dump(exclude_none=True))


@router.delete(
    "/api/members/{user_id}", status_code=204, dependencies=[requires("")], **example(f"/api/members/{_USER}")
)
async def remove_member(user_id: UUID, db: Db) -> None:
    """Take somebody out: their next request is refused. Anybody may leave; for others it needs members:manage."""
    await members.remove_member(db, user_id)


@router.post(
    "/api/invitations",
    status_code=201,
    response_model=CreatedInvitation,
    dependencies=[requires("members:manage")],
    **example(
        "/api/invitations",
        body={"email": "ada@example.com", "role": "approver"},
        answer={**_INVITATION, "token": _TOKEN, "link": f"https://plane.example.com/join?token={_TOKEN}"},
        status=201,
    ),
)
async def create_invitation(body: CreateInvitation, request: Request, db: Db) -> object:
    """Invite an address. The token is in this answer and nowhere else: send the link to whom it is for.

    They sign in with that address and accept. An open invitation to the same address ends. The first owner of an
    organisation that has none is invited by an operator's key; after that only owners invite owners.
    """
    token = f"inv_{secrets.token_urlsafe(32)}"
    answer: Any = await members.create_invitation(db, {**body.model_dump(), "token_hash": _hash_of(token)})
    if db.is_replayed:
        return {**answer, "token": None, "link": None}
    return {**answer, "token": token, "link": f"{settings_of(request.app).public_url.rstrip('/')}/join?token={token}"}


@router.get(
    "/api/invitations",
    response_model=ListOf[Invitation],
    dependencies=[requires("members:manage")],
    **example("/api/invitations", answer={"data": [_INVITATION], "next_cursor": None}),
)
async def list_invitations(db: Db, page: Page) -> object:
    """List the organisation's invitations, the newest first, also those that have ended."""
    return page.of(await members.list_invitations(db, page.payload()), Invitation)


@router.delete(
    "/api/invitations/{invitation_id}",
    status_code=204,
    dependencies=[requires("members:manage")],
    **example(_INVITATION_PATH),
)
async def revoke_invitation(invitation_id: UUID, db: Db) -> None:
    """Take an invitation back; it stays in the list. Again is fine."""
    await members.revoke_invitation(db, invitation_id)


@router.post(
    "/api/invitations/show",
    response_model=Offer,
    dependencies=[public()],
    **example(
        "/api/invitations/show",
        body={"token": _TOKEN},
        answer={
            "organisation": "acme",
            "email": "ada@example.com",
            "role": "approver",
            "invited_by": "grace@example.com",
            "expires_at": "2026-11-28T09:00:00Z",
        },
    ),
)
async def show_invitation(body: InvitationToken, request: Request) -> object:
    """Show what an invitation offers, to who holds its token. It changes nothing."""
    return await members.show_invitation(await database_of(request.app), _hash_of(body.token))


@router.post(
    "/api/invitations/accept",
    response_model=Joined,
    dependencies=[signed_in()],
    **example(
        "/api/invitations/accept",
        body={"token": _TOKEN},
        answer={"organisation": {"id": _ORG, "name": "acme"}, "member": _MEMBER},
    ),
)
async def accept_invitation(body: InvitationToken, db: Db) -> object:
    """Join the organisation that has invited the address that you have signed in with. Again is the same."""
    return await members.accept_invitation(db, _hash_of(body.token))


@router.get(
    "/api/sign-in",
    response_model=WhereToSignIn,
    dependencies=[public()],
    **example(
        "/api/sign-in",
        answer={
            "auth_url": "https://project.supabase.co/auth/v1",
            "publishable_key": "sb_publishable_…",
            "mailbox": None,
        },
    ),
)
async def where_to_sign_in(request: Request) -> object:
    """Say where people sign in: the address of Supabase Auth, with the project's publishable key, which is no secret.

    `POST {auth_url}/otp {email}` mails a code, `POST {auth_url}/verify {type: "email", email, token}` gives the access
    token to send here. A development plane shows its mails at `mailbox` instead of sending them.
    """
    known = settings_of(request.app)
    is_local = known.local_data is not None and not known.supabase_url and not known.auth_url
    return {
        "auth_url": known.auth_address or None,
        "publishable_key": known.supabase_publishable_key,
        "mailbox": f"{known.public_url.rstrip('/')}/dev/mail" if is_local else None,
    }


@router.get(
    "/api/organisations",
    response_model=Memberships,
    dependencies=[signed_in()],
    **example("/api/organisations", answer={"data": [_MEMBERSHIP], "next_cursor": None}),
)
async def list_organisations(db: Db) -> object:
    """List the organisations that you are a member of: what the header AgentPlane-Organisation may name."""
    return await members.list_organisations(db)


@router.post(
    "/api/organisations",
    status_code=201,
    response_model=Membership,
    dependencies=[signed_in()],
    **example(
        "/api/organisations",
        body={"name": "acme"},
        answer={**_MEMBERSHIP, "role": "owner"},
        status=201,
        also={200: {**_MEMBERSHIP, "role": "owner"}},
    ),
)
async def create_organisation(body: OrganisationName, response: Response, db: Db) -> object:
    """Create an organisation and become its owner. The same name again: 200, the same one."""
    made: Any = await members.create_organisation(db, body.name)
    if not made.pop("has_begun"):
        response.status_code = 200
    return made


@router.get(
    "/api/organisation",
    response_model=Organisation,
    dependencies=[requires("")],
    **example("/api/organisation", answer=_ORGANISATION),
)
async def get_organisation(db: Db) -> object:
    """Show the organisation that your key or membership belongs to."""
    return await members.get_organisation(db)


@router.patch(
    "/api/organisation",
    response_model=Organisation,
    dependencies=[requires("members:manage")],
    **example("/api/organisation", body={"name": "acme"}, answer=_ORGANISATION),
)
async def update_organisation(body: OrganisationName, db: Db) -> object:
    """Rename the organisation. Keys and ids stay."""
    return await members.update_organisation(db, body.name)


def _hash_of(token: str) -> str:
    return sha256(token.encode()).hexdigest()


app = create_app("members", router)
handler = lambda_handler(app)
