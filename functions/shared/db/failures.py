"""What can go wrong between us and SQL, and which error of the tree it becomes. Both adapters speak through here."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from functions.shared.errors import (
    BY_STATUS,
    FieldProblem,
    Forbidden,
    Internal,
    InvalidInput,
    NextStep,
    PlaneError,
    Unauthenticated,
    Unavailable,
)
from functions.shared.log import logger

if TYPE_CHECKING:
    from functions.shared.jsonvalue import Json, JsonObject

_log = logger("database")
_RAISED = re.compile(r"PT(\d{3})")
_BAD_REQUEST = 400
_WAITS_AT_LEAST = 2.0
_SIGN_IN = "Refresh the session, or sign in again."

# Postgres undid everything and says so: the same call may be sent again.
ROLLED_BACK = frozenset({"40001", "40P01", "55P03", "57014"})
LOCK_TIMEOUT = "55P03"
# Nothing was begun: no connection was to be had (Postgres's codes, then PostgREST's).
NOT_BEGUN = frozenset({"57P03", "53300", "08001", "08004", "PGRST000", "PGRST002", "PGRST003"})
# The connection died under the call: it may have been committed.
OUTCOME_UNKNOWN = frozenset({"57P01", "57P02", "57P05", "08000", "08003", "08006", "08007", "PGRST001"})


class NotSent(Exception):
    """The database was not reached; nothing happened."""


class AnswerLost(Exception):
    """The call was sent and no answer came; it may have happened."""


@dataclass(eq=False)
class Refused(Exception):
    """SQL answered with an error: its SQLSTATE (or PostgREST's code), message, DETAIL and HINT."""

    code: str
    message: str
    detail: str | None = None
    hint: str | None = None


def refusal(code: str, message: str, detail: str | None, hint: str | None) -> Exception:
    """Sort an error that SQL or PostgREST gave into the three kinds above."""
    if code in NOT_BEGUN:
        return NotSent(message)
    if code in OUTCOME_UNKNOWN:
        return AnswerLost(message)
    return Refused(code, message, detail, hint)


def to_plane_error(refused: Refused) -> PlaneError:
    """Give the error that the caller gets. Text that no verb wrote for callers goes to the log only."""
    if raised := _RAISED.fullmatch(refused.code):
        return _raised_by_a_verb(int(raised[1]), refused)
    match refused.code:
        case "PGRST303":
            return Unauthenticated("The access token has expired.", code="token_expired", hint=_SIGN_IN)
        case "PGRST301" | "PGRST302":
            return Unauthenticated("The access token is not valid.", code="token_invalid", hint=_SIGN_IN)
        case "22P05":
            return unfit_text("The request holds the character U+0000, which the database cannot store.")
        case "54001":
            return InvalidInput("The request is nested too deeply.", code="too_deep", hint="Flatten it.")
        case _:
            _log.error(
                "database refused a call",
                extra={
                    "sqlstate": refused.code,
                    "text": refused.message,
                    "detail": refused.detail,
                    "hint": refused.hint,
                },
            )
    match refused.code:
        case "42501":
            return Forbidden("This key may not do that.", code="forbidden")
        case "42883" | "PGRST202":
            return Internal("The database does not know what was asked of it.", code="unknown_verb")
        case _:
            return Internal("The database could not answer.")


def unfit_text(message: str) -> InvalidInput:
    """Give the error for text that is not Unicode that Postgres can store."""
    return InvalidInput(message, code="unsupported_character", hint="Remove it, or encode the value.")


def unavailable(why: Exception | None) -> Unavailable:
    """Give the error for a database that could not be reached; nothing was changed."""
    _log.warning("database unavailable", extra={"text": str(why)})
    return Unavailable(
        "The database cannot be reached.",
        code="database_unavailable",
        hint="Nothing was changed. Retry after the given seconds.",
        retry_after=_WAITS_AT_LEAST,
    )


def busy(why: Exception) -> Unavailable:
    """Give the error for a call that was undone again and again: locks, deadlines, conflicts."""
    _log.warning("database busy", extra={"text": str(why)})
    return Unavailable(
        "The database is too busy to answer in time.",
        code="database_busy",
        hint="Nothing was changed. Retry after the given seconds.",
        retry_after=_WAITS_AT_LEAST,
    )


def outcome_unknown(why: Exception) -> Unavailable:
    """Give the error for a change whose answer was lost."""
    _log.warning("answer lost", extra={"text": str(why)})
    return Unavailable(
        "The connection to the database broke before it answered: the change may or may not have been made.",
        code="outcome_unknown",
        hint="Read before you repeat it, or send an Idempotency-Key, with which repeating is always safe.",
        retry_after=_WAITS_AT_LEAST,
    )


def _raised_by_a_verb(status: int, refused: Refused) -> PlaneError:
    kind = InvalidInput if status == _BAD_REQUEST else BY_STATUS.get(status, Internal)
    extra = _extra(refused.detail)
    code, retry_after = extra.pop("code", ""), extra.pop("retry_after", None)
    return kind(
        refused.message,
        code=str(code or ""),
        hint=refused.hint or None,
        errors=[_field_problem(each) for each in _objects(extra.pop("errors", None))],
        next=[
            NextStep(str(each["why"]), str(each["method"]), str(each["path"]))
            for each in _objects(extra.pop("next", None))
        ],
        retry_after=float(retry_after) if isinstance(retry_after, int | float) else None,
        extra=extra,
    )


def _field_problem(given: dict[str, Any]) -> FieldProblem:
    return FieldProblem(
        str(given.get("pointer", "")),
        str(given.get("code", "invalid")),
        str(given.get("message", "")),
        given.get("hint"),
        given.get("allowed"),
        given.get("did_you_mean"),
    )


def _extra(detail: str | None) -> JsonObject:
    try:
        found = json.loads(detail or "{}")
    except ValueError:
        return {}
    return cast("JsonObject", found) if isinstance(found, dict) else {}


def _objects(value: Json) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
