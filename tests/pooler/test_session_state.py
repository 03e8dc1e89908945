"""Nothing of the plane lives longer than a transaction: on the page, and in the server's own connections."""

from __future__ import annotations

import asyncio
import re
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from functions.shared.db import kernel
from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
from functions.shared.db.port import ApiKey, Idempotency, Lease
from functions.shared.errors import PlaneError, Unavailable
from functions.shared.postgres.connection import connected
from functions.shared.postgres.schema import schema_files
from tests.pgbouncer import pooled
from tests.pooler.sessions import look, our_settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.pooler.conftest import Behind

_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
# What a session keeps after the transaction: a pooler hands it to somebody else.
SESSION_STATE = {
    "a session's advisory lock": re.compile(r"\bpg_(?:try_)?advisory_(?:lock|unlock)"),
    "a session's setting": re.compile(r"\bset_config\((?:[^()]|\([^()]*\))*,\s*false\s*\)"),
    "set without local": re.compile(
        r"(?:^|;|\bbegin\b|\bthen\b|\belse\b|\bloop\b)\s*(?:re)?set\s+(?!local\b|constraints\b)[a-z_.]+(?:\s*=|\s+to\b|\s*;)"
    ),
    "set session": re.compile(r"\bset\s+session\b"),
    "a temporary table": re.compile(r"\b(?:temp|temporary)\s+(?:table|view|sequence)\b|\bon\s+commit\b|\bpg_temp\."),
    "listen or notify": re.compile(r"(?:^|;)\s*(?:un)?listen\s|\bnotify\s|\bpg_notify\b"),
    "a prepared statement": re.compile(r"(?:^|;)\s*(?:prepare|deallocate)\s"),
    "a cursor that stays": re.compile(r"\bwith\s+hold\b"),
    "a temporary large thing of the session": re.compile(r"\b(?:currval|lastval|discard)\b"),
}
PLANTED = {
    "a session's advisory lock": "select pg_advisory_lock(7);",
    "a session's setting": "perform set_config('request.jwt.claims', (v_claims)::text, false);",
    "set without local": "begin\n  set search_path = plane;\nend;",
    "set session": "set session characteristics as transaction read only;",
    "a temporary table": "create temporary table mine (id int);",
    "listen or notify": "perform pg_notify('due', '1');",
    "a prepared statement": "prepare mine as select 1;",
    "a cursor that stays": "declare c cursor with hold for select 1;",
    "a temporary large thing of the session": "select lastval();",
}


def found_in(script: str) -> set[str]:
    text = _COMMENT.sub("", script).lower()
    return {name for name, pattern in SESSION_STATE.items() if pattern.search(text)}


def test_no_function_keeps_anything_in_the_session() -> None:
    files = schema_files()
    assert len(files) > 300
    assert {path.name: found for path in files if (found := found_in(path.read_text()))} == {}


@pytest.mark.parametrize("name", SESSION_STATE)
def test_what_a_session_would_keep_is_found(name: str) -> None:
    assert name in found_in(PLANTED[name])


def test_the_settings_to_look_at_are_known() -> None:
    assert {"request.jwt.claims", "plane.clock_offset", "plane.trace_id"} <= set(our_settings())


# In the server's connections


def calls(db: AsyncpgDatabase, behind: Behind) -> dict[str, tuple[str, Callable[[], Awaitable[Any]]]]:
    """Every kind of call with the way in which it ends."""
    org, other = behind.orgs
    once = Idempotency("once", "f" * 64)
    value = {"component": "c", "key": "k", "value": {"org": org.id}}
    raised = {"status": 409, "code": "no", "message": "No.", "hint": "", "extra": {}}
    undone = {"failures": 1, "sqlstate": "40001", "note": ""}
    long = {"failures": 0, "seconds": 5}
    return {
        "a write": ("", lambda: db.call("put_state", value, org.operator)),
        "a read": ("", lambda: db.call("get_state", {"component": "c", "key": "k"}, org.agent)),
        "a write once": ("", lambda: db.call_once("put_state", value, org.operator, once)),
        "with a lease": ("", lambda: db.call("list_state", {"component": "c"}, org.operator, lease=Lease({"ask": 1}))),
        "a person": ("", lambda: db.call("list_workflows", {}, org.person)),
        "a stranger": ("unauthenticated", lambda: db.call("list_workflows", {}, ApiKey("0" * 64))),
        "not the own": ("state_not_found", lambda: db.call("get_state", {"component": "c", "key": "k"}, other.agent)),
        "an unknown verb": ("unknown_verb", lambda: db.call("nowhere", {}, org.operator)),
        "without the scope": ("missing_scope", lambda: db.call("probe_scoped", {}, org.agent)),
        "the verb refuses": ("no", lambda: db.call("probe_raise", raised, org.agent)),
        "Postgres refuses": ("internal", lambda: db.call("probe_sqlstate", {"sqlstate": "22012"}, org.agent)),
        "rolled back, sent again": ("", lambda: db.call("probe_try", undone, org.agent)),
        "a connection that dies": ("", lambda: db.call("probe_die", {"deaths": 3}, org.agent, safe=True)),
        "stops waiting": ("timeout", lambda: asyncio.wait_for(db.call("probe_try", long, org.agent), 0.1)),
        "a public verb": ("invitation_not_found", lambda: db.public("show_invitation", {"token": "0" * 64})),
        "a kernel verb": ("", lambda: kernel.sweep(db)),
        "the kernel refuses": ("", lambda: db.kernel("claim", {})),
        "an unknown kernel verb": ("unknown_verb", lambda: db.kernel("nowhere", {})),
        "ping": ("", db.ping),
    }


async def test_after_every_kind_of_call_the_server_connection_is_as_it_was(behind: Behind) -> None:
    async with connected(behind.admin_url) as admin:
        await admin.execute("alter sequence probe.tries restart")
    with pooled(behind.direct_url, server_connections=1) as pooler:
        url = pooler.url(behind.direct_url)
        fresh = await look(url)
        assert fresh.differences(fresh) == {}
        db = await AsyncpgDatabase.connect(url, runner_key=behind.runner_key, pooled=True, max_connections=1)
        for name, (expected, call) in calls(db, behind).items():
            outcome = ""
            try:
                await call()
            except (PlaneError, TimeoutError) as error:
                outcome = getattr(error, "code", "timeout")
            assert outcome == expected, name
            assert (await look(url)).differences(fresh) == {}, name
        await db.close()


async def test_a_call_that_takes_too_long_leaves_nothing(behind: Behind) -> None:
    name = urlsplit(behind.admin_url).path[1:]
    role = f"alter role authenticator in database {name}"
    async with connected(behind.admin_url) as admin, AsyncExitStack() as afterwards:
        await admin.execute(f"{role} set statement_timeout = '50ms'")
        afterwards.push_async_callback(admin.execute, f"{role} reset statement_timeout")
        with pooled(behind.direct_url, server_connections=1) as pooler:
            url = pooler.url(behind.direct_url)
            fresh = await look(url)
            assert fresh.settings["statement_timeout"] == "50"  # the pooler's own logins take the role's settings
            db = await AsyncpgDatabase.connect(url, pooled=True, max_connections=1)
            with pytest.raises(Unavailable) as raised:
                await db.call("probe_try", {"failures": 0, "seconds": 5}, behind.orgs[0].agent)
            assert raised.value.code == "database_busy"
            assert (await look(url)).differences(fresh) == {}
            await db.close()


async def test_what_a_careless_client_leaves_is_seen(behind: Behind) -> None:
    """The control: without it the tests above could pass by looking nowhere."""
    with pooled(behind.direct_url, server_connections=1) as pooler:
        url = pooler.url(behind.direct_url)
        fresh = await look(url)
        careless = await asyncpg.connect(url, statement_cache_size=0)
        await careless.execute("select set_config('request.jwt.claims', '{\"org_id\": 1}', false)")
        await careless.execute(
            "set lock_timeout = '1s'; set role authenticated; select pg_advisory_lock(7); listen due"
        )
        await careless.execute("prepare mine as select 1")
        await careless.close()
        left = (await look(url)).differences(fresh)
    assert left == {
        "role": "authenticated",
        "lock_timeout": "1000",
        "request.jwt.claims": '{"org_id": 1}',
        "advisory": 1,
        "channels": 1,
        "prepared": 1,
    }
