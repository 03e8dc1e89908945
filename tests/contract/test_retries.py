"""What is repeated, what is not, and what the caller hears when a call cannot be finished."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

import asyncpg
import pytest

from functions.shared.db.port import Answer, Idempotency
from functions.shared.errors import Conflict, Internal, InvalidInput, Unavailable
from tests.contract.backends import KINDS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from functions.shared.db.port import Database
    from functions.shared.jsonvalue import JsonObject
    from tests.contract.backends import Backend
    from tests.contract.conftest import Contract
    from tests.contract.proxy import Proxy
    from tests.organisations import Org


def once() -> Idempotency:
    return Idempotency(uuid4().hex, "f" * 64)


async def tries(owner: asyncpg.Connection) -> int:
    return int(await owner.fetchval("select case when is_called then last_value else 0 end from probe.tries"))


async def done(owner: asyncpg.Connection) -> int:
    return int(await owner.fetchval("select count(*) from probe.done"))


# The driver of @supabase/lite loses every call whose session ends, and its process with it.
SURVIVORS = [kind for kind in KINDS if kind != "lite"]

# So that the next call finds a session with the settings of now.
END_SESSIONS = """
select pg_terminate_backend(pid, 5000) from pg_stat_activity
where datname = current_database() and usename = 'authenticator'
"""


# Undone by Postgres


@pytest.mark.parametrize("sqlstate", ["40001", "40P01", "55P03", "57014"])
async def test_what_postgres_undid_is_done_again(
    port: Database, owner: asyncpg.Connection, ours: Org, sqlstate: str
) -> None:
    assert await port.call("probe_try", {"failures": 2, "sqlstate": sqlstate}, ours.agent) == 3
    assert await done(owner) == 1


@pytest.mark.parametrize("sqlstate", ["40001", "57014"])
async def test_what_postgres_always_undoes_is_given_up(
    port: Database, owner: asyncpg.Connection, ours: Org, sqlstate: str
) -> None:
    with pytest.raises(Unavailable) as raised:
        await port.call("probe_try", {"failures": 99, "sqlstate": sqlstate}, ours.agent)
    assert raised.value.code == "database_busy"
    assert raised.value.retry_after == 2
    assert await tries(owner) == 3
    assert await done(owner) == 0


async def test_other_errors_are_not_repeated(port: Database, owner: asyncpg.Connection, ours: Org) -> None:
    with pytest.raises(Internal):
        await port.call("probe_try", {"failures": 99, "sqlstate": "23505"}, ours.agent, safe=True)
    assert await tries(owner) == 1


async def test_a_call_that_takes_too_long_is_unavailable(
    backend: Backend, owner: asyncpg.Connection, ours: Org
) -> None:
    async with short("statement_timeout", owner), backend.connected() as database:
        begun = time.monotonic()
        with pytest.raises(Unavailable) as raised:
            await database.call("probe_try", {"failures": 0, "seconds": 30}, ours.agent)
        assert raised.value.code == "database_busy"
        assert time.monotonic() - begun < 5
    assert await done(owner) == 0


# The connection


async def test_a_call_that_was_never_sent_is_sent_when_the_way_is_free(
    through_proxy: Database, proxy: Proxy, owner: asyncpg.Connection, ours: Org
) -> None:
    await through_proxy.call("probe_echo", {"value": 1}, ours.agent)
    await proxy.stop()
    calling = asyncio.create_task(through_proxy.call("probe_try", {"failures": 0}, ours.agent))
    await asyncio.sleep(0.15)
    await proxy.start()
    assert await calling == 1
    assert await done(owner) == 1


async def test_a_database_that_cannot_be_reached_is_unavailable_soon(
    through_proxy: Database, proxy: Proxy, ours: Org
) -> None:
    await proxy.stop()
    begun = time.monotonic()
    with pytest.raises(Unavailable) as raised:
        await through_proxy.call("probe_try", {"failures": 0}, ours.agent)
    assert raised.value.code == "database_unavailable"
    assert raised.value.retry_after == 2
    assert time.monotonic() - begun < 3
    with pytest.raises(Unavailable):
        await through_proxy.ping()
    with pytest.raises(Unavailable):
        await through_proxy.kernel("get_violations", {})


async def test_a_change_whose_answer_was_lost_is_not_repeated(
    through_proxy: Database, proxy: Proxy, backend: Backend, owner: asyncpg.Connection, ours: Org
) -> None:
    await _warm(through_proxy, owner, ours)
    cut_next_answer(proxy, backend)
    with pytest.raises(Unavailable) as raised:
        await through_proxy.call("probe_try", {"failures": 0}, ours.agent)
    assert raised.value.code == "outcome_unknown"
    assert "Idempotency-Key" in (raised.value.hint or "")
    assert await done(owner) == 1


async def test_a_safe_call_whose_answer_was_lost_is_repeated(
    through_proxy: Database, proxy: Proxy, backend: Backend, owner: asyncpg.Connection, ours: Org
) -> None:
    await _warm(through_proxy, owner, ours)
    cut_next_answer(proxy, backend)
    assert await through_proxy.call("probe_try", {"failures": 0}, ours.agent, safe=True) == 2
    assert await done(owner) == 2


async def test_a_call_with_an_idempotency_key_whose_answer_was_lost_happens_once(
    through_proxy: Database, proxy: Proxy, backend: Backend, owner: asyncpg.Connection, ours: Org
) -> None:
    await _warm(through_proxy, owner, ours)
    cut_next_answer(proxy, backend)
    answer = await through_proxy.call_once("probe_try", {"failures": 0}, ours.agent, once())
    assert answer == Answer(1, replayed=True)
    assert await done(owner) == 1


async def test_a_kernel_call_whose_answer_was_lost_is_repeated(
    through_proxy: Database, proxy: Proxy, backend: Backend
) -> None:
    await through_proxy.kernel("get_violations", {})
    cut_next_answer(proxy, backend)
    assert await through_proxy.kernel("get_violations", {}) == []
    assert proxy.cut_answer_in == 0


@pytest.mark.parametrize("backend", SURVIVORS, indirect=True)
async def test_a_session_that_postgres_ends_under_a_call_leaves_the_outcome_unknown(
    port: Database, owner: asyncpg.Connection, ours: Org
) -> None:
    with pytest.raises(Unavailable) as raised:
        await port.call("probe_die", {"deaths": 1}, ours.agent)
    assert raised.value.code == "outcome_unknown"
    await owner.execute("alter sequence probe.tries restart")
    assert await port.call("probe_die", {"deaths": 1}, ours.agent, safe=True) == 2


# Idempotency


async def test_the_same_key_gives_the_same_answer_and_one_change(
    port: Database, owner: asyncpg.Connection, ours: Org
) -> None:
    key = once()
    first = await port.call_once("probe_try", {"failures": 0}, ours.agent, key)
    again = await port.call_once("probe_try", {"failures": 0}, ours.agent, key)
    assert (first, again) == (Answer(1), Answer(1, replayed=True))
    assert await done(owner) == 1


async def test_the_same_key_for_another_request_is_refused(
    port: Database, owner: asyncpg.Connection, ours: Org
) -> None:
    key = once()
    await port.call_once("probe_try", {"failures": 0}, ours.agent, key)
    with pytest.raises(InvalidInput) as raised:
        await port.call_once("probe_try", {"failures": 0}, ours.agent, Idempotency(key.key, "0" * 64))
    assert raised.value.code == "idempotency_mismatch"
    assert await done(owner) == 1


async def test_a_call_that_failed_may_be_tried_again_with_its_key(
    port: Database, owner: asyncpg.Connection, ours: Org
) -> None:
    key = once()
    payload: JsonObject = {"failures": 1, "sqlstate": "23505"}
    with pytest.raises(Internal):
        await port.call_once("probe_try", payload, ours.agent, key)
    assert await port.call_once("probe_try", payload, ours.agent, key) == Answer(2)
    assert await done(owner) == 1


async def test_keys_of_different_callers_never_meet(
    port: Database, owner: asyncpg.Connection, ours: Org, theirs: Org
) -> None:
    key = once()
    for number, caller in enumerate((ours.agent, ours.operator, theirs.agent), start=1):
        assert await port.call_once("probe_try", {"failures": 0}, caller, key) == Answer(number)
    assert await done(owner) == 3


async def test_requests_with_one_key_at_the_same_time_change_once(
    port: Database, owner: asyncpg.Connection, ours: Org
) -> None:
    key = once()
    calls = (port.call_once("probe_try", {"failures": 0, "seconds": 0.1}, ours.agent, key) for _ in range(5))
    answers = await asyncio.gather(*calls)
    assert sorted(answer.replayed for answer in answers) == [False, True, True, True, True]
    assert len({answer.value for answer in answers}) == 1
    assert await done(owner) == 1


async def test_a_request_that_is_still_being_worked_on_is_a_conflict(
    backend: Backend, contract: Contract, owner: asyncpg.Connection, ours: Org
) -> None:
    key = once()
    other = await asyncpg.connect(contract.admin_url)
    await other.execute("begin")
    await other.execute(
        "insert into plane.idempotency (org_id, key_id, key, fingerprint)"
        " select org_id, id, $1, $2 from plane.api_keys where key_hash = sha256(decode($3, 'hex'))",
        *(key.key, key.fingerprint, ours.agent.key_hash),
    )
    try:
        async with short("lock_timeout", owner), backend.connected() as database:
            with pytest.raises(Conflict) as raised:
                await database.call_once("probe_try", {"failures": 0}, ours.agent, key)
        assert raised.value.code == "idempotency_in_progress"
        assert raised.value.retry_after == 1
    finally:
        await other.close()
    assert await done(owner) == 0


def cut_next_answer(proxy: Proxy, backend: Backend) -> None:
    """Lose the answer of the next call. Without a statement cache the first answer is about the statement only."""
    proxy.cut_answer_in = 2 if backend.kind == "asyncpg-pooled" else 1


@asynccontextmanager
async def short(name: str, owner: asyncpg.Connection) -> AsyncGenerator[None]:
    """Shorten a timeout to 100 ms, in this database only, wherever it stands: on the role and on the door."""
    database = await owner.fetchval("select current_database()")
    role, door = f"role authenticator in database {database}", "function api.call_with_key"
    standing = {"statement_timeout": "8s", "lock_timeout": "2s"}[name]
    await owner.execute(f"alter {role} set {name} = '100ms'; alter {door} set {name} = '100ms'")
    await owner.execute(END_SESSIONS)
    try:
        yield
    finally:
        await owner.execute(f"alter {role} reset {name}; alter {door} set {name} = '{standing}'")
        await owner.execute(END_SESSIONS)


async def _warm(database: Database, owner: asyncpg.Connection, ours: Org) -> None:
    """Open the one connection, so that the next answer that comes through is the call's own."""
    await database.call("probe_try", {"failures": 0}, ours.agent)
    await owner.execute("truncate probe.done; alter sequence probe.tries restart")
