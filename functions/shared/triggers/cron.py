"""When a schedule fires: five cron fields in a time zone, as Debian's cron reads them. Pure.

Daylight saving time. An entry with fixed hours (`30 2 * * *`): a time that does not exist fires at the first moment
after the gap, a time that comes twice fires the first time only. An entry with `*` in minutes or hours
(`*/15 * * * *`) follows real time: it fires in both of the two hours, and never in the gap.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING, Literal, TypeAlias
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterator

CatchUp: TypeAlias = Literal["skip", "last", "all"]

MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
# A time is on time when it is not older: a sweeper in the cloud looks once a minute.
ON_TIME_S = 120.0
MAX_COUNTED = 1_000
_FIELDS = 5
# The fields by the names that cronsim has for them, and what each takes.
_TAKES = {
    "minute": "0 to 59",
    "hour": "0 to 23",
    "day-of-month": "1 to 31, or L for the last",
    "month": "1 to 12, or jan to dec",
    "day-of-week": "0 to 7 (Sunday is 0 and 7), or sun to sat",
}
_MARGIN = timedelta(hours=3)


class CronProblem(ValueError):
    """The text is no cron entry, or the zone no time zone; the message says why."""


@dataclass(frozen=True, slots=True)
class Cron:
    """An entry in a zone."""

    fields: str
    zone: ZoneInfo

    @classmethod
    def of(cls, text: str, timezone: str) -> Cron:
        """Read an entry: five fields, names of days and months, or `@daily` and the like. Raises CronProblem."""
        return _read(text, timezone)

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Give the times after a moment, in UTC, one after the other. Ends when there is none within 50 years."""
        return self._times(moment, is_back=False)

    def before(self, moment: datetime) -> Iterator[datetime]:
        """Give the times up to a moment, in UTC, the latest first."""
        return self._times(moment + timedelta(microseconds=1), is_back=True)

    def _times(self, moment: datetime, *, is_back: bool) -> Iterator[datetime]:
        from cronsim import CronSim  # noqa: PLC0415  only schedules need it

        # Some hours earlier or later, because local times repeat and jump; what is not beyond the moment is left out.
        margin = _MARGIN * (1 if is_back else -1)
        last = moment
        start = moment.astimezone(UTC) if self.zone.key == "UTC" else (moment + margin).astimezone(self.zone)
        for time in CronSim(self.fields, start, reverse=is_back):
            at = time.astimezone(UTC)
            if at < last if is_back else at > last:
                last = at
                yield at


@lru_cache(maxsize=1024)
def _read(text: str, timezone: str) -> Cron:
    from cronsim import CronSim, CronSimError  # noqa: PLC0415

    fields = MACROS.get(text.strip().lower(), text.strip())
    if fields.startswith("@"):
        raise CronProblem(f"There is no {fields}; there are {', '.join(MACROS)}.")
    if len(fields.split()) != _FIELDS:
        raise CronProblem("A cron entry has five fields: minute, hour, day of month, month, day of week.")
    try:
        zone = ZoneInfo(timezone)
    except (ValueError, OSError, LookupError):
        raise CronProblem(f"There is no time zone {timezone!r}; use an IANA name such as Europe/Berlin.") from None
    try:
        is_never = next(CronSim(fields, datetime(2000, 1, 1, tzinfo=UTC)), None) is None
    except CronSimError as error:
        raise CronProblem(_said(str(error), fields)) from None
    if is_never:
        raise CronProblem("It never fires: there is no such day.")
    return Cron(fields, zone)


def _said(error: str, fields: str) -> str:
    """Say which field is wrong and what it takes: cronsim says "Bad minute" and no more."""
    for (name, takes), given in zip(_TAKES.items(), fields.split(), strict=True):
        if error == f"Bad {name}":
            return f"The {name} takes {takes}, not {given!r}."
    return f"{error}."


@dataclass(frozen=True, slots=True)
class Missed:
    """Times that are skipped: the first, the last and how many, up to 1000."""

    first: datetime
    last: datetime
    count: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What a look at a schedule comes to. `next_at` None: it never fires again."""

    fires: tuple[datetime, ...]
    missed: Missed | None
    next_at: datetime | None


def plan_firings(
    cron: Cron,
    *,
    due: datetime,
    now: datetime,
    catch_up: CatchUp,
    max_catch_up: int = 10,
    ends_at: datetime | None = None,
    jitter_s: float = 0,
) -> Plan:
    """Say which times from `due` up to `now` fire and which are skipped.

    The latest fires when it is on time. Of what was missed, `skip` fires nothing, `last` only the latest, `all` the
    latest `max_catch_up` of them.
    """
    until = now if ends_at is None else min(now, ends_at)
    wanted = max_catch_up if catch_up == "all" else 1
    latest: list[datetime] = []
    for time in cron.before(until):
        if time < due or len(latest) == wanted:
            break
        latest.append(time)
    fires = list(reversed(latest))
    if catch_up == "skip":
        fires = [time for time in fires if (now - time).total_seconds() <= ON_TIME_S + jitter_s]
    following = next(cron.after(now), None)
    next_at = None if following is None or (ends_at is not None and following > ends_at) else following
    return Plan(tuple(fires), _missed(cron, due, fires[0] if fires else until, is_open=bool(fires)), next_at)


def _missed(cron: Cron, due: datetime, end: datetime, *, is_open: bool) -> Missed | None:
    """Give the times from `due` on that come before `end`, or up to it when nothing fires there."""
    last = next((time for time in cron.before(end) if not (is_open and time == end)), None)
    if last is None or last < due:
        return None
    first, count = last, 0
    for time in islice(cron.after(due - timedelta(microseconds=1)), MAX_COUNTED):
        if time > last:
            break
        first, count = min(first, time), count + 1
    return Missed(first, last, max(1, count))


def next_times(cron: Cron, after: datetime, count: int, ends_at: datetime | None = None) -> list[datetime]:
    """Give the next times after a moment."""
    found = islice(cron.after(after), count)
    return [time for time in found if ends_at is None or time <= ends_at]


def jitter_of(schedule_id: str, fire_at: datetime, jitter_s: int) -> timedelta:
    """Give how much later a time is looked at: the same for the same time of the same schedule."""
    if jitter_s <= 0:
        return timedelta(0)
    digest = sha256(f"{schedule_id} {fire_at.isoformat()}".encode()).digest()
    return timedelta(seconds=int.from_bytes(digest[:8]) % (jitter_s + 1))
