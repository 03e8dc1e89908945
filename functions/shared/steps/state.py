"""The state step: read and change the organisation's state, exactly once by the step's key."""

from __future__ import annotations

from functions.shared.dsl.durations import seconds
from functions.shared.dsl.kinds import State
from functions.shared.errors import NotFound
from functions.shared.jsonvalue import Json, JsonObject
from functions.shared.steps.base import Context, Done, StepFailed
from functions.shared.steps.config import read_config


async def run_state(config: JsonObject, context: Context) -> Done:
    """Do the one operation that is named; the output is the value: read, stored, summed or appended to."""
    spec = read_config(State, config)
    operations = [name for name in State.OPERATIONS if getattr(spec, name) is not None]
    if len(operations) != 1:
        raise StepFailed("invalid_config", f"`state` takes exactly one of {', '.join(State.OPERATIONS)}.")
    operation = operations[0]
    payload = _payload(operation, spec, config)
    output, version = await _act(operation, payload, spec.default, context)
    details: JsonObject = {"operation": operation, "component": spec.component, "key": payload["key"]}
    if version is not None:
        details["version"] = version
    return Done(output, details=details)


def _payload(operation: str, spec: State, config: JsonObject) -> JsonObject:
    payload: JsonObject = {"component": spec.component, "key": getattr(spec, operation)}
    if operation in ("put", "append"):
        if "value" not in config:
            raise StepFailed("invalid_config", f"`state.{operation}` needs `value`.")
        payload["value"] = spec.value
    if operation == "increment":
        payload["by"] = spec.by
    if operation == "append" and spec.max_length is not None:
        payload["max_length"] = spec.max_length
    if operation == "put" and spec.if_version is not None:
        payload["if_version"] = spec.if_version
    if operation != "get" and spec.expires_in is not None:
        payload["expires_in_seconds"] = seconds(spec.expires_in)
    return payload


async def _act(operation: str, payload: JsonObject, default: Json, context: Context) -> tuple[Json, Json]:
    """Give the value and its version; for a value that is not there the default and None."""
    try:
        answer = await context.effects.act(f"{operation}_state", payload, idempotency_key=context.idempotency_key)
    except NotFound:
        if operation != "get":
            raise
        return default, None
    if isinstance(answer, dict) and "value" in answer:
        return answer["value"], answer.get("version")
    return default if operation == "get" else answer, None
