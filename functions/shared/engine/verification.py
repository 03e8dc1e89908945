"""What the look-up of a lost at-most-once step says about it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from functions.shared.engine.facts import Record

if TYPE_CHECKING:
    from functions.shared.engine.plan import Start
    from functions.shared.jsonvalue import Json, JsonObject


def settle(start: Start, record: Record) -> Record | Start:
    """Turn the record of a look-up into the step's own record, or into its next attempt when it did not happen.

    The look-up answers {found: boolean, output}, a call over HTTP as its body. One that fails leaves the step failed
    with `outcome_unknown`: to start it again could do twice what must happen at most once.
    """
    step = start.verifies
    if step is None:
        raise ValueError(f"{start.path} is not a look-up")
    answer = _answer_in(record.output)
    found = answer.get("found") if record.status == "succeeded" else None
    if found is False:
        return step
    own = replace(record, kind=step.kind, attempts=start.attempt, details={**record.details, "verified_by": start.kind})
    if found is True:
        return replace(own, output=answer.get("output"), error=None)
    why = (record.error or {}).get("message") or "it did not answer {found: true or false, output}"
    error: JsonObject = {
        "code": "outcome_unknown",
        "message": f"Whether {start.path} happened is unknown, and its look-up did not tell: {why}",
    }
    return replace(own, status="failed", output=None, error=error)


def _answer_in(output: Json) -> JsonObject:
    answer = output if isinstance(output, dict) else {}
    body = answer.get("body")
    return body if "found" not in answer and isinstance(body, dict) else answer
