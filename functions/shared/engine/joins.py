"""Whether a step runs once all its needs have ended: `requires: some | all | ended`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from functions.shared.dsl.compiled import CompiledStep
    from functions.shared.engine.facts import Record
    from functions.shared.jsonvalue import JsonObject

CLEAN_UP = "ended"
OWN_REASONS = frozenset({"when_false", "needs_skipped", "needs_failed"})
"""Why a step was skipped because of its condition or its needs, rather than because something else stopped it."""


def is_failure(record: Record, step: CompiledStep) -> bool:
    """Whether this record ends the scope around it; what broke a limit does so even under `on_error: continue`."""
    return record.status == "failed" and (step.step.on_error != "continue" or "fatal" in record.details)


def was_stopped(record: Record) -> bool:
    """Whether something else ended this step, rather than its own result, its needs or its condition."""
    if record.status != "skipped":
        return record.status == "cancelled"
    reason = record.details.get("reason")
    return isinstance(reason, dict) and reason.get("code") not in OWN_REASONS


def reason_to_skip(
    step: CompiledStep, needs: Mapping[str, Record], steps: Mapping[str, CompiledStep]
) -> JsonObject | None:
    """Say why a step does not run although its needs have ended; None: it does. `steps`: what stands beside it."""
    if not needs or step.step.requires == CLEAN_UP:
        return None
    if step.step.requires == "all":
        return _reason_under_all(needs)
    failed = [name for name, record in needs.items() if is_failure(record, steps[name])]
    if failed:
        return {"code": "needs_failed", "message": f"{min(failed)} failed"}
    if any(record.status in {"succeeded", "failed"} for record in needs.values()):
        return None
    names = ", ".join(sorted(needs))
    return {"code": "needs_skipped", "message": f"none of its needs ran: {names}"}


def _reason_under_all(needs: Mapping[str, Record]) -> JsonObject | None:
    for name, record in sorted(needs.items()):
        if record.status == "failed":
            return {"code": "needs_failed", "message": f"it requires all its needs, and {name} failed"}
        if record.status != "succeeded":
            return {"code": "needs_skipped", "message": f"it requires all its needs, and {name} was {record.status}"}
    return None
