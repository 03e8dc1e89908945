"""The number of the schema that these functions need: `api.ping()` tells the database's own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from functions.shared.jsonvalue import Json

SCHEMA_VERSION = 3
_TOLD = re.compile(r"ok, schema (\d{1,6})")


def schema_version_of(pong: Json) -> int:
    """Read the number from what `api.ping()` answers; 1 is the first schema, which did not tell."""
    match = _TOLD.fullmatch(pong) if isinstance(pong, str) else None
    return int(match[1]) if match else 1
