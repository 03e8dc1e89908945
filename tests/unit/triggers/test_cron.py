"""When schedules fire: entries, time zones, both changes of daylight saving time, and what was missed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.shared.triggers.cron import (
    MACROS,
    Cron,
    CronProblem,
    Missed,
    Plan,
    jitter_of,
    next_times,
    plan_firings,
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def local(cron: Cron, after: str, count: int) -> list[str]:
    return [f"{time.astimezone(cron.zone):%a %d %H:%M %z}" for time in next_times(cron, at(after), count)]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("30 7 * * mon-fri", "2026-11-23T07:30:00+00:00"),
        ("@daily", "2026-11-22T00:00:00+00:00"),
        ("@hourly", "2026-11-21T11:00:00+00:00"),
        ("@weekly", "2026-11-22T00:00:00+00:00"),
        ("@monthly", "2026-12-01T00:00:00+00:00"),
        ("@yearly", "2027-01-01T00:00:00+00:00"),
        ("0 0 29 2 *", "2028-02-29T00:00:00+00:00"),
        ("0 12 L * *", "2026-11-30T12:00:00+00:00"),
        ("0 9 * jan MON#1", "2027-01-04T09:00:00+00:00"),
        ("*/20 10 * * 7", "2026-11-22T10:00:00+00:00"),
    ],
)
def test_an_entry_fires_when_cron_would(text: str, first: str) -> None:
    assert next_times(Cron.of(text, "UTC"), at("2026-11-21T10:00:00+00:00"), 1) == [at(first)]


@pytest.mark.parametrize("text", ["", "* * * *", "* * * * * *", "61 * * * *", "0 0 31 2 *", "@reboot", "a b c d e"])
def test_what_is_no_entry_is_refused(text: str) -> None:
    with pytest.raises(CronProblem):
        Cron.of(text, "UTC")


def test_the_field_that_is_wrong_is_named_with_what_it_takes() -> None:
    with pytest.raises(CronProblem, match="The minute takes 0 to 59, not '61'"):
        Cron.of("61 * * * *", "UTC")
    with pytest.raises(CronProblem, match=r"The day-of-week takes .* not 'fry'"):
        Cron.of("0 0 * * fry", "UTC")


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "/etc/localtime", "CEST+2"])
def test_what_is_no_zone_is_refused(zone: str) -> None:
    with pytest.raises(CronProblem, match="time zone"):
        Cron.of("@daily", zone)


def test_a_fixed_time_in_the_gap_of_spring_fires_at_the_first_moment_after_it() -> None:
    cron = Cron.of("30 2 * * *", "Europe/Berlin")
    assert local(cron, "2026-03-27T12:00:00+00:00", 3) == [
        "Sat 28 02:30 +0100",
        "Sun 29 03:00 +0200",
        "Mon 30 02:30 +0200",
    ]


def test_a_fixed_time_that_comes_twice_in_autumn_fires_the_first_time_only() -> None:
    cron = Cron.of("30 2 * * *", "Europe/Berlin")
    assert local(cron, "2026-10-23T12:00:00+00:00", 3) == [
        "Sat 24 02:30 +0200",
        "Sun 25 02:30 +0200",
        "Mon 26 02:30 +0100",
    ]
    # also for who looks between the two
    assert local(cron, "2026-10-25T01:10:00+00:00", 1) == ["Mon 26 02:30 +0100"]


def test_two_entries_that_fall_together_in_the_gap_fire_once() -> None:
    cron = Cron.of("0 2,3 * * *", "Europe/Berlin")
    assert local(cron, "2026-03-28T12:00:00+00:00", 2) == ["Sun 29 03:00 +0200", "Mon 30 02:00 +0200"]


def test_an_entry_by_minutes_follows_real_time_through_both_changes() -> None:
    cron = Cron.of("*/30 * * * *", "America/New_York")
    for night in ("2026-03-08T05:00:00+00:00", "2026-11-01T04:00:00+00:00"):
        times = next_times(cron, at(night), 12)
        assert {later - earlier for earlier, later in pairwise(times)} == {timedelta(minutes=30)}


def test_other_zones_and_halves_of_hours_count() -> None:
    assert local(Cron.of("0 9 * * *", "Asia/Kolkata"), "2026-11-21T00:00:00+00:00", 1) == ["Sat 21 09:00 +0530"]


FIELDS = st.tuples(
    st.sampled_from(["*", "*/7", "0", "59", "5-25", "0,30"]),
    st.sampled_from(["*", "*/3", "2", "1-3", "23", "0"]),
    st.sampled_from(["*", "1", "*/5", "L"]),
    st.sampled_from(["*", "3", "10", "MAR-APR"]),
    st.sampled_from(["*", "SUN", "MON-FRI"]),
).map(" ".join)
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland"])
MOMENTS = st.integers(0, 365 * 86_400).map(
    lambda seconds: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)


@settings(max_examples=150, deadline=None)
@given(FIELDS, ZONES, MOMENTS, st.timedeltas(timedelta(0), timedelta(days=3)))
def test_looking_back_finds_what_looking_ahead_does(text: str, zone: str, begin: datetime, span: timedelta) -> None:
    cron = Cron.of(text, zone)
    ahead = [time for time in islice(cron.after(begin), 300) if time <= begin + span]
    end = ahead[-1] if len(ahead) == 300 else begin + span
    back = [time for time in islice(cron.before(end), 301) if time > begin]
    assert back == ahead[::-1]
    assert all(earlier < later for earlier, later in pairwise(ahead))


EVERY_HOUR = Cron.of("0 * * * *", "UTC")
DUE, NOON = at("2026-11-21T06:00:00+00:00"), at("2026-11-21T12:00:30+00:00")


def hours(*which: int) -> tuple[datetime, ...]:
    return tuple(at(f"2026-11-21T{hour:02}:00:00+00:00") for hour in which)


def test_a_time_that_is_looked_at_in_time_fires_and_nothing_was_missed() -> None:
    for catch_up in ("skip", "last", "all"):
        plan = plan_firings(EVERY_HOUR, due=hours(12)[0], now=NOON, catch_up=catch_up)
        assert plan == Plan(hours(12), None, hours(13)[0])


def test_after_hours_away_each_policy_does_what_it_says() -> None:
    late = NOON + timedelta(minutes=30)
    skip = plan_firings(EVERY_HOUR, due=DUE, now=late, catch_up="skip")
    last = plan_firings(EVERY_HOUR, due=DUE, now=late, catch_up="last")
    three = plan_firings(EVERY_HOUR, due=DUE, now=late, catch_up="all", max_catch_up=3)
    every = plan_firings(EVERY_HOUR, due=DUE, now=late, catch_up="all", max_catch_up=100)

    assert skip == Plan((), Missed(*hours(6, 12), 7), hours(13)[0])
    assert last == Plan(hours(12), Missed(*hours(6, 11), 6), hours(13)[0])
    assert three == Plan(hours(10, 11, 12), Missed(*hours(6, 9), 4), hours(13)[0])
    assert every == Plan(hours(*range(6, 13)), None, hours(13)[0])


def test_what_is_on_time_fires_also_when_the_missed_is_skipped() -> None:
    plan = plan_firings(EVERY_HOUR, due=DUE, now=NOON, catch_up="skip")
    assert plan == Plan(hours(12), Missed(*hours(6, 11), 6), hours(13)[0])


def test_nothing_fires_after_the_end() -> None:
    plan = plan_firings(EVERY_HOUR, due=DUE, now=NOON, catch_up="last", ends_at=hours(9)[0])
    assert plan == Plan(hours(9), Missed(*hours(6, 8), 3), None)


def test_two_years_of_minutes_are_planned_quickly_and_counted_up_to_a_thousand() -> None:
    cron = Cron.of("* * * * *", "Europe/Berlin")
    plan = plan_firings(cron, due=at("2024-11-21T00:00:00+00:00"), now=NOON, catch_up="all", max_catch_up=100)
    assert len(plan.fires) == 100
    assert plan.missed is not None
    assert plan.missed.count == 1_000


def test_the_jitter_of_a_time_is_always_the_same_and_within_its_bounds() -> None:
    found = {jitter_of("schedule", hour, 60) for hour in hours(*range(24))}
    assert len(found) > 10
    assert all(timedelta(0) <= each <= timedelta(seconds=60) for each in found)
    assert jitter_of("schedule", NOON, 60) == jitter_of("schedule", NOON, 60)
    assert jitter_of("schedule", NOON, 0) == timedelta(0)


def test_every_macro_is_an_entry() -> None:
    assert all(next_times(Cron.of(name, "UTC"), NOON, 1) for name in MACROS)
