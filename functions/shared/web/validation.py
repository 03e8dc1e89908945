"""What FastAPI and Pydantic found wrong, as field problems that name the place and the way out."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel

from functions.shared.errors import FieldProblem, InvalidInput
from functions.shared.web.json_body import pointer_to
from functions.shared.web.suggestions import closest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_CODES = {
    "missing": "missing",
    "extra_forbidden": "unknown_field",
    "literal_error": "not_allowed",
    "enum": "not_allowed",
    "string_too_short": "too_short",
    "string_too_long": "too_long",
    "too_short": "too_short",
    "too_long": "too_long",
    "greater_than": "out_of_range",
    "greater_than_equal": "out_of_range",
    "less_than": "out_of_range",
    "less_than_equal": "out_of_range",
    "string_pattern_mismatch": "wrong_form",
    "value_error": "not_allowed",
}
_PLAIN = {
    "missing": "This is required.",
    "model_attributes_type": "Must be a JSON object.",
    "model_type": "Must be a JSON object.",
    "dict_type": "Must be a JSON object.",
    "list_type": "Must be a JSON array.",
}
# Steps of a place that only Pydantic knows: the branch of a union, a validator, the key of a mapping.
_INNER = re.compile(r"^\[key\]$|^(?:(?:function|lax|json)-[a-z-]+|list|dict|set|tuple|union|nullable|constrained)[\[-]")
_SCALARS: dict[str | int, str] = {"str": "string", "int": "int", "float": "float", "bool": "bool"}
_LISTS = {"agent_id": "agents", "workflow_id": "workflows"}
_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'")


def invalid_input(problems: Sequence[FieldProblem]) -> InvalidInput:
    """Make one error of all problems of a request."""
    if len(problems) == 1:
        place = problems[0].pointer or "the body"
        return InvalidInput(f"{place}: {problems[0].message}", hint=problems[0].hint, errors=list(problems))
    return InvalidInput(
        f"{len(problems)} things of this request do not fit; `errors` names each.", errors=list(problems)
    )


def field_problems(errors: Iterable[Mapping[str, Any]], body: object = None) -> list[FieldProblem]:
    """Translate Pydantic's errors. `body` is the annotation of the body, to know which names it takes."""
    found = list(errors)
    if any(error["loc"] == ("body",) and error["type"] == "missing" for error in found):
        found = [error for error in found if error["loc"][0] != "body" or error["loc"] == ("body",)]
    return _without_other_branches([_field_problem(error, body) for error in found])


def _without_other_branches(problems: list[FieldProblem]) -> list[FieldProblem]:
    """Keep one problem a place: of a union's branches the one that came furthest, else what each of them takes."""
    at: dict[str, list[FieldProblem]] = {}
    for problem in problems:
        at.setdefault(problem.pointer, []).append(problem)
    return [
        problem
        for pointer, here in at.items()
        for problem in _one_of(here)
        if not pointer or problem.code != "wrong_type" or not any(other.startswith(f"{pointer}/") for other in at)
    ]


def _one_of(problems: list[FieldProblem]) -> list[FieldProblem]:
    if len(problems) == 1:
        return problems
    if fitting := [problem for problem in problems if problem.code != "wrong_type"]:
        return fitting
    return [replace(problems[0], message="Fits none of its forms: " + " ".join(each.message for each in problems))]


def unknown_parameter(name: str, known: Iterable[str]) -> FieldProblem:
    """Say that a query parameter does not exist here."""
    names = sorted(known)
    meant = closest(name, names)
    return FieldProblem(
        pointer_to("query", name),
        "unknown_parameter",
        f"There is no query parameter {name!r} here.",
        hint=_did_you_mean(meant) or _takes("This route", names),
        allowed=list(names),
        did_you_mean=meant,
    )


def _field_problem(error: Mapping[str, Any], body: object) -> FieldProblem:
    kind: str = error["type"]
    source, *path = (part for part in error["loc"] if not (isinstance(part, str) and _INNER.match(part)))
    if path and kind.partition("_")[0] == _SCALARS.get(path[-1]):
        path.pop()
    pointer = pointer_to(*path) if source == "body" else pointer_to(source, *path)
    if kind == "extra_forbidden":
        return _unknown_field(pointer, str(path[-1]), _fields_at(body, path[:-1]))
    if kind == "missing" and not path:
        return FieldProblem("", "missing", "This route needs a JSON body.", hint="See the example in /docs.")
    code = _CODES.get(kind) or ("wrong_type" if kind.endswith(("_type", "_parsing")) else kind)
    context: Mapping[str, object] = error.get("ctx") or {}
    if code == "not_allowed" and (allowed := _QUOTED.findall(str(context.get("expected", "")))):
        meant = closest(str(error.get("input")), allowed)
        message = f"Must be one of {', '.join(allowed)}."
        return FieldProblem(pointer, code, message, _did_you_mean(meant), list(allowed), meant)
    if kind in _PLAIN:
        return FieldProblem(pointer, code, _PLAIN[kind])
    if kind == "uuid_parsing":
        return _no_id(pointer, path, error.get("input"))
    return FieldProblem(pointer, code, _sentence(error["msg"]))


def _no_id(pointer: str, path: Sequence[str | int], said: object) -> FieldProblem:
    resource = next((name for part, name in _LISTS.items() if path and str(path[-1]).endswith(part)), None)
    hint = resource and f"A name is no id: GET /api/{resource}?name=… shows the id."
    return FieldProblem(pointer, "wrong_type", f"Must be an id, a UUID, not {str(said)[:100]!r}.", hint)


def _unknown_field(pointer: str, name: str, known: Sequence[str]) -> FieldProblem:
    meant = closest(name, known)
    hint = _did_you_mean(meant) or _takes("This object", known)
    return FieldProblem(pointer, "unknown_field", f"There is no field {name!r} here.", hint, list(known) or None, meant)


def _fields_at(annotation: object, path: Sequence[str | int]) -> list[str]:
    """Give the names that the model at this place of the body takes; empty when it is no model."""
    models = _models_in(annotation)
    for part in path:
        inner = [model.model_fields[part].annotation for model in models if part in model.model_fields]
        models = [found for each in inner for found in _models_in(each)] if inner else models
    return sorted({field.alias or name for model in models for name, field in model.model_fields.items()})


def _models_in(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]


def _did_you_mean(name: str | None) -> str | None:
    return f"Did you mean {name}?" if name else None


def _takes(what: str, names: Sequence[str]) -> str:
    return f"{what} takes {', '.join(names)}." if names else f"{what} takes none."


def _sentence(message: str) -> str:
    text = message.removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return text if text.endswith((".", "!", "?")) else text + "."
