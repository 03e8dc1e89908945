"""The emit step: publish an event in the execution's organisation."""

from __future__ import annotations

from functions.shared.dsl.kinds import Emit
from functions.shared.jsonvalue import JsonObject
from functions.shared.steps.base import Context, Done, StepFailed
from functions.shared.steps.config import read_config


async def run_emit(config: JsonObject, context: Context) -> Done:
    """Publish once, however often the step is attempted; the output is `{id}`."""
    spec = read_config(Emit, config)
    if not isinstance(spec.payload, dict):
        raise StepFailed("invalid_config", f"`emit.payload` is an object, not {type(spec.payload).__name__}.")
    answer = await context.effects.act(
        "publish_event", {"name": spec.event, "payload": spec.payload}, idempotency_key=context.idempotency_key
    )
    identifier = answer.get("id", answer.get("event_id")) if isinstance(answer, dict) else None
    return Done({"id": identifier}, details={"event": spec.event})
