"""Turns what an agent reports about a step into the record that the plane keeps."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from functions.executions.models import FORMER_STATUS
from functions.shared.engine.paths import parent_of

if TYPE_CHECKING:
    from functions.executions.step_models import ReportedError, ReportStep
    from functions.shared.jsonvalue import JsonObject

# Names in a runbook may be sentences; only what is written like a path has a parent.
_PATH = re.compile(r"[a-z][a-z0-9_]*(\[\d+\])?(\.[a-z][a-z0-9_]*(\[\d+\])?)*")


def record_of(report: ReportStep) -> JsonObject:
    """Give the record: with usage but without a price, the cost is unknown; it is not 0."""
    usage = report.usage
    is_paid = usage is not None and any(
        value is not None for value in (usage.model, usage.input_tokens, usage.output_tokens)
    )
    record: dict[str, Any] = {
        "path": report.path,
        "parent": parent_of(report.path) if _PATH.fullmatch(report.path) else "",
        "kind": report.kind,
        "status": FORMER_STATUS.get(report.status, report.status),
        "output": report.output,
        "error": _error_of(report.error),
        "attempts": report.attempts,
        "cost_usd": None if report.cost_usd is None else str(report.cost_usd),
        "is_cost_unknown": is_paid and report.cost_usd is None,
        "details": {},
    }
    if usage is not None:
        record |= usage.model_dump()
    times = {"started_at": report.started_at, "ended_at": report.ended_at}
    record["details"] = {name: at.isoformat() for name, at in times.items() if at is not None}
    return record


def _error_of(said: str | ReportedError | None) -> JsonObject | None:
    if said is None:
        return None
    return {"code": "reported", "message": said} if isinstance(said, str) else said.model_dump(mode="json")
