"""What the routes of organisations, members and invitations take and give."""

import re
from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from functions.shared.web import Answer, Body, Timestamp

Role: TypeAlias = Literal["viewer", "approver", "operator", "admin", "owner"]
ROLE_MEANS = (
    "viewer reads; approver also decides approvals; operator also changes what agents may; "
    "admin also manages keys, limits, secrets, policies and members; owner also data and owners."
)
DAY_SECONDS = 86_400

_ADDRESS = r"^[^\s@\"<>\\,;]+@[^\s@\"<>\\,;]+$"


def _address(text: str) -> str:
    if re.fullmatch(_ADDRESS, text) is None:
        raise PydanticCustomError("wrong_form", "Must be an address such as name@example.com.")
    return text


Address: TypeAlias = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=3, max_length=320),
    AfterValidator(_address),
    Field(json_schema_extra={"pattern": _ADDRESS}),
]
Name: TypeAlias = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
Token: TypeAlias = Annotated[str, StringConstraints(strip_whitespace=True, min_length=20, max_length=200)]


class Member(Answer):
    """A person in the organisation."""

    user_id: UUID
    email: str
    role: Role
    may_decide_by_mail: bool
    joined_at: Timestamp
    last_seen_at: Timestamp | None
    removed_at: Timestamp | None


class UpdateMember(Body):
    """What shall be different; what is left out stays."""

    role: Annotated[Role | None, Field(description=ROLE_MEANS)] = None
    may_decide_by_mail: Annotated[
        bool | None,
        Field(description="Whether a link in a mail to them is enough to decide, where a policy takes that."),
    ] = None


class CreateInvitation(Body):
    """Whom to invite, and what they will be."""

    email: Annotated[Address, Field(description="They must sign in with this address.")]
    role: Annotated[Role, Field(description=ROLE_MEANS)] = "viewer"
    expires_in_seconds: Annotated[int, Field(ge=60, le=30 * DAY_SECONDS)] = 7 * DAY_SECONDS


class Actor(Answer):
    """Who did something: a person or a key, by id and by address or name."""

    kind: str
    id: UUID | None
    label: str | None


class Invitation(Answer):
    """An offer to join: never its token."""

    id: UUID
    email: str
    role: Role
    status: Literal["open", "accepted", "revoked", "expired"]
    created_by: Actor
    created_at: Timestamp
    expires_at: Timestamp
    accepted_at: Timestamp | None
    accepted_by: UUID | None
    revoked_at: Timestamp | None


class CreatedInvitation(Invitation):
    """A new invitation. `token` and `link` are shown this once; null when a repeated request got the same answer."""

    token: str | None
    link: str | None


class InvitationToken(Body):
    """The token of an invitation, as its link carries it."""

    token: Token


class Offer(Answer):
    """What an invitation offers, to who holds its token."""

    organisation: str
    email: str
    role: Role
    invited_by: str | None
    expires_at: Timestamp


class NamedOrganisation(Answer):
    """An organisation's id and name."""

    id: UUID
    name: str


class Joined(Answer):
    """The organisation that was joined, and as what."""

    organisation: NamedOrganisation
    member: Member


class Organisation(Answer):
    """The organisation of the key or of the member."""

    id: UUID
    name: str
    created_at: Timestamp


class OrganisationName(Body):
    """An organisation's name; no two have the same one."""

    name: Name


class Membership(Answer):
    """An organisation of the person who has signed in."""

    id: UUID
    name: str
    role: Role
    joined_at: Timestamp


class Memberships(Answer):
    """All of them, by name."""

    data: list[Membership]
    next_cursor: None = None


class WhereToSignIn(Answer):
    """Where people get their access tokens; all null where nobody can sign in."""

    auth_url: str | None
    publishable_key: str | None
    mailbox: str | None
