"""The owner of a hosted database is no superuser: `--init` and `--check` need no more than it may do."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

import asyncpg

from functions.deploy import check_database
from functions.deploy.init import Wanted, init
from functions.deploy.parameters import read_all
from functions.shared.postgres.schema import load_schema
from functions.shared.postgres.urls import with_database, with_login
from tests.deploy.stages.conftest import given_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Server
    from tests.deploy.stages.outside import LambdaAccount, MailServer

# What Supabase's `postgres` is a member of, and the plane's own that stay from other databases of this server.
ROLES = "select string_agg(quote_ident(rolname), ', ') from pg_roles where rolname ~ '^(anon|authenticat|plane_)'"


async def test_a_hosted_owner_makes_and_checks_everything(
    cloud: LambdaAccount,
    mail_server: MailServer,
    checkout: Path,
    postgres: Server,
    authenticator_url: Callable[[str], str],
) -> None:
    name = f"hosted_{secrets.token_hex(4)}"
    admin = await asyncpg.connect(postgres.admin_url)
    url = with_login(with_database(postgres.admin_url, name), name, "p")
    try:
        roles = await admin.fetchval(ROLES)
        await admin.execute(f"create role {name} login createrole bypassrls password 'p'")
        await admin.execute(f"grant {roles} to {name} with admin option")
        await admin.execute(f"create database {name} owner {name}")
        await load_schema(url)
        with given_for(url, authenticator_url, cloud, mail_server, checkout) as given:
            made = await init(given.stage, Wanted("acme", "owner@example.com"), checkout)
            assert made.operator_key
            assert made.invitation
            assert (await init(given.stage, Wanted("acme"), checkout)).done == []
            seen = replace(given.seen, stored=read_all(given.seen.aws, given.stage))
            findings = await check_database.findings(seen)
            assert [str(finding) for finding in findings if finding.state != "ok"] == []
    finally:
        await admin.execute(f"drop database if exists {name} with (force)")
        await admin.execute(f"drop owned by {name} cascade")
        await admin.execute(f"drop role if exists {name}")
        await admin.close()
