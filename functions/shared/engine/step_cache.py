"""Outputs that steps with `cache` remember, in the organisation's state. What cannot be read counts as not there."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from typing import TYPE_CHECKING, cast

from functions.shared.errors import NotFound, PlaneError
from functions.shared.log import logger
from functions.shared.steps.base import Done

if TYPE_CHECKING:
    from functions.shared.engine.plan import Start
    from functions.shared.engine.step_scope import StepScope
    from functions.shared.jsonvalue import Json, JsonObject

log = logger("engine")

CACHE_COMPONENT = "plane.cache"
_INDEX = re.compile(r"\[\d+\]")


async def cached(start: Start, scope: StepScope, cache: JsonObject, idempotency_key: str) -> Done | None:
    """Give the remembered output; a cache that cannot be read counts as empty."""
    payload: JsonObject = {"component": CACHE_COMPONENT, "key": _key(start, scope, cache)}
    try:
        found = await scope.effects.act("get_state", payload, idempotency_key=f"{idempotency_key}:cache:{uuid.uuid4()}")
    except NotFound:
        return None
    except PlaneError as error:
        log.warning("the cache of %s could not be read: %s", start.path, error.detail)
        return None
    if not isinstance(found, dict) or not isinstance(value := found.get("value"), dict):
        return None
    return Done(output=value.get("output"), details={"cache": "hit"})


async def remember(start: Start, scope: StepScope, cache: JsonObject, idempotency_key: str, output: Json) -> None:
    """Keep the output for the next time."""
    payload: JsonObject = {
        "component": CACHE_COMPONENT,
        "key": _key(start, scope, cache),
        "value": {"output": output},
        "expires_in_seconds": max(1, round(float(cast("float", cache["ttl_s"])))),
    }
    try:
        await scope.effects.act("put_state", payload, idempotency_key=f"{idempotency_key}:cache:{uuid.uuid4()}")
    except PlaneError as error:
        log.warning("the cache of %s could not be written: %s", start.path, error.detail)


def _key(start: Start, scope: StepScope, cache: JsonObject) -> str:
    key = json.dumps(cache["key"], sort_keys=True)
    whole = "\n".join((scope.workflow, _INDEX.sub("", start.path), start.kind, key))
    return hashlib.sha256(whole.encode()).hexdigest()
