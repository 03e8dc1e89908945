"""The plane's own database in an embedded Postgres."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from functions.shared.postgres.connection import connected
from functions.shared.postgres.migrate import apply

if TYPE_CHECKING:
    from functions.shared.postgres.server import EmbeddedPostgres

DATABASE = "agentplane"


@dataclass(frozen=True, slots=True)
class PlaneUrls:
    """Addresses of one database: its owner's, good for psql, and that of the role without rights of its own."""

    admin_url: str
    authenticator_url: str


async def prepare_database(server: EmbeddedPostgres, database: str = DATABASE) -> PlaneUrls:
    """Create the database unless it exists, bring its schema up to date, and let `authenticator` log in."""
    async with connected(server.url()) as connection:
        if not await connection.fetchval("select exists (select from pg_database where datname = $1)", database):
            await connection.execute(f'create database "{database}"')
    urls = PlaneUrls(server.url(database), server.url(database, login=True))
    await apply(urls.admin_url)
    async with connected(urls.admin_url) as connection:
        # Hex digits only: safe as a literal, which is all that `alter role` takes.
        await connection.execute(f"alter role authenticator password '{server.login_password}'")
    return urls
