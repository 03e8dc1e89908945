"""The doors: who may call what, and what an Idempotency-Key does."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import Any

import asyncpg
import pytest

from functions.shared.auth.keys import new_key
from functions.shared.db.port import ApiKey
from tests.sql.actors import Plane, connect

CALL = "select api.call_with_key($1, $2, $3, $4)"
KERNEL = "select api.kernel_with_key($1, $2, $3)"
PUT = {"component": "c", "key": "k", "value": 1}


@pytest.fixture
async def door(plane: Plane) -> asyncpg.Connection:
    """Logged in as the functions are, with no rights but the doors."""
    connection = await connect(plane.login_url)
    yield connection
    await connection.close()


async def refused(call: Any, status: int, code: str) -> asyncpg.PostgresError:
    with pytest.raises(asyncpg.PostgresError) as error:
        await call
    assert (error.value.sqlstate, json.loads(error.value.detail or "{}").get("code")) == (f"PT{status}", code)
    return error.value


def once(key: str = "k", fingerprint: str = "f") -> dict[str, str]:
    return {"key": key, "fingerprint": fingerprint}


async def key_of(plane: Plane, org_id: str, *, scopes: list[str], kind: str = "agent", **more: Any) -> ApiKey:
    """Make a key, with other columns than usual."""
    key = new_key(kind)
    await plane.db.execute(
        "insert into plane.api_keys (org_id, name, kind, key_hash, prefix, scopes, revoked_at, expires_at)"
        " values ($1, 'n', $2, $3, $4, $5, $6, $7)",
        *(org_id, kind, hashlib.sha256(bytes.fromhex(key.key_hash)).digest(), key.prefix, scopes),
        *(more.get("revoked_at"), more.get("expires_at")),
    )
    return ApiKey(key.key_hash)


@pytest.mark.parametrize("key", ["", "no hex", "0" * 64, "0" * 63, "É" * 64])
async def test_an_unknown_key_is_refused(door: asyncpg.Connection, key: str) -> None:
    await refused(door.fetchval(CALL, key, "get_state", {}, None), 401, "unauthenticated")
    await refused(door.fetchval(KERNEL, key, "claim", {}), 401, "unauthenticated")


async def test_a_null_key_is_refused(door: asyncpg.Connection) -> None:
    await refused(door.fetchval(CALL, None, "get_state", {}, None), 401, "unauthenticated")


async def test_a_revoked_or_expired_key_is_refused(plane: Plane, door: asyncpg.Connection) -> None:
    org = await plane.org()
    now = await plane.db.fetchval("select plane.clock()")
    for column in ("revoked_at", "expires_at"):
        key = await key_of(plane, org.id, scopes=["state:write"], **{column: now})
        await refused(door.fetchval(CALL, key.key_hash, "put_state", PUT, None), 401, "unauthenticated")


async def test_what_the_table_holds_logs_nobody_in(plane: Plane, door: asyncpg.Connection) -> None:
    await plane.org()
    for (stored,) in await plane.db.fetch("select encode(key_hash, 'hex') from plane.api_keys"):
        await refused(door.fetchval(CALL, stored, "get_state", {}, None), 401, "unauthenticated")


async def test_a_key_that_asks_for_signatures_lets_in_who_names_its_public_key(
    plane: Plane, door: asyncpg.Connection
) -> None:
    org = await plane.org()
    key = await key_of(plane, org.id, scopes=["state:write"])
    signing_key, another = ("A" * 42 + letter + "=" for letter in "EI")
    await plane.db.execute(
        "update plane.api_keys set signing_key = $2 where key_hash = sha256(decode($1, 'hex'))",
        key.key_hash,
        signing_key,
    )
    signed = "select api.call_with_key($1, $2, $3, signed_by => $4)"
    for call in (
        door.fetchval(CALL, key.key_hash, "put_state", PUT, None),
        door.fetchval(CALL, key.key_hash, "put_state", PUT, once()),
        door.fetchval(CALL, key.key_hash, "list_keys", {}, None),  # what it may do is not told before
        door.fetchval(signed, key.key_hash, "put_state", PUT, another),
        door.fetchval(signed, key.key_hash, "put_state", PUT, ""),
    ):
        error = await refused(call, 401, "signature_required")
        assert json.loads(error.detail or "{}")["signing_key"] == signing_key
    assert await plane.db.fetchval("select count(*) from plane.state where org_id = $1", org.id) == 0
    assert await door.fetchval(signed, key.key_hash, "put_state", PUT, signing_key)
    # Whoever asks for no signature takes any.
    assert await door.fetchval(signed, org.agent.key_hash, "put_state", PUT, another)


async def test_a_runner_s_key_asks_for_no_signatures_and_a_public_key_has_its_form(plane: Plane) -> None:
    org = await plane.org()
    key = await key_of(plane, org.id, scopes=[])
    change = "update plane.api_keys set signing_key = $1 where key_hash = sha256(decode($2, 'hex'))"
    for wrong in ("", "short", "A" * 44, "A" * 43 + "=\n"):
        with pytest.raises(asyncpg.CheckViolationError):
            await plane.db.execute(change, wrong, key.key_hash)
    runner = new_key("runner")
    await plane.db.execute("select gateway.create_runner_key($1, $2)", runner.key_hash, runner.prefix)
    with pytest.raises(asyncpg.CheckViolationError):
        await plane.db.execute(change, "A" * 43 + "=", runner.key_hash)


async def test_a_missing_scope_is_named(plane: Plane, door: asyncpg.Connection) -> None:
    org = await plane.org()
    key = await key_of(plane, org.id, scopes=["state:read"])
    error = await refused(door.fetchval(CALL, key.key_hash, "put_state", PUT, None), 403, "missing_scope")
    assert "state:write" in str(error)


@pytest.mark.parametrize(
    "fn", ["nope", "call_with_key", "kernel_with_key", "ping", "get_state; drop table x", "", None]
)
async def test_only_listed_verbs_can_be_called(plane: Plane, door: asyncpg.Connection, fn: str | None) -> None:
    org = await plane.org()
    await refused(door.fetchval(CALL, org.operator.key_hash, fn, {}, None), 404, "unknown_verb")


async def test_no_tenant_s_key_opens_the_kernel(plane: Plane, door: asyncpg.Connection) -> None:
    org = await plane.org()
    for key in (org.operator, org.agent):
        for verb in (
            "claim",
            "checkpoint",
            "extend_lease",
            "load_records",
            "act",
            "report_dead",
            "report_owner_dead",
            "sweep",
        ):
            await refused(door.fetchval(KERNEL, key.key_hash, verb, {}), 403, "wrong_kind")


async def test_a_runner_s_key_opens_only_the_kernel(plane: Plane, door: asyncpg.Connection) -> None:
    key = new_key("runner")
    await plane.db.execute("select gateway.create_runner_key($1, $2)", key.key_hash, key.prefix)
    assert await door.fetchval(KERNEL, key.key_hash, "get_violations", {}) == []
    await refused(door.fetchval(KERNEL, key.key_hash, "start_execution", {}), 404, "unknown_verb")
    await refused(door.fetchval(CALL, key.key_hash, "get_state", {}, None), 403, "wrong_kind")


async def test_the_role_and_the_claims_end_with_the_call(plane: Plane, door: asyncpg.Connection) -> None:
    org = await plane.org()
    await door.fetchval(CALL, org.agent.key_hash, "put_state", PUT, None)
    assert await door.fetchrow(
        "select current_user::text, nullif(current_setting('request.jwt.claims', true), '') as claims"
    ) == (
        "authenticator",
        None,
    )


async def test_a_key_s_last_use_is_noted_once_a_minute(plane: Plane, door: asyncpg.Connection) -> None:
    org = await plane.org()
    used = "select last_used_at from plane.api_keys where kind = 'agent'"
    assert await plane.db.fetchval(used) is None
    await door.fetchval(CALL, org.agent.key_hash, "put_state", PUT, None)
    first = await plane.db.fetchval(used)
    await door.fetchval(CALL, org.agent.key_hash, "put_state", PUT, None)
    assert await plane.db.fetchval(used) == first
    await door.execute("set plane.clock_offset = '2 minutes'")
    await door.fetchval(CALL, org.agent.key_hash, "put_state", PUT, None)
    assert await plane.db.fetchval(used) > first


async def test_an_organisation_s_name_is_taken_once(plane: Plane) -> None:
    await plane.org("acme")
    with pytest.raises(asyncpg.PostgresError) as error:
        await plane.org("acme")
    assert error.value.sqlstate == "PT409"


async def test_only_the_owner_makes_organisations_and_runners(plane: Plane, door: asyncpg.Connection) -> None:
    tenant = await plane.tenant()
    runner = await plane.runner()
    for connection in (door, tenant.db, runner.db):
        for call in ("create_organisation('x', repeat('a', 64), 'p', '{}')", "create_runner_key(repeat('a', 64), 'p')"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(f"select gateway.{call}")


async def test_a_repeated_request_gets_the_first_answer_and_does_nothing(
    plane: Plane, door: asyncpg.Connection
) -> None:
    org = await plane.org()
    increment = {"component": "c", "key": "n", "by": 1}
    first = await door.fetchval(CALL, org.agent.key_hash, "increment_state", increment, once())
    again = await door.fetchval(CALL, org.agent.key_hash, "increment_state", increment, once())
    assert (first["replayed"], again["replayed"], again["answer"]) == (False, True, first["answer"])
    assert await plane.db.fetchval("select value from plane.state") == 1


async def test_another_request_under_the_same_key_is_refused(plane: Plane, door: asyncpg.Connection) -> None:
    org = await plane.org()
    await door.fetchval(CALL, org.agent.key_hash, "put_state", PUT, once())
    await refused(
        door.fetchval(CALL, org.agent.key_hash, "put_state", PUT | {"value": 2}, once(fingerprint="g")),
        422,
        "idempotency_mismatch",
    )


async def test_callers_do_not_share_idempotency_keys(plane: Plane, door: asyncpg.Connection) -> None:
    one, two = await plane.org(), await plane.org()
    for key in (one.agent, one.operator, two.agent):
        answer = await door.fetchval(CALL, key.key_hash, "put_state", PUT, once())
        assert answer["replayed"] is False


async def test_a_failed_request_leaves_its_key_free(plane: Plane, door: asyncpg.Connection) -> None:
    org = await plane.org()
    with pytest.raises(asyncpg.PostgresError):
        await door.fetchval(CALL, org.agent.key_hash, "put_state", {**PUT, "if_version": 7}, once())
    assert (await door.fetchval(CALL, org.agent.key_hash, "put_state", PUT, once()))["replayed"] is False


async def test_the_same_request_at_once_is_done_once(plane: Plane, door: asyncpg.Connection) -> None:
    org = await plane.org()
    doors = [door, *[await connect(plane.login_url) for _ in range(3)]]
    for n in range(20):
        increment = {"component": "c", "key": "n", "by": 1}
        answers = await asyncio.gather(
            *(one.fetchval(CALL, org.agent.key_hash, "increment_state", increment, once(f"k{n}")) for one in doors)
        )
        assert sorted(answer["replayed"] for answer in answers) == [False, True, True, True]
        assert {json.dumps(answer["answer"], sort_keys=True) for answer in answers} == {
            json.dumps(answers[0]["answer"], sort_keys=True)
        }
    assert await plane.db.fetchval("select value from plane.state") == 20
    for one in doors[1:]:
        await one.close()


async def test_a_second_request_waits_two_seconds_at_most(plane: Plane, door: asyncpg.Connection) -> None:
    org = await plane.org()
    slow = await connect(plane.login_url)
    transaction = slow.transaction()
    await transaction.start()
    await slow.fetchval(CALL, org.agent.key_hash, "put_state", PUT, once())
    with pytest.raises(asyncpg.LockNotAvailableError):
        await door.fetchval(CALL, org.agent.key_hash, "put_state", PUT, once())
    await transaction.rollback()
    await slow.close()


async def test_the_timeouts_stand_on_the_role_that_logs_in(door: asyncpg.Connection) -> None:
    shown = [
        await door.fetchval(f"show {name}")
        for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    ]
    assert shown == ["8s", "2s", "5s"]


async def test_a_step_acts_in_its_own_organisation_once(plane: Plane) -> None:
    tenant, runner = await plane.tenant(), await plane.runner()
    held = await runner.claim(await tenant.start(await plane.version(tenant.org)))
    act = {
        "execution_id": held.execution_id,
        "frame": "",
        "epoch": held.epoch,
        "verb": "increment_state",
        "idempotency_key": "0/a",
    }
    act["payload"] = {"component": "c", "key": "n", "by": 2}
    first = await runner.kernel("act", act)
    assert await runner.kernel("act", act) == first
    row = await plane.row("select org_id::text, value from plane.state")
    assert (row["org_id"], row["value"]) == (tenant.org.id, 2)
    await refused(
        runner.kernel("act", act | {"payload": {"component": "c", "key": "other"}}), 422, "idempotency_mismatch"
    )
    assert await runner.kernel("act", act | {"epoch": 9, "idempotency_key": "0/b"}) == {"ok": False, "reason": "stale"}
    assert await plane.db.fetchval("select actor_kind from plane.audit_entries where action like '%_state'") == "runner"


async def test_a_step_cannot_reach_another_organisation(plane: Plane) -> None:
    tenant, stranger, runner = await plane.tenant(), await plane.tenant(), await plane.runner()
    theirs = await runner.claim(await stranger.start(await plane.version(stranger.org)))
    mine = await runner.claim(await tenant.start(await plane.version(tenant.org)))
    act = {"frame": "", "epoch": 1, "verb": "put_state", "idempotency_key": "0/a"}
    await runner.kernel("act", act | {"execution_id": theirs.execution_id, "payload": PUT})
    read = {
        "execution_id": mine.execution_id,
        "verb": "get_state",
        "payload": {"component": "c", "key": "k", "org_id": stranger.org.id},
    }
    with pytest.raises(asyncpg.PostgresError) as error:
        await runner.kernel("act", act | read)
    assert error.value.sqlstate == "PT404"


@pytest.mark.parametrize("verb", ["create_key", "start_execution", "cancel_execution", "list_keys", "", None])
async def test_a_step_may_only_change_state_and_publish(plane: Plane, verb: str | None) -> None:
    tenant, runner = await plane.tenant(), await plane.runner()
    held = await runner.claim(await tenant.start(await plane.version(tenant.org)))
    act = {
        "execution_id": held.execution_id,
        "frame": "",
        "epoch": held.epoch,
        "verb": verb,
        "idempotency_key": "k",
        "payload": {},
    }
    await refused(runner.kernel("act", act), 422, "unknown_verb")


async def test_a_step_publishes_an_event_once(plane: Plane) -> None:
    tenant, runner = await plane.tenant(), await plane.runner()
    version = await plane.version(tenant.org)
    waiting, held = await runner.claim_each(await tenant.start_each(version, 2))
    await waiting.checkpoint("waiting", open=[{"token": "e", "kind": "event", "path": "e", "name": "paid"}])
    act = {
        "execution_id": held.execution_id,
        "frame": "",
        "epoch": held.epoch,
        "verb": "publish_event",
        "idempotency_key": "0/emit",
    }
    act["payload"] = {"name": "paid", "payload": {"n": 1}}
    answer = await runner.kernel("act", act)
    assert (answer["matched"], answer["due"][0]["execution_id"]) == (1, waiting.execution_id)
    assert (await runner.kernel("act", act))["id"] == answer["id"]
    assert await plane.db.fetchval("select count(*) from plane.events where type = 'event'") == 1


async def test_callers_make_nothing_of_their_own_in_the_database(admin: asyncpg.Connection, db_url: str) -> None:
    await admin.execute(f"revoke temporary on database {db_url.rpartition('/')[2]} from public")  # a clone forgets it
    for role in ("anon", "authenticated", "plane_runner", "authenticator"):
        async with admin.transaction():
            await admin.execute(f"set local role {role}")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with admin.transaction():
                    await admin.execute("create temporary table own (id int)")


async def test_a_type_in_pg_temp_is_not_taken_for_one_of_the_catalogue(admin: asyncpg.Connection) -> None:
    """A domain named uuid whose check calls a function of the caller must not be used by what runs with more rights."""
    async with admin.transaction():
        await admin.execute("set local role authenticated")
        await admin.execute(
            "create function pg_temp.spy() returns boolean language plpgsql as"
            " $$ begin raise exception 'seen as %', current_user; end $$"
        )
        await admin.execute("create domain pg_temp.uuid as pg_catalog.uuid check (pg_temp.spy())")
        with pytest.raises(asyncpg.PostgresError) as refused:
            async with admin.transaction():
                await admin.execute("""select plane.start_execution('{"workflow": "none"}'::pg_catalog.jsonb)""")
        assert "seen as" not in str(refused.value)
