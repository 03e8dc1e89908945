"""Checks the answer to an approval before it is sent: every field that does not fit is named."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from functions.shared.dsl.problems import nearest
from functions.shared.dsl.schema import accept
from functions.shared.errors import FieldProblem
from functions.shared.web import invalid_input

if TYPE_CHECKING:
    from collections.abc import Mapping

    from functions.shared.jsonvalue import Json, JsonObject

_DECIDED = frozenset({"approval", "unknown"})
_TAKES = {"approval": ("outcome", "form", "comment"), "unknown": ("outcome", "output", "message", "form")}


def checked_answer(wait: Mapping[str, Any] | None, payload: Json) -> Json:
    """Give the payload to send; an approval's form gets its defaults. Raises InvalidInput.

    An approval's first outcome needs the whole form; another one may leave it out.
    What is no decision (an event, a signal that comes early) is passed on as it is.
    """
    if wait is None or wait["kind"] not in _DECIDED:
        return payload
    if not isinstance(payload, dict):
        message = "An answer is an object with `outcome`."
        raise invalid_input([FieldProblem("/payload", "wrong_type", message, _example(wait["data"]))])
    problems = [*_unknown_fields(wait["kind"], payload), *_outcome_problems(wait["data"], payload)]
    answer = dict(payload)
    if wait["kind"] == "approval":
        form, found = _checked_form(wait["data"], payload)
        problems += found
        if form is not None:
            answer["form"] = form
    if problems:
        raise invalid_input(problems)
    return answer


def _unknown_fields(kind: str, payload: JsonObject) -> list[FieldProblem]:
    takes = _TAKES[kind]
    return [
        FieldProblem(
            f"/payload/{name}",
            "unknown_field",
            f"An answer has no field {name!r}.",
            f"It takes {', '.join(takes)}.",
            list(takes),
            nearest(name, takes),
        )
        for name in payload
        if name not in takes
    ]


def _outcome_problems(data: Mapping[str, Any], payload: JsonObject) -> list[FieldProblem]:
    outcomes: list[str] = data.get("outcomes") or []
    given = payload.get("outcome")
    if given in outcomes:
        return []
    shown = ", ".join(outcomes)
    if given is None:
        return [
            FieldProblem("/payload/outcome", "missing", f"outcome is missing: one of {shown}.", None, list(outcomes))
        ]
    meant = nearest(given, outcomes) if isinstance(given, str) else None
    message = f"{str(given)[:60]} is not an outcome here: {shown}."
    return [FieldProblem("/payload/outcome", "not_allowed", message, None, list(outcomes), meant)]


def _checked_form(data: Mapping[str, Any], payload: JsonObject) -> tuple[JsonObject | None, list[FieldProblem]]:
    schema: JsonObject = data.get("form") or {}
    given = payload.get("form")
    if given is not None and not isinstance(given, dict):
        return None, [FieldProblem("/payload/form", "wrong_type", "form is an object.", _example(data))]
    if not given and (not schema or payload.get("outcome") != data["outcomes"][0]):
        return None, []
    if not schema:
        message = "This approval has no form."
        return None, [FieldProblem(f"/payload/form/{name}", "undeclared", message) for name in given or {}]
    accepted = accept(schema, given or {})
    problems = [replace(problem, pointer=f"/payload/form{problem.pointer}") for problem in accepted.problems]
    return cast("JsonObject", accepted.value), problems


def _example(data: Mapping[str, Any]) -> str:
    outcomes = data.get("outcomes") or ["approve"]
    return f'Send {{"outcome": "{outcomes[0]}"}}.'
