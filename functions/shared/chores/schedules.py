"""Fires schedules: SQL says which are due and that each time happens once, here stands which times those are."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from functions.shared.chores.chore import Chore, Plane
from functions.shared.db import schedules
from functions.shared.errors import PlaneError
from functions.shared.log import logger
from functions.shared.triggers.cron import Cron, CronProblem, jitter_of, plan_firings
from functions.shared.triggers.starting import CannotStart, scheduled_input

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.shared.db.schedules import DueSchedule
    from functions.shared.jsonvalue import Json, JsonObject

PAGES = 20
PAGE = 20
LEASE_S = 30.0

log = logger("schedules")


async def fire_schedules(plane: Plane) -> Sequence[JsonObject]:
    """Fire what is due, and start what was queued. Answers the doorbells to ring."""
    due: list[JsonObject] = []
    for _ in range(PAGES):
        claimed = await schedules.claim_schedules(plane.db, limit=PAGE, lease_s=LEASE_S)
        for schedule in claimed:
            due += await _fire_due(plane, schedule)
        if len(claimed) < PAGE:
            break
    return [*due, *await schedules.start_queued(plane.db)]


async def _fire_due(plane: Plane, schedule: DueSchedule) -> list[JsonObject]:
    """Fire one; what goes wrong with it keeps no other from its turn, and is tried again when its claim is over."""
    try:
        return await schedules.record_firings(plane.db, firings_of(schedule))
    except PlaneError as error:
        log.warning("the schedule %s did not fire: %s", schedule.id, error.detail)
        return []


def firings_of(schedule: DueSchedule) -> JsonObject:
    """Work out what a schedule's times come to: what record_firings takes."""
    fields = schedule.fields
    record: JsonObject = {"id": schedule.id, "claim_ref": schedule.claim_ref, "fires": [], "skipped": None}
    try:
        cron = Cron.of(fields["cron"], fields["timezone"])
    except CronProblem:  # the zone was known when it was stored; without it the schedule comes to its end
        return {**record, "next_fire_at": None, "due_at": None}
    jitter_s: int = fields["jitter_seconds"]
    plan = plan_firings(
        cron,
        due=datetime.fromisoformat(fields["next_fire_at"]),
        now=schedule.now,
        catch_up=fields["catch_up"],
        max_catch_up=fields["max_catch_up"],
        ends_at=_time(fields["ends_at"]),
        jitter_s=jitter_s,
    )
    fires: list[Json] = [_fire(schedule, at) for at in plan.fires]
    missed: JsonObject | None = None
    if plan.missed is not None:
        first, last = plan.missed.first.isoformat(), plan.missed.last.isoformat()
        missed = {"fire_at": first, "until": last, "count": plan.missed.count}
    due_at = None if plan.next_at is None else plan.next_at + jitter_of(schedule.id, plan.next_at, jitter_s)
    return {
        **record,
        "fires": fires,
        "skipped": missed,
        "next_fire_at": plan.next_at.isoformat() if plan.next_at else None,
        "due_at": due_at.isoformat() if due_at else None,
    }


def _fire(schedule: DueSchedule, at: datetime) -> JsonObject:
    fire_at = at.isoformat()
    try:
        given = scheduled_input(schedule.fields, schedule.document, at)
    except CannotStart as error:
        return {"fire_at": fire_at, "error": error.as_json()}
    return {"fire_at": fire_at, "version_id": schedule.version_id, "input": given}


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


FIRE_SCHEDULES = Chore("schedules", 1.0, fire_schedules)
