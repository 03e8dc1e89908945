"""Waiting for an execution: to its end, or for the next event. It only reads; nothing is ever executed twice."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING, Any, cast

from functions.shared.db import executions
from functions.shared.errors import FieldProblem, InvalidInput
from functions.shared.web.pace import Pace

if TYPE_CHECKING:
    from uuid import UUID

    from functions.shared.db.caller_db import CallerDb
    from functions.shared.jsonvalue import JsonObject

ENDED = frozenset({"succeeded", "failed", "cancelled", "timed_out"})


async def until_ended(db: CallerDb, execution: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Give the execution when it has ended, or as it is after so many seconds."""
    pace = Pace(seconds)
    while execution["status"] not in ENDED and await pace.has_more():
        execution = cast("dict[str, Any]", await executions.get_execution(db, execution["id"]))
    return execution


async def next_events(
    db: CallerDb, execution_id: UUID, *, after: str | None, limit: int, seconds: float
) -> dict[str, Any]:
    """Give the page of events after a cursor: as soon as there is one, or empty after so many seconds.

    `next_cursor` goes on after the last one; it is null when the execution has ended and everything was given.
    """
    payload: JsonObject = {"execution_id": str(execution_id), "limit": limit, "after": read_cursor(after)}
    pace = Pace(seconds)
    while True:
        found: Any = await executions.list_events(db, payload)
        is_over = found["has_ended"] and not found["has_more"]
        if found["data"] or is_over or not await pace.has_more():
            break
    data = [{**event, "id": _cursor(event)} for event in found["data"]]
    return {"data": data, "next_cursor": None if is_over else data[-1]["id"] if data else after or _START}


def _cursor(event: dict[str, Any]) -> str:
    return urlsafe_b64encode(f"{event['xid']}.{event['feed_id']}".encode()).rstrip(b"=").decode()


_START = _cursor({"xid": "0", "feed_id": 0})  # before the first event: for who asks before there is one to see


def read_cursor(cursor: str | None) -> JsonObject | None:
    """Read an event's id. Raises InvalidInput with code `invalid_cursor`."""
    if cursor is None:
        return None
    try:
        xid, _, feed_id = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii").partition(".")
        place: JsonObject = {"xid": str(int(xid) % 2**64), "feed_id": int(feed_id) % 2**63}
    except ValueError as error:
        message = "This is not the id of an event."
        hint = "Send the id of the last event that you have, or leave `after` out to start at the beginning."
        problem = FieldProblem("/query/after", "invalid_cursor", message, hint)
        raise InvalidInput(message, code="invalid_cursor", hint=hint, errors=[problem]) from error
    return place
