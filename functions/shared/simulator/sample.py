"""Deterministic values that fit a JSON Schema, derived from a seed text."""

from __future__ import annotations

import hashlib
import math
import re

from functions.shared.jsonvalue import Json, JsonObject

_MAX_DEPTH = 12
_CANDIDATES = ("A", "a", "simulated", "SIMULATED", "1", "42", "2026", "2026-01-15", "ABC-123", "AB-1234", "en", "EUR")
_NOTES = {
    "minimum": "(?<!exclusive )minimum value",
    "maximum": "(?<!exclusive )maximum value",
    "exclusiveMinimum": "exclusive minimum value",
    "exclusiveMaximum": "exclusive maximum value",
    "minLength": "minimum length",
    "maxLength": "maximum length",
    "minItems": "minimum number of items",
    "maxItems": "maximum number of items",
}
_FORMATS: dict[str, str] = {
    "date": "2026-01-15",
    "date-time": "2026-01-15T09:30:00Z",
    "time": "09:30:00Z",
    "email": "simulated@example.com",
    "uri": "https://example.com/simulated",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def sample(schema: Json, seed: str, *, path: str = "", depth: int = 0, root: JsonObject | None = None) -> Json:
    """Give a value that fits `schema`: the first allowed choice, numbers in range, texts that quote the seed."""
    if not isinstance(schema, dict) or depth > _MAX_DEPTH:
        return None
    root = schema if root is None else root
    schema = _with_notes(_resolved(schema, root))
    for fixed in ("const", "enum"):
        if fixed in schema:
            choices = schema[fixed]
            return choices[0] if fixed == "enum" and isinstance(choices, list) and choices else choices
    for key in ("anyOf", "oneOf", "allOf"):
        options = schema.get(key)
        if isinstance(options, list) and options:
            return sample(options[0], seed, path=path, depth=depth + 1, root=root)
    match _type_of(schema):
        case "object":
            value: Json = _object(schema, seed, path, depth, root)
        case "array":
            value = _array(schema, seed, path, depth, root)
        case "integer":
            value = int(_number(schema, seed, path, whole=True))
        case "number":
            value = _number(schema, seed, path, whole=False)
        case "boolean":
            value = True
        case "null":
            value = None
        case _:
            value = _string(schema, seed, path)
    return value


def _resolved(schema: JsonObject, root: JsonObject) -> JsonObject:
    reference = schema.get("$ref")
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return schema
    target: Json = root
    for part in reference[2:].split("/"):
        target = target.get(part) if isinstance(target, dict) else None
    return target if isinstance(target, dict) else {}


def _with_notes(schema: JsonObject) -> JsonObject:
    """Take back the bounds that a client moved into the description because the protocol refuses them."""
    description = schema.get("description")
    if not isinstance(description, str) or "Note: " not in description:
        return schema
    found: JsonObject = {}
    for key, label in _NOTES.items():
        note = re.search(rf"\b{label}: (-?\d+(?:\.\d+)?)", description)
        if note is not None:
            value = float(note.group(1))
            found[key] = int(value) if value == int(value) else value
    return {**found, **schema}


def _type_of(schema: JsonObject) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((name for name in kind if name != "null"), "null")
    if isinstance(kind, str):
        return kind.lower()
    return "object" if "properties" in schema else "array" if "items" in schema else "string"


def _object(schema: JsonObject, seed: str, path: str, depth: int, root: JsonObject) -> JsonObject:
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return {}
    return {
        name: sample(inner, seed, path=f"{path}.{name}".lstrip("."), depth=depth + 1, root=root)
        for name, inner in properties.items()
    }


def _array(schema: JsonObject, seed: str, path: str, depth: int, root: JsonObject) -> list[Json]:
    """Hold one item, or as many as the question names when ids are wanted."""
    named = len(_identifiers(seed)) if _is_id(path) else 0
    count = max(1, named, _whole(schema, "minItems", 0))
    count = min(count, _whole(schema, "maxItems", 100))
    items = schema.get("items", {"type": "string"})
    return [sample(items, seed, path=f"{path}[{i}]", depth=depth + 1, root=root) for i in range(count)]


def _whole(schema: JsonObject, key: str, otherwise: int) -> int:
    value = schema.get(key)
    return value if isinstance(value, int) else otherwise


def _number(schema: JsonObject, seed: str, path: str, *, whole: bool) -> float | int:
    """Quote the question's first number; within bounds sit at 60 %, or at 90 % once that number is not 0.

    A score of "round 0" is then middling and that of "round 1" good, so that loops until good end.
    """
    low = _bound(schema, "minimum", "exclusiveMinimum", 1)
    high = _bound(schema, "maximum", "exclusiveMaximum", -1)
    quoted = _first_number(seed, whole=whole)
    if low is None and high is None:
        return 1 + _digest(seed, path) % 9 if quoted is None else quoted
    if low is not None and high is not None:
        value = low + (high - low) * (0.6 if quoted == 0 else 0.9)
        return max(math.floor(value), math.ceil(low)) if whole else round(value, 3)
    edge = high if low is None else low
    return math.ceil(edge or 0) if whole else edge or 0


def _bound(schema: JsonObject, inclusive: str, exclusive: str, step: int) -> float | None:
    limit = schema.get(inclusive)
    if isinstance(limit, int | float) and not isinstance(limit, bool):
        return float(limit)
    limit = schema.get(exclusive)
    if isinstance(limit, int | float) and not isinstance(limit, bool):
        return float(limit + step)
    return None


def _first_number(seed: str, *, whole: bool) -> float | int | None:
    """Take the first number of the question: a simulated extraction then looks sensible."""
    found = re.search(r"(?<![\w.])\d{1,9}(?:\.\d{1,4})?(?![\w.]*\w)", seed)
    if found is None:
        return None
    value = float(found.group())
    return int(value) if whole or value == int(value) else value


def _is_id(path: str) -> bool:
    name = path.rsplit(".", 1)[-1].split("[", 1)[0]
    return re.fullmatch(r"ids?|.*_ids?|.*I[Dd]s?", name) is not None


def _identifiers(seed: str) -> list[str]:
    """Find what looks like an id: letters, a hyphen, digits. Each once, in order."""
    return list(dict.fromkeys(re.findall(r"\b[A-Z]{1,5}-\d{1,9}\b", seed)))


def _string(schema: JsonObject, seed: str, path: str) -> str:
    """Quote the question's ids in a field for ids, else its first words behind the label."""
    found = _identifiers(seed) if _is_id(path) else []
    if found:
        place = re.search(r"\[(\d+)\]$", path)
        return found[int(place.group(1)) % len(found)] if place else found[0]
    kind = schema.get("format")
    if isinstance(kind, str) and kind in _FORMATS:
        return _FORMATS[kind]
    words = " ".join(re.findall(r"\w+", seed)[:6])
    text = f"[simulated] {path or 'text'}: {words}".strip()
    least, most = schema.get("minLength"), schema.get("maxLength")
    pattern = schema.get("pattern")
    if isinstance(pattern, str) and not re.search(pattern, text):
        text = _from_pattern(pattern)
    if isinstance(least, int) and len(text) < least:
        text = text.ljust(least, ".")
    return text[:most] if isinstance(most, int) else text


def _from_pattern(pattern: str) -> str:
    """Try plain candidates; a pattern that none of them meets gets a text that does not fit."""
    return next((text for text in _CANDIDATES if re.search(pattern, text)), "simulated")


def _digest(seed: str, path: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{path}\0{seed}".encode()).digest()[:4], "big")
