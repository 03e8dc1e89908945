"""Whether the plane lives, whether it can work, and whether its engine is sound."""

import time
from typing import Literal

from fastapi import Request

from functions.shared.db import health
from functions.shared.errors import PlaneError, Unavailable
from functions.shared.jsonvalue import JsonObject
from functions.shared.web import Answer, Db, PlaneRouter, create_app, example, lambda_handler, public, requires
from functions.shared.web.app import VERSION
from functions.shared.web.connection import database_of

router = PlaneRouter(prefix="/api/health", tags=["health"])


class Live(Answer):
    """The function answers. `links` name the other checks."""

    status: Literal["ok"]
    version: str
    links: dict[str, str]


class Ready(Answer):
    """The database answers too."""

    status: Literal["ready"]
    version: str
    database: Literal["ok"]
    database_ms: float


class Queue(Answer):
    """Frames of your organisation: due, held by a runner, parked; and for how long the oldest due one has waited."""

    ready: int
    running: int
    waiting: int
    oldest_due_seconds: int | None


class Engine(Answer):
    """`violations`: how many rows break each invariant, over the whole plane; null when this function cannot look."""

    status: Literal["ok", "violated", "unknown"]
    queue: Queue
    violations: dict[str, int] | None


_LIVE: JsonObject = {
    "status": "ok",
    "version": VERSION,
    "links": {"ready": "/api/health/ready", "engine": "/api/health/engine"},
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
        "/api/health/ready", answer={"status": "ready", "version": VERSION, "database": "ok", "database_ms": 0.8}
    ),
)
async def get_ready(request: Request) -> object:
    """Say that requests can be served: the database answers. 503 with Retry-After when it does not."""
    started = time.perf_counter()
    try:
        await (await database_of(request.app)).ping()
    except PlaneError as error:
        if isinstance(error, Unavailable):
            raise
        raise Unavailable(f"The database refuses to work: {error.code}.", code="database_unavailable") from error
    elapsed = round((time.perf_counter() - started) * 1000, 3)
    return {"status": "ready", "version": VERSION, "database": "ok", "database_ms": elapsed}


@router.get(
    "/engine",
    response_model=Engine,
    dependencies=[requires("observe:read")],
    **example(
        "/api/health/engine",
        answer={
            "status": "ok",
            "queue": {"ready": 0, "running": 2, "waiting": 5, "oldest_due_seconds": None},
            "violations": {},
        },
    ),
)
async def get_engine(db: Db) -> object:
    """Say how deep the queue of your organisation is, and whether the engine's invariants hold."""
    queue = await health.get_queue_depth(db)
    violations = await health.count_violations(db.database)
    status = "unknown" if violations is None else "violated" if violations else "ok"
    return {"status": status, "queue": queue, "violations": violations}


app = create_app("health", router)
handler = lambda_handler(app)
