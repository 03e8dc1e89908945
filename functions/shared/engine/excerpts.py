"""Short forms of what is too long for a record."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from functions.shared.log import may_log_in, redact

if TYPE_CHECKING:
    from functions.shared.jsonvalue import Json, JsonObject

EXCERPT_CHARACTERS = 2_000
MESSAGE_CHARACTERS = 2_000
UNCUT_CHARACTERS = 300  # of JSON: in so few, no list is long enough to be cut
_encode = json.JSONEncoder(ensure_ascii=False, default=str).encode


def excerpt(config: JsonObject) -> Json:
    """Give a rendered configuration in at most 2,000 characters of JSON: whole if it fits, else with texts cut."""
    text = _encode(config)
    if len(text) <= UNCUT_CHARACTERS and not may_log_in(text):
        return config
    for longest in (EXCERPT_CHARACTERS, 400, 100, 30):
        value = _cut(config, longest)
        text = _encode(value)
        if len(text) <= EXCERPT_CHARACTERS:
            return value
    return redact(_encode(config))[: EXCERPT_CHARACTERS - 1] + "…"


def short(message: str) -> str:
    """Give an error message that fits into a record."""
    return message if len(message) <= MESSAGE_CHARACTERS else message[: MESSAGE_CHARACTERS - 1] + "…"


def _cut(value: Json, longest: int) -> Json:
    match value:
        case str():
            text = redact(value)
            return text if len(text) <= longest else text[: longest - 1] + "…"
        case list():
            most = max(3, longest // 20)
            return [_cut(item, longest) for item in value[:most]] + (["…"] if len(value) > most else [])
        case dict():
            return {key: _cut(item, longest) for key, item in value.items()}
        case _:
            return value
