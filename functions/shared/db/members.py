"""The verbs of organisations, members and invitations."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uuid import UUID

    from functions.shared.db.caller_db import CallerDb
    from functions.shared.db.port import Database
    from functions.shared.jsonvalue import Json, JsonObject


async def list_members(db: CallerDb, page: JsonObject) -> Json:
    """List a page: `{data, next}`."""
    return await db.read("list_members", page)


async def update_member(db: CallerDb, user_id: UUID, changes: JsonObject) -> Json:
    """Change a member's role or rights. Raises Forbidden `owners_only`, NotFound, Conflict `last_owner`."""
    return await db.write("update_member", {"user_id": str(user_id), **changes}, safe=True)


async def remove_member(db: CallerDb, user_id: UUID) -> Json:
    """Take a member out; again is the same. Raises Forbidden, NotFound, Conflict `last_owner`."""
    return await db.write("remove_member", {"user_id": str(user_id)}, safe=True)


async def create_invitation(db: CallerDb, fields: JsonObject) -> Json:
    """Invite an address. Raises Forbidden `owners_only`, Conflict `already_member`."""
    return await db.write("create_invitation", fields)


async def list_invitations(db: CallerDb, page: JsonObject) -> Json:
    """List a page: `{data, next}`."""
    return await db.read("list_invitations", page)


async def revoke_invitation(db: CallerDb, invitation_id: UUID) -> Json:
    """Take an invitation back; again is the same. Raises NotFound, Conflict `already_accepted`."""
    return await db.write("revoke_invitation", {"id": str(invitation_id)}, safe=True)


async def show_invitation(database: Database, token_hash: str) -> Json:
    """Show what an open invitation offers to who holds its token. Raises NotFound."""
    return await database.public("show_invitation", {"token_hash": token_hash}, safe=True)


async def accept_invitation(db: CallerDb, token_hash: str) -> Json:
    """Make the caller a member: `{organisation, member}`; again is the same. Raises NotFound, Forbidden."""
    return await db.write("accept_invitation", {"token_hash": token_hash}, safe=True)


async def list_organisations(db: CallerDb) -> Json:
    """List the organisations of a person who has signed in: `{data}`."""
    return await db.read("list_organisations", {})


async def create_organisation(db: CallerDb, name: str) -> Json:
    """Make an organisation, whose owner the caller becomes; again is the same. Raises Forbidden, Conflict."""
    return await db.write("create_organisation", {"name": name}, safe=True)


async def get_organisation(db: CallerDb) -> Json:
    """Show the caller's organisation."""
    return await db.read("get_organisation", {})


async def update_organisation(db: CallerDb, name: str) -> Json:
    """Rename the caller's organisation. Raises Conflict `organisation_exists`."""
    return await db.write("update_organisation", {"name": name}, safe=True)
