"""What a server connection still holds when a call is over: nothing, as the next caller gets the same connection."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from functions.shared.postgres.schema import schema_files

ADAPTER = Path(__file__).parents[2] / "functions" / "shared" / "db"
_NAMED = re.compile(r"(?:set_config|current_setting)\('([a-z_]+\.[a-z_.]+)'")

# `settings`: all that pg_settings shows; `ours`: those that it does not show, by the names in our code.
_LEFT = """
select jsonb_build_object(
  'pid', pg_backend_pid(),
  'role', current_user,
  'login', session_user,
  'settings', (select jsonb_object_agg(name, setting) from pg_settings where name <> 'application_name'),
  'ours', (
    select jsonb_object_agg(name, nullif(current_setting(name, true), ''))
    from unnest(string_to_array('{ours}', ',')) as name
  ),
  'prepared', (select count(*) from pg_prepared_statements),
  'cursors', (select count(*) from pg_cursors where is_holdable),
  'channels', (select count(*) from pg_listening_channels()),
  'temporary', pg_my_temp_schema()::int,
  'advisory', (select count(*) from pg_locks where pid = pg_backend_pid() and locktype = 'advisory')
)
"""


def our_settings() -> list[str]:
    """Give the names of the settings that the plane sets or reads."""
    sources = [*schema_files(), *ADAPTER.glob("*.py")]
    return sorted({name for path in sources for name in _NAMED.findall(path.read_text())})


@dataclass(frozen=True, slots=True)
class Session:
    """A server connection as its next user finds it."""

    pid: int
    settings: dict[str, Any]
    left: dict[str, Any]

    def differences(self, fresh: Session) -> dict[str, Any]:
        """Give what is not as in a fresh connection; nothing, when all is well."""
        changed = {name: value for name, value in self.settings.items() if value != fresh.settings.get(name, value)}
        return changed | {name: value for name, value in self.left.items() if value}


async def look(url: str) -> Session:
    """Look at one server connection of the pooler."""
    return (await look_at_all(url, 1))[0]


async def look_at_all(url: str, count: int) -> list[Session]:
    """Look at so many server connections at once: each is held until all were seen."""
    async with AsyncExitStack() as stack:
        clients = [await asyncpg.connect(url, statement_cache_size=0) for _ in range(count)]
        for client in clients:
            stack.push_async_callback(client.close)
            await stack.enter_async_context(client.transaction())
        query = _LEFT.replace("{ours}", ",".join(our_settings()))
        found = [json.loads(text) for text in await asyncio.gather(*(client.fetchval(query) for client in clients))]
    return [_session(each) for each in found]


def _session(found: dict[str, Any]) -> Session:
    role = {"role": found.pop("role")} if found["role"] != found["login"] else {}
    del found["login"]
    found.pop("role", None)
    return Session(found.pop("pid"), found.pop("settings"), role | found.pop("ours") | found)
