"""State over HTTP."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from functions.state.app import app

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from tests.functions.conftest import Organisation


@pytest.fixture
async def agent(client_of: Callable[..., Awaitable[httpx.AsyncClient]], org: Organisation) -> httpx.AsyncClient:
    return await client_of(app, org.agent)


async def put(client: httpx.AsyncClient, key: str, value: Any, **fields: Any) -> httpx.Response:
    return await client.post("/api/state", json={"component": "mail", "key": key, "value": value, **fields})


async def read(client: httpx.AsyncClient, key: str) -> httpx.Response:
    return await client.get("/api/state", params={"component": "mail", "key": key})


async def test_the_original_calls_write_and_read_state(agent: httpx.AsyncClient) -> None:
    written = await agent.post(
        "/api/state", json={"component": "my-component", "key": "data", "value": {"any": ["thing", 1]}}
    )
    found = await agent.get("/api/state?component=my-component&key=data")

    assert written.status_code == 201
    assert found.status_code == 200
    assert found.json()["value"] == {"any": ["thing", 1]}
    assert found.json()["version"] == 1


@pytest.mark.parametrize("value", [None, 0, "", False, [], {}, "ünï", 1.5, {"a": {"b": [None]}}])
async def test_every_json_value_comes_back_as_it_was(agent: httpx.AsyncClient, value: Any) -> None:
    assert (await put(agent, "any", value)).status_code == 201

    assert (await read(agent, "any")).json()["value"] == value


async def test_a_second_write_replaces_and_raises_the_version(agent: httpx.AsyncClient) -> None:
    await put(agent, "k", 1)
    again = await put(agent, "k", 2)

    assert again.status_code == 200
    assert (again.json()["value"], again.json()["version"]) == (2, 2)


async def test_a_write_over_another_version_is_refused_and_says_which_is_current(agent: httpx.AsyncClient) -> None:
    await put(agent, "k", 1)
    await put(agent, "k", 2)

    stale = await put(agent, "k", 3, if_version=1)

    assert stale.status_code == 409
    assert stale.json()["code"] == "state_version_conflict"
    assert stale.json()["current_version"] == 2
    assert (await put(agent, "k", 3, if_version=2)).status_code == 200


async def test_version_zero_writes_only_where_nothing_is(agent: httpx.AsyncClient) -> None:
    assert (await put(agent, "new", 1, if_version=0)).status_code == 201
    assert (await put(agent, "new", 1, if_version=0)).status_code == 409
    assert (await put(agent, "none", 1, if_version=4)).status_code == 409
    assert (await read(agent, "none")).status_code == 404


async def test_if_match_takes_the_etag_of_the_read_and_no_other(agent: httpx.AsyncClient) -> None:
    body = {"component": "mail", "key": "k", "value": 1}
    tag = (await agent.post("/api/state", json=body)).headers["etag"]
    assert (await read(agent, "k")).headers["etag"] == tag

    assert (await agent.post("/api/state", json=body, headers={"If-Match": tag})).status_code == 200
    stale = await agent.post("/api/state", json=body, headers={"If-Match": tag})
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
    assert (await agent.post("/api/state", json=body, headers={"If-Match": "*"})).status_code == 200
    body["key"] = "none"
    assert (await agent.post("/api/state", json=body, headers={"If-Match": "*"})).status_code == 412


async def test_an_etag_does_not_survive_delete_and_creation(agent: httpx.AsyncClient) -> None:
    tag = (await put(agent, "k", 1)).headers["etag"]
    await agent.delete("/api/state?component=mail&key=k")
    again = await put(agent, "k", 2)

    assert again.json()["version"] == 2  # versions of a key rise for ever
    assert again.headers["etag"] != tag


async def test_a_read_of_what_the_caller_has_already_is_304(agent: httpx.AsyncClient) -> None:
    tag = (await put(agent, "k", 1)).headers["etag"]
    parameters = {"component": "mail", "key": "k"}

    same = await agent.get("/api/state", params=parameters, headers={"If-None-Match": tag})
    await put(agent, "k", 2)
    changed = await agent.get("/api/state", params=parameters, headers={"If-None-Match": tag})

    assert (same.status_code, same.content) == (304, b"")
    assert (changed.status_code, changed.json()["value"]) == (200, 2)


async def test_an_expiry_in_the_past_is_refused_and_named(agent: httpx.AsyncClient) -> None:
    kept = await put(agent, "k", 1)
    past = await put(agent, "k", 2, expires_at="2020-01-01T00:00:00Z")
    changed = await agent.patch(
        "/api/state", json={"component": "mail", "key": "k", "increment": 1, "expires_at": "2020-01-01T00:00:00Z"}
    )

    for answer in (past, changed):
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
        assert [error["pointer"] for error in answer.json()["errors"]] == ["/expires_at"]
    assert (await read(agent, "k")).json() == kept.json()


async def test_an_expired_value_is_gone_for_every_verb(agent: httpx.AsyncClient, org: Organisation) -> None:
    await put(agent, "short", [1], expires_in_seconds=60)
    await org.connection.execute(
        "update plane.state set expires_at = '2020-01-01' where org_id = $1 and key = 'short'", org.id
    )

    assert (await read(agent, "short")).status_code == 404
    assert (await agent.get("/api/state?component=mail")).json()["data"] == []
    assert (await agent.delete("/api/state?component=mail&key=short")).status_code == 404
    added = await agent.patch("/api/state", json={"component": "mail", "key": "short", "append": 2})
    assert added.status_code == 201
    assert added.json()["value"] == [2]
    assert added.json()["version"] == 2
    assert added.json()["expires_at"] is None


async def test_seconds_to_live_become_a_time_and_a_plain_put_removes_it(agent: httpx.AsyncClient) -> None:
    short = await put(agent, "k", 1, expires_in_seconds=60)
    assert short.json()["expires_at"].endswith("Z")
    kept = await agent.patch("/api/state", json={"component": "mail", "key": "k", "increment": 1})
    assert kept.json()["expires_at"] == short.json()["expires_at"]

    assert (await put(agent, "k", 1)).json()["expires_at"] is None


async def test_both_kinds_of_expiry_at_once_are_refused(agent: httpx.AsyncClient) -> None:
    both = await put(agent, "k", 1, expires_in_seconds=60, expires_at="2030-01-01T00:00:00Z")

    assert both.status_code == 422
    assert both.json()["errors"][0]["code"] == "not_both"


async def test_fifty_increments_at_once_all_count(agent: httpx.AsyncClient) -> None:
    body = {"component": "mail", "key": "count", "increment": 1}
    answers = await asyncio.gather(*(agent.patch("/api/state", json=body) for _ in range(50)))

    assert {answer.status_code for answer in answers} == {200, 201}
    assert sorted(answer.json()["value"] for answer in answers) == list(range(1, 51))


async def test_appends_at_once_all_stay_and_the_oldest_go_first(agent: httpx.AsyncClient) -> None:
    body = {"component": "mail", "key": "log"}
    await asyncio.gather(*(agent.patch("/api/state", json={**body, "append": n}) for n in range(20)))
    assert sorted((await read(agent, "log")).json()["value"]) == list(range(20))

    kept = await agent.patch("/api/state", json={**body, "append": "last", "max_length": 3})

    assert len(kept.json()["value"]) == 3
    assert kept.json()["value"][-1] == "last"


async def test_null_can_be_appended(agent: httpx.AsyncClient) -> None:
    added = await agent.patch("/api/state", json={"component": "mail", "key": "log", "append": None})

    assert added.json()["value"] == [None]


async def test_a_merge_patch_follows_its_standard(agent: httpx.AsyncClient) -> None:
    await put(agent, "doc", {"a": "b", "c": {"d": "e", "f": "g"}, "list": [1]})
    patch = {"a": "z", "c": {"f": None}, "list": [2, None], "new": {"x": None, "y": 1}}

    merged = await agent.patch("/api/state", json={"component": "mail", "key": "doc", "merge": patch})

    assert merged.json()["value"] == {"a": "z", "c": {"d": "e"}, "list": [2, None], "new": {"y": 1}}
    empty = await agent.patch("/api/state", json={"component": "mail", "key": "doc", "merge": {}})
    assert empty.json()["value"] == merged.json()["value"]
    made = await agent.patch("/api/state", json={"component": "mail", "key": "fresh", "merge": {"a": 1, "b": None}})
    assert (made.status_code, made.json()["value"]) == (201, {"a": 1})


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"increment": 1}, "state_not_a_number"),
        ({"append": 1}, "state_not_a_list"),
        ({"merge": {}}, "state_not_an_object"),
    ],
)
async def test_a_change_that_does_not_fit_the_value_is_refused(
    agent: httpx.AsyncClient, change: dict[str, Any], code: str
) -> None:
    await put(agent, "text", "text")

    refused = await agent.patch("/api/state", json={"component": "mail", "key": "text", **change})

    assert (refused.status_code, refused.json()["code"]) == (409, code)


@pytest.mark.parametrize(
    "change",
    [{}, {"increment": 1, "append": 2}, {"increment": 1, "max_length": 2}, {"increment": None}, {"merge": [1]}],
)
async def test_a_change_is_exactly_one(agent: httpx.AsyncClient, change: dict[str, Any]) -> None:
    refused = await agent.patch("/api/state", json={"component": "mail", "key": "k", **change})

    assert refused.status_code == 422


async def test_delete_answers_204_once_and_404_after(agent: httpx.AsyncClient) -> None:
    await put(agent, "k", 1)

    gone = await agent.delete("/api/state?component=mail&key=k")

    assert (gone.status_code, gone.content) == (204, b"")
    assert (await agent.delete("/api/state?component=mail&key=k")).status_code == 404


async def test_delete_compares_the_version(agent: httpx.AsyncClient) -> None:
    await put(agent, "k", 1)
    await put(agent, "k", 2)

    assert (await agent.delete("/api/state?component=mail&key=k&if_version=1")).status_code == 409
    assert (await agent.delete("/api/state?component=mail&key=k&if_version=2")).status_code == 204


async def test_pages_by_prefix_give_every_key_once_in_byte_order(agent: httpx.AsyncClient) -> None:
    names = ["a/1", "a/10", "a/2", "a/Z", "a/é", "a%", "a_", "b/1"]
    for name in names:
        await put(agent, name, name)
    found: list[str] = []
    cursor: str | None = None
    while True:
        parameters = {"component": "mail", "prefix": "a/", "limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await agent.get("/api/state", params=parameters)).json()
        found += [row["key"] for row in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert found == sorted(["a/1", "a/10", "a/2", "a/Z", "a/é"], key=str.encode)
    assert set(page) == {"data", "next_cursor"}


async def test_a_page_holds_at_most_about_four_megabytes(agent: httpx.AsyncClient) -> None:
    for n in range(24):
        await put(agent, f"big{n:02}", "x" * 250_000)

    first = (await agent.get("/api/state?component=mail&limit=100")).json()
    rest = (
        await agent.get("/api/state", params={"component": "mail", "limit": 100, "cursor": first["next_cursor"]})
    ).json()

    assert len(first["data"]) == 16
    assert len(rest["data"]) == 8
    assert rest["next_cursor"] is None


async def test_a_value_over_256_kb_is_refused(agent: httpx.AsyncClient) -> None:
    assert (await put(agent, "big", "x" * 262_142)).status_code == 201

    refused = await put(agent, "big", "x" * 262_143)

    assert (refused.status_code, refused.json()["code"]) == (413, "state_value_too_large")
    assert refused.json()["max_bytes"] == 262_144


async def test_the_names_of_the_original_client_are_answered_with_ours(agent: httpx.AsyncClient) -> None:
    """Its saveState and loadState never worked: they sent names that its server did not read."""
    saved = await agent.post(
        "/api/state", json={"component_name": "mail", "state_key": "k", "state_value": 1, "expires_in_seconds": 60}
    )
    loaded = await agent.get("/api/state?component_name=mail&state_key=k")

    meant = {error["pointer"]: error.get("did_you_mean") for error in saved.json()["errors"]}
    assert saved.status_code == loaded.status_code == 422
    assert meant["/component_name"] == "component"
    assert meant["/state_key"] == "key"
    assert meant["/state_value"] == "value"
    meant = {error["pointer"]: error.get("did_you_mean") for error in loaded.json()["errors"]}
    assert meant["/query/component_name"] == "component"
    assert meant["/query/state_key"] == "key"


async def test_another_organisations_state_is_not_there(
    client_of: Callable[..., Awaitable[httpx.AsyncClient]],
    new_org: Callable[[], Awaitable[Organisation]],
    agent: httpx.AsyncClient,
) -> None:
    await put(agent, "mine", 1)
    other = await client_of(app, (await new_org()).agent)

    assert (await read(other, "mine")).status_code == 404
    assert (await other.get("/api/state?component=mail")).json()["data"] == []
    assert (await other.delete("/api/state?component=mail&key=mine")).status_code == 404
    assert (await put(other, "mine", 2)).status_code == 201
    assert (await read(agent, "mine")).json()["value"] == 1


async def test_a_write_that_names_an_unknown_agent_says_so(agent: httpx.AsyncClient) -> None:
    refused = await put(agent, "k", 1, agent_id="00000000-0000-4000-8000-000000000000")

    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_agent")
    assert refused.json()["errors"][0]["pointer"] == "/agent_id"


async def test_what_is_written_is_in_the_audit_without_its_value(agent: httpx.AsyncClient, org: Organisation) -> None:
    await put(agent, "k", "a secret value")
    await agent.delete("/api/state?component=mail&key=k")

    rows = await org.connection.fetch(
        "select action, resource_id, details::text from plane.audit_entries"
        " where org_id = $1 and resource = 'state' order by id",
        org.id,
    )
    assert [(row["action"], row["resource_id"]) for row in rows] == [
        ("put_state", "mail/k"),
        ("delete_state", "mail/k"),
    ]
    assert "secret" not in str(rows)
