"""JSON values inside expressions: as text, as plain data, and how much of them is allowed."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import cast

from functions.shared.dsl.expression_errors import ExpressionError
from functions.shared.jsonvalue import Json

MAX_TEXT = 5_000_000  # characters of one evaluated text
MAX_RESULT = 5_000_000  # rough bytes of one evaluated structure
MAX_WORK = 1_000_000  # what one evaluation may do: items looked at, a text counts as an item for some of its characters
MAX_KEY = 1_000  # characters of a computed key or path of keys
MAX_INT_BITS = 8_192

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_SCALARS = (str, int, float, bool, type(None))


def has_unstorable(text: str) -> bool:
    """Tell whether a text holds NUL or half of a character, which the database and UTF-8 cannot carry."""
    return _UNSTORABLE.search(text) is not None


def readable(text: str) -> str:
    """Give a text that can be sent whatever it quotes."""
    return _UNSTORABLE.sub("\ufffd", text)


def kind_of(value: object) -> str:
    """Name the JSON type of a value, for messages."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case Mapping():
            return "object"
        case _:
            return "list"


def plain(value: object) -> Json:
    """Give the value as plain JSON data; only a lazy mapping is copied."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ExpressionError("type_error", f"{value} is not a JSON number")
    if isinstance(value, (*_SCALARS, dict, list)):
        return cast("Json", value)
    if isinstance(value, Mapping):
        entries = cast("Mapping[object, object]", value)
        return {str(key): plain(entry) for key, entry in entries.items()}
    if isinstance(value, tuple):
        return [plain(entry) for entry in cast("tuple[object, ...]", value)]
    raise ExpressionError("type_error", f"A {type(value).__name__} is not a JSON value")


def to_text(value: object) -> str:
    """Write a value into a text: strings as they are, everything else as JSON."""
    if isinstance(value, str):
        return value
    if type(value) is int:
        return str(value) if value.bit_length() <= MAX_INT_BITS else _too_long()
    if isinstance(value, (dict, list)):
        check_size(cast("object", value), limit=MAX_TEXT)
    try:
        return json.dumps(plain(cast("object", value)), ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError, TypeError) as error:
        raise ExpressionError("too_large", f"The value cannot be written as JSON: {error}") from None


def _too_long() -> str:
    raise ExpressionError("too_large", "The number has too many digits")


def check_size(value: object, *, limit: int = MAX_RESULT) -> int:
    """Give the rough size of a value in bytes; raises too_large above the limit, after looking at no more than that."""
    size = size_within(value, limit)
    if size is None:
        raise ExpressionError("too_large", f"The value is larger than {limit:,} bytes")
    return size


def size_within(value: object, limit: int) -> int | None:
    """Give the rough size of a value in bytes, None above the limit."""
    size = 0
    stack: list[object] = [value]
    while stack:
        entry = stack.pop()
        if isinstance(entry, str):
            size += len(entry) + 2
        elif isinstance(entry, dict):
            entries = cast("dict[str, object]", entry)
            size += 2
            for key, inner in entries.items():
                size += len(key) + 4
                stack.append(inner)
        elif isinstance(entry, list):
            size += 2
            stack.extend(cast("list[object]", entry))
        else:
            size += 6
        if size + len(stack) > limit:
            return None
    return size
