"""Checks the answer to an approval before it is sent as a signal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from functions.shared.web.decisions import checked_decision

if TYPE_CHECKING:
    from collections.abc import Mapping

    from functions.shared.jsonvalue import Json

_DECIDED = frozenset({"approval", "unknown"})


def checked_answer(wait: Mapping[str, Any] | None, payload: Json) -> Json:
    """Give the payload to send; an approval's form gets its defaults. Raises InvalidInput.

    What is no decision (an event, a signal that comes early) is passed on as it is.
    """
    if wait is None or wait["kind"] not in _DECIDED:
        return payload
    return checked_decision(wait["kind"], wait["data"], payload, "/payload")
