"""Schedules: workflows that start by the clock."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request

from functions.schedules import models
from functions.schedules.models import (
    ChangeSchedule,
    CreateSchedule,
    Firing,
    Outcome,
    PreviewTimes,
    Schedule,
    Status,
    Times,
)
from functions.schedules.times import cron_of, due_times, shown_times, utc_now
from functions.shared.db import schedules
from functions.shared.db.caller_db import CallerDb
from functions.shared.errors import FieldProblem, InvalidInput
from functions.shared.jsonvalue import Json, JsonObject
from functions.shared.triggers.mapping import SCHEDULE_NAMES, mapping_problems
from functions.shared.triggers.starting import CannotStart, scheduled_input
from functions.shared.web import (
    Bell,
    Db,
    ListOf,
    Page,
    PlaneRouter,
    create_app,
    example,
    invalid_input,
    lambda_handler,
    requires,
)
from functions.shared.web.connection import wake_chore

router = PlaneRouter(prefix="/api/schedules", tags=["schedules"])

_PATH = f"/api/schedules/{models.SCHEDULE['id']}"
_TIMES = frozenset({"cron", "timezone", "starts_at", "ends_at", "jitter_seconds"})
_SAID = ("name", "workflow", "input", "cron", "timezone", "overlap")


@router.post(
    "",
    status_code=201,
    response_model=Schedule,
    dependencies=[requires("triggers:write")],
    **example(
        "/api/schedules",
        body={name: models.SCHEDULE[name] for name in _SAID},
        answer={**models.SCHEDULE, "last_fire_at": None},
        status=201,
    ),
)
async def create_schedule(body: CreateSchedule, db: Db, request: Request) -> object:
    """Start a workflow by the clock. Each time starts it exactly once, also when the plane stops and comes back.

    Daylight saving time: an entry with fixed hours fires once a day, a time that does not exist at the first moment
    after the gap; an entry with `*` in minutes or hours follows real time.
    """
    _check(body.input)
    fields = body.model_dump(mode="json")
    times = due_times("", fields, utc_now())
    if times["due_at"] is None and not body.paused:
        raise invalid_input(
            [FieldProblem("/ends_at", "out_of_range", "It would never fire: it ends before its first time.")]
        )
    answer = await schedules.create_schedule(db, {**fields, **times})
    await wake_chore(request.app, "schedules")
    return answer


@router.get(
    "",
    response_model=ListOf[Schedule],
    dependencies=[requires("triggers:read")],
    **example("/api/schedules?status=active", answer={"data": [models.SCHEDULE], "next_cursor": None}),
)
async def list_schedules(db: Db, page: Page, status: Status | None = None, workflow: str | None = None) -> object:
    """List the schedules, the newest first."""
    return page.of(await schedules.list_schedules(db, page.payload(status=status, workflow=workflow)), Schedule)


@router.post(
    "/preview",
    response_model=Times,
    dependencies=[requires("triggers:read")],
    **example(
        "/api/schedules/preview",
        body={"cron": "30 7 * * mon-fri", "timezone": "Europe/Berlin", "after": "2026-11-21T10:00:00Z", "count": 2},
        answer=models.TIMES,
    ),
)
async def preview_times(body: PreviewTimes, db: Db) -> object:
    """Say when an entry would fire, without making a schedule."""

    async def make() -> Json:
        return shown_times(cron_of(body.cron, body.timezone), body.after or utc_now(), body.count)

    return await db.compute("triggers:read", make)


@router.get(
    "/{schedule_id}",
    response_model=Schedule,
    dependencies=[requires("triggers:read")],
    **example(_PATH, answer=models.SCHEDULE),
)
async def get_schedule(schedule_id: UUID, db: Db) -> object:
    """Read one schedule."""
    return await schedules.get_schedule(db, schedule_id)


@router.patch(
    "/{schedule_id}",
    response_model=Schedule,
    dependencies=[requires("triggers:write")],
    **example(_PATH, body={"cron": "0 8 * * mon-fri"}, answer=models.SCHEDULE),
)
async def update_schedule(schedule_id: UUID, body: ChangeSchedule, db: Db) -> object:
    """Change fields of a schedule; what is left out stays as it is. Changed times count from now on."""
    _check(body.input)
    known = (await schedules.load_schedule(db, schedule_id))["schedule"]
    changes = body.given()
    if not _TIMES & changes.keys():
        return await _update(db, known, "update_schedule", changes, known["status"], None)
    times = due_times(str(schedule_id), {**known, **changes}, utc_now())
    return await _update(db, known, "update_schedule", changes, _status(known["status"], times), times)


@router.delete("/{schedule_id}", status_code=204, dependencies=[requires("triggers:write")], **example(_PATH))
async def delete_schedule(schedule_id: UUID, db: Db) -> None:
    """Delete a schedule with its history. What it started runs on; what it has queued does not start."""
    await schedules.delete_schedule(db, schedule_id)


@router.post(
    "/{schedule_id}/pause",
    response_model=Schedule,
    dependencies=[requires("triggers:write")],
    **example(f"{_PATH}/pause", answer=models.PAUSED),
)
async def pause_schedule(schedule_id: UUID, db: Db) -> object:
    """Let a schedule rest: no time counts until it is resumed. Again is fine."""
    known = (await schedules.load_schedule(db, schedule_id))["schedule"]
    if known["status"] == "paused":
        return known
    return await _update(db, known, "pause_schedule", {}, "paused", {"next_fire_at": None, "due_at": None})


@router.post(
    "/{schedule_id}/resume",
    response_model=Schedule,
    dependencies=[requires("triggers:write")],
    **example(f"{_PATH}/resume", answer=models.SCHEDULE),
)
async def resume_schedule(schedule_id: UUID, db: Db) -> object:
    """Let a schedule fire again, from now on: what it would have done meanwhile is not made up for. Again is fine."""
    known = (await schedules.load_schedule(db, schedule_id))["schedule"]
    if known["status"] == "active":
        return known
    times = due_times(str(schedule_id), known, utc_now())
    return await _update(db, known, "resume_schedule", {}, _status("active", times), times)


@router.post(
    "/{schedule_id}/run",
    status_code=202,
    response_model=Firing,
    dependencies=[requires("triggers:write")],
    **example(f"{_PATH}/run", answer={**models.FIRING, "manual": True}, status=202),
)
async def run_schedule(schedule_id: UUID, db: Db, bell: Bell) -> object:
    """Start now what a schedule starts, whatever runs already. Its times stay. Paused ones can be run too."""
    loaded = await schedules.load_schedule(db, schedule_id)
    fire_at = utc_now()
    try:
        given = scheduled_input(loaded["schedule"], loaded["document"], fire_at)
    except CannotStart as problem:
        raise InvalidInput(str(problem), code=problem.code, hint="Change the schedule's input or workflow.") from None
    fields: JsonObject = {"version_id": loaded["version_id"], "input": given, "fire_at": fire_at.isoformat()}
    answer = await schedules.run_schedule(db, {"id": str(schedule_id), **fields})
    await bell.ring(answer["due"])
    return answer


@router.get(
    "/{schedule_id}/next",
    response_model=Times,
    dependencies=[requires("triggers:read")],
    **example(f"{_PATH}/next?count=2", answer=models.TIMES),
)
async def get_next_times(schedule_id: UUID, db: Db, count: Annotated[int, Query(ge=1, le=50)] = 5) -> object:
    """Say when a schedule fires next; nothing while it is paused, or when it has ended."""
    known = await schedules.get_schedule(db, schedule_id)
    if known["next_fire_at"] is None:
        return {"data": []}
    first = datetime.fromisoformat(known["next_fire_at"])
    ends_at = datetime.fromisoformat(known["ends_at"]) if known["ends_at"] else None
    return shown_times(cron_of(known["cron"], known["timezone"]), first - first.resolution, count, ends_at)


@router.get(
    "/{schedule_id}/history",
    response_model=ListOf[Firing],
    dependencies=[requires("triggers:read")],
    **example(f"{_PATH}/history", answer={"data": [models.FIRING], "next_cursor": None}),
)
async def list_firings(schedule_id: UUID, db: Db, page: Page, outcome: Outcome | None = None) -> object:
    """List what became of a schedule's times, the newest first, for 90 days."""
    filters = page.payload(schedule_id=str(schedule_id), outcome=outcome)
    return page.of(await schedules.list_firings(db, filters), Firing)


def _check(mapping: Json) -> None:
    if problems := mapping_problems(mapping, SCHEDULE_NAMES, "/input"):
        raise invalid_input(problems)


def _status(before: str, times: JsonObject) -> str:
    if before == "paused":
        return "paused"
    return "ended" if times["due_at"] is None else "active"


async def _update(
    db: CallerDb,
    known: dict[str, Any],
    action: str,
    changes: dict[str, Any],
    status: str,
    times: JsonObject | None,
) -> Json:
    """Change a schedule that was read before, as a whole. `times` None: they stay. Raises Conflict."""
    kept: JsonObject = {} if status == "active" or times is None else {"next_fire_at": None, "due_at": None}
    return await schedules.update_schedule(
        db,
        {
            "id": known["id"],
            "if_updated_at": known["updated_at"],
            "if_last_fire_at": known["last_fire_at"],
            "action": action,
            "changes": changes,
            "status": status,
            "keeps_times": times is None,
            **(times or {}),
            **kept,
        },
    )


app = create_app("schedules", router)
handler = lambda_handler(app)
