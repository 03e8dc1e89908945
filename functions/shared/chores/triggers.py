"""Handles the inbox: messages that hooks took and events that triggers listen to start executions or publish events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.shared.chores.chore import Chore, Plane
from functions.shared.db import triggers
from functions.shared.errors import PlaneError
from functions.shared.log import logger
from functions.shared.triggers.starting import CannotStart, evaluated, input_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.shared.db.triggers import Message
    from functions.shared.jsonvalue import Json, JsonObject

PAGES = 20
PAGE = 20
LEASE_S = 30.0
MAX_HOPS = 8
MAX_ATTEMPTS = 10

log = logger("triggers")


async def handle_messages(plane: Plane) -> Sequence[JsonObject]:
    """Read on in the events, then handle what waits. Answers the doorbells to ring."""
    for _ in range(PAGES):
        if not await triggers.fan_out_triggers(plane.db):
            break
    due: list[JsonObject] = []
    for _ in range(PAGES):
        messages = await triggers.claim_messages(plane.db, limit=PAGE, lease_s=LEASE_S)
        for message in messages:
            due += await _handle(plane, message)
        if len(messages) < PAGE:
            break
    return due


async def _handle(plane: Plane, message: Message) -> list[JsonObject]:
    """Handle one; what keeps failing for reasons of our own is given up, and keeps no other from its turn."""
    try:
        return await triggers.finish_message(plane.db, message, what_to_do(message))
    except PlaneError as error:
        log.warning("the message %s was not handled: %s", message.id, error.detail)
        if message.attempts < MAX_ATTEMPTS:
            return []
        return await triggers.finish_message(
            plane.db, message, {"error": {"code": error.code, "message": error.detail}}
        )


def what_to_do(message: Message) -> JsonObject:
    """Say what a message is for, or why it cannot be done."""
    if message.hops > MAX_HOPS:
        circle = f"{MAX_HOPS} triggers in a row led to this event: they go in a circle."
        return {"error": {"code": "trigger_loop", "message": circle}}
    try:
        scope = _scope(message)
        target = message.target
        if "event" in target:
            payload = evaluated(target.get("payload", _default(message)), scope)
            return {"publish": {"name": target["event"], "payload": payload}}
        mapping = target.get("input", _default(message))
        given = input_for(str(target["workflow"]), message.document, mapping, scope)
    except CannotStart as error:
        return {"error": error.as_json()}
    return {"start": {"version_id": message.version_id, "input": given}}


def _default(message: Message) -> Json:
    return "${{ body }}" if message.source["kind"] == "hook" else {}


def _scope(message: Message) -> dict[str, object]:
    source = {"id": message.source["id"], "name": message.source["name"]}
    if message.source["kind"] == "trigger":
        return {"event": message.body, "trigger": source}
    known = {"id": message.message_id, "received_at": message.received_at}
    return {"body": message.body, "headers": message.headers, "hook": source, "message": known}


async def forget(plane: Plane) -> Sequence[JsonObject]:
    """Delete what has served its time."""
    await triggers.forget_triggered(plane.db)
    return ()


HANDLE_MESSAGES = Chore("triggers", 1.0, handle_messages)
FORGET_TRIGGERED = Chore("forget triggered", 600.0, forget)
