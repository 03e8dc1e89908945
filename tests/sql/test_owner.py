"""The schema belongs to whoever deploys it: no superuser on Supabase, nor always one who bypasses row security."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from functions.shared.postgres.schema import load_schema
from functions.shared.postgres.urls import with_database
from tests.sql.actors import Plane, connect, record

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.conftest import Server

ROLES = (
    "anon, authenticated, authenticator, plane_functions, plane_runner,"
    " plane_kernel, plane_gateway, plane_auditor, plane_eraser"
)


@pytest.fixture(params=["bypassrls", "nobypassrls"])
async def owner_url(request: pytest.FixtureRequest, postgres: Server) -> AsyncIterator[str]:
    """The address of an empty database that belongs to a role which may create roles, and no more."""
    name = f"deployer_{secrets.token_hex(4)}"
    admin = await asyncpg.connect(postgres.admin_url)
    await admin.execute(f"create role {name} login createrole {request.param} password 'p'")
    await admin.execute(f"grant {ROLES} to {name} with admin option")
    await admin.execute(f"create database {name} owner {name}")
    parts = urlsplit(with_database(postgres.admin_url, name))
    yield urlunsplit(parts._replace(netloc=f"{name}:p@{parts.netloc.rpartition('@')[2]}"))
    await admin.execute(f"drop database {name} with (force)")
    await admin.execute(f"drop owned by {name} cascade")
    await admin.execute(f"drop role {name}")
    await admin.close()


async def test_an_owner_without_superuser_rights_loads_and_runs_the_plane(
    owner_url: str, authenticator_url: Callable[[str], str]
) -> None:
    await load_schema(owner_url)
    plane = Plane(await connect(owner_url), owner_url, authenticator_url(owner_url))
    hashes = {name: secrets.token_hex(32) for name in ("operator", "runner")}
    await plane.db.fetchval(
        "select gateway.create_organisation('acme', $1, 'ap_live_x', array['workflows:write', 'executions:write'])",
        hashes["operator"],
    )
    await plane.db.fetchval("select gateway.create_runner_key($1, 'ap_run_x')", hashes["runner"])
    door = await connect(plane.login_url)

    async def call(fn: str, payload: object) -> dict[str, str]:
        return await door.fetchval("select api.call_with_key($1, $2, $3)", hashes["operator"], fn, payload)

    async def kernel(verb: str, payload: object) -> dict[str, str]:
        return await door.fetchval("select api.kernel_with_key($1, $2, $3)", hashes["runner"], verb, payload)

    workflow = {
        "name": "w",
        "format": "yaml",
        "definition": "name: w",
        "document": {"name": "w"},
        "queue": "default",
        "steps": [],
    }
    version = await call("create_workflow", workflow)
    started = await call("start_execution", {"version_id": version["version_id"], "input": {}, "mode": "engine"})
    key = {"execution_id": started["id"], "frame": ""}
    claimed = await kernel("claim", key | {"queue": "default", "claim_ref": "r", "owner": "o"})
    end = {
        "epoch": claimed["epoch"],
        "seq": 1,
        "records": [record("a")],
        "next": "done",
        "finish": {"status": "succeeded", "output": 1},
    }
    assert (await kernel("checkpoint", key | end))["status"] == "done"
    assert await kernel("get_violations", {}) == []
    await door.close()
    await plane.close()
