"""Wraps everything that is sealed in a database with the present master key, for all organisations at once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from functions.shared.jsonvalue import JsonObject
    from functions.shared.postgres.connection import Connection
    from functions.shared.sealing import Sealer

PAGE = 200


@dataclass(frozen=True, slots=True)
class Sealed:
    """A column with sealed values. `owner` and `version`: SQL for what a row's value is sealed with."""

    table: str
    key: str
    column: str
    owner: str
    version: str = "1"


SEALED = (
    Sealed("plane.secrets", "(org_id, name)", "sealed", "name", "version"),
    Sealed("plane.webhooks", "id", "secret", "'webhook:' || id"),
    Sealed("plane.webhooks", "id", "former_secret", "'webhook:' || id"),
    Sealed("plane.hooks", "id", "secret", "'hook:' || id"),
    Sealed("plane.hooks", "id", "former_secret", "'hook:' || id"),
)


async def count_others(connection: Connection, present: str) -> int:
    """Count what another master key than the present one (its id) has wrapped."""
    total = 0
    for each in SEALED:
        total += await connection.fetchval(
            f"select count(*) from {each.table} where {each.column} ->> 'key' <> $1",  # noqa: S608  the names stand above
            present,
        )
    return total


async def reseal_all(connection: Connection, sealer: Sealer) -> int:
    """Wrap again what needs it; give how many. What was changed meanwhile is left to the next call."""
    total = 0
    for each in SEALED:
        while rows := await _page(connection, each, sealer.current):
            changed = 0
            for row in rows:
                sealed: JsonObject = json.loads(row["sealed"])
                again = sealer.reseal(str(row["org_id"]), row["owner"], sealed, int(row["version"]))
                changed += await _replace(connection, each, row, json.dumps(again))
            total += changed
            if changed == 0:
                break
    return total


async def _page(connection: Connection, each: Sealed, present: str) -> list[dict[str, str]]:
    query = (
        f"select {each.key}::text as key, org_id, {each.column}::text as sealed, {each.owner} as owner,"  # noqa: S608
        f" {each.version} as version from {each.table} where {each.column} ->> 'key' <> $1 limit {PAGE}"
    )
    return [dict(row) for row in await connection.fetch(query, present)]


async def _replace(connection: Connection, each: Sealed, row: dict[str, str], sealed: str) -> int:
    """Change the row unless somebody else did."""
    query = (
        f"update {each.table} set {each.column} = $1::jsonb"  # noqa: S608
        f" where {each.key}::text = $2 and {each.column} = $3::jsonb"
    )
    return int((await connection.execute(query, sealed, row["key"], row["sealed"])).rpartition(" ")[2])
