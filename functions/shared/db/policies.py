"""The verbs of policies."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uuid import UUID

    from functions.shared.db.caller_db import CallerDb
    from functions.shared.jsonvalue import Json, JsonObject


async def create_policy(db: CallerDb, fields: JsonObject) -> Json:
    """Add one. Raises Conflict."""
    return await db.write("create_policy", fields)


async def list_policies(db: CallerDb, page: JsonObject) -> Json:
    """List a page in the order in which they count: `{data, next}`."""
    return await db.read("list_policies", page)


async def get_policy(db: CallerDb, policy_id: UUID) -> Json:
    """Read one. Raises NotFound."""
    return await db.read("get_policy", {"id": str(policy_id)})


async def update_policy(db: CallerDb, policy_id: UUID, changes: JsonObject) -> Json:
    """Change fields of one. Raises NotFound, Conflict."""
    return await db.write("update_policy", {"id": str(policy_id), "changes": changes}, safe=True)


async def delete_policy(db: CallerDb, policy_id: UUID) -> None:
    """Delete one. Raises NotFound."""
    await db.write("delete_policy", {"id": str(policy_id)})
