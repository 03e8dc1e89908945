"""Fields that stand in structured data under their own name, however it is spelled."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from functions.shared.interpret.fields import Field
from functions.shared.interpret.reading import Evidence, Reading
from functions.shared.jsonvalue import Json

_BOOLEANS = {"true": True, "yes": True, "y": True, "on": True, "false": False, "no": False, "n": False, "off": False}
_NOT_LETTERS = re.compile(r"[^a-z0-9]")


def given(field: Field, data: Json) -> Reading | None:
    """Read a field of an object. 0, "" and false are values like any other; null is none."""
    if not isinstance(data, dict):
        return None
    named = [key for key in data if _plain(key) == _plain(field.name)]
    exact = [key for key in named if key == field.name] or named
    if len(exact) != 1:
        return None
    value = data[exact[0]]
    if value is None:
        return None
    pointer = "/" + exact[0].replace("~", "~0").replace("/", "~1")
    evidence = Evidence(pointer, value if isinstance(value, str) else "")
    if field.accepts(value):
        return Reading(value, 1.0, evidence, "given")
    converted = _converted(field, value)
    if converted is not None and field.accepts(converted):
        return Reading(converted, 0.98, evidence, "given")
    return None


def number_of(text: str) -> int | float | None:
    """Read a number as it is written by itself: 1200, 1,200.50; None when it could mean two things."""
    cleaned = text.strip().replace(" ", "")
    if re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?", cleaned):
        cleaned = cleaned.replace(",", "")
    try:
        number = Decimal(cleaned)
    except InvalidOperation:
        return None
    if not number.is_finite():
        return None
    return int(number) if number == number.to_integral_value() and "." not in cleaned else float(number)


def boolean_of(text: str) -> bool | None:
    """Read yes, no, true, false, on and off."""
    return _BOOLEANS.get(text.strip().lower())


def choice_of(field: Field, text: str) -> Json:
    """Give the value of an enum that a text names, whatever its case; None when it names none."""
    choices = field.schema.get("enum")
    for choice in choices if isinstance(choices, list) else []:
        if isinstance(choice, str) and _plain(choice) == _plain(text):
            return choice
    return None


def _converted(field: Field, value: Json) -> Json:
    if isinstance(value, str):
        if isinstance(field.schema.get("enum"), list):
            return choice_of(field, value)
        if field.type in ("number", "integer"):
            return number_of(value)
        if field.type == "boolean":
            return boolean_of(value)
        return value.strip()
    if field.type == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)
    if field.type == "string" and isinstance(value, (int, float)) and not isinstance(value, (bool, Mapping)):
        return str(value)
    return None


def _plain(name: str) -> str:
    return _NOT_LETTERS.sub("", name.lower())
