"""Whether the plane lives, can work, and keeps its own rules; and the page that says so to people."""

from dataclasses import asdict
from typing import Literal

from fastapi import Request

from functions.health.looking import ask, look, require_current
from functions.health.status import pages
from functions.shared.db import health
from functions.shared.jsonvalue import JsonObject
from functions.shared.web import Answer, Db, PlaneRouter, create_app, example, lambda_handler, public, requires
from functions.shared.web.app import VERSION
from functions.shared.web.connection import database_of
from functions.shared.web.html import assets

router = PlaneRouter(prefix="/api/health", tags=["health"])


class Live(Answer):
    """The function answers. `links` name the other checks."""

    status: Literal["ok"]
    version: str
    links: dict[str, str]


class Ready(Answer):
    """The database answers, and its migrations are those that this version needs. `schema_version`: the database's."""

    status: Literal["ready"]
    version: str
    database: Literal["ok"]
    database_ms: float
    schema_version: int


class Queue(Answer):
    """Frames of your organisation: due, held by a runner, parked; and for how long the oldest due one has waited."""

    ready: int
    running: int
    waiting: int
    oldest_due_seconds: int | None


class ChoreShown(Answer):
    """Something that the plane does by itself, when it did so last, and how often in a row it failed up to now."""

    name: str
    ran_seconds_ago: int
    took_ms: int
    failures: int


class Engine(Answer):
    """How the engine is. What concerns the whole plane is at most ten seconds old; null: this function cannot look.

    `violations`: how many rows break each invariant; `plane_overdue`, `plane_oldest_due_seconds`: frames of all
    organisations that are due; `chores`: what the plane does by itself.
    """

    status: Literal["ok", "violated", "unknown"]
    version: str
    queue: Queue
    violations: dict[str, int] | None
    plane_overdue: int | None
    plane_oldest_due_seconds: int | None
    chores: list[ChoreShown] | None


_LIVE: JsonObject = {
    "status": "ok",
    "version": VERSION,
    "links": {"ready": "/api/health/ready", "engine": "/api/health/engine", "status": "/status"},
}


@router.get("", response_model=Live, dependencies=[public()], **example("/api/health", answer=_LIVE))
async def get_live() -> object:
    """Say that the function answers. No key, no database."""
    return _LIVE


@router.get(
    "/ready",
    response_model=Ready,
    dependencies=[public()],
    **example(
        "/api/health/ready",
        answer={"status": "ready", "version": VERSION, "database": "ok", "database_ms": 0.8, "schema_version": 3},
    ),
)
async def get_ready(request: Request) -> object:
    """Say that requests can be served: the database answers, and its migrations are current. Else 503."""
    database_ms, schema = await ask(await database_of(request.app))
    require_current(schema)
    return {
        "status": "ready",
        "version": VERSION,
        "database": "ok",
        "database_ms": database_ms,
        "schema_version": schema,
    }


@router.get(
    "/engine",
    response_model=Engine,
    dependencies=[requires("observe:read")],
    **example(
        "/api/health/engine",
        answer={
            "status": "ok",
            "version": VERSION,
            "queue": {"ready": 0, "running": 2, "waiting": 5, "oldest_due_seconds": None},
            "violations": {},
            "plane_overdue": 0,
            "plane_oldest_due_seconds": None,
            "chores": [{"name": "agents", "ran_seconds_ago": 4, "took_ms": 3, "failures": 0}],
        },
    ),
)
async def get_engine(db: Db) -> object:
    """Say how deep your organisation's queue is, whether the engine keeps its rules, and when chores were last done."""
    queue = await health.get_queue_depth(db)
    sight = await look(db.database)
    if sight.error is not None:
        raise sight.error
    plane = sight.plane
    return {
        "status": "unknown" if plane is None else "violated" if plane.violations else "ok",
        "version": VERSION,
        "queue": queue,
        "violations": None if plane is None else plane.violations,
        "plane_overdue": None if plane is None else plane.overdue,
        "plane_oldest_due_seconds": None if plane is None else plane.oldest_due_seconds,
        "chores": None if plane is None else [asdict(chore) for chore in plane.chores],
    }


app = create_app("health", router, pages, assets)
handler = lambda_handler(app)
