"""Schedules: each time starts its workflow once, whatever the plane was doing; overlap, catch-up, changes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from functions.shared.chores.schedules import fire_schedules, firings_of
from functions.shared.db import schedules as verbs
from tests.functions.outside import APP

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from tests.functions.conftest import Organisation
    from tests.functions.outside import Outside

SCHEDULE: dict[str, Any] = {
    "name": "report",
    "workflow": "echo",
    "input": {"text": "${{ schedule.name }} at ${{ fire_at }}"},
    "cron": "0 * * * *",
    "timezone": "Europe/Berlin",
}
HOUR = timedelta(hours=1)


def last_hour() -> datetime:
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


async def make(outside: Outside, **fields: Any) -> Any:
    await outside.echo()
    return await outside.post("/api/schedules", {**SCHEDULE, **fields})


async def make_due(outside: Outside, schedule: Any, at: datetime) -> None:
    """Let it look as if this time had come."""
    await outside.org.connection.execute(
        "update plane.schedules set next_fire_at = $2, due_at = $2, claim_ref = null where id = $1", schedule["id"], at
    )


async def history(outside: Outside, schedule: Any) -> list[Any]:
    found = (await outside.get(f"/api/schedules/{schedule['id']}/history"))["data"]
    return sorted(found, key=lambda firing: firing["fire_at"])


async def end_executions(outside: Outside) -> None:
    for execution in await outside.executions():
        await outside.org.connection.execute(
            "update plane.executions set status = 'succeeded', ended_at = now() where id = $1 and status = 'running'",
            execution["id"],
        )


async def test_a_time_that_has_come_starts_the_workflow_and_the_next_one_is_known(outside: Outside) -> None:
    schedule = await make(outside, catch_up="last")
    assert datetime.fromisoformat(schedule["next_fire_at"]) == last_hour() + HOUR
    await make_due(outside, schedule, last_hour())
    await fire_schedules(outside.plane)

    (firing,) = await history(outside, schedule)
    (execution,) = await outside.executions()
    at = last_hour().isoformat().replace("+00:00", "Z")
    assert (firing["outcome"], firing["fire_at"], firing["execution_id"]) == ("fired", at, execution["id"])
    assert execution["input"] == {"text": f"report at {at}"}
    shown = await outside.get(f"/api/schedules/{schedule['id']}")
    assert (shown["last_fire_at"], datetime.fromisoformat(shown["next_fire_at"])) == (at, last_hour() + HOUR)
    events = await outside.org.connection.fetch(
        "select type, data->>'schedule_id' as id from plane.events where org_id = $1 and type like 'schedule.%'",
        outside.org.id,
    )
    assert [(each["type"], each["id"]) for each in events] == [("schedule.fired", schedule["id"])]
    audit = await outside.org.connection.fetchrow(
        "select actor_kind, details->>'on_behalf_of' as whom from plane.audit_entries"
        " where org_id = $1 and action = 'start_execution'",
        outside.org.id,
    )
    assert tuple(audit) == ("plane", "schedule")


async def test_many_at_once_fire_a_time_once(outside: Outside) -> None:
    schedule = await make(outside)
    await make_due(outside, schedule, last_hour())
    await asyncio.gather(*(fire_schedules(outside.plane) for _ in range(6)))
    await make_due(outside, schedule, last_hour())  # also when its time is looked at again
    await fire_schedules(outside.plane)

    assert len(await outside.executions()) == 1
    assert len(await history(outside, schedule)) == 1


async def test_who_died_before_saying_so_is_replaced_and_who_comes_late_changes_nothing(outside: Outside) -> None:
    schedule = await make(outside)
    await make_due(outside, schedule, last_hour())
    (first,) = await verbs.claim_schedules(outside.plane.db, limit=10, lease_s=0)
    (second,) = await verbs.claim_schedules(outside.plane.db, limit=10, lease_s=30)
    assert await verbs.claim_schedules(outside.plane.db, limit=10, lease_s=30) == []

    assert await verbs.record_firings(outside.plane.db, firings_of(first)) == []
    assert len(await verbs.record_firings(outside.plane.db, firings_of(second))) == 1
    assert await verbs.record_firings(outside.plane.db, firings_of(second)) == []
    assert len(await outside.executions()) == 1


@pytest.mark.parametrize(
    ("policy", "fired", "missed"), [({"catch_up": "last"}, 1, 5), ({"catch_up": "all", "max_catch_up": 4}, 4, 2)]
)
async def test_after_hours_away_the_policy_decides_what_fires(
    outside: Outside, policy: dict[str, Any], fired: int, missed: int
) -> None:
    schedule = await make(outside, **policy)
    await make_due(outside, schedule, last_hour() - 5 * HOUR)
    await fire_schedules(outside.plane)

    skipped, *rest = await history(outside, schedule)
    assert (skipped["outcome"], skipped["reason"], skipped["count"]) == ("skipped", "missed", missed)
    assert datetime.fromisoformat(skipped["fire_at"]) == last_hour() - 5 * HOUR
    assert datetime.fromisoformat(skipped["until"]) == last_hour() - (6 - missed) * HOUR
    assert [each["outcome"] for each in rest] == ["fired"] * fired
    assert len(await outside.executions()) == fired


async def test_what_was_missed_may_all_be_skipped(outside: Outside) -> None:
    schedule = await make(outside, catch_up="skip", cron="0 0 1 1 *", timezone="UTC")
    new_year = datetime(datetime.now(UTC).year, 1, 1, tzinfo=UTC)
    await make_due(outside, schedule, new_year - timedelta(days=900))
    await fire_schedules(outside.plane)

    (skipped,) = await history(outside, schedule)
    assert (skipped["outcome"], skipped["count"], skipped["until"]) == (
        "skipped",
        3,
        new_year.isoformat().replace("+00:00", "Z"),
    )
    assert await outside.executions() == []


async def overlapping(outside: Outside, overlap: str) -> tuple[Any, list[Any]]:
    """Fire two times, while the execution of the first still runs."""
    schedule = await make(outside, overlap=overlap)
    for at in (last_hour() - HOUR, last_hour()):
        await outside.org.connection.execute(
            "update plane.schedules set catch_up = 'all', max_catch_up = 1 where id = $1", schedule["id"]
        )
        await make_due(outside, schedule, at)
        (claimed,) = await verbs.claim_schedules(outside.plane.db, limit=10, lease_s=30)
        record = firings_of(claimed)
        fire: Any = {"fire_at": at.isoformat(), "version_id": claimed.version_id, "input": {"text": at.isoformat()}}
        await verbs.record_firings(outside.plane.db, {**record, "fires": [fire], "skipped": None})
    return schedule, await history(outside, schedule)


async def test_overlap_allow_starts_beside_the_running_one(outside: Outside) -> None:
    _, firings = await overlapping(outside, "allow")
    assert [each["outcome"] for each in firings] == ["fired", "fired"]
    assert len(await outside.executions()) == 2


async def test_overlap_skip_leaves_it_out_while_one_runs(outside: Outside) -> None:
    schedule, firings = await overlapping(outside, "skip")
    assert [(each["outcome"], each["reason"]) for each in firings] == [("fired", None), ("skipped", "overlap")]
    await end_executions(outside)
    await make_due(outside, schedule, last_hour())
    await outside.org.connection.execute("delete from plane.schedule_firings where outcome = 'skipped'")
    await fire_schedules(outside.plane)
    assert len(await outside.executions()) == 2


async def test_overlap_queue_starts_it_after_the_running_one(outside: Outside) -> None:
    schedule, firings = await overlapping(outside, "queue")
    assert [each["outcome"] for each in firings] == ["fired", "queued"]
    assert await verbs.start_queued(outside.plane.db) == []
    await end_executions(outside)
    started = await asyncio.gather(*(verbs.start_queued(outside.plane.db) for _ in range(4)))
    assert sum(len(each) for each in started) == 1
    assert [each["outcome"] for each in await history(outside, schedule)] == ["fired", "fired"]
    assert len(await outside.executions()) == 2


async def test_overlap_cancel_running_stops_it_first(outside: Outside) -> None:
    _, firings = await overlapping(outside, "cancel_running")
    assert [each["outcome"] for each in firings] == ["fired", "fired"]
    cancelled = await outside.org.connection.fetch(
        "select id::text, cancel_requested_at is not null as is_cancelled from plane.executions where org_id = $1",
        outside.org.id,
    )
    assert dict(cancelled) == {firings[0]["execution_id"]: True, firings[1]["execution_id"]: False}


async def test_a_time_whose_workflow_does_not_fit_fails_and_the_next_one_comes(outside: Outside) -> None:
    schedule = await make(outside)
    await outside.operator.patch(f"/api/schedules/{schedule['id']}", json={"input": {"wrong": 1}})
    await make_due(outside, schedule, last_hour())
    await fire_schedules(outside.plane)

    (failed,) = await history(outside, schedule)
    assert (failed["outcome"], failed["error"]["code"]) == ("failed", "invalid_input")
    assert (await outside.get(f"/api/schedules/{schedule['id']}"))["status"] == "active"


async def test_pause_resume_and_run_now(outside: Outside) -> None:
    schedule = await make(outside)
    path = f"/api/schedules/{schedule['id']}"
    paused = await outside.post(f"{path}/pause", status=200)
    assert (paused["status"], paused["next_fire_at"]) == ("paused", None)
    assert (await outside.get(f"{path}/next"))["data"] == []
    assert await fire_schedules(outside.plane) == []

    firing = await outside.post(f"{path}/run", status=202)
    assert (firing["manual"], firing["outcome"]) == (True, "fired")
    (execution,) = await outside.executions()
    assert execution["id"] == firing["execution_id"]

    resumed = await outside.post(f"{path}/resume", status=200)
    assert (resumed["status"], datetime.fromisoformat(resumed["next_fire_at"])) == ("active", last_hour() + HOUR)
    assert (await outside.post(f"{path}/resume", status=200)) == resumed
    times = (await outside.get(f"{path}/next", count=3))["data"]
    assert [datetime.fromisoformat(each["at"]) for each in times] == [last_hour() + n * HOUR for n in (1, 2, 3)]


async def test_a_changed_entry_counts_from_now_and_a_changed_input_leaves_the_times(outside: Outside) -> None:
    schedule = await make(outside)
    path = f"/api/schedules/{schedule['id']}"
    renamed = (await outside.operator.patch(path, json={"name": "other", "overlap": "skip"})).json()
    assert (renamed["name"], renamed["overlap"], renamed["next_fire_at"]) == ("other", "skip", schedule["next_fire_at"])
    daily = (await outside.operator.patch(path, json={"cron": "@yearly", "timezone": "UTC"})).json()
    assert daily["next_fire_at"] == f"{datetime.now(UTC).year + 1}-01-01T00:00:00Z"


async def test_a_change_while_it_fires_wins(outside: Outside) -> None:
    schedule = await make(outside)
    await make_due(outside, schedule, last_hour())
    (claimed,) = await verbs.claim_schedules(outside.plane.db, limit=10, lease_s=30)
    await outside.post(f"/api/schedules/{schedule['id']}/pause", status=200)

    assert await verbs.record_firings(outside.plane.db, firings_of(claimed)) == []
    assert await outside.executions() == []


async def test_it_ends_when_its_time_is_over(outside: Outside) -> None:
    schedule = await make(outside, ends_at=(last_hour() + 2 * HOUR).isoformat())
    await outside.org.connection.execute(
        "update plane.schedules set ends_at = $2 where id = $1", schedule["id"], last_hour()
    )
    await make_due(outside, schedule, last_hour())
    await fire_schedules(outside.plane)

    shown = await outside.get(f"/api/schedules/{schedule['id']}")
    assert (shown["status"], shown["next_fire_at"], len(await outside.executions())) == ("ended", None, 1)


async def test_a_preview_shows_local_times(outside: Outside) -> None:
    body = {"cron": "30 2 * * *", "timezone": "Europe/Berlin", "after": "2026-03-28T12:00:00Z", "count": 2}
    assert (await outside.post("/api/schedules/preview", body, status=200))["data"] == [
        {"at": "2026-03-29T01:00:00Z", "local": "2026-03-29T03:00:00+02:00"},
        {"at": "2026-03-30T00:30:00Z", "local": "2026-03-30T02:30:00+02:00"},
    ]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"cron": "every day"}, "/cron"),
        ({"cron": "0 0 30 2 *"}, "/cron"),
        ({"timezone": "Mars/Olympus"}, "/timezone"),
        ({"input": {"text": "${{ body }}"}}, "/input/text"),
        ({"jitter_seconds": 3600}, "/jitter_seconds"),
        ({"starts_at": "2030-01-01T00:00:00Z", "ends_at": "2029-01-01T00:00:00Z"}, "/ends_at"),
        ({"ends_at": "2020-01-01T00:00:00Z"}, "/ends_at"),
        ({"overlap": "never"}, "/overlap"),
    ],
)
async def test_a_schedule_that_could_not_work_is_refused_with_the_place(
    outside: Outside, fields: dict[str, Any], pointer: str
) -> None:
    answer = await outside.operator.post("/api/schedules", json={**SCHEDULE, **fields})

    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_it_begins_when_it_is_said_to(outside: Outside) -> None:
    schedule = await make(outside, cron="@daily", timezone="UTC", starts_at="2030-06-01T00:00:00Z")
    assert schedule["next_fire_at"] == "2030-06-01T00:00:00Z"


async def test_schedules_are_their_organisation_s_and_operators_change_them(
    outside: Outside,
    new_org: Callable[[], Awaitable[Organisation]],
    client_of: Callable[..., Awaitable[httpx.AsyncClient]],
) -> None:
    unknown = await outside.operator.post("/api/schedules", json=SCHEDULE)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "workflow_not_found")
    path = f"/api/schedules/{(await make(outside))['id']}"
    taken = await outside.operator.post("/api/schedules", json=SCHEDULE)
    assert taken.json()["code"] == "name_taken"
    stranger = await client_of(APP, (await new_org()).operator)
    for method, at in (
        ("GET", path),
        ("PATCH", path),
        ("DELETE", path),
        ("GET", f"{path}/history"),
        ("GET", f"{path}/next"),
        ("POST", f"{path}/run"),
        ("POST", f"{path}/pause"),
    ):
        body = {} if method == "PATCH" else None
        assert (await stranger.request(method, at, json=body)).status_code == 404, at
        status = 200 if method == "GET" else 403
        assert (await outside.agent.request(method, at, json=body)).status_code == status, at
    assert (await outside.operator.delete(path)).status_code == 204


async def limit_running(outside: Outside, most: int) -> None:
    await outside.org.connection.execute(
        "insert into plane.quotas (org_id, name, max_value) values ($1, 'concurrent_executions', $2)"
        " on conflict (org_id, name) do update set max_value = excluded.max_value",
        *(outside.org.id, most),
    )


async def test_a_start_that_a_quota_refuses_is_noted_with_the_reason(outside: Outside) -> None:
    schedule = await make(outside)
    await limit_running(outside, 0)
    await make_due(outside, schedule, last_hour())
    await fire_schedules(outside.plane)

    (failed,) = await history(outside, schedule)
    assert (failed["outcome"], failed["error"]["code"]) == ("failed", "quota_exceeded")
    assert await outside.executions() == []


async def test_what_is_queued_waits_for_a_quota_too(outside: Outside) -> None:
    schedule, _ = await overlapping(outside, "queue")
    await end_executions(outside)
    await limit_running(outside, 0)
    assert await verbs.start_queued(outside.plane.db) == []
    await limit_running(outside, 5)
    assert len(await verbs.start_queued(outside.plane.db)) == 1
    assert [each["outcome"] for each in await history(outside, schedule)] == ["fired", "fired"]
