"""The times of a schedule that is made or changed: when it is next due, or why its entry cannot be taken."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from functions.shared.errors import FieldProblem
from functions.shared.jsonvalue import JsonObject
from functions.shared.triggers.cron import Cron, CronProblem, jitter_of, next_times
from functions.shared.web import invalid_input

_GAPS = 6


def cron_of(text: str, timezone: str) -> Cron:
    """Read an entry. Raises InvalidInput, with the place."""
    try:
        return Cron.of(text, timezone)
    except CronProblem as problem:
        pointer = "/timezone" if "time zone" in str(problem) else "/cron"
        raise invalid_input([FieldProblem(pointer, "not_allowed", str(problem))]) from None


def due_times(schedule_id: str, fields: dict[str, Any], now: datetime) -> JsonObject:
    """Give `{next_fire_at, due_at}` from now on; both None when it never fires. Raises InvalidInput."""
    cron = cron_of(fields["cron"], fields["timezone"])
    starts_at, ends_at = _time(fields.get("starts_at")), _time(fields.get("ends_at"))
    if starts_at is not None and ends_at is not None and ends_at <= starts_at:
        raise invalid_input([FieldProblem("/ends_at", "out_of_range", "Must be after starts_at.")])
    begin = now if starts_at is None else max(now, starts_at - timedelta(microseconds=1))
    times = next_times(cron, begin, _GAPS, ends_at)
    jitter_s: int = fields["jitter_seconds"]
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
    if gaps and jitter_s >= min(gaps):
        message = f"Must be less than the {min(gaps):.0f} s between two of its times."
        raise invalid_input([FieldProblem("/jitter_seconds", "out_of_range", message)])
    if not times:
        return {"next_fire_at": None, "due_at": None}
    due_at = times[0] + jitter_of(schedule_id, times[0], jitter_s)
    return {"next_fire_at": times[0].isoformat(), "due_at": due_at.isoformat()}


def shown_times(cron: Cron, after: datetime, count: int, ends_at: datetime | None = None) -> JsonObject:
    """Give the next times, in UTC and as clocks there show them."""
    times = next_times(cron, after, count, ends_at)
    return {"data": [{"at": at.isoformat(), "local": at.astimezone(cron.zone).isoformat()} for at in times]}


def utc_now() -> datetime:
    """Give the time."""
    return datetime.now(UTC)


def _time(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)
