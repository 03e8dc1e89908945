"""What the database says to its owner: version, migrations, the plane's own keys, and who may found organisations."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import asyncpg  # pyright: ignore[reportMissingTypeStubs]  it has none

from functions.deploy.finding import fail, ok, warn
from functions.deploy.runner_keys import RUNNER_KEYS, RunnerKey
from functions.deploy.stage import is_address
from functions.shared.auth.keys import hash_key, is_key, read_peppers
from functions.shared.postgres.connection import CONNECT_ERRORS, PostgresError, connected
from functions.shared.postgres.history import (
    Migration,
    MigrationProblem,
    pending_migrations,
    read_history,
    read_migrations,
)

if TYPE_CHECKING:
    from pathlib import Path

    from functions.deploy.finding import Finding
    from functions.deploy.seen import Seen
    from functions.shared.postgres.connection import Connection

OLDEST = 160000
TRANSACTION_POOLER = 6543
_NO_OWNER = "Set SUPABASE_DB_URL to the direct address or the session pooler's (port 5432), as postgres."
_AS_NEW = {"3F000", "42P01", "42883"}  # no such schema, table, function: nothing is migrated yet


async def findings(seen: Seen) -> list[Finding]:
    """Give what was found, read in a transaction that cannot write."""
    url = seen.stage.database_url
    if not url:
        return [fail("database", "no address of its owner is given", _NO_OWNER)]
    if urlsplit(url).port == TRANSACTION_POOLER:
        return [fail("database", "the address is the transaction pooler's: a migration needs a session", _NO_OWNER)]
    try:
        async with connected(url) as connection:
            await connection.execute("set default_transaction_read_only = on")
            return [
                await _version(connection),
                await _migrations(connection, seen.migrations),
                await _keys(connection, seen),
                await _founding(connection),
                await _pooler(seen),
            ]
    except CONNECT_ERRORS as error:
        # Its text may hold the address: the kind of failure says enough.
        return [fail("database", f"it cannot be reached: {type(error).__name__}", _NO_OWNER)]


async def _version(connection: Connection) -> Finding:
    number = int(await connection.fetchval("select current_setting('server_version_num')"))
    most = await connection.fetchval("select current_setting('max_connections')")
    shown = f"Postgres {number // 10000}.{number % 10000}, {most} connections at most"
    if number < OLDEST:
        return fail("database", shown, "Upgrade the project to Postgres 16 or later (Settings, Infrastructure).")
    return ok("database", shown)


async def _migrations(connection: Connection, folder: Path) -> Finding:
    try:
        pending = pending_migrations(read_migrations(folder), await read_history(connection))
    except MigrationProblem as problem:
        return fail("migrations", str(problem), "Nothing is deployed until history and checkout fit together.")
    if pending:
        return warn("migrations", f"pending: {_listed(pending)}", "`agentplane deploy` applies them before it deploys.")
    return ok("migrations", "up to date")


def _listed(pending: list[Migration]) -> str:
    first = ", ".join(str(migration) for migration in pending[:3])
    return first if len(pending) <= 3 else f"{first} and {len(pending) - 3} more"  # noqa: PLR2004


async def _keys(connection: Connection, seen: Seen) -> Finding:
    """Compare the plane's own keys with what the database has of them."""
    way_out = f"Run `agentplane deploy --stage {seen.stage.name} --init`: it registers them for their verbs."
    if seen.stored is None:
        return fail("runner-keys", "the stored keys could not be read", "See `secrets`.")
    peppers = read_peppers(seen.secret("key-pepper") or "")
    try:
        told = [
            (key.parameter, await _key_problem(connection, key, seen.secret(key.parameter) or "", peppers))
            for key in RUNNER_KEYS
        ]
    except PostgresError as error:
        if getattr(error, "sqlstate", "") in _AS_NEW:
            return warn("runner-keys", "not registered: the database is not migrated yet", way_out)
        raise
    wrong = [f"{name} {problem}" for name, problem in told if problem]
    if wrong:
        return fail("runner-keys", "; ".join(wrong), way_out)
    return ok("runner-keys", f"{len(RUNNER_KEYS)} let in, each for its verbs only")


async def _key_problem(connection: Connection, key: RunnerKey, secret: str, peppers: tuple[str, ...]) -> str | None:
    if not is_key(secret):
        return "is not stored"
    rows = await connection.fetch(
        "select k.scopes, k.kind,"
        " k.revoked_at is not null or coalesce(k.expires_at <= plane.clock(), false) as has_ended"
        " from unnest($1::text[]) with ordinality as h (hash, place)"
        " join plane.api_keys as k on k.key_hash = sha256(decode(h.hash, 'hex')) order by h.place limit 1",
        hash_key(secret, peppers).split(),
    )
    if not rows:
        return "is unknown to the database (or the pepper is another)"
    if rows[0]["has_ended"] or rows[0]["kind"] != "runner":
        return "is revoked or expired"
    given, wanted = set(rows[0]["scopes"]), set(key.verbs)
    if not given:
        return "may call every verb"
    if more := sorted(given - wanted):
        return f"may also call {', '.join(more)}"
    if less := sorted(wanted - given):
        return f"may not call {', '.join(less)}"
    return None


async def _founding(connection: Connection) -> Finding:
    way_out = "Close it with --init, or leave it open with --init --open-founding."
    try:
        value = await connection.fetchval("select value from gateway.settings where name = 'new_organisations'")
    except PostgresError as error:
        if getattr(error, "sqlstate", "") in _AS_NEW:
            return warn("founding", "not decided: the database is not migrated yet", way_out)
        raise
    if value is not None and json.loads(value) is False:
        return ok("founding", "only the operator makes organisations")
    return warn("founding", "whoever signs in may make an organisation", way_out)


async def _pooler(seen: Seen) -> Finding:
    """Try the address that the functions would use instead of PostgREST, if there is one."""
    url = seen.secret("database-url")
    if url is None:
        return ok("transport", "PostgREST")
    way_out = "Use the transaction pooler (port 6543), and a login that is a member of plane_functions; docs/deploy.md."
    if not is_address(url):
        return fail("transport", "database-url cannot be read as an address", way_out)
    try:
        connection = await asyncpg.connect(url, timeout=10, statement_cache_size=0)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    except CONNECT_ERRORS as error:
        return fail("transport", f"database-url cannot be reached: {type(error).__name__}", way_out)
    try:
        user = await connection.fetchval("select session_user")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        is_strong = await connection.fetchval(  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            "select rolsuper or rolbypassrls from pg_catalog.pg_roles where rolname = session_user"
        )
    finally:
        await connection.close()  # pyright: ignore[reportUnknownMemberType]
    if is_strong:
        return fail("transport", f"database-url logs in as {user}, whom no row-level security holds", way_out)
    if urlsplit(url).port != TRANSACTION_POOLER:
        return warn(
            "transport", "database-url is not the transaction pooler's: every process keeps connections", way_out
        )
    return ok("transport", f"Postgres by its pooler, as {user}")
