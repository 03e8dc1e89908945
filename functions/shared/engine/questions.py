"""What a working step has asked people before it goes on: how the planner reads the answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from functions.shared.engine.forms import filled
from functions.shared.engine.rendering import RenderError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.shared.engine.facts import Wait
    from functions.shared.jsonvalue import Json, JsonObject

ASKS = "asks"
"""Marks an approval that a working step asked for (`data.asks`: approval or policy), as opposed to an approval step."""
CARRIED = "carried"
"""What the step gets back with the answer (`data.carried`); nobody is shown it."""


def is_question(wait: Wait) -> bool:
    """Whether a working step, or the guard before it, asked this."""
    return wait.kind == "approval" and ASKS in wait.data


def answers_in(waits: Sequence[Wait], *, is_look_up: bool = False) -> tuple[JsonObject, ...]:
    """Give what people have answered a step, or its look-up: {kind, reason, outcome, form, decided_by, kept} each.

    Raises RenderError when the last question ends the step: nobody answered in time, or it was cancelled.
    """
    return tuple(
        _answer(wait)
        for wait in waits
        if is_question(wait) and wait.answered and bool(_carried(wait).get("is_look_up")) is is_look_up
    )


def carried_by(wait: Wait) -> JsonObject:
    """Give what a retry or a question has carried over: failed attempts and their usage."""
    return wait.data if wait.kind == "retry" else _carried(wait)


def _answer(wait: Wait) -> JsonObject:
    data = wait.data
    form = cast("JsonObject", data.get("form") or {})
    payload = wait.payload if isinstance(wait.payload, dict) else {}
    outcome: Json = payload.get("outcome") or wait.outcome
    given = payload.get("form")
    if wait.outcome == "cancelled":
        raise RenderError("cancelled", "It was cancelled before anybody answered")
    if wait.outcome == "timed_out":
        outcome = data.get("on_timeout")
        if outcome == "fail":
            raise RenderError("timed_out", f"Nobody answered in time: {data.get('message')}")
        payload, given = {}, None
    outcomes = cast("list[Json]", data.get("outcomes") or [])
    if outcome not in outcomes:
        allowed = ", ".join(str(one) for one in outcomes)
        raise RenderError("invalid_outcome", f"{outcome!r} is not an outcome of this question; it has {allowed}")
    return {
        "kind": data[ASKS],
        "reason": data.get("message"),
        "outcome": outcome,
        "form": filled(form, given if isinstance(given, dict) else {}),
        "decided_by": payload.get("decided_by"),
        "kept": _carried(wait).get("kept"),
    }


def _carried(wait: Wait) -> JsonObject:
    carried = wait.data.get(CARRIED)
    return carried if isinstance(carried, dict) else {}
