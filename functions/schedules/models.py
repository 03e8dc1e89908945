"""What is said and answered about schedules and their history, with an example of each."""

from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

from pydantic import AwareDatetime, Field, JsonValue

from functions.shared.jsonvalue import JsonObject
from functions.shared.web import Answer, Body, Timestamp
from functions.shared.web.targets import Name, Version, WorkflowName

CronText: TypeAlias = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        description="Five fields, as in `30 7 * * mon-fri`, names of days and months, `L` and `#`, or `@daily`, "
        "`@hourly`, `@weekly`, `@monthly`, `@yearly`.",
    ),
]
Zone: TypeAlias = Annotated[str, Field(min_length=1, max_length=100, description="An IANA name: `Europe/Berlin`.")]
CatchUp: TypeAlias = Annotated[
    Literal["skip", "last", "all"],
    Field(description="Of times missed while the plane was down: none fires, the last one, the last `max_catch_up`."),
]
Overlap: TypeAlias = Annotated[
    Literal["allow", "skip", "queue", "cancel_running"],
    Field(description="When the execution before still runs: start beside it, not, after it, or cancel it first."),
]
MaxCatchUp: TypeAlias = Annotated[int, Field(ge=1, le=100)]
Jitter: TypeAlias = Annotated[
    int,
    Field(ge=0, le=3600, description="Starts up to so much later: always the same for the same time."),
]
Input: TypeAlias = Annotated[
    dict[str, JsonValue], Field(description="With `${{ }}` over `fire_at` and `schedule` {id, name}.")
]
Status: TypeAlias = Literal["active", "paused", "ended"]
Outcome: TypeAlias = Literal["fired", "queued", "skipped", "failed"]


class CreateSchedule(Body):
    """What starts when."""

    name: Name
    workflow: WorkflowName
    version: Version = None
    input: Input = Field(default_factory=dict[str, JsonValue])
    cron: CronText
    timezone: Zone = "UTC"
    catch_up: CatchUp = "last"
    max_catch_up: MaxCatchUp = 10
    overlap: Overlap = "allow"
    jitter_seconds: Jitter = 0
    starts_at: AwareDatetime | None = None
    ends_at: AwareDatetime | None = None
    paused: bool = False


class ChangeSchedule(Body):
    """The fields to change. A change of the times begins anew from now."""

    name: Name = ""
    workflow: WorkflowName = ""
    version: Version = None
    input: Input = Field(default_factory=dict[str, JsonValue])
    cron: CronText = ""
    timezone: Zone = "UTC"
    catch_up: CatchUp = "last"
    max_catch_up: MaxCatchUp = 10
    overlap: Overlap = "allow"
    jitter_seconds: Jitter = 0
    starts_at: AwareDatetime | None = None
    ends_at: AwareDatetime | None = None

    def given(self) -> dict[str, Any]:
        """Give only what was sent."""
        return self.model_dump(mode="json", exclude_unset=True)


class PreviewTimes(Body):
    """An entry to try."""

    cron: CronText
    timezone: Zone = "UTC"
    after: Annotated[AwareDatetime | None, Field(description="Left out: now.")] = None
    count: Annotated[int, Field(ge=1, le=50)] = 5


class Schedule(Answer):
    """A workflow that starts by the clock."""

    id: UUID
    name: str
    workflow: str
    version: int | None
    input: dict[str, JsonValue]
    cron: str
    timezone: str
    catch_up: CatchUp
    max_catch_up: int
    overlap: Overlap
    jitter_seconds: int
    starts_at: Timestamp | None
    ends_at: Timestamp | None
    status: Status
    next_fire_at: Timestamp | None
    last_fire_at: Timestamp | None
    created_by: dict[str, JsonValue]
    created_at: Timestamp
    updated_at: Timestamp


class FireTime(Answer):
    """A time at which it fires: in UTC, and as clocks show it there."""

    at: Timestamp
    local: Annotated[datetime, Field(description="With the offset of that moment.")]


class Times(Answer):
    """The next times, the first one first."""

    data: list[FireTime]


class FiringError(Answer):
    """Why nothing was started."""

    code: str
    message: str


class Firing(Answer):
    """What became of a time. skipped: `reason` missed or overlap; `count` times up to `until`."""

    id: UUID
    schedule_id: UUID
    fire_at: Timestamp
    manual: Annotated[bool, Field(description="It was run by hand.")]
    outcome: Outcome
    reason: Literal["missed", "overlap"] | None
    count: int
    until: Timestamp | None
    error: FiringError | None
    execution_id: UUID | None
    created_at: Timestamp


SCHEDULE: JsonObject = {
    "id": "6c1f0e2d-3b4a-4d5c-8e6f-7a8b9c0d1e2f",
    "name": "morning report",
    "workflow": "report",
    "version": None,
    "input": {"day": "${{ fire_at }}"},
    "cron": "30 7 * * mon-fri",
    "timezone": "Europe/Berlin",
    "catch_up": "last",
    "max_catch_up": 10,
    "overlap": "skip",
    "jitter_seconds": 0,
    "starts_at": None,
    "ends_at": None,
    "status": "active",
    "next_fire_at": "2026-11-23T06:30:00Z",
    "last_fire_at": "2026-11-20T06:30:00Z",
    "created_by": {"kind": "operator_key", "id": "5f3f1f64-1c7e-4c8e-8a43-3a4d7b1c9f10", "label": "first operator"},
    "created_at": "2026-11-01T10:00:00Z",
    "updated_at": "2026-11-01T10:00:00Z",
}
PAUSED: JsonObject = {**SCHEDULE, "status": "paused", "next_fire_at": None}
TIMES: JsonObject = {
    "data": [
        {"at": "2026-11-23T06:30:00Z", "local": "2026-11-23T07:30:00+01:00"},
        {"at": "2026-11-24T06:30:00Z", "local": "2026-11-24T07:30:00+01:00"},
    ]
}
FIRING: JsonObject = {
    "id": "1a2b3c4d-5e6f-4a7b-8c9d-0e1f2a3b4c5d",
    "schedule_id": SCHEDULE["id"],
    "fire_at": "2026-11-20T06:30:00Z",
    "manual": False,
    "outcome": "fired",
    "reason": None,
    "count": 1,
    "until": None,
    "error": None,
    "execution_id": "7d5c2a5e-8e0f-4b5e-9a4f-0e6b2d5b9c11",
    "created_at": "2026-11-20T06:30:01Z",
}
