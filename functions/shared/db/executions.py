"""The verbs of executions. What moves one answers `due` beside it: the doorbells to ring."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uuid import UUID

    from functions.shared.db.caller_db import CallerDb
    from functions.shared.jsonvalue import Json, JsonObject


async def start_execution(db: CallerDb, fields: JsonObject) -> Json:
    """Start one of a version. Answers it and `due`. Raises NotFound, InvalidInput."""
    return await db.write("start_execution", fields)


async def get_startable(db: CallerDb, which: JsonObject) -> Json:
    """Read the version that would run, by `{name | workflow_id, version?}`. Raises NotFound."""
    return await db.read("get_startable", which)


async def get_execution(db: CallerDb, execution_id: UUID) -> Json:
    """Read one. Raises NotFound."""
    return await db.read("get_execution", {"execution_id": str(execution_id)})


async def list_executions(db: CallerDb, page: JsonObject) -> Json:
    """List a page: `{data, next}`."""
    return await db.read("list_executions", page)


async def list_steps(db: CallerDb, page: JsonObject) -> Json:
    """List a page of steps: `{data, next}`. Raises NotFound."""
    return await db.read("list_steps", page)


async def list_events(db: CallerDb, page: JsonObject) -> Json:
    """List what happened after a point: `{data, has_more, has_ended}`. Raises NotFound."""
    return await db.read("list_events", page)


async def get_trace(db: CallerDb, execution_id: UUID, *, with_document: bool = False) -> Json:
    """Read all steps without outputs: `{execution, document, now, steps, is_truncated}`. Raises NotFound."""
    return await db.read("get_trace", {"execution_id": str(execution_id), "with_document": with_document})


async def update_execution(db: CallerDb, execution_id: UUID, report: JsonObject) -> Json:
    """Report how an external one goes or ended. Raises NotFound, Conflict."""
    return await db.write("update_execution", {"execution_id": str(execution_id), **report}, safe=True)


async def report_step(db: CallerDb, execution_id: UUID, step: JsonObject) -> Json:
    """Report a step of an external one. Answers it and `is_new`. Raises NotFound, Conflict."""
    return await db.write("report_step", {"execution_id": str(execution_id), "step": step}, safe=True)


async def cancel_execution(db: CallerDb, execution_id: UUID) -> Json:
    """Ask one to stop. Answers it and `due`. Raises NotFound, Conflict."""
    return await db.write("cancel_execution", {"execution_id": str(execution_id)}, safe=True)


async def retry_execution(db: CallerDb, execution_id: UUID, choice: JsonObject) -> Json:
    """Run an ended one again from `{gen, keep, from?}`. Answers it and `due`. Raises NotFound, Conflict."""
    return await db.write("retry_execution", {"execution_id": str(execution_id), **choice})


async def get_retry_basis(db: CallerDb, execution_id: UUID) -> Json:
    """Read what a retry chooses from: `{gen, document, records: [{path, status}]}`. Raises NotFound."""
    return await db.read("get_retry_basis", {"execution_id": str(execution_id)})


async def restart_execution(db: CallerDb, execution_id: UUID) -> Json:
    """Start another one of the same version with the same input. Answers it and `due`. Raises NotFound."""
    return await db.write("restart_execution", {"execution_id": str(execution_id)})


async def get_open_wait(db: CallerDb, execution_id: UUID, name: str) -> Json:
    """Read the wait that a signal of this name would answer: `{kind, path, data}` or None. Raises Forbidden."""
    return await db.read("get_open_wait", {"execution_id": str(execution_id), "name": name})


async def signal_execution(db: CallerDb, execution_id: UUID, name: str, payload: Json) -> Json:
    """Send a signal. Answers `{status, outcome, due}`. Raises Forbidden, NotFound, Conflict, Gone, InvalidInput."""
    return await db.write("signal_execution", {"execution_id": str(execution_id), "name": name, "payload": payload})
