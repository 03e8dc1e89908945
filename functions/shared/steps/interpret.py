"""The interpret step: messy data to values that fit a schema; when it is not sure, a person may be asked."""

from __future__ import annotations

import time
from typing import cast

from functions.shared.dsl.durations import seconds
from functions.shared.dsl.kinds import Interpret
from functions.shared.interpret import (
    Asker,
    Fields,
    Interpretation,
    Question,
    Said,
    SchemaRefused,
    interpret,
    read_fields,
)
from functions.shared.jsonvalue import Json, JsonObject
from functions.shared.steps import llm
from functions.shared.steps.base import Context, Done, NeedsPerson, PersonAnswer, StepFailed
from functions.shared.steps.config import read_config

_SHOWN_CHARACTERS = 4_000


async def run_interpret(config: JsonObject, context: Context) -> Done:
    """Read the fields. The output is `{data, confidence, missing, low, fields}`.

    `on_low: escalate` asks a person for what is missing or low, and takes what the form then says. Codes: those of llm,
    invalid_config, low_confidence.
    """
    spec = read_config(Interpret, config)
    fields = _fields(spec)
    if (answer := context.answer) is not None:
        return _answered(fields, answer)
    model = _model(spec, context)
    ask = None if model is None else asker(model, context)
    found = await interpret(fields, spec.data, ask, about=spec.context, threshold=spec.threshold)
    if found.should_escalate and spec.on_low == "fail":
        message = f"The data does not say enough: {found.reason}."
        raise StepFailed("low_confidence", message, details=_details(found), usage=found.usage)
    if found.should_escalate and spec.on_low == "escalate":
        raise NeedsPerson(
            f"Please complete what could not be read with certainty: {found.reason}.",
            show={"data": _excerpt(spec.data), "read": _fields_json(found)},
            form=form_of(fields, found),
            outcomes=("complete", "reject"),
            timeout_s=None if spec.timeout is None else seconds(spec.timeout),
            kept=_output(found),
            usage=found.usage,
        )
    return Done(_output(found), found.usage, _details(found))


def asker(model: str, context: Context) -> Asker:
    """Give what asks a model, by its litellm id, within the context's time and budget. Raises StepFailed as llm."""

    async def ask(question: Question) -> Said:
        wanted = llm.Question(question.messages, question.schema, 0.0, None)
        conversation = llm.Conversation(model, wanted, context, None)
        done = await conversation.finish(time.monotonic() + context.timeout_s)
        return Said(done.output, model, done.usage)

    return ask


def form_of(fields: Fields, found: Interpretation) -> JsonObject:
    """Give the form that asks a person for the fields that are missing or low, filled with what was guessed."""
    form: JsonObject = {}
    for field in fields.all:
        if field.name not in {*found.missing, *found.low}:
            continue
        wanted: JsonObject = {key: field.schema[key] for key in ("enum", "description") if key in field.schema}
        if "enum" not in wanted:
            wanted["type"] = field.type or "string"
        if field.name in found.fields and field.type not in ("object", "array"):
            wanted["default"] = found.fields[field.name].value
        form[field.name] = wanted
    return form


def _answered(fields: Fields, answer: PersonAnswer) -> Done:
    if answer.outcome != "complete":
        raise StepFailed("low_confidence", f"A person was asked to complete the data and chose {answer.outcome}.")
    output = dict(cast("JsonObject", answer.kept))
    data = {**cast("JsonObject", output["data"]), **answer.form}
    read = dict(cast("JsonObject", output["fields"]))
    for name, value in answer.form.items():
        read[name] = {"value": value, "confidence": 1.0, "evidence": None, "origin": "person"}
    order = [field.name for field in fields.all if field.name in data]
    output |= {"data": {name: data[name] for name in order}, "fields": read, "missing": [], "low": []}
    output["confidence"] = 1.0
    return Done(output, details={"answered_by": answer.decided_by})


def _fields(spec: Interpret) -> Fields:
    try:
        return read_fields(cast("JsonObject", spec.schema_))
    except SchemaRefused as refused:
        raise StepFailed("invalid_config", f"`interpret.schema`: {refused}") from None


def _model(spec: Interpret, context: Context) -> str | None:
    name = spec.model or "default"
    if name in context.models:
        return context.models[name]
    return spec.model


def _output(found: Interpretation) -> JsonObject:
    return {
        "data": found.data,
        "confidence": round(found.confidence, 3),
        "missing": list[Json](found.missing),
        "low": list[Json](found.low),
        "fields": _fields_json(found),
    }


def _fields_json(found: Interpretation) -> JsonObject:
    return {name: reading.as_json() for name, reading in found.fields.items()}


def _details(found: Interpretation) -> JsonObject:
    return {"model": found.model, "confidence": round(found.confidence, 3), "reason": found.reason}


def _excerpt(data: Json) -> Json:
    return data[:_SHOWN_CHARACTERS] if isinstance(data, str) else data
