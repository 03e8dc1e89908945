"""Interpret: messy data in, values that fit a schema out, each with its confidence and where it stands in the data."""

import asyncio
import hashlib
import json
import os
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

from pydantic import Field, JsonValue
from starlette.requests import Request

from functions.shared.config import Settings
from functions.shared.db import interpretations
from functions.shared.db.caller_db import CallerDb
from functions.shared.errors import FieldProblem, InvalidInput, PlaneError, Unavailable
from functions.shared.jsonvalue import Json, JsonObject
from functions.shared.web import (
    Answer,
    Body,
    Db,
    PlaneRouter,
    create_app,
    example,
    invalid_input,
    lambda_handler,
    requires,
)
from functions.shared.web.connection import settings_of
from functions.shared.web.model_keys import load_own_keys
from functions.shared.web.model_use import require_model

router = PlaneRouter(prefix="/api/interpret", tags=["interpret"])

MODEL_VARIABLE = "AGENTPLANE_INTERPRET_MODEL"
MAX_DATA_BYTES = 200_000
TIMEOUT_S = 60.0
AT_ONCE = 4
OnLow: TypeAlias = Literal["return", "escalate", "fail"]


class Asked(Body):
    """What is wanted of the data, and what to do when it is not sure."""

    schema_: Annotated[
        dict[str, JsonValue],
        Field(
            alias="schema",
            description="The wanted fields: `{amount: number, urgency: low|medium|high, city?: …}` or JSON Schema.",
        ),
    ]
    context: Annotated[JsonValue, Field(description="What the data is about, for the model.")] = None
    confidence_threshold: Annotated[
        float, Field(ge=0, le=1, description="Required fields that are less sure count as low.")
    ] = 0.7
    on_low: Annotated[
        OnLow,
        Field(description="When a required field is missing or low: return it so, ask people, or fail with 422."),
    ] = "return"
    model: Annotated[
        str | None,
        Field(max_length=200, description="provider/model; without one the plane's own, if it has one."),
    ] = None
    use_cache: Annotated[bool, Field(description="Give the same answer to the same question for a day.")] = True
    agent_id: UUID | None = None
    execution_id: UUID | None = None
    priority: Annotated[Literal["low", "normal", "high", "urgent"], Field(description="Of the question to people.")] = (
        "normal"
    )


class InterpretData(Asked):
    """One piece of data: text, an object, a list, a number; 0, "" and false are data too."""

    data: JsonValue


class InterpretMany(Asked):
    """Several pieces of data, each read for itself."""

    items: Annotated[list[JsonValue], Field(min_length=1, max_length=50)]


class EvidenceShown(Answer):
    """Where a value stands: characters `start` to `end` of the text at `pointer`; '' is the data itself."""

    pointer: str
    text: str
    start: int | None
    end: int | None


class FieldRead(Answer):
    """A value. `origin`: given under its name, extracted from text, said by the model, or the schema's default.

    A value of the model whose evidence does not stand in the data has a confidence of 0.5 at most.
    """

    value: JsonValue
    confidence: float
    evidence: EvidenceShown | None
    origin: Literal["given", "extracted", "model", "default"]


class Interpretation(Answer):
    """What was read. `confidence` is that of the least sure required field. `cost_usd` null: unknown."""

    data: dict[str, JsonValue]
    fields: dict[str, FieldRead]
    missing: list[str]
    low: list[str]
    confidence: float
    should_escalate: bool
    escalation_reason: str | None
    escalation_id: UUID | None
    model: str | None
    cost_usd: str | None
    cached: bool


class Item(Answer):
    """One of a batch: either of the two is null."""

    result: Interpretation | None
    error: dict[str, JsonValue] | None


class Batch(Answer):
    """One entry an item, in order."""

    items: list[Item]


_FIELD: JsonObject = {
    "value": 49.9,
    "confidence": 0.95,
    "evidence": {"pointer": "", "text": "$49.90", "start": 17, "end": 23},
    "origin": "extracted",
}
_ANSWER: JsonObject = {
    "data": {"amount": 49.9},
    "fields": {"amount": _FIELD},
    "missing": ["urgency"],
    "low": [],
    "confidence": 0.0,
    "should_escalate": True,
    "escalation_reason": "urgency not found",
    "escalation_id": None,
    "model": None,
    "cost_usd": "0.000000000",
    "cached": False,
}
_SCHEMA: JsonObject = {"amount": "number", "urgency": "low|medium|high"}


@router.post(
    "",
    response_model=Interpretation,
    dependencies=[requires("interpret:run")],
    **example(
        "/api/interpret",
        body={"data": "Please refund my $49.90.", "schema": _SCHEMA, "confidence_threshold": 0.7},
        answer=_ANSWER,
    ),
)
async def interpret_data(body: InterpretData, db: Db, request: Request) -> object:
    """Read data against a schema.

    What stands there under its name or has a clear form (labels, e-mail addresses, dates, money, numbers) is read
    without a model. The model is asked once for the rest, if there is one; its types are enforced. The data is only
    ever quoted to it: text in it that gives orders changes nothing. With `on_low: escalate` a real escalation asks
    people for what is missing or unsure; follow `escalation_id`.
    """

    async def answer() -> Json:
        return await _interpret(db, body, body.data, "", settings_of(request.app))

    return await db.compute("interpret:run", answer)


@router.post(
    "/batch",
    response_model=Batch,
    dependencies=[requires("interpret:run")],
    **example(
        "/api/interpret/batch",
        body={"items": ["Please refund my $49.90."], "schema": _SCHEMA},
        answer={"items": [{"result": _ANSWER, "error": None}]},
    ),
)
async def interpret_batch(body: InterpretMany, db: Db, request: Request) -> object:
    """Read up to 50 pieces of data against one schema, a few at a time. One that fails does not fail the others."""
    gate = asyncio.Semaphore(AT_ONCE)
    settings = settings_of(request.app)

    async def one(place: int, data: JsonValue) -> JsonObject:
        async with gate:
            try:
                return {"result": await _interpret(db, body, data, f"/items/{place}", settings), "error": None}
            except PlaneError as error:
                return {"result": None, "error": {"code": error.code, "detail": error.detail, "hint": error.hint}}

    async def answer() -> Json:
        _fields_of(body)  # a schema that cannot be used is one error, not fifty
        return {"items": list[Json](await asyncio.gather(*(one(place, data) for place, data in enumerate(body.items))))}

    return await db.compute("interpret:run", answer)


async def _interpret(db: CallerDb, body: Asked, data: Json, pointer: str, settings: Settings) -> JsonObject:
    from functions.shared.interpret import interpret  # noqa: PLC0415  its neighbours are heavy
    from functions.shared.steps.base import StepFailed  # noqa: PLC0415

    size = len(json.dumps(data, ensure_ascii=False).encode())
    if size > MAX_DATA_BYTES:
        message = f"The data has {size:,} bytes; at most {MAX_DATA_BYTES:,} are read at once. Send it in parts."
        raise invalid_input([FieldProblem(pointer or "/data", "too_large", message)])
    fields = _fields_of(body)
    model = body.model or os.environ.get(MODEL_VARIABLE) or None
    question = _hash_of(body, data, model)
    answer = await _remembered(db, question) if body.use_cache and model is not None else None
    if answer is None:
        try:
            found = await interpret(
                fields,
                data,
                None if model is None else _asker(db, model, settings),
                about=body.context,
                threshold=body.confidence_threshold,
            )
        except StepFailed as failure:
            raise _refused(failure) from failure
        answer = _answer_of(found)
        if found.model is not None:
            kept: JsonObject = {
                "hash": question,
                "answer": answer,
                "model": found.model,
                "cost_usd": answer["cost_usd"],
            }
            await interpretations.keep_interpretation(db, kept)
    return await _on_low(db, body, data, answer) if answer["should_escalate"] else answer


def _asker(db: CallerDb, model: str, settings: Settings) -> Any:  # noqa: ANN401  the package is imported where it is used
    """Give the asker that first sees whether policies and budgets let the model be asked, and with which keys.

    The organisation's own come before what the plane lends; no answer or error shows them.
    """
    from functions.shared.interpret import Said  # noqa: PLC0415  as above
    from functions.shared.steps.base import Done  # noqa: PLC0415
    from functions.shared.steps.interpret import asker  # noqa: PLC0415
    from functions.shared.steps.redaction import Guarded  # noqa: PLC0415

    async def asked(question: Any) -> Any:  # noqa: ANN401
        async def ask(config: JsonObject, context: Any) -> Any:  # noqa: ANN401, ARG001  a handler, with its question
            said = await asker(model, context)(question)
            return Done(said.answer, said.usage)

        own = await load_own_keys(db.database, await require_model(db, model), model, settings)
        done = await Guarded(ask)({}, _context(_environment(model, settings, own), own))
        return Said(done.output, model, done.usage)

    return asked


async def _on_low(db: CallerDb, body: Asked, data: Json, answer: JsonObject) -> JsonObject:
    if body.on_low == "return":
        return answer
    if body.on_low == "fail":
        raise InvalidInput(
            f"The data does not say enough: {answer['escalation_reason']}.",
            code="low_confidence",
            hint="Send more data, lower confidence_threshold, or use on_low: return or escalate.",
            extra={"missing": answer["missing"], "low": answer["low"]},
        )
    # Not under the request's Idempotency-Key: that keeps the whole answer, and a batch asks more than once.
    asked: Any = await db.database.call("create_escalation", _question_of(body, data, answer), db.caller)
    return {**answer, "escalation_id": asked["id"]}


def _question_of(body: Asked, data: Json, answer: JsonObject) -> JsonObject:
    wanted = {*_texts(answer["missing"]), *_texts(answer["low"])}
    form: JsonObject = {}
    for field in _fields_of(body).all:
        if field.name in wanted:
            form[field.name] = (
                {"enum": field.schema["enum"]} if "enum" in field.schema else {"type": field.type or "string"}
            )
    return {
        "reason": f"Please complete what could not be read with certainty: {answer['escalation_reason']}.",
        "context": {"data": data, "read": answer["fields"], "about": body.context},
        "priority": body.priority,
        "form": form,
        "outcomes": ["complete", "reject"],
        **({"agent_id": str(body.agent_id)} if body.agent_id else {}),
        **({"execution_id": str(body.execution_id)} if body.execution_id else {}),
    }


def _fields_of(body: Asked) -> Any:  # noqa: ANN401  the package is imported where it is used
    from functions.shared.interpret import SchemaRefused, read_fields  # noqa: PLC0415

    try:
        return read_fields(dict(body.schema_))
    except SchemaRefused as refused:
        problems = [FieldProblem(f"/schema{where}", "bad_schema", message) for where, message in refused.problems]
        raise invalid_input(problems) from None


def _answer_of(found: Any) -> JsonObject:  # noqa: ANN401  as above
    cost = Decimal(0) if found.model is None else found.usage.cost_usd if found.usage else None
    return {
        "data": found.data,
        "fields": {name: reading.as_json() for name, reading in found.fields.items()},
        "missing": found.missing,
        "low": found.low,
        "confidence": round(found.confidence, 3),
        "should_escalate": found.should_escalate,
        "escalation_reason": found.reason,
        "escalation_id": None,
        "model": found.model,
        "cost_usd": None if cost is None else f"{cost:.9f}",
        "cached": False,
    }


async def _remembered(db: CallerDb, question: str) -> JsonObject | None:
    found: Any = await interpretations.find_interpretation(db, question)
    return {**found["answer"], "cost_usd": "0.000000000", "cached": True} if found else None


def _hash_of(body: Asked, data: Json, model: str | None) -> str:
    """Hash everything that the answer depends on; the version of the reader too."""
    asked = ["1", data, body.schema_, body.context, body.confidence_threshold, model]
    return hashlib.sha256(json.dumps(asked, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _context(environment: Mapping[str, str], private: Mapping[str, str]) -> Any:  # noqa: ANN401  as above
    from functions.shared.steps.base import Context, HttpPolicy, StepFailed  # noqa: PLC0415

    def no_secrets(name: str) -> str:
        raise StepFailed("secret_missing", f"There is no secret {name} here.")

    return Context(
        execution_id="",
        path="interpret",
        attempt=1,
        idempotency_key="",
        models={},
        secrets=no_secrets,
        timeout_s=TIMEOUT_S,
        budget_usd=None,
        effects=_NoEffects(),
        http=HttpPolicy(),
        environment=environment,
        private=private,
    )


def _environment(model: str, settings: Settings, own: Mapping[str, str]) -> Mapping[str, str]:
    """Give what a model is reached by: the organisation's own keys before the plane's.

    The plane's are there for its own model, and for any where it lends them.
    """
    from functions.shared.steps.providers import lent  # noqa: PLC0415  as above

    return lent(os.environ, is_lent=settings.lend_environment or model == os.environ.get(MODEL_VARIABLE), own=own)


class _NoEffects:
    """Reading changes nothing."""

    async def act(self, verb: str, payload: JsonObject, *, idempotency_key: str) -> Json:
        raise NotImplementedError(f"{verb} {len(payload)} {idempotency_key}")


def _refused(failure: Any) -> PlaneError:  # noqa: ANN401  as above
    if failure.retryable:
        return Unavailable(failure.message, code=failure.code, hint="Send it again after a while.")
    hint = "Name another model, or leave `model` out."
    if failure.code in {"model_key_missing", "model_key_refused"}:
        hint = f"Set your organisation's key with PUT /api/secrets/{failure.details['variable']}."
    return InvalidInput(failure.message, code=failure.code, hint=hint)


def _texts(value: Json) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else []


app = create_app("interpret", router)
handler = lambda_handler(app)
