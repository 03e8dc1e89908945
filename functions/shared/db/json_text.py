"""JSON as the database takes and gives it: fast for what is usual, exact about what cannot be stored."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from pydantic_core import from_json, to_json

from functions.shared.db.failures import unfit_text
from functions.shared.errors import InvalidInput

if TYPE_CHECKING:
    from functions.shared.jsonvalue import Json


def to_text(value: Json) -> str:
    """Write JSON. Raises InvalidInput for numbers, text and depths that JSON or Postgres cannot hold."""
    try:
        text = to_json(value).decode()
    except (ValueError, RecursionError):
        return _carefully(value)
    # It writes NaN and Infinity, which are not JSON. Where the words only stand in a text, this takes a little longer.
    return _carefully(value) if "NaN" in text or "Infinity" in text else text


def from_text(text: str) -> Json:
    """Read JSON that Postgres wrote."""
    try:
        return cast("Json", from_json(text))
    except ValueError:  # it is nested deeper than the fast reader goes
        return json.loads(text)


def _carefully(value: Json) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()
    except UnicodeEncodeError:
        raise unfit_text("The request holds half of a surrogate pair, which is not Unicode text.") from None
    except ValueError:
        raise InvalidInput("The request holds a number that JSON cannot hold.", code="unsupported_number") from None
    except RecursionError:
        raise InvalidInput("The request is nested too deeply.", code="too_deep", hint="Flatten it.") from None
    return text
