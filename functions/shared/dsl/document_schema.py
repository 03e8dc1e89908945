"""The JSON Schema of the document, generated from the models: what editors and models are given."""

from __future__ import annotations

from functools import lru_cache
from typing import cast

from functions.shared.dsl.models import KINDS, Workflow
from functions.shared.jsonvalue import Json, JsonObject

SCHEMA_PATH = "/schemas/workflow.json"


@lru_cache(maxsize=1)
def _schema() -> JsonObject:
    schema = cast("JsonObject", Workflow.model_json_schema(by_alias=True))
    definitions = cast("JsonObject", schema["$defs"])
    step = cast("JsonObject", definitions["Step"])
    step["oneOf"] = [{"required": [kind]} for kind in KINDS]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_PATH,
        **cast("JsonObject", _tidy(schema)),
    }


def workflow_json_schema() -> JsonObject:
    """Give the schema of a document. A document that it refuses is refused by `check` too; `check` knows more."""
    return _schema()


def _tidy(value: Json, *, is_map_of_fields: bool = False) -> Json:
    """Leave out what only says that a key may be null, and titles that repeat the key."""
    if isinstance(value, list):
        return [_tidy(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    if is_map_of_fields:
        return {key: _tidy(entry) for key, entry in value.items()}
    options = value.get("anyOf")
    if isinstance(options, list) and {"type": "null"} in options and value.get("default", 0) is None:
        left = [option for option in options if option != {"type": "null"}]
        value = {key: entry for key, entry in value.items() if key not in {"anyOf", "default"}}
        value = {**value, **left[0]} if len(left) == 1 and isinstance(left[0], dict) else {**value, "anyOf": left}
    patterns = value.get("patternProperties")
    if isinstance(patterns, dict) and len(patterns) == 1:
        (pattern, inner), names = next(iter(patterns.items())), value.get("propertyNames")
        value = {key: entry for key, entry in value.items() if key != "patternProperties"}
        more = names if isinstance(names, dict) else {}
        value = {**value, "propertyNames": {**more, "pattern": pattern}, "additionalProperties": inner}
    is_title = isinstance(value.get("title"), str)
    return {
        key: _tidy(entry, is_map_of_fields=key in {"properties", "$defs"})
        for key, entry in value.items()
        if not (key == "title" and is_title)
    }
