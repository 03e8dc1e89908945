"""Everything that a schema of the plane consists of, read from Postgres as things that can be compared and made."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from functions.shared.postgres.statements import split_statements

if TYPE_CHECKING:
    from collections.abc import Mapping

    from functions.shared.postgres.connection import Connection

Key: TypeAlias = tuple[str, str]  # kind and name

_VIEWS, *_SECTIONS = re.split(r"^-- kind: (.*)\n", Path(__file__).with_suffix(".sql").read_text(), flags=re.MULTILINE)
_QUERIES = dict(zip(_SECTIONS[::2], _SECTIONS[1::2], strict=True))

# In the order in which things are made; they go away in the opposite one.
KINDS = tuple(_QUERIES)


@dataclass(frozen=True, slots=True)
class Thing:
    """One part of a schema. Without `make` (or `unmake`) a person has to write how it comes (or goes).

    `definition` is what is compared. `within` is the thing that takes this one along when it goes away; `is_inline`:
    the statement that makes that one makes this one too. `shape`: while it stays the same, `make` changes the thing.
    """

    kind: str
    name: str
    definition: str
    make: str | None = None
    unmake: str | None = None
    within: Key | None = None
    is_inline: bool = False
    shape: str | None = None


Catalogue: TypeAlias = "Mapping[Key, Thing]"


async def read_catalogue(connection: Connection) -> dict[Key, Thing]:
    """Read every thing of the schemas api, gateway and plane, and the roles beside them."""
    await connection.execute("set search_path = pg_catalog")
    for view in split_statements(_VIEWS):
        await connection.execute(view.text)
    found: dict[Key, Thing] = {}
    for kind, query in _QUERIES.items():
        for row in await connection.fetch(query):
            known = dict(row)
            within = (known.pop("within_kind"), known.pop("within_name")) if "within_kind" in known else None
            found[kind, known["name"]] = Thing(kind, within=within, **known)
    return found
