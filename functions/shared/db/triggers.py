"""The verbs of hooks, event triggers and their messages, for their owners and for who handles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from functions.shared.db.caller_db import CallerDb
    from functions.shared.db.port import Database
    from functions.shared.jsonvalue import Json, JsonObject


@dataclass(frozen=True, slots=True)
class Message:
    """A message that is ours to handle for a while. `document` is what its target would start; None: there is none."""

    id: str
    claim_ref: str
    org_id: str
    attempts: int
    message_id: str
    headers: JsonObject
    body: Json
    hops: int
    received_at: str
    source: JsonObject
    target: JsonObject
    version_id: str | None
    document: JsonObject | None


@dataclass(frozen=True, slots=True)
class FoundHook:
    """What a message to an address has to be checked against. The secrets are sealed."""

    hook_id: str
    org_id: str
    scheme: str
    verification: JsonObject
    secrets: Sequence[JsonObject]


async def find_hook(db: Database, token: str) -> FoundHook | None:
    """Find the hook of an address; None: there is none."""
    answer: Any = await db.kernel("find_hook", {"token": token})
    if answer is None:
        return None
    sealed = [each for each in (answer["secret"], answer["former_secret"]) if each is not None]
    return FoundHook(answer["hook_id"], answer["org_id"], answer["scheme"], answer["verification"], sealed)


async def receive_message(
    db: Database, *, hook_id: str, message_id: str, headers: JsonObject, body: Json
) -> JsonObject | None:
    """Put a message into the inbox: `{id, is_new}`; None: the hook is gone."""
    payload: JsonObject = {"hook_id": hook_id, "message_id": message_id, "headers": headers, "body": body}
    return cast("JsonObject | None", await db.kernel("receive_message", payload))


async def fan_out_triggers(db: Database) -> bool:
    """Turn new events into messages. Answers whether there may be more."""
    return bool(cast("JsonObject", await db.kernel("fan_out_triggers", {}))["more"])


async def claim_messages(db: Database, *, limit: int, lease_s: float) -> list[Message]:
    """Take messages that wait."""
    answer: Any = await db.kernel("claim_messages", {"limit": limit, "lease_seconds": lease_s})
    names = ("id", "claim_ref", "org_id", "attempts", "message_id", "headers", "body", "hops", "received_at")
    return [
        Message(
            **{name: row[name] for name in names},
            source=row["source"],
            target=row["target"],
            version_id=row["version_id"],
            document=answer["documents"].get(row["version_id"]),
        )
        for row in answer["messages"]
    ]


async def finish_message(db: Database, message: Message, what: JsonObject) -> list[JsonObject]:
    """Do what it is for: `{start: {version_id, input}}`, `{publish: {name, payload}}` or `{error: {code, message}}`.

    Answers the doorbells to ring; none when the message is another's by now.
    """
    answer: Any = await db.kernel("finish_message", {"id": message.id, "claim_ref": message.claim_ref, **what})
    return list(answer.get("due") or ())


async def forget_triggered(db: Database) -> None:
    """Delete a page of what has served its time."""
    await db.kernel("forget_triggered", {})


async def create_hook(db: CallerDb, fields: JsonObject) -> Json:
    """Add a hook. Raises Conflict."""
    return await db.write("create_hook", fields)


async def list_hooks(db: CallerDb, page: JsonObject) -> Json:
    """List a page: `{data, next}`."""
    return await db.read("list_hooks", page)


async def get_hook(db: CallerDb, hook_id: UUID) -> Json:
    """Read one. Raises NotFound."""
    return await db.read("get_hook", {"id": str(hook_id)})


async def update_hook(db: CallerDb, hook_id: UUID, changes: JsonObject) -> Json:
    """Change fields of one. Raises NotFound, Conflict."""
    return await db.write("update_hook", {"id": str(hook_id), "changes": changes}, safe=True)


async def rotate_hook(db: CallerDb, hook_id: UUID, fields: JsonObject) -> Json:
    """Give one a new secret: `{secret, overlap_seconds, is_standard}`. Raises NotFound, InvalidInput."""
    return await db.write("rotate_hook", {"id": str(hook_id), **fields})


async def delete_hook(db: CallerDb, hook_id: UUID) -> None:
    """Delete one with its messages. Raises NotFound."""
    await db.write("delete_hook", {"id": str(hook_id)})


async def list_messages(db: CallerDb, page: JsonObject) -> Json:
    """List a page: `{data, next}`."""
    return await db.read("list_messages", page)


async def get_message(db: CallerDb, message_id: UUID) -> Json:
    """Read one with what it brought. Raises NotFound."""
    return await db.read("get_message", {"id": str(message_id)})


async def redeliver_message(db: CallerDb, message_id: UUID) -> Json:
    """Handle one that failed once more. Raises NotFound, Conflict."""
    return await db.write("redeliver_message", {"id": str(message_id)}, safe=True)


async def create_trigger(db: CallerDb, fields: JsonObject) -> Json:
    """Add an event trigger. Raises Conflict."""
    return await db.write("create_trigger", fields)


async def list_triggers(db: CallerDb, page: JsonObject) -> Json:
    """List a page: `{data, next}`."""
    return await db.read("list_triggers", page)


async def get_trigger(db: CallerDb, trigger_id: UUID) -> Json:
    """Read one. Raises NotFound."""
    return await db.read("get_trigger", {"id": str(trigger_id)})


async def update_trigger(db: CallerDb, trigger_id: UUID, changes: JsonObject) -> Json:
    """Change fields of one. Raises NotFound, Conflict."""
    return await db.write("update_trigger", {"id": str(trigger_id), "changes": changes}, safe=True)


async def delete_trigger(db: CallerDb, trigger_id: UUID) -> None:
    """Delete one with its messages. Raises NotFound."""
    await db.write("delete_trigger", {"id": str(trigger_id)})
