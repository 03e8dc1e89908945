"""Checks a decision before it is sent: every field that does not fit is named."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from functions.shared.dsl.problems import nearest
from functions.shared.dsl.schema import accept
from functions.shared.errors import FieldProblem
from functions.shared.web.validation import invalid_input

if TYPE_CHECKING:
    from collections.abc import Mapping

    from functions.shared.jsonvalue import Json, JsonObject

_TAKES = {"unknown": ("outcome", "output", "message", "form")}
_FORMED = ("outcome", "form", "comment")


def checked_decision(kind: str, question: Mapping[str, Any], payload: Json, at: str = "") -> JsonObject:
    """Give the decision to send; its form gets its defaults. Raises InvalidInput with pointers below `at`.

    `question`: its `outcomes` and `form`. The first outcome needs the whole form; another one may leave it out.
    """
    if not isinstance(payload, dict):
        message = "An answer is an object with `outcome`."
        raise invalid_input([FieldProblem(at, "wrong_type", message, _example(question))])
    problems = [*_unknown_fields(kind, payload, at), *_outcome_problems(question, payload, at)]
    answer = dict(payload)
    if kind not in {"unknown", "budget"}:
        form, found = _checked_form(question, payload, f"{at}/form")
        problems += found
        if form is not None:
            answer["form"] = form
    if problems:
        raise invalid_input(problems)
    return answer


def _unknown_fields(kind: str, payload: JsonObject, at: str) -> list[FieldProblem]:
    takes = _TAKES.get(kind, _FORMED)
    return [
        FieldProblem(
            f"{at}/{name}",
            "unknown_field",
            f"An answer has no field {name!r}.",
            f"It takes {', '.join(takes)}.",
            list(takes),
            nearest(name, takes),
        )
        for name in payload
        if name not in takes
    ]


def _outcome_problems(question: Mapping[str, Any], payload: JsonObject, at: str) -> list[FieldProblem]:
    outcomes: list[str] = question.get("outcomes") or []
    given = payload.get("outcome")
    if given in outcomes or (not outcomes and isinstance(given, str) and given):
        return []
    shown = ", ".join(outcomes) or "any text"
    if given is None:
        message = f"outcome is missing: one of {shown}." if outcomes else "outcome is missing: any text."
        return [FieldProblem(f"{at}/outcome", "missing", message, None, list(outcomes) or None)]
    meant = nearest(given, outcomes) if isinstance(given, str) else None
    message = f"{str(given)[:60]} is not an outcome here: {shown}."
    return [FieldProblem(f"{at}/outcome", "not_allowed", message, None, list(outcomes) or None, meant)]


def _checked_form(
    question: Mapping[str, Any], payload: JsonObject, at: str
) -> tuple[JsonObject | None, list[FieldProblem]]:
    schema: JsonObject = question.get("form") or {}
    outcomes: list[str] = question.get("outcomes") or []
    given = payload.get("form")
    if given is not None and not isinstance(given, dict):
        return None, [FieldProblem(at, "wrong_type", "form is an object.", _example(question))]
    is_first = not outcomes or payload.get("outcome") == outcomes[0]
    if not given and not (schema and is_first):
        return None, []
    if not schema:
        message = "This question has no form."
        return None, [FieldProblem(f"{at}/{name}", "undeclared", message) for name in given or {}]
    accepted = accept(schema, given or {})
    problems = [replace(problem, pointer=f"{at}{problem.pointer}") for problem in accepted.problems]
    return cast("JsonObject", accepted.value), problems


def _example(question: Mapping[str, Any]) -> str:
    outcomes = question.get("outcomes") or ["approve"]
    return f'Send {{"outcome": "{outcomes[0]}"}}.'
