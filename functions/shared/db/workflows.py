"""The verbs of workflows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from functions.shared.db.caller_db import CallerDb
    from functions.shared.jsonvalue import Json, JsonObject


async def create_workflow(db: CallerDb, fields: JsonObject) -> Json:
    """Add a version. Answers it and `is_created`: false when the content was there. Raises Conflict, InvalidInput."""
    return await db.write("create_workflow", fields, safe=True)


async def get_workflow(db: CallerDb, which: JsonObject) -> Json:
    """Read one version by `{name | workflow_id, version?}`, with its definition. Raises NotFound."""
    return await db.read("get_workflow", which)


async def list_workflows(db: CallerDb, page: JsonObject) -> Json:
    """List a page of workflows: `{data, next}`."""
    return await db.read("list_workflows", page)


async def list_workflow_versions(db: CallerDb, page: JsonObject) -> Json:
    """List a page of the versions of the workflow `name`: `{data, next}`. Raises NotFound."""
    return await db.read("list_workflow_versions", page)
