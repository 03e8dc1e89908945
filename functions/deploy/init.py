"""Makes what a deployment needs and is not there yet: secrets, the plane's own keys, the first organisation.

It replaces nothing, so it may be run again after a failure, and a second run changes nothing.
"""

from __future__ import annotations

import json
import secrets
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

from functions.deploy.aws import Aws, AwsProblem
from functions.deploy.parameters import BY_NAME, PARAMETERS, problems, read_all, write
from functions.deploy.runner_keys import RUNNER_KEYS, register
from functions.deploy.seen import ROOT
from functions.shared.auth.keys import SCOPES, new_key, read_peppers
from functions.shared.postgres.connection import CONNECT_ERRORS, PostgresError, connected
from functions.shared.postgres.history import MigrationProblem
from functions.shared.postgres.migrate import apply

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from functions.deploy.parameters import Stored
    from functions.deploy.stage import Stage
    from functions.shared.postgres.connection import Connection

INVITED_DAYS = 7


class CannotInit(RuntimeError):
    """Something is missing that only a person can give; `way_out` says what."""

    def __init__(self, message: str, way_out: str) -> None:
        self.way_out = way_out
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What else to make. `organisation` empty: none; `invite`: who gets its first invitation as an owner."""

    organisation: str = ""
    invite: str = ""
    may_found: bool = False


@dataclass(slots=True)
class Made:
    """What was done, in sentences without secrets; and what is shown once: a key, an invitation's token."""

    done: list[str] = field(default_factory=list[str])
    kept: list[str] = field(default_factory=list[str])
    operator_key: str = field(default="", repr=False)
    invitation: str = field(default="", repr=False)


async def init(stage: Stage, wanted: Wanted | None = None, root: Path = ROOT) -> Made:
    """Make what is missing. Raises CannotInit, AwsProblem."""
    wanted, made = wanted or Wanted(), Made()
    if not stage.database_url:
        raise CannotInit(
            "no address of the database's owner is given",
            "Set SUPABASE_DB_URL to the direct address or the session pooler's (port 5432), as postgres.",
        )
    with closing(Aws(stage.region)) as aws:
        stored = _store(aws, stage, made)
    try:
        applied = await apply(stage.database_url, root / "supabase/migrations")
        made.done += [f"applied migration {migration}" for migration in applied]
        async with connected(stage.database_url) as connection:
            await _register(connection, stored, made)
            await _close_founding(connection, wanted, made)
            if wanted.organisation:
                await _organisation(connection, wanted, stored, made)
    except MigrationProblem as problem:
        raise CannotInit(str(problem), "Bring history and checkout together first.") from problem
    except PostgresError as error:
        raise CannotInit(f"the database refused: {error}", "Is SUPABASE_DB_URL the owner's address?") from error
    except CONNECT_ERRORS as error:
        raise CannotInit(
            f"the database cannot be reached: {type(error).__name__}", "Check SUPABASE_DB_URL and its password."
        ) from error
    return made


def _store(aws: Aws, stage: Stage, made: Made) -> Mapping[str, Stored]:
    """Store what is missing; give all of it as it is stored, also what somebody else stored meanwhile."""
    there = read_all(aws, stage)
    given = stage.given()
    values: dict[str, str] = {}
    for parameter in PARAMETERS:
        if parameter.name in there:
            made.kept.append(parameter.name)
            continue
        value = given.get(parameter.name) or (parameter.make() if parameter.make else "")
        if not value and not parameter.is_needed:
            continue
        if problem := parameter.problem(value) if value else "is missing":
            raise CannotInit(
                f"{parameter.name} {problem}",
                "Set AGENTPLANE_SUPABASE_PUBLISHABLE_KEY (Settings, API Keys); for mails AGENTPLANE_SMTP_URL.",
            )
        values[parameter.name] = value
    for name, value in values.items():
        try:
            write(aws, stage, name, value)
        except AwsProblem as problem:
            if problem.code != "ParameterAlreadyExists":
                raise
            made.kept.append(name)
        else:
            made.done.append(f"stored {stage.parameter(name)}")
    stored = read_all(aws, stage)
    if wrong := problems(stored):
        name, problem = next(iter(wrong.items()))
        raise CannotInit(
            f"{stage.parameter(name)} {problem}",
            f"It holds {BY_NAME[name].means}. Store it again; nothing is replaced.",
        )
    return stored


async def _register(connection: Connection, stored: Mapping[str, Stored], made: Made) -> None:
    peppers = read_peppers(stored["key-pepper"].value)
    for key in RUNNER_KEYS:
        before = await _state_of(connection, stored[key.parameter].value)
        await register(connection, key, stored[key.parameter].value, peppers)
        if before != sorted(key.verbs):
            made.done.append(f"registered {key.parameter} for {len(key.verbs)} kernel verbs")


async def _state_of(connection: Connection, secret: str) -> list[str] | None:
    """Give the verbs of a key that is let in; by its prefix, which names it well enough to say what was done."""
    found = await connection.fetchval(
        "select scopes from plane.api_keys where kind = 'runner' and prefix = $1 and revoked_at is null", secret[:14]
    )
    return None if found is None else sorted(found)


async def _close_founding(connection: Connection, wanted: Wanted, made: Made) -> None:
    """Decide once who may make organisations; what was decided before is left as it is."""
    async with connection.transaction():
        decided = await connection.fetchval("select value from gateway.settings where name = 'new_organisations'")
        if decided is None:
            await connection.execute(
                "select gateway.change_setting('new_organisations', $1::jsonb)", json.dumps(wanted.may_found)
            )
            who = "whoever signs in may make an organisation" if wanted.may_found else "only you make organisations"
            made.done.append(f"decided that {who}")


async def _organisation(connection: Connection, wanted: Wanted, stored: Mapping[str, Stored], made: Made) -> None:
    is_there = await connection.fetchval(
        "select exists (select from plane.organisations where name = $1)", wanted.organisation
    )
    if is_there:
        made.kept.append(f"organisation {wanted.organisation}")
        return
    key = new_key("operator", read_peppers(stored["key-pepper"].value))
    invitation = ""
    # Both or none: the key is shown only when all is done, and nobody could sign in to an organisation without it.
    async with connection.transaction():
        await connection.fetchval(
            "select gateway.create_organisation($1, $2, $3, $4)",
            wanted.organisation,
            key.key_hash,
            key.prefix,
            [*SCOPES],
        )
        if wanted.invite:
            invitation = await _invite(connection, key.key_hash, wanted.invite)
    made.operator_key, made.invitation = key.secret, invitation
    made.done.append(f"made the organisation {wanted.organisation} with an operator's key")
    if invitation:
        made.done.append(f"invited {wanted.invite} as its owner, for {INVITED_DAYS} days")


async def _invite(connection: Connection, key_hash: str, email: str) -> str:
    """Invite the first owner, as the new key does: by the door, so that it is audited. Gives the token."""
    token = f"inv_{secrets.token_urlsafe(32)}"
    payload = {
        "email": email,
        "role": "owner",
        "token_hash": sha256(token.encode()).hexdigest(),
        "expires_in_seconds": INVITED_DAYS * 86400,
    }
    async with connection.transaction():
        await connection.execute(
            "select api.call_with_key($1, 'create_invitation', $2::jsonb)", key_hash, json.dumps(payload)
        )
        await connection.execute("reset role")
    return token
