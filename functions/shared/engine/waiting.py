"""Steps that wait: what their wait looks like when it opens, and what its answer makes of the step."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, cast

from functions.shared.dsl.assignees import assignee_problem
from functions.shared.dsl.kinds import Approval
from functions.shared.engine.forms import check_defaults, filled
from functions.shared.engine.handing_over import handed_back, opened_handoff
from functions.shared.engine.plan import Child, Deadline, Open
from functions.shared.engine.rendering import RenderError, config_of, moment, rendered, seconds_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from functions.shared.dsl.compiled import CompiledStep
    from functions.shared.engine.facts import InFlight, Wait
    from functions.shared.engine.scope import Instance
    from functions.shared.jsonvalue import Json, JsonObject

WAITING_KINDS = frozenset({"approval", "wait", "workflow", "handoff", "agent"})
UNKNOWN_OUTCOMES = ("succeeded", "failed", "retry")
NO_FORM: JsonObject = {}


def opened_for(instance: Instance, budget_usd: Decimal | None) -> Open | None:
    """Give the wait of a step; None: there is nothing to wait for (a wait of zero seconds). Raises RenderError."""
    config = config_of(instance.step, instance.scope.names)
    match instance.step.kind:
        case "approval":
            return _approval(instance, config)
        case "workflow":
            return _child(instance, config, budget_usd)
        case "handoff" | "agent":
            return opened_handoff(instance, config)
        case _:
            return _wait(instance, config)


def opened_for_unknown(instance: Instance, lost: InFlight) -> Open:
    """Ask a person what became of an at-most-once step, showing what it was about to do. Raises RenderError."""
    data: JsonObject = {
        "message": f"{instance.path} was started once and its result was lost. Did it happen?",
        "outcomes": list(UNKNOWN_OUTCOMES),
        "attempt": lost.attempt,
        "show": config_of(instance.step, instance.scope.names),
    }
    return Open(kind="unknown", path=instance.path, name=instance.path, data=data)


def answer_to(step: CompiledStep, wait: Wait) -> Json:
    """Give the output that an answered wait means for its step; raises RenderError when it means a failure."""
    if wait.outcome == "cancelled":
        raise RenderError("cancelled", "What it waited for was cancelled")
    match step.kind:
        case "approval":
            return _decision(cast("Approval", step.step.spec), wait)
        case "workflow":
            return _child_result(wait)
        case "handoff" | "agent":
            return handed_back(step, wait)
        case _:
            return _event(wait)


def settled_by(wait: Wait) -> Json:
    """Give the output that a person says a lost step had; raises RenderError when they say that it failed."""
    said = wait.payload if isinstance(wait.payload, dict) else {}
    if wait.outcome == "succeeded":
        return said.get("output", _form_of(said).get("output"))
    why = said.get("message")
    message = why if isinstance(why, str) else "Its result was lost, and it was declared failed"
    raise RenderError("outcome_unknown", message)


def _approval(instance: Instance, config: JsonObject) -> Open:
    spec = cast("Approval", instance.step.step.spec)
    form = cast("JsonObject", config.get("form") or NO_FORM)
    check_defaults(form)
    data: JsonObject = {
        "message": config["message"],
        "show": config.get("show"),
        "form": form,
        "outcomes": [*spec.outcomes],
        "assignees": _assignees(config),
        "quorum": spec.quorum,
        "priority": spec.priority,
        "needs_aal2": spec.aal2,
        "not_requester": spec.not_requester,
        "on_timeout": spec.on_timeout,
    }
    return Open(
        kind="approval",
        path=instance.path,
        name=instance.path,
        deadline=_after("timeout", config),
        data=data,
    )


def _assignees(config: JsonObject) -> list[Json]:
    found = cast("list[Json]", config.get("assignees") or [])
    for one in found:
        problem = assignee_problem(one) if isinstance(one, str) else "An assignee is a text"
        if problem is not None:
            raise RenderError("invalid_assignee", problem)
    return found


def _child(instance: Instance, config: JsonObject, budget_usd: Decimal | None) -> Open:
    given = config.get("input") or {}
    if not isinstance(given, dict):
        raise RenderError("expression_type_error", "`input` of a workflow must be an object")
    child = Child(cast("str", config["ref"]), given, None if budget_usd is None else str(budget_usd))
    timeout = rendered("timeout", instance.step.step.timeout, instance.scope.names)
    deadline = _after("timeout", {"timeout": timeout})
    return Open(kind="child", path=instance.path, name=instance.path, deadline=deadline, child=child)


def _wait(instance: Instance, config: JsonObject) -> Open | None:
    path = instance.path
    if "for" in config:
        after_s = seconds_of("for", config["for"])
        return Open("timer", path, path, deadline=Deadline(after_s=after_s)) if after_s > 0 else None
    if "until" in config:
        return Open("timer", path, path, deadline=Deadline(at=moment("until", config["until"])))
    match = cast("JsonObject | None", config.get("match"))
    return Open("event", path, str(config["event"]), match=match, deadline=_after("timeout", config))


def _after(name: str, config: Mapping[str, Json]) -> Deadline | None:
    text = config.get(name)
    return None if text is None else Deadline(after_s=seconds_of(name, text))


def _decision(spec: Approval, wait: Wait) -> JsonObject:
    payload = wait.payload if isinstance(wait.payload, dict) else {}
    form = cast("JsonObject", wait.data.get("form") or NO_FORM)
    if wait.outcome == "timed_out":
        if spec.on_timeout == "fail":
            raise RenderError("timed_out", "Nobody decided in time")
        return {"outcome": spec.on_timeout, "form": filled(form, {}), "decided_by": None}
    outcome = payload.get("outcome") or wait.outcome
    if outcome not in spec.outcomes:
        allowed = ", ".join(spec.outcomes)
        raise RenderError("invalid_outcome", f"{outcome!r} is not an outcome of this approval; it has {allowed}")
    return {"outcome": outcome, "form": filled(form, _form_of(payload)), "decided_by": payload.get("decided_by")}


def _form_of(payload: JsonObject) -> JsonObject:
    form = payload.get("form")
    return form if isinstance(form, dict) else {}


def _child_result(wait: Wait) -> Json:
    if wait.outcome in {"failed", "timed_out"}:
        error = wait.payload if isinstance(wait.payload, dict) else {}
        code, message = error.get("code"), error.get("message")
        fallback = "timed_out" if wait.outcome == "timed_out" else "workflow_failed"
        raise RenderError(
            code if isinstance(code, str) else fallback,
            message if isinstance(message, str) else "The called workflow did not end in time",
        )
    return wait.payload


def _event(wait: Wait) -> Json:
    if wait.kind == "timer":
        return {}
    if wait.outcome == "timed_out":
        raise RenderError("timed_out", f"No event {wait.name} came in time")
    return wait.payload
