"""Make a value fit for the database: JSON only, no NUL, no half surrogates, not too deep."""

from __future__ import annotations

import math
import re

from functions.shared.jsonvalue import Json
from functions.shared.steps.base import StepFailed

MAX_DEPTH = 100
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(value: Json, depth: int = 0) -> Json:
    """Give the value with unstorable characters replaced; raises StepFailed for what JSON cannot carry."""
    if depth > MAX_DEPTH:
        raise StepFailed("output_too_deep", f"The output is nested more than {MAX_DEPTH} levels deep.")
    match value:
        case str():
            return clean_text(value)
        case float() if not math.isfinite(value):
            raise StepFailed("not_json", f"The output holds the number {value}, which JSON cannot carry.")
        case list():
            return [storable(item, depth + 1) for item in value]
        case dict():
            return {clean_text(key): storable(item, depth + 1) for key, item in value.items()}
        case _:
            return value


def clean_text(text: str) -> str:
    """Replace NUL and half surrogates, which Postgres refuses, by the replacement character."""
    return _UNSTORABLE.sub("\ufffd", text)
