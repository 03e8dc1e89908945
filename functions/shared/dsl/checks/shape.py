"""Does the document have the shape of the models: known keys, right types, allowed values."""

from __future__ import annotations

import re
from typing import Any, cast, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from functions.shared.dsl.checks.findings import Findings
from functions.shared.dsl.checks.synonyms import kind_synonym, step_synonym, workflow_synonym
from functions.shared.dsl.kinds import Agent
from functions.shared.dsl.models import NOT_YET_KEYS, Step, Workflow
from functions.shared.dsl.problems import DocumentPath, did_you_mean
from functions.shared.dsl.values import kind_of, to_text
from functions.shared.jsonvalue import Json, JsonObject

_WANTED = {
    "string_type": "a text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "dict_type": "an object",
    "list_type": "a list",
    "model_type": "an object",
    "int_from_float": "a whole number",
}
_RANGE = {"greater_than", "greater_than_equal", "less_than", "less_than_equal"}
_LENGTH = {"too_short", "too_long", "string_too_short", "string_too_long"}
_NAMES = {
    "secrets": "A secret's name is written like STRIPE_KEY",
    "bearer": "Name a declared secret, such as STRIPE_KEY; its value is put in when the step runs",
    "password": "Name a declared secret, such as STRIPE_KEY; its value is put in when the step runs",
    "secret": "Name a declared secret, such as STRIPE_KEY; its value is put in when the step runs",
    "name": "A workflow's name has lower-case letters, digits, hyphens and underscores: ticket-refund",
    "ref": "A reference is a workflow's name, or name@version with a number",
    "code": "An error code has lower-case letters, digits and underscores",
}


def check_shape(document: JsonObject, findings: Findings) -> Workflow | None:
    """Read the document as a Workflow; everything that does not fit becomes a finding."""
    try:
        return Workflow.model_validate(document)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            _report(detail, findings)
    return None


def _report(detail: ErrorDetails, findings: Findings) -> None:
    path: DocumentPath = detail["loc"]
    given = cast("Json", detail["input"])
    context = detail.get("ctx", {})
    match detail["type"]:
        case "extra_forbidden":
            _unknown_key(path, findings)
        case "missing":
            _missing_key(path, findings)
        case "literal_error":
            allowed = re.findall(r"'([^']*)'", str(context.get("expected", "")))
            hint = did_you_mean(to_text(given), allowed)
            findings.error(
                path, "not_one_of", f"`{path[-1]}` is {_shown(given)}, not one of {', '.join(allowed)}", hint
            )
        case "string_pattern_mismatch":
            _bad_name(path, given, findings)
        case kind if kind in _WANTED:
            _wrong_type(path, _WANTED[kind], given, findings)
        case kind if kind in _RANGE:
            limit = next(iter(context.values()), None)
            least = kind.startswith("greater")
            findings.error(
                path, "out_of_range", f"`{path[-1]}` is {_shown(given)}; at {'least' if least else 'most'} {limit}"
            )
        case kind if kind in _LENGTH:
            _wrong_length(path, kind, given, context, findings)
        case kind:
            findings.error(path, kind, detail["msg"], context.get("hint"))


def _unknown_key(path: DocumentPath, findings: Findings) -> None:
    *above, key = path
    name = str(key)
    model = _model_at(tuple(above))
    known = [field.alias or attribute for attribute, field in model.model_fields.items()] if model else []
    if model is Workflow and name in NOT_YET_KEYS:
        findings.error(path, "not_available_yet", f"`{name}` is reserved and not available yet", "Remove it for now.")
    elif model is Agent and name in Agent.NOT_YET:
        message = f"`{name}` of an agent that runs here is not available yet"
        hint = "Use `agent: {ref, input}` for a registered agent, or `llm` and `tool` steps."
        findings.error(path, "not_available_yet", message, hint)
    else:
        hint = _key_hint(model, [str(part) for part in above], name) or did_you_mean(name, known)
        findings.error(path, "unknown_key", f"{_owner(model, above)} has no key `{name}`", hint)


def _key_hint(model: type[BaseModel] | None, above: list[str], name: str) -> str | None:
    if model is Workflow:
        return workflow_synonym(name)
    if model is Step:
        return step_synonym(name)
    return kind_synonym(above[-1], name) if above else None


def _owner(model: type[BaseModel] | None, above: list[str | int]) -> str:
    if model is Workflow:
        return "A workflow"
    return "A step" if model is Step or not above else f"`{above[-1]}`"


def _missing_key(path: DocumentPath, findings: Findings) -> None:
    *above, key = path
    owner = _owner(_model_at(tuple(above)), above)
    findings.error(tuple(above), "missing_key", f"{owner} needs `{key}`")


def _bad_name(path: DocumentPath, given: Json, findings: Findings) -> None:
    if path[-1] == "[key]":
        name = to_text(path[-2])
        fixed = re.sub(r"[^a-z0-9_]+", "_", name.lower()).strip("_")
        fixed = fixed if fixed[:1].isalpha() else f"step_{fixed}".rstrip("_")
        message = f"`{name}` is not a name: lower-case letters, digits and underscores, starting with a letter"
        findings.error(path[:-1], "bad_name", message, f"Write `{fixed}`.")
        return
    where = next((str(part) for part in reversed(path) if not isinstance(part, int)), "")
    message = f"{_shown(given)} does not fit `{where}`"
    findings.error(path, "bad_name", message, f"{_NAMES[where]}." if where in _NAMES else None)


def _wrong_type(path: DocumentPath, wanted: str, given: Json, findings: Findings) -> None:
    hint = None
    if wanted == "a text" and not isinstance(given, (dict, list)) and given is not None:
        hint = f'Put it in quotes: "{to_text(given)}".'
    elif wanted == "true or false" and isinstance(given, str):
        hint = "Write true or false without quotes; yes, no, on and off are texts."
    elif "number" in wanted and isinstance(given, str):
        hint = "Write it without quotes."
    elif wanted == "a list" and isinstance(given, str):
        hint = f"Write [{given}]."
    findings.error(path, "wrong_type", f"`{path[-1]}` must be {wanted}, not {_kind_shown(given)}", hint)


def _wrong_length(path: DocumentPath, kind: str, given: Json, context: dict[str, Any], findings: Findings) -> None:
    if path[-1] == "[key]":
        findings.error(
            path[:-1], "bad_name", f"`{path[-2]}` is too long a name: at most {context.get('max_length')} characters"
        )
        return
    if "short" in kind and not given:
        findings.error(path, "empty", f"`{path[-1]}` is empty")
        return
    bound, limit = ("most", context.get("max_length")) if "long" in kind else ("least", context.get("min_length"))
    unit = "characters" if isinstance(given, str) else "entries"
    findings.error(path, "out_of_range", f"`{path[-1]}` may have at {bound} {limit} {unit}")


def _shown(given: Json) -> str:
    text = f'"{given}"' if isinstance(given, str) else to_text(given)
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004  enough to recognise it


def _kind_shown(given: Json) -> str:
    if given is None:
        return "empty"
    if isinstance(given, (dict, list)):
        return "an object" if isinstance(given, dict) else "a list"
    return f"the {'text' if isinstance(given, str) else kind_of(given)} {_shown(given)}"


def _model_at(path: DocumentPath) -> type[BaseModel] | None:
    """Give the model that stands at a document path; None inside of free structures."""
    model: type[BaseModel] | None = Workflow
    is_inside_map = False
    for part in path:
        if is_inside_map or isinstance(part, int):
            is_inside_map = False
            continue
        field = (
            next((f for name, f in model.model_fields.items() if (f.alias or name) == part), None) if model else None
        )
        if field is None:
            return None
        model = _model_in(field.annotation)
        is_inside_map = "dict" in str(field.annotation)
    return model


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        found = _model_in(argument)
        if found is not None:
            return found
    return None
