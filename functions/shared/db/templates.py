"""The verbs of templates."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from functions.shared.db.caller_db import CallerDb
    from functions.shared.jsonvalue import Json, JsonObject


async def list_templates(db: CallerDb, page: JsonObject) -> Json:
    """List a page, the best first: `{data, next}`. `builtins` are those that come with the plane."""
    return await db.read("list_templates", page)


async def get_template(db: CallerDb, which: JsonObject) -> Json:
    """Read one by `name` and `version`; `builtin` is the plane's own of that name. Raises NotFound."""
    return await db.read("get_template", which)


async def find_template(db: CallerDb, which: JsonObject) -> Json:
    """Read one to make something of it, as get_template; the scope of what is made is enough."""
    return await db.read("find_template", which)


async def publish_template(db: CallerDb, fields: JsonObject) -> Json:
    """Publish a version. Answers it and `is_created`."""
    return await db.write("publish_template", fields, safe=True)


async def use_template(db: CallerDb, name: str, version: int, workflow: JsonObject) -> Json:
    """Make a workflow of it. Answers as create_workflow."""
    return await db.write("use_template", {"name": name, "version": version, "workflow": workflow}, safe=True)


async def rate_template(db: CallerDb, fields: JsonObject) -> Json:
    """Rate it. Answers how it stands. Raises NotFound."""
    return await db.write("rate_template", fields, safe=True)


async def list_template_ratings(db: CallerDb, page: JsonObject) -> Json:
    """List a page of ratings: `{data, next}`."""
    return await db.read("list_template_ratings", page)


async def withdraw_template(db: CallerDb, name: str) -> Json:
    """Withdraw all versions: `{withdrawn}`. Raises NotFound."""
    return await db.write("withdraw_template", {"name": name})
