"""Accept a value against a schema: every field that does not fit is named at once, defaults are filled in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from functions.shared.dsl.patterns import PatternError, compiled
from functions.shared.dsl.problems import did_you_mean, nearest
from functions.shared.dsl.schema_validator import TooMuchWork, limited, validator_of
from functions.shared.dsl.shorthand import is_json_schema, pattern_problems, to_json_schema
from functions.shared.errors import FieldProblem
from functions.shared.jsonvalue import Json, JsonObject

if TYPE_CHECKING:
    from jsonschema import ValidationError

    from functions.shared.dsl.models import Workflow

__all__ = [
    "Accepted",
    "accept",
    "accept_declared",
    "accept_input",
    "is_json_schema",
    "schema_problems",
    "to_json_schema",
]

MAX_PROBLEMS = 100
_COMBINERS = (
    "allOf",
    "anyOf",
    "oneOf",
    "$ref",
    "if",
    "patternProperties",
    "unevaluatedProperties",
    "additionalProperties",
)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The value with its defaults, and what does not fit; use the value only when there are no problems."""

    value: Json
    problems: list[FieldProblem]


def accept(schema: JsonObject, value: Json) -> Accepted:
    """Check a value against shorthand or JSON Schema. Pointers are RFC 6901; at most 100 problems are listed."""
    full = to_json_schema(schema)
    filled = _with_defaults(full, value)
    problems: list[FieldProblem] = []
    # Imported where it is used: it costs a tenth of a second that most calls never need.
    from referencing.exceptions import Unresolvable  # noqa: PLC0415

    try:
        with limited():
            for error in validator_of(json.dumps(full)).iter_errors(filled):  # pyright: ignore[reportUnknownMemberType]
                problems.extend(_field_problems(error))
                if len(problems) >= MAX_PROBLEMS:
                    break
    except (RecursionError, Unresolvable) as error:  # a `$ref` that leads nowhere or to itself
        problems.append(FieldProblem("", "bad_schema", f"The schema cannot be followed: {str(error)[:200]}"))
    except PatternError as error:
        problems.append(FieldProblem("", "bad_schema", error.message, error.hint))
    except TooMuchWork:
        message = "The value is too large to be checked against this schema"
        problems.append(FieldProblem("", "too_large", message, "Send less, or use simpler patterns."))
    problems.sort(key=lambda problem: problem.pointer)
    return Accepted(filled, problems)


def accept_input(workflow: Workflow, value: JsonObject) -> Accepted:
    """Check the input of an execution. Undeclared inputs are refused; a workflow without `input` takes none."""
    return accept_declared(workflow.input, value)


def accept_declared(declared: JsonObject | None, value: JsonObject) -> Accepted:
    """Check a value against what stands under `input` of a document."""
    schema = to_json_schema(declared or {})
    if not any(key in schema for key in _COMBINERS):
        schema = {**schema, "additionalProperties": False}
    return accept(schema, value)


def schema_problems(schema: JsonObject) -> list[str]:
    """Give what is wrong with a JSON Schema: not one, a `$ref` that leads outside, or a pattern that cannot be used."""
    from jsonschema import Draft202012Validator, FormatChecker, SchemaError  # noqa: PLC0415  see above

    found: list[str] = []
    keys: set[str] = set()
    try:
        # Without formats: they would hold patterns to Python's syntax.
        Draft202012Validator.check_schema(schema, format_checker=FormatChecker(formats=()))
    except SchemaError as error:
        where = "/".join(str(part) for part in error.absolute_path)
        found.append(f"This is not JSON Schema{f' at {where}' if where else ''}: {error.message[:200]}")
    for key, value in _entries(schema):
        keys.add(key)
        if key == "$ref" and isinstance(value, str) and not value.startswith("#"):
            found.append(f"`$ref: {value[:80]}` leads out of the schema; only `#/...` is allowed")
        if key == "pattern" and isinstance(value, str):
            found += _pattern_problems(value)
        if key == "patternProperties" and isinstance(value, dict):
            found += [problem for pattern in value for problem in _pattern_problems(pattern)]
    if {"patternProperties", "unevaluatedProperties"} <= keys:
        found.append("`patternProperties` does not go with `unevaluatedProperties`; use `additionalProperties`")
    return found


def _pattern_problems(pattern: str) -> list[str]:
    return [f"{message}. {hint}" if hint else message for message, hint in pattern_problems(pattern)]


def _entries(value: Json) -> Iterator[tuple[str, Json]]:
    if isinstance(value, dict):
        for key, entry in value.items():
            yield key, entry
            yield from _entries(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from _entries(entry)


def _with_defaults(schema: Json, value: Json) -> Json:
    if not isinstance(schema, dict):
        return value
    if isinstance(value, list) and "items" in schema:
        return [_with_defaults(schema["items"], item) for item in value]
    properties = schema.get("properties")
    if not isinstance(value, dict) or not isinstance(properties, dict):
        return value
    filled: JsonObject = dict(value)
    for name, inner in properties.items():
        if name in filled:
            filled[name] = _with_defaults(inner, filled[name])
        elif isinstance(inner, dict) and "default" in inner:
            filled[name] = inner["default"]
    return filled


def _field_problems(error: ValidationError) -> list[FieldProblem]:
    pointer = "".join(f"/{_escaped(part)}" for part in error.absolute_path)
    name = str(error.absolute_path[-1]) if error.absolute_path else "the value"
    wanted = cast("Json", error.validator_value)
    given = cast("Json", error.instance)
    match error.validator:
        case "required" if isinstance(given, dict):
            return _missing(error, pointer, given)
        case "additionalProperties" | "unevaluatedProperties" if isinstance(given, dict):
            return _undeclared(error, pointer, given)
        case "enum" if isinstance(wanted, list):
            shown = ", ".join(_shown(each) for each in wanted[:20])
            meant = (
                nearest(given, [each for each in wanted if isinstance(each, str)]) if isinstance(given, str) else None
            )
            message = f"{name} is {_shown(given)}; allowed: {shown}"
            return [FieldProblem(pointer, "not_allowed", message, allowed=wanted[:20], did_you_mean=meant)]
        case "type":
            message = f"{name} must be {_types(wanted)}, not {_shown(given)}"
            return [FieldProblem(pointer, "wrong_type", message, _type_hint(wanted, given))]
        case _:
            code = _CODES.get(str(error.validator), "does_not_fit")
            return [FieldProblem(pointer, code, f"{name}: {error.message[:300]}")]


_CODES = {
    "minimum": "out_of_range", "maximum": "out_of_range", "exclusiveMinimum": "out_of_range",
    "exclusiveMaximum": "out_of_range", "minLength": "too_short", "maxLength": "too_long", "minItems": "too_short",
    "maxItems": "too_long", "pattern": "wrong_pattern", "format": "wrong_format",
}  # fmt: skip


def _missing(error: ValidationError, pointer: str, given: JsonObject) -> list[FieldProblem]:
    """Name the one field that this error is about: jsonschema gives one error for each."""
    required = [name for name in cast("list[str]", error.validator_value) if name not in given]
    names = [name for name in required if error.message.startswith(repr(name))] or required[:1]
    schema = cast("JsonObject", error.schema)
    properties = schema.get("properties")
    known = list(properties) if isinstance(properties, dict) else []
    return [
        FieldProblem(
            f"{pointer}/{_escaped(name)}",
            "missing",
            f"{name} is missing",
            did_you_mean=nearest(name, [key for key in given if key not in known]),
        )
        for name in names
    ]


def _undeclared(error: ValidationError, pointer: str, given: JsonObject) -> list[FieldProblem]:
    schema = cast("JsonObject", error.schema)
    properties, patterns = schema.get("properties"), schema.get("patternProperties")
    known = list(properties) if isinstance(properties, dict) else []
    matched = patterns if isinstance(patterns, dict) else {}
    return [
        FieldProblem(
            f"{pointer}/{_escaped(name)}",
            "undeclared",
            f"{name} is not declared",
            did_you_mean(name, known),
            did_you_mean=nearest(name, known),
        )
        for name in given
        if name not in known and not any(compiled(pattern).is_in(name) for pattern in matched)
    ]


def _escaped(part: object) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")


def _shown(value: Json) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004  enough to recognise it


def _types(wanted: Json) -> str:
    names = wanted if isinstance(wanted, list) else [wanted]
    return " or ".join(f"{'an' if str(name)[:1] in 'aeiou' else 'a'} {name}" for name in names)


def _type_hint(wanted: Json, given: Json) -> str | None:
    names = wanted if isinstance(wanted, list) else [wanted]
    if isinstance(given, str) and {"number", "integer", "boolean"} & {str(name) for name in names}:
        return "Send it without quotes."
    if isinstance(given, (int, float)) and "string" in names:
        return "Send it in quotes."
    return None
