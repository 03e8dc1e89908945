"""People: two members and an open invitation, all with the mark in their addresses."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sql.isolation import Things

IDS = ("owner", "member", "invitation")


def address_of(things: Things) -> str:
    """Give the address of the organisation's owner, which is invited too."""
    return f"{things.mark}@example.com"


def token_of(things: Things) -> str:
    """Give the hex sha256 of the invitation's token."""
    return hashlib.sha256(things.id("invitation").encode()).hexdigest()


def claims_of(things: Things) -> dict[str, Any]:
    """Give the claims of the owner's access token."""
    return {
        "sub": things.id("owner"),
        "aud": "authenticated",
        "role": "authenticated",
        "exp": 4_000_000_000,
        "email": address_of(things),
        "aal": "aal2",
    }


SEEDS: dict[str, tuple[str, Callable[[Things], tuple[Any, ...]]]] = {
    "members": (
        """
        insert into plane.members (org_id, user_id, email, role)
        values ($1, $3, $2 || '@example.com', 'owner'), ($1, $4, $2 || '-member@example.com', 'viewer')
        """,
        lambda t: (t.id("owner"), t.id("member")),
    ),
    "invitations": (
        """
        insert into plane.invitations (id, org_id, email, role, token_hash, created_by, expires_at)
        values ($3, $1, $2 || '@example.com', 'viewer', sha256(decode($4, 'hex')),
          jsonb_build_object('label', $2::text), now() + interval '1 day')
        """,
        lambda t: (t.id("invitation"), token_of(t)),
    ),
}
CALLS: dict[str, Callable[[Things], dict[str, Any]]] = {
    "accept_invitation": lambda t: {"token_hash": token_of(t)},
    "check_sign_in": lambda _: {},
    "create_invitation": lambda _: {
        "email": "new@example.com",
        "role": "viewer",
        "token_hash": "1" * 64,
        "expires_in_seconds": 60,
    },
    "create_organisation": lambda _: {"name": "founded"},
    "get_organisation": lambda _: {},
    "list_invitations": lambda _: {"limit": 50, "cursor": None},
    "list_members": lambda _: {"limit": 50, "cursor": None},
    "list_organisations": lambda _: {},
    "remove_member": lambda t: {"user_id": t.id("member")},
    "revoke_invitation": lambda t: {"id": t.id("invitation")},
    "update_member": lambda t: {"user_id": t.id("member"), "role": "operator"},
    "update_organisation": lambda _: {"name": "renamed"},
}
WRITES = {"members": {"update"}, "invitations": {"insert", "update"}}
