"""A plane's database for a while: made on a Postgres server, thrown away with its login role."""

from __future__ import annotations

import asyncio
import json
import secrets
import uuid
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from functions.shared.auth.keys import SCOPES, new_key
from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
from functions.shared.db.port import ApiKey, Person
from functions.shared.postgres.connection import connected
from functions.shared.postgres.migrate import apply
from functions.shared.postgres.urls import with_database, with_login

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from functions.shared.db.port import Database
    from functions.shared.jsonvalue import JsonObject
    from functions.shared.postgres.connection import Connection

_EXPIRES_AT = 4_102_444_800  # 2100-01-01


@dataclass(frozen=True, slots=True)
class ScratchPlane:
    """The port as a plane has it, and a connection of the database's owner."""

    db: Database
    owner: Connection
    gate: asyncio.Lock  # a connection carries one statement at a time

    async def create_organisation(self) -> tuple[str, ApiKey]:
        """Make an organisation; give its id and its operator."""
        key = new_key("operator")
        make = "select gateway.create_organisation($1, $2, $3, $4)"
        async with self.gate:
            made = await self.owner.fetchval(make, key.key_hash, key.key_hash, key.prefix, list(SCOPES))
        return str(json.loads(made)["org_id"]), ApiKey(key.key_hash)

    async def create_person(self, org_id: str) -> Person:
        """Make an owner of an organisation: who decides approvals. Nobody has signed their claims; here nobody asks."""
        user_id = str(uuid.uuid4())
        async with self.gate:
            await self.owner.execute(
                "select gateway.create_member($1, $2, $3, 'owner')", org_id, user_id, "somebody@localhost"
            )
        claims: JsonObject = {
            "sub": user_id,
            "aud": "authenticated",
            "role": "authenticated",
            "email": "somebody@localhost",
            "exp": _EXPIRES_AT,
        }
        return Person("", claims, org_id)


@asynccontextmanager
async def scratch_plane(server_url: str) -> AsyncGenerator[ScratchPlane]:
    """Make the database beside the one of `server_url`, whose user may create databases and roles.

    Raises CONNECT_ERRORS and MigrationProblem.
    """
    name, password = f"agentplane_scratch_{secrets.token_hex(6)}", secrets.token_hex(16)
    async with connected(server_url) as server:
        await server.execute(f"create database {name}")
        try:
            await apply(with_database(server_url, name))
            # authenticator keeps its password: it may belong to a real plane on the same server.
            await server.execute(f"create role {name} login inherit password '{password}' in role authenticator")
            async with connected(with_database(server_url, name)) as owner:
                key = new_key("runner")
                await owner.execute("select gateway.create_runner_key($1, $2)", key.key_hash, key.prefix)
                login = with_login(with_database(server_url, name), name, password)
                db = await AsyncpgDatabase.connect(login, runner_key=key.secret)
                try:
                    yield ScratchPlane(db, owner, asyncio.Lock())
                finally:
                    await db.close()
        finally:
            await server.execute(f"drop database {name} with (force)")
            await server.execute(f"drop role if exists {name}")
