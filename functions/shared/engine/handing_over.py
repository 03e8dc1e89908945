"""Steps that another agent does: the hand-off that they open, and what comes back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from functions.shared.dsl.kinds import Agent, Delegated
from functions.shared.dsl.schema import accept
from functions.shared.engine.plan import Deadline, Open
from functions.shared.engine.rendering import RenderError, moment, seconds_of

if TYPE_CHECKING:
    from functions.shared.dsl.compiled import CompiledStep
    from functions.shared.engine.facts import Wait
    from functions.shared.engine.scope import Instance
    from functions.shared.jsonvalue import Json, JsonObject

MAX_PACKET_BYTES = 64_000
MAX_CONTEXT_BYTES = 256_000
_LINE: JsonObject = {"type": "string", "minLength": 1, "maxLength": 2_000}
_LINES: JsonObject = {"type": "array", "maxItems": 200, "items": _LINE}
_DECISION: JsonObject = {"type": "object", "properties": {"what": _LINE}, "required": ["what"]}
_ARTIFACT: JsonObject = {
    "type": "object",
    "properties": {"name": _LINE, "uri": {"type": "string"}},
    "required": ["name"],
    "anyOf": [{"required": ["uri"]}, {"required": ["inline"]}],
}
_PACKET: JsonObject = {
    "type": "object",
    "properties": {
        "goal": _LINE,
        **dict.fromkeys(("done", "next", "constraints", "open_questions", "tried_and_failed", "criteria"), _LINES),
        "decisions": {"type": "array", "maxItems": 200, "items": {"anyOf": [_LINE, _DECISION]}},
        "artifacts": {"type": "array", "maxItems": 100, "items": _ARTIFACT},
        "budget": {
            "type": "object",
            "properties": {"usd": {"type": "number", "minimum": 0}, "tokens": {"type": "integer", "minimum": 0}},
        },
    },
}


def opened_handoff(instance: Instance, config: JsonObject) -> Open:
    """Give the wait of a `handoff` step, or of an `agent` that is registered, with its rendered config.

    Raises RenderError `invalid_packet`.
    """
    if instance.step.kind == "agent":
        config = _as_handoff(instance, config)
    packet = _packet(cast("JsonObject", config["packet"]), config.get("output"))
    context = config.get("context") or {}
    if not isinstance(context, dict):
        raise RenderError("expression_type_error", "what a hand-off takes along must be an object")
    _limit("context", context, MAX_CONTEXT_BYTES)
    wanted: JsonObject = {
        "to": _text("to", config.get("to")),
        "match": config.get("match"),
        "packet": packet,
        "context": context,
        "reason": _text("reason", config.get("reason")),
        "max_attempts": config.get("max_attempts", 3),
    }
    data: JsonObject = {"goal": packet["goal"], "on_timeout": config.get("on_timeout", "fail")}
    data |= {name: wanted[name] for name in ("to", "match") if wanted[name] is not None}
    timeout = config.get("timeout")
    deadline = None if timeout is None else Deadline(after_s=seconds_of("timeout", timeout))
    return Open("handoff", instance.path, instance.path, deadline=deadline, data=data, handoff=wanted)


def handed_back(step: CompiledStep, wait: Wait) -> Json:
    """Give the output that came back; raises RenderError when it was rejected, is dead, late, or does not fit."""
    if wait.outcome == "failed":
        error = wait.payload if isinstance(wait.payload, dict) else {}
        code, message = error.get("code"), error.get("message")
        raise RenderError(
            code if isinstance(code, str) else "handoff_failed",
            message if isinstance(message, str) else "The work that was handed over failed",
        )
    output = wait.payload
    if wait.outcome == "timed_out":
        otherwise = wait.data.get("on_timeout")
        if not isinstance(otherwise, dict):
            raise RenderError("timed_out", "Nobody finished the work in time; it was taken back")
        output = otherwise.get("output")
    schema = cast("Delegated", step.step.spec).output
    return output if schema is None else _fitting(schema, output)


def _as_handoff(instance: Instance, config: JsonObject) -> JsonObject:
    spec = cast("Agent", instance.step.step.spec)
    goal = config.get("goal") or instance.step.step.note or f"Do the step {instance.path}"
    shared: JsonObject = {
        name: config[name] for name in ("output", "max_attempts", "timeout", "on_timeout") if name in config
    }
    return {"to": spec.ref, "packet": {"goal": goal}, "context": config.get("input") or {}, **shared}


def _packet(given: JsonObject, output: Json) -> JsonObject:
    packet: JsonObject = {name: value for name, value in given.items() if value is not None}
    problems = accept(_PACKET, packet).problems
    if problems:
        raise RenderError("invalid_packet", f"the packet does not fit at {problems[0].pointer}: {problems[0].message}")
    criteria = packet.pop("criteria", None)
    acceptance: JsonObject = {name: value for name, value in (("schema", output), ("criteria", criteria)) if value}
    if acceptance:
        packet["acceptance"] = acceptance
    budget = packet.get("budget")
    if isinstance(budget, dict) and budget.get("deadline") is not None:
        packet["budget"] = {**budget, "deadline": moment("deadline", budget["deadline"])}
    _limit("packet", packet, MAX_PACKET_BYTES)
    return packet


def _fitting(schema: JsonObject, output: Json) -> Json:
    accepted = accept(schema, output)
    if accepted.problems:
        problem = accepted.problems[0]
        message = f"What came back does not fit `output` at {problem.pointer or 'its root'}: {problem.message}"
        raise RenderError("output_does_not_fit", message)
    return accepted.value


def _text(name: str, value: Json) -> str | None:
    if value is None or (isinstance(value, str) and value):
        return value
    raise RenderError("expression_type_error", f"`{name}` of a hand-off must be a text")


def _limit(name: str, value: Json, most: int) -> None:
    if (size := len(json.dumps(value))) > most:
        message = f"the {name} is {size:,} bytes, and {most:,} may be handed over; store it and refer to it"
        raise RenderError("invalid_packet", message)
