"""Organisations and keys for tests."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg

from functions.shared.auth.keys import AGENT_SCOPES, SCOPES, NewKey, new_key
from functions.shared.db.port import ApiKey
from tests.people import User, create_member

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.shared.db.port import Person


@dataclass(frozen=True, slots=True)
class Org:
    """An organisation, its operator's key and an agent's key: as callers of the port, and as secrets for HTTP.

    `owner`: the only member, where one was asked for.
    """

    id: str
    name: str
    operator: ApiKey
    operator_secret: str
    agent: ApiKey
    agent_secret: str
    owner: User | None = None

    @property
    def person(self) -> Person:
        """The owner as a caller of the port: who decides approvals."""
        assert self.owner is not None, "made without an owner"
        return self.owner.caller


async def create_org(
    admin: asyncpg.Connection,
    name: str | None = None,
    *,
    agent_scopes: Sequence[str] = AGENT_SCOPES,
    has_owner: bool = False,
) -> Org:
    """Make an organisation as the deployment's owner, and an agent key in it; with a person, if it shall have one."""
    name = name or f"org-{secrets.token_hex(4)}"
    operator, agent = new_key("operator"), new_key("agent")
    made = await admin.fetchval(
        *("select gateway.create_organisation($1, $2, $3, $4)", name),
        *(operator.key_hash, operator.prefix, list(SCOPES)),
    )
    org_id = json.loads(made)["org_id"]
    await create_key(admin, org_id, agent, scopes=agent_scopes)
    owner = await create_member(admin, org_id, "owner") if has_owner else None
    return Org(org_id, name, ApiKey(operator.key_hash), operator.secret, ApiKey(agent.key_hash), agent.secret, owner)


async def create_key(
    admin: asyncpg.Connection, org_id: str, key: NewKey, *, scopes: Sequence[str], kind: str = "agent"
) -> str:
    """Make a further key; gives its id. The table keeps the hash of what is presented, which is a hash itself."""
    stored = hashlib.sha256(bytes.fromhex(key.key_hash)).digest()
    return str(
        await admin.fetchval(
            "insert into plane.api_keys (org_id, name, kind, key_hash, prefix, scopes)"
            " values ($1, $2, $3, $4, $5, $6) returning id",
            *(org_id, f"{kind} {key.prefix}", kind, stored, key.prefix, list(scopes)),
        )
    )


async def create_runner_key(url: str) -> str:
    """Make the key that the runner presents; gives its secret."""
    key = new_key("runner")
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("select gateway.create_runner_key($1, $2)", key.key_hash, key.prefix)
    finally:
        await connection.close()
    return key.secret
