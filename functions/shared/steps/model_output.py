"""Structured output: how a schema is asked for, how an answer is read, and how a repair is asked for."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from functions.shared.dsl.schema import accept
from functions.shared.jsonvalue import Json, JsonObject, parse_json

MAX_REPAIRS = 2
_SHOWN_PROBLEMS = 20
_SHOWN_ANSWER = 20_000
_FENCE = re.compile(r"```(?:json)?\s*\n(.*?)\n?\s*```", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Read:
    """The value with its defaults, and what is wrong with it; use the value only when there are no problems."""

    value: Json
    problems: list[str]


def ask_for(schema: JsonObject) -> JsonObject:
    """Give the `response_format` of a schema. `strict` only where providers can hold it: closed, nothing optional."""
    named: JsonObject = {"name": "output", "schema": schema, "strict": _is_closed(schema)}
    return {"type": "json_schema", "json_schema": named}


def instruction(messages: list[JsonObject], schema: JsonObject) -> list[JsonObject]:
    """Ask for the schema in words, for models whose protocol cannot carry it."""
    text = (
        "Answer with one JSON object that fits this JSON Schema, and nothing else: no explanation, no code fence.\n"
        f"JSON Schema:\n{json.dumps(schema, ensure_ascii=False)}"
    )
    first, *rest = messages
    if first["role"] == "system":
        return [{"role": "system", "content": f"{first['content']}\n\n{text}"}, *rest]
    return [{"role": "system", "content": text}, *messages]


def read_answer(schema: JsonObject, text: str) -> Read:
    """Find the JSON in an answer and check it. Models like to wrap it in a code fence or in a sentence."""
    value = _json_in(text)
    if value is None:
        return Read(None, ["the answer holds no complete JSON object"])
    accepted = accept(schema, value)
    problems = [f"{problem.pointer or 'the whole'}: {problem.message}" for problem in accepted.problems]
    return Read(accepted.value, problems)


def repair(messages: list[JsonObject], answer: str, problems: list[str]) -> list[JsonObject]:
    """Give the conversation that goes on: the answer, and what was wrong with it."""
    listed = "\n".join(f"- {problem}" for problem in problems[:_SHOWN_PROBLEMS])
    said: JsonObject = {"role": "assistant", "content": answer[:_SHOWN_ANSWER] or "(empty)"}
    text = f"That answer does not fit the schema:\n{listed}\nAnswer again with the complete corrected JSON only."
    return [*messages, said, {"role": "user", "content": text}]


def _json_in(text: str) -> Json:
    """Give the object of an answer; None when there is none."""
    candidates = [text.strip(), *_FENCE.findall(text)]
    start, end = text.find("{"), text.rfind("}")
    if 0 <= start < end:
        candidates.append(text[start : end + 1])
    for candidate in candidates:
        try:
            value = parse_json(candidate)
        except ValueError:
            continue
        if isinstance(value, dict):
            return value
    return None


def _is_closed(schema: Json) -> bool:
    if isinstance(schema, list):
        return all(_is_closed(item) for item in schema)
    if not isinstance(schema, dict):
        return True
    properties = schema.get("properties")
    if schema.get("type") == "object" or isinstance(properties, dict):
        names: set[str] = set(properties) if isinstance(properties, dict) else set()
        required = schema.get("required")
        listed = {name for name in required if isinstance(name, str)} if isinstance(required, list) else set[str]()
        if schema.get("additionalProperties") is not False or names != listed:
            return False
        return all(_is_closed(inner) for inner in (properties or {}).values()) if isinstance(properties, dict) else True
    return all(_is_closed(schema.get(key)) for key in ("items", "anyOf", "oneOf", "allOf", "$defs"))
