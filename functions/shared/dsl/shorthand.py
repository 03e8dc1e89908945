"""The schema shorthand, `{label: {enum: [a, b]}, amount: number}`, as JSON Schema 2020-12; what is wrong with one."""

from __future__ import annotations

from functions.shared.dsl.patterns import PatternError, compiled
from functions.shared.dsl.problems import DocumentPath, did_you_mean
from functions.shared.dsl.templates import has_expression
from functions.shared.dsl.values import to_text
from functions.shared.jsonvalue import Json, JsonObject

TYPES = ("string", "integer", "number", "boolean", "object", "array")
_KEYS = (
    "type", "enum", "min", "max", "min_length", "max_length", "pattern", "items", "properties", "optional", "default",
    "description",
)  # fmt: skip
_SYNONYMS = {
    "str": "string", "text": "string", "int": "integer", "float": "number", "double": "number", "decimal": "number",
    "bool": "boolean", "list": "array", "dict": "object", "map": "object", "json": "object",
}  # fmt: skip
_KEY_SYNONYMS = {
    "minimum": "min", "maximum": "max", "minLength": "min_length", "maxLength": "max_length", "minItems": "min_length",
    "maxItems": "max_length", "required": "optional", "choices": "enum", "values": "enum", "fields": "properties",
    "minlength": "min_length", "maxlength": "max_length", "regex": "pattern",
}  # fmt: skip
_LIMITS: dict[str, dict[str, str]] = {
    "string": {"min_length": "minLength", "max_length": "maxLength"},
    "array": {"min_length": "minItems", "max_length": "maxItems", "min": "minItems", "max": "maxItems"},
    "number": {"min": "minimum", "max": "maximum"},
    "integer": {"min": "minimum", "max": "maximum"},
}


def is_json_schema(value: JsonObject) -> bool:
    """Tell whether a mapping is JSON Schema already: it has `$schema`, or `type: object` with `properties`."""
    return "$schema" in value or (value.get("type") == "object" and isinstance(value.get("properties"), dict))


def to_json_schema(shorthand_or_schema: JsonObject) -> JsonObject:
    """Give JSON Schema 2020-12 of a shorthand of fields; JSON Schema stays as it is."""
    if is_json_schema(shorthand_or_schema):
        return shorthand_or_schema
    return _object(shorthand_or_schema)


def _object(fields: JsonObject) -> JsonObject:
    required: list[Json] = [name for name, field in fields.items() if not _is_optional(field)]
    return {
        "type": "object",
        "properties": {name: _field(field) for name, field in fields.items()},
        "required": required,
        "additionalProperties": False,
    }


def _is_optional(field: Json) -> bool:
    return isinstance(field, dict) and (field.get("optional") is True or "default" in field)


def _field(field: Json) -> JsonObject:
    if isinstance(field, str):
        return {"type": field}
    if not isinstance(field, dict):
        return {}
    properties = field.get("properties")
    kind = field.get("type", "object" if isinstance(properties, dict) else "array" if "items" in field else None)
    schema: JsonObject = {} if kind is None else {"type": kind}
    if isinstance(properties, dict):
        schema = _object(properties)
    if "items" in field:
        schema["items"] = _field(field["items"])
    for key in ("enum", "pattern", "default", "description"):
        if key in field:
            schema[key] = field[key]
    for key, name in _LIMITS.get(str(kind), {}).items():
        if key in field:
            schema[name] = field[key]
    return schema


# What is wrong ------------------------------------------------------------------------------------------------------

ShorthandProblem = tuple[DocumentPath, str, str, str | None]
"""Path below the schema, code, message, hint."""


def shorthand_problems(value: JsonObject) -> list[ShorthandProblem]:
    """Give everything that is wrong with a shorthand of fields."""
    return [problem for name, field in value.items() for problem in _field_problems(field, (name,))]


def _field_problems(field: Json, path: DocumentPath) -> list[ShorthandProblem]:
    if isinstance(field, str):
        return _type_problems(field, path)
    if not isinstance(field, dict):
        return [(path, "bad_schema", "A field is a type name or an object", "Known: " + ", ".join(TYPES) + ".")]
    found: list[ShorthandProblem] = []
    for key in field:
        if key not in _KEYS:
            hint = f"Write `{_KEY_SYNONYMS[key]}`." if key in _KEY_SYNONYMS else did_you_mean(key, _KEYS)
            if key == "required":
                hint = "Every field is required unless it says `optional: true` or has a `default`."
            found.append(((*path, key), "unknown_key", f"A field of a schema has no `{key}`", hint))
    kind = field.get("type")
    if kind is None and not {"enum", "items", "properties"} & field.keys():
        hint = "Say `type: string`, or give `enum`."
        found.append((path, "bad_schema", f"The field `{path[-1]}` says neither `type` nor `enum`", hint))
    elif kind is not None:
        found += _type_problems(kind, (*path, "type"))
    return found + _detail_problems(field, path) + _default_problems(field, path)


def _type_problems(kind: Json, path: DocumentPath) -> list[ShorthandProblem]:
    if kind in TYPES:
        return []
    name = to_text(kind)
    hint = f"Write `{_SYNONYMS[name.lower()]}`." if name.lower() in _SYNONYMS else did_you_mean(name, TYPES)
    return [(path, "bad_schema", f"There is no type `{name[:40]}`", hint)]


def _detail_problems(field: JsonObject, path: DocumentPath) -> list[ShorthandProblem]:
    found: list[ShorthandProblem] = []
    if "items" in field:
        found += _field_problems(field["items"], (*path, "items"))
    properties = field.get("properties")
    if isinstance(properties, dict):
        found += [
            each for name, inner in properties.items() for each in _field_problems(inner, (*path, "properties", name))
        ]
    elif "properties" in field:
        found.append(((*path, "properties"), "bad_schema", "`properties` is an object of fields", None))
    enum = field.get("enum")
    if "enum" in field and (not isinstance(enum, list) or not enum):
        found.append(((*path, "enum"), "bad_schema", "`enum` is a list with at least one value", None))
    if "optional" in field and not isinstance(field["optional"], bool):
        found.append(((*path, "optional"), "bad_schema", "`optional` is true or false", None))
    for key in ("min", "max", "min_length", "max_length"):
        limit = field.get(key)
        if key in field and (isinstance(limit, bool) or not isinstance(limit, (int, float))):
            found.append(((*path, key), "bad_schema", f"`{key}` is a number", None))
    if "pattern" in field:
        found += [
            ((*path, "pattern"), "bad_schema", message, hint) for message, hint in pattern_problems(field["pattern"])
        ]
    return found


def _default_problems(field: JsonObject, path: DocumentPath) -> list[ShorthandProblem]:
    enum, default = field.get("enum"), field.get("default")
    if "default" not in field or (isinstance(default, str) and has_expression(default)):
        return []
    if isinstance(enum, list) and default not in enum:
        return [((*path, "default"), "bad_default", f"The default {to_text(default)} is not in `enum`", None)]
    kind = field.get("type")
    if kind in TYPES and not _fits(default, str(kind)):
        return [((*path, "default"), "bad_default", f"The default {to_text(default)[:40]} is not a {kind}", None)]
    return []


def _fits(value: Json, kind: str) -> bool:
    match kind:
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, (int, float)) and not isinstance(value, bool)
        case "array":
            return isinstance(value, list)
        case _:
            return isinstance(value, dict)


def pattern_problems(pattern: Json) -> list[tuple[str, str | None]]:
    """Give what is wrong with a regular expression: not one, or one that the engine cannot hold."""
    if not isinstance(pattern, str):
        return [("`pattern` is a regular expression", None)]
    try:
        compiled(pattern)
    except PatternError as error:
        return [(error.message, error.hint)]
    return []
