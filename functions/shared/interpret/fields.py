"""The fields that are wanted, from shorthand, JSON Schema, or the looser `{"amount": "number, in dollars"}`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import cast

from functions.shared.dsl.schema import accept, schema_problems
from functions.shared.dsl.shorthand import TYPES, is_json_schema, shorthand_problems, to_json_schema
from functions.shared.jsonvalue import Json, JsonObject

MAX_FIELDS = 100
_ENUM = re.compile(r"\s*[\w .-]{1,60}(?:\s*\|\s*[\w .-]{1,60})+\s*")
_LOOSE = re.compile(r"(optional\s+)?([a-z]+)(\?)?\s*(?:[,:;-]\s*|\s+|\()?(.*?)\)?\s*", re.IGNORECASE | re.DOTALL)
_WORDS = {
    "str": "string", "text": "string", "int": "integer", "float": "number", "decimal": "number", "bool": "boolean",
    "list": "array", "dict": "object", "date": "date", "datetime": "date-time", "email": "email", "url": "uri",
}  # fmt: skip
_FORMATS = frozenset({"date", "date-time", "email", "uri"})


class SchemaRefused(Exception):
    """The schema cannot be used; `problems` are pairs of a JSON pointer below it and a message."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(message for _, message in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Field:
    """One wanted field. `schema` is JSON Schema."""

    name: str
    schema: JsonObject
    is_required: bool

    @property
    def type(self) -> str:
        """Its JSON type; empty when the schema does not name exactly one. Null beside another counts for nothing."""
        kinds = self.schema.get("type")
        named = [kind for kind in kinds if kind != "null"] if isinstance(kinds, list) else [kinds]
        return str(named[0]) if len(named) == 1 and named[0] else ""

    @property
    def format(self) -> str:
        """What the schema calls the format of a string."""
        return str(self.schema.get("format") or "")

    @property
    def words(self) -> str:
        """Its name and description, in lower case."""
        return f"{self.name.replace('_', ' ')} {self.schema.get('description') or ''}".lower()

    def accepts(self, value: Json) -> bool:
        """Tell whether a value fits."""
        return not accept({"type": "object", "properties": {self.name: self.schema}}, {self.name: value}).problems


@dataclass(frozen=True, slots=True)
class Fields:
    """All wanted fields in order, and the schema of the whole."""

    all: tuple[Field, ...]
    schema: JsonObject


def read_fields(schema: JsonObject) -> Fields:
    """Read the fields of a schema. Raises SchemaRefused."""
    full = schema if is_json_schema(schema) else _from_shorthand(schema)
    if found := schema_problems(full):
        raise SchemaRefused([("", message) for message in found])
    properties = full.get("properties")
    if not isinstance(properties, dict) or not properties:
        raise SchemaRefused([("", "Name at least one field, such as {email: string}.")])
    if len(properties) > MAX_FIELDS:
        raise SchemaRefused([("", f"At most {MAX_FIELDS} fields; these are {len(properties)}.")])
    required = full.get("required")
    needed = cast("list[Json]", required) if isinstance(required, list) else []
    fields = tuple(
        Field(name, inner if isinstance(inner, dict) else {}, name in needed) for name, inner in properties.items()
    )
    return Fields(fields, full)


def _from_shorthand(schema: JsonObject) -> JsonObject:
    loose = {name: _loose(field) if isinstance(field, str) else field for name, field in schema.items()}
    formats = {
        name: str(field.pop("format")) for name, field in loose.items() if isinstance(field, dict) and "format" in field
    }
    if found := shorthand_problems(loose):
        raise SchemaRefused(
            [
                ("".join(f"/{part}" for part in path), f"{message}. {hint or ''}".strip())
                for path, _, message, hint in found
            ]
        )
    full = to_json_schema(loose)
    properties = cast("dict[str, JsonObject]", full["properties"])
    for name, format_ in formats.items():
        properties[name] = {"type": "string", **properties[name], "format": format_}
    return full


def _loose(text: str) -> Json:
    """Read `number`, `low|medium|high`, `email?`, `optional string, the city`."""
    if text in TYPES:
        return text
    if _ENUM.fullmatch(text):
        return {"enum": [choice.strip() for choice in text.split("|")]}
    match = _LOOSE.fullmatch(text)
    kind = _WORDS.get(match[2].lower(), match[2].lower()) if match else ""
    if match is None or kind not in {*TYPES, *_FORMATS}:
        return {"type": "string", "description": text[:500]}  # a description alone: any text
    field: JsonObject = {"type": "string", "format": kind} if kind in _FORMATS else {"type": kind}
    if match[4].strip():
        field["description"] = match[4].strip()[:500]
    if match[1] or match[3]:
        field["optional"] = True
    return field
