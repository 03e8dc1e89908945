"""Every verb that changes something leaves exactly one entry in the audit, in the same transaction."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import asyncpg
import pytest

from tests.sql.isolation import CALLS, Json, Things
from tests.sql.test_isolation import World, world

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["world"]
pytestmark = pytest.mark.asyncio(loop_scope="module")

# Verbs that change something and leave no entry, each with its reason.
SILENT = {
    "check_access": "keeps the answer of a POST that computes; nothing of the organisation changes",
    "extend_handoff": "renews the lease of a claim that is in the audit; many a minute",
    "heartbeat_agent": "a sign of life, many a minute; a change of health is an event",
    "note_agent_seen": "a sign of life",
}
# Verbs whose call in the matrix makes two decisions at once.
TWICE = {"update_escalation": "assigns or ranks it, and moves it on"}


@dataclass(frozen=True)
class First:
    """A verb that must be called first, and what of its answer goes into the call."""

    fn: str
    payload: Callable[[Things], Json]
    take: Callable[[Json], Json]


CLAIM = First("claim_handoff", lambda t: {"id": t.running, "lease_seconds": 60}, lambda a: {"token": a["token"]})
FIRST = {
    "complete_handoff": CLAIM,
    "extend_handoff": CLAIM,
    "release_handoff": CLAIM,
    "claim_next_handoff": First("register_agent", lambda _: {"name": "other"}, lambda a: {"agent_id": a["id"]}),
    "unlock_state": First(
        "lock_state",
        lambda _: {"component": "free", "key": "k", "lease_seconds": 60},
        lambda a: {"component": "free", "fencing_token": a["fencing_token"]},
    ),
    "update_schedule": First(
        "load_schedule",
        lambda t: {"id": t.id("schedule")},
        lambda a: {
            "if_updated_at": a["schedule"]["updated_at"],
            "if_last_fire_at": a["schedule"].get("last_fire_at"),
        },
    ),
}
OWNER = str(uuid4())


async def test_every_changing_verb_leaves_exactly_one_entry(world: World) -> None:
    await world.admin.execute(
        "insert into plane.members (org_id, user_id, email, role) values ($1, $2, 'owner@test', 'owner')",
        *(world.ours.org.id, OWNER),
    )
    # Those of kind user are for who belongs to no organisation yet; the entry is in the one that they join or found.
    rows = await world.admin.fetch(
        "select fn from gateway.verbs where not is_read and not 'user' = any (kinds) order by 1"
    )
    changing = [row["fn"] for row in rows if row["fn"] in CALLS]  # test_isolation names those that are missing
    assert len(changing) > 40
    wrong: dict[str, str] = {}
    for fn in changing:
        found = await entries_of(world, fn)
        if isinstance(found, str):
            wrong[fn] = found
        elif found != (0 if fn in SILENT else 2 if fn in TWICE else 1):
            wrong[fn] = f"{found} entries"
    assert not wrong, json.dumps(wrong, indent=2)


async def entries_of(world: World, fn: str) -> int | str:
    """Call a verb as an operator's key, else as an owner; how many entries that left, or why it was refused.

    Nothing stays.
    """
    refused = ""
    for door, *caller in (
        ("select api.call_with_key($3, $1, $2::text::jsonb)", world.ours.org.operator.key_hash),
        ("select api.call_with_token($3::text::jsonb, $1, $2::text::jsonb)", json.dumps(token())),
    ):
        async with world.acting("nobody") as db:
            await db.execute("reset role")
            payload = CALLS[fn](world.ours)
            try:
                if (first := FIRST.get(fn)) is not None:
                    answer = await called(db, door, first.fn, first.payload(world.ours), *caller)
                    payload |= first.take(answer)
                before = await db.fetchval(COUNT, world.ours.org.id)
                await called(db, door, fn, payload, *caller)
                return await db.fetchval(COUNT, world.ours.org.id) - before
            except asyncpg.PostgresError as error:
                refused = f"{error.sqlstate} {error}"
                if error.sqlstate != "PT403":
                    break
    return refused


# What the plane does because of it is in the audit, too, as the plane's.
COUNT = "select count(*) from plane.audit_entries where org_id = $1 and actor_kind <> 'plane'"


async def called(db: asyncpg.Connection, door: str, fn: str, payload: Json, *caller: str) -> Any:
    await db.execute("set local role authenticator")
    answer = await db.fetchval(door, fn, json.dumps(payload), *caller)
    await db.execute("reset role")
    return None if answer is None else json.loads(answer)


def token() -> dict[str, Any]:
    """The claims of an owner's access token."""
    now = int(time.time())
    return {
        "sub": OWNER,
        "role": "authenticated",
        "aud": "authenticated",
        "email": "owner@test",
        "aal": "aal2",
        "session_id": str(uuid4()),
        "iat": now,
        "exp": now + 3600,
    }
