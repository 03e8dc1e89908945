"""The verbs of state."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from functions.shared.db.caller_db import CallerDb
    from functions.shared.jsonvalue import Json, JsonObject


async def put_state(db: CallerDb, fields: JsonObject) -> Json:
    """Store a value. Answers it and `is_created`. Raises Conflict, PreconditionFailed, TooLarge, InvalidInput."""
    return await db.write("put_state", fields)


async def increment_state(db: CallerDb, fields: JsonObject) -> Json:
    """Add `by` to a number. Raises Conflict `state_not_a_number`, and what put_state raises."""
    return await db.write("increment_state", fields)


async def append_state(db: CallerDb, fields: JsonObject) -> Json:
    """Add `value` to a list, keeping the last `max_length`. Raises Conflict `state_not_a_list`, as put_state."""
    return await db.write("append_state", fields)


async def merge_state(db: CallerDb, fields: JsonObject) -> Json:
    """Apply the merge patch `merge`. Raises Conflict `state_not_an_object`, and what put_state raises."""
    return await db.write("merge_state", fields)


async def get_state(db: CallerDb, component: str, key: str) -> Json:
    """Read a value that has not expired. Raises NotFound."""
    return await db.read("get_state", {"component": component, "key": key})


async def list_state(db: CallerDb, page: JsonObject) -> Json:
    """List a page of a component: `{data, next}`."""
    return await db.read("list_state", page)


async def delete_state(db: CallerDb, fields: JsonObject) -> None:
    """Delete a value. Raises NotFound, Conflict, PreconditionFailed."""
    await db.write("delete_state", fields)


async def get_state_version(db: CallerDb, component: str, key: str, moment: JsonObject) -> Json:
    """Read a value by `version` or `as_of`. Raises NotFound `state_version_not_found`."""
    return await db.read("get_state_version", {"component": component, "key": key, **moment})


async def list_state_history(db: CallerDb, page: JsonObject) -> Json:
    """List a page of a key's versions: `{data, next}`."""
    return await db.read("list_state_history", page)


async def lock_state(db: CallerDb, fields: JsonObject) -> Json:
    """Take or renew a lock. Answers it and `is_new`. Raises Conflict `lock_held`, `lock_lost`."""
    return await db.write("lock_state", fields)


async def unlock_state(db: CallerDb, fields: JsonObject) -> Json:
    """Give a lock back. Raises Conflict `lock_lost`."""
    return await db.write("unlock_state", fields, safe=True)
