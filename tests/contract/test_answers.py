"""What every way to the database answers alike: values and errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from functions.shared import errors
from functions.shared.auth.keys import hash_key, new_key
from functions.shared.db.port import ApiKey, Idempotency
from functions.shared.db.postgrest_adapter import PostgrestDatabase
from functions.shared.errors import (
    BY_STATUS,
    Forbidden,
    Internal,
    InvalidInput,
    NotFound,
    PlaneError,
    Unauthenticated,
    Unavailable,
)
from tests.contract.backends import serve
from tests.organisations import create_key

if TYPE_CHECKING:
    import asyncpg

    from functions.shared.db.port import Database
    from functions.shared.jsonvalue import Json
    from tests.contract.backends import Backend
    from tests.contract.conftest import Contract
    from tests.organisations import Org

VALUES: list[Any] = [
    *({}, [], {"a": {"b": [1, {"c": None}]}}, [[], [[]], {}], [1, "two", None, True, 2.5]),
    *("", "text", "ünï©ödé 🐘 中文", 'quotes " and \\ and \n\t', "null", "[1]", "42", " padded "),
    *(0, -1, 42, 2**53 - 1, 0.1, -1.5e-7, 1e21, True, False),
    {"": "empty key", "🐘": "elephant", "a.b": 1, "__proto__": {"x": 1}, "constructor": 1},
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
async def test_values_come_back_as_they_were_given(port: Database, ours: Org, value: Json) -> None:
    answer = await port.call("probe_echo", {"value": value}, ours.agent)
    assert answer == value
    assert type(answer) is type(value) or isinstance(value, float)


async def test_a_missing_value_and_no_value_are_both_none(port: Database, ours: Org) -> None:
    assert await port.call("probe_echo", {"value": None}, ours.agent) is None
    assert await port.call("probe_nothing", {}, ours.agent) is None


async def test_large_numbers_keep_every_digit(port: Database, backend: Backend, ours: Org) -> None:
    bits = 52 if backend.kind == "lite" else 70  # lite reads JSON numbers as JavaScript does
    value: Json = [2**bits + 1, -(2**bits) - 1]
    assert await port.call("probe_echo", {"value": value}, ours.agent) == value


async def test_a_large_value_comes_back_whole(port: Database, ours: Org) -> None:
    value: Json = [{"i": i, "text": "x" * 100} for i in range(8000)]
    assert await port.call("probe_echo", {"value": value}, ours.agent) == value


@pytest.mark.parametrize("status", sorted(set(BY_STATUS) - {500, 503}))
async def test_raised_statuses_become_their_errors(port: Database, ours: Org, status: int) -> None:
    payload: dict[str, Json] = {
        "status": status,
        "code": "a_code",
        "message": "What happened: ünï",
        "hint": "The way out.",
    }
    with pytest.raises(PlaneError) as raised:
        await port.call("probe_raise", payload | {"extra": {}}, ours.agent)
    assert type(raised.value) is BY_STATUS[status]
    assert (raised.value.code, raised.value.detail, raised.value.hint) == (
        "a_code",
        "What happened: ünï",
        "The way out.",
    )
    assert (raised.value.errors, raised.value.next, raised.value.retry_after, raised.value.extra) == ([], [], None, {})


async def test_extras_of_an_error_arrive_typed(port: Database, ours: Org) -> None:
    extra: Json = {
        "errors": [
            {
                "pointer": "/name",
                "code": "too_long",
                "message": "At most 5.",
                "hint": "Shorten it.",
                "allowed": ["a", 2],
            }
        ],
        "next": [{"why": "read it", "method": "GET", "path": "/api/x"}],
        "retry_after": 1.5,
        "scope": "state:write",
        "limits": {"max": 5},
    }
    payload: dict[str, Json] = {"status": 422, "code": "too_long", "message": "No.", "hint": "", "extra": extra}
    with pytest.raises(InvalidInput) as raised:
        await port.call("probe_raise", payload, ours.agent)
    problem = raised.value
    assert problem.errors == [errors.FieldProblem("/name", "too_long", "At most 5.", "Shorten it.", ["a", 2])]
    assert problem.next == [errors.NextStep("read it", "GET", "/api/x")]
    assert problem.retry_after == 1.5
    assert problem.hint is None
    assert problem.extra == {"scope": "state:write", "limits": {"max": 5}}


async def test_a_400_is_invalid_input(port: Database, ours: Org) -> None:
    payload: dict[str, Json] = {"status": 400, "code": "bad", "message": "No.", "hint": "", "extra": {}}
    with pytest.raises(InvalidInput, match="No"):
        await port.call("probe_raise", payload, ours.agent)


@pytest.mark.parametrize(
    "sqlstate", ["P0001", "P0002", "23505", "23503", "23502", "23514", "22012", "42703", "XX000", "AG001"]
)
async def test_other_sqlstates_are_internal_and_tell_nothing(port: Database, ours: Org, sqlstate: str) -> None:
    with pytest.raises(PlaneError) as raised:
        await port.call("probe_sqlstate", {"sqlstate": sqlstate}, ours.agent)
    assert type(raised.value) is Internal
    assert raised.value.code == "internal"
    assert "secret" not in f"{raised.value.detail}{raised.value.hint}{raised.value.extra}"


async def test_missing_rights_are_forbidden(port: Database, ours: Org) -> None:
    with pytest.raises(Forbidden) as raised:
        await port.call("probe_forbidden", {}, ours.agent)
    assert raised.value.code == "forbidden"
    assert "pg_authid" not in raised.value.detail


@pytest.mark.parametrize("verb", ["probe_missing_function", "probe_gone"])
async def test_a_function_that_is_not_there_is_our_fault(port: Database, ours: Org, verb: str) -> None:
    with pytest.raises(Internal) as raised:
        await port.call(verb, {}, ours.agent)
    assert raised.value.code == "unknown_verb"


@pytest.mark.parametrize(
    "verb", ["probe_unlisted", "no_such_verb", "", "ping", "call_with_key", "x(jsonb); drop schema api--"]
)
async def test_only_listed_verbs_are_reached(port: Database, ours: Org, verb: str) -> None:
    with pytest.raises(NotFound) as raised:
        await port.call(verb, {}, ours.agent)
    assert raised.value.code == "unknown_verb"


async def test_text_that_postgres_cannot_store_is_the_callers_mistake(port: Database, ours: Org) -> None:
    for text in ("nul \x00", "half \ud83d"):
        with pytest.raises(InvalidInput) as raised:
            await port.call("probe_echo", {"value": text}, ours.agent)
        assert raised.value.code == "unsupported_character"


async def test_numbers_that_are_not_json_are_the_callers_mistake(port: Database, ours: Org) -> None:
    for number in (float("nan"), float("inf")):
        with pytest.raises(InvalidInput) as raised:
            await port.call("probe_echo", {"value": number}, ours.agent)
        assert raised.value.code == "unsupported_number"


async def test_a_key_that_nobody_knows_is_unauthenticated(port: Database) -> None:
    for key_hash in (new_key("agent").key_hash, "", "zz", "0" * 64):
        with pytest.raises(Unauthenticated) as raised:
            await port.call("probe_echo", {"value": 1}, ApiKey(key_hash))
        assert raised.value.code == "unauthenticated"


class Seal:
    """A signature that one public key verifies."""

    def __init__(self, signing_key: str) -> None:
        self.signed_by: str | None = None
        self.asked: list[str] = []
        self._signing_key = signing_key

    def verify(self, signing_key: str) -> None:
        self.asked.append(signing_key)
        if signing_key != self._signing_key:
            raise Unauthenticated("not by this key", code="signature_invalid")
        self.signed_by = signing_key


async def test_a_key_that_asks_for_signatures_is_verified_once_and_tells_nobody_its_public_key(
    port: Database, owner: asyncpg.Connection, ours: Org
) -> None:
    key, signing_key = new_key(), "A" * 42 + "E="
    key_id = await create_key(owner, ours.id, key, scopes=["state:read"])
    await owner.execute("update plane.api_keys set signing_key = $2 where id = $1", key_id, signing_key)
    seal, wrong = Seal(signing_key), Seal("A" * 43 + "=")
    for _ in range(2):
        assert await port.call("probe_echo", {"value": 1}, ApiKey(key.key_hash, seal)) == 1
    once = await port.call_once("probe_echo", {"value": 2}, ApiKey(key.key_hash, seal), Idempotency("signed", "f"))
    assert (once.value, once.replayed, seal.asked) == (2, False, [signing_key])
    for caller, code in (
        (ApiKey(key.key_hash), "signature_required"),
        (ApiKey(key.key_hash, wrong), "signature_invalid"),
    ):
        with pytest.raises(Unauthenticated) as raised:
            await port.call("probe_echo", {"value": 1}, caller)
        assert (raised.value.code, raised.value.extra) == (code, {})
    assert wrong.signed_by is None


async def test_a_revoked_key_is_unauthenticated_from_the_next_call_on(
    port: Database, owner: asyncpg.Connection, ours: Org
) -> None:
    await owner.execute("update plane.api_keys set revoked_at = now() where kind = 'agent' and org_id = $1", ours.id)
    try:
        with pytest.raises(Unauthenticated):
            await port.call("probe_echo", {"value": 1}, ours.agent)
    finally:
        await owner.execute("update plane.api_keys set revoked_at = null where org_id = $1", ours.id)
    assert await port.call("probe_echo", {"value": 1}, ours.agent) == 1


async def test_a_missing_scope_is_named(port: Database, ours: Org) -> None:
    with pytest.raises(Forbidden, match="keys:manage") as raised:
        await port.call("probe_scoped", {}, ours.agent)
    assert raised.value.code == "missing_scope"
    assert raised.value.extra == {"scope": "keys:manage"}


async def test_organisations_do_not_see_each_other(port: Database, ours: Org, theirs: Org) -> None:
    where: dict[str, Json] = {"component": "contract", "key": uuid4().hex}
    await port.call("put_state", where | {"value": {"of": "ours"}}, ours.agent)
    with pytest.raises(NotFound):
        await port.call("get_state", where, theirs.agent)
    await port.call("put_state", where | {"value": {"of": "theirs"}}, theirs.agent)
    for org, name in ((ours, "ours"), (theirs, "theirs")):
        found = await port.call("get_state", where, org.agent)
        assert isinstance(found, dict)
        assert found["value"] == {"of": name}


async def test_what_one_call_was_does_not_leak_into_the_next(port: Database, ours: Org, theirs: Org) -> None:
    await port.call("put_state", {"component": "leak", "key": "k", "value": 1}, ours.agent)
    for _ in range(3):
        await port.call("get_state", {"component": "leak", "key": "k"}, ours.agent)
        with pytest.raises(NotFound):
            await port.call("get_state", {"component": "leak", "key": "k"}, theirs.agent)
        with pytest.raises(Unauthenticated):
            await port.call("get_state", {"component": "leak", "key": "k"}, ApiKey("0" * 64))


async def test_the_runners_key_opens_only_the_kernel(port: Database, backend: Backend) -> None:
    with pytest.raises(Forbidden) as raised:
        await port.call("probe_echo", {"value": 1}, ApiKey(hash_key(backend.runner_key)))
    assert raised.value.code == "wrong_kind"
    assert await port.kernel("get_violations", {}) == []
    with pytest.raises(NotFound):
        await port.kernel("no_such_verb", {})


async def test_a_tenants_key_does_not_open_the_kernel(backend: Backend, ours: Org) -> None:
    for secret in (ours.agent_secret, ours.operator_secret):
        async with backend.connected(runner_key=secret) as database:
            with pytest.raises(Forbidden) as raised:
                await database.kernel("sweep", {})
            assert raised.value.code == "wrong_kind"


async def test_without_a_runner_key_the_kernel_is_not_even_asked(backend: Backend) -> None:
    async with backend.connected(runner_key=None) as database:
        with pytest.raises(Forbidden) as raised:
            await database.kernel("sweep", {})
        assert raised.value.code == "no_runner_key"


async def test_ping_answers(port: Database) -> None:
    await port.ping()


async def test_the_address_of_the_project_is_enough(contract: Contract, runner_key: str) -> None:
    with serve("postgrest", contract.login_url, runner_key) as backend:
        async with backend.connected(backend.url.removesuffix("/rest/v1")) as database:
            await database.ping()


async def test_a_wrong_publishable_key_is_our_fault_not_the_callers(contract: Contract, ours: Org) -> None:
    with serve("postgrest", contract.login_url, "") as backend:
        database = PostgrestDatabase.connect(backend.url, "sb_publishable_wrong")
        try:
            with pytest.raises(Internal):
                await database.call("probe_echo", {"value": 1}, ours.agent)
            with pytest.raises(Unavailable):
                await database.ping()
        finally:
            await database.close()
