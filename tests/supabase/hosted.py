"""A database laid out as Supabase hosts it, in an embedded Postgres: a stand-in for its roles, owners and schemas.

What is left out: the platform's own extensions (supautils, pg_safeupdate), which the embedded Postgres does not have.
What they forbid is checked on the text of `sql/` instead (test_forbidden.py).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from functions.shared.postgres.connection import connected
from functions.shared.postgres.urls import with_login
from tests.postgres.servers import embedded

if TYPE_CHECKING:
    from pathlib import Path

    from functions.shared.postgres.server import EmbeddedPostgres

OWNER = "owner"  # `postgres` there; the embedded Postgres's own superuser has that name here

# The platform's superuser makes these; `postgres` is none, and may hand on what it was given with admin option.
_ROLES = """
create role {owner} login createdb createrole replication bypassrls inherit password '{password}';
create role anon nologin inherit;
create role authenticated nologin inherit;
create role service_role nologin inherit bypassrls;
create role authenticator login noinherit password '{password}';
create role supabase_auth_admin login noinherit createrole;
create role supabase_realtime_admin nologin noinherit;
create role dashboard_user nologin createdb createrole replication;
grant anon, authenticated, service_role to authenticator;
grant anon, authenticated, service_role, authenticator to {owner} with admin option;
grant pg_monitor, pg_read_all_data, pg_signal_backend to {owner} with admin option;
alter role anon set statement_timeout = '3s';
alter role authenticated set statement_timeout = '8s';
alter role authenticator set statement_timeout = '8s';
alter role authenticator set lock_timeout = '8s';
alter role {owner} set search_path = "$user", public, extensions;
"""
_DATABASE = """
grant all on database {database} to {owner};
create schema extensions authorization {owner};
grant usage on schema extensions to anon, authenticated, service_role;
create function extensions.uuid_generate_v4() returns uuid language sql as 'select gen_random_uuid()';
{extension}
create schema auth authorization supabase_auth_admin;
grant usage on schema auth to {owner}, anon, authenticated, service_role;
create table auth.users (id uuid primary key, email text);
create function auth.uid() returns uuid language sql stable as $$
  select (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid
$$;
create function auth.jwt() returns jsonb language sql stable as $$
  select nullif(current_setting('request.jwt.claims', true), '')::jsonb
$$;
grant all on schema public to {owner};
grant usage on schema public to anon, authenticated, service_role;
alter default privileges for role {owner} in schema public grant all on tables to anon, authenticated, service_role;
alter default privileges for role {owner} in schema public grant all on functions to anon, authenticated, service_role;
"""


@dataclass(frozen=True, slots=True)
class Hosted:
    """The stand-in's server with the platform's roles: databases are made in it as they are needed."""

    server: EmbeddedPostgres
    password: str

    async def database(self, name: str, *, has_vector: bool = True) -> str:
        """Make a database; give the address of its owner, who is no superuser.

        `has_vector`: whether the platform has made pgvector in it.
        """
        url = await self.plain_database(name)
        extension = "create extension vector schema extensions;" if has_vector else ""
        async with connected(url) as platform:
            await platform.execute(_DATABASE.format(owner=OWNER, database=name, extension=extension))
        return with_login(url, OWNER, self.password)

    async def plain_database(self, name: str) -> str:
        """Make an empty database; give the superuser's address."""
        async with connected(self.server.url()) as platform:
            await platform.execute(f"create database {name}")
        return self.server.url(name)

    def authenticator_url(self, url: str) -> str:
        """Give the address of the role that PostgREST logs in as."""
        return with_login(url, "authenticator", self.password)


async def start_hosted(data: Path, version: int) -> Hosted:
    """Start the server."""
    stand_in = Hosted(embedded(data, version), secrets.token_hex(16))
    await stand_in.server.start()
    async with connected(stand_in.server.url()) as platform:
        await platform.execute(_ROLES.format(owner=OWNER, password=stand_in.password))
    return stand_in
