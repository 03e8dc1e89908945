"""Outputs are storable and free of secrets; headers of time are read."""

from __future__ import annotations

import json

import pytest

from functions.shared.jsonvalue import JsonObject, parse_json
from functions.shared.steps.base import Context, Done, HttpPolicy, StepFailed
from functions.shared.steps.fetch import retry_after
from functions.shared.steps.redaction import Guarded
from functions.shared.steps.storable import storable

SECRETS = {"TOKEN": 'sec/ret+"x"', "SHORT": "ab"}


class NoEffects:
    async def act(self, verb: str, payload: JsonObject, *, idempotency_key: str) -> None:
        raise AssertionError(f"{verb} {payload} {idempotency_key}")


CONTEXT = Context(
    execution_id="e",
    path="p",
    attempt=1,
    idempotency_key="k",
    models={},
    secrets=SECRETS.__getitem__,
    timeout_s=1,
    budget_usd=None,
    effects=NoEffects(),
    http=HttpPolicy(),
    environment={},
)


@pytest.mark.parametrize(
    "form", ['sec/ret+"x"', "c2VjL3JldCsieCI=", "c2VjL3JldCsieCI", "sec%2Fret%2B%22x%22", 'sec/ret+\\"x\\"']
)
async def test_a_used_secret_is_hidden_in_every_form(form: str) -> None:
    async def leak(config: JsonObject, context: Context) -> Done:
        context.secrets("TOKEN")
        if config:
            raise StepFailed("leak", f"got {form}", details={form: [form]})
        return Done({form: [f"<{form}>", 1]}, details={"said": form})

    done = await Guarded(leak)({}, CONTEXT)
    assert done.output == {"[secret TOKEN]": ["<[secret TOKEN]>", 1]}
    assert done.details == {"said": "[secret TOKEN]"}
    with pytest.raises(StepFailed) as failed:
        await Guarded(leak)({"fail": True}, CONTEXT)
    assert failed.value.message == "got [secret TOKEN]"
    assert failed.value.details == {"[secret TOKEN]": ["[secret TOKEN]"]}


async def test_a_secret_that_was_not_used_is_not_looked_for() -> None:
    async def quiet(config: JsonObject, context: Context) -> Done:
        context.secrets("SHORT")
        return Done("a cabin", details=config)

    assert (await Guarded(quiet)({}, CONTEXT)).output == "a cabin"


async def test_an_error_that_is_not_the_steps_passes() -> None:
    class Stale(Exception):
        pass

    async def stale(config: JsonObject, context: Context) -> Done:
        raise Stale(config, context.path)

    with pytest.raises(Stale):
        await Guarded(stale)({}, CONTEXT)


def test_text_that_the_database_refuses_is_replaced() -> None:
    assert storable({"a\x00": ["\ud800b", 1, None, True]}) == {"a\ufffd": ["\ufffdb", 1, None, True]}
    json.dumps(storable("\udfff")).encode()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [{"a": -float("inf")}]])
def test_numbers_that_json_cannot_carry_are_refused(value: object) -> None:
    with pytest.raises(StepFailed) as failed:
        storable(value)
    assert failed.value.code == "not_json"


def test_nesting_without_end_is_refused() -> None:
    deep: object = 1
    for _ in range(500):
        deep = [deep]
    with pytest.raises(StepFailed) as failed:
        storable(deep)
    assert failed.value.code == "output_too_deep"


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", "{", "[" * 100_000, "1" * 5_000, ""])
def test_json_is_read_strictly(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse_json(text)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("5", 5.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("Thu, 01 Jan 2026 00:00:30 GMT", 30.0),
        ("Wed, 31 Dec 2025 00:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": value}, now=1767225600.0) == seconds


async def test_a_handler_gets_ready_by_itself_before_it_is_called() -> None:
    said: list[str] = []

    async def ready() -> None:
        said.append("ready")

    async def handle(config: JsonObject, context: Context) -> Done:
        del context
        said.append("called")
        return Done(config)

    handler = Guarded(handle, ready=ready)
    await handler.prepare()
    await handler({}, CONTEXT)
    await Guarded(handle).prepare()
    assert said == ["ready", "called"]
