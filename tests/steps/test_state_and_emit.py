"""The state and emit steps: what they ask of the plane, and that they ask it once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from functions.shared.steps import Context, StepFailed
from functions.shared.steps.handlers import HANDLERS

state, emit = HANDLERS["state"], HANDLERS["emit"]


async def test_state_gives_the_value(context: Callable[..., Context]) -> None:
    async def do(**config: object) -> object:
        return (await state(config, context(idempotency_key=repr(config)))).output

    assert await do(get="count", default=7) == 7
    assert await do(get="count") is None
    assert await do(put="count", value={"n": 1}) == {"n": 1}
    assert await do(get="count", default=7) == {"n": 1}
    assert await do(increment="total", by=2.5) == 2.5
    assert await do(increment="total") == 3.5
    assert await do(append="log", value="a") == ["a"]
    assert await do(append="log", value="b", max_length=1) == ["b"]
    assert await do(put="none", value=None) is None
    assert await do(get="none", default="unset") is None


async def test_a_repeated_attempt_changes_nothing(context: Callable[..., Context], effects: object) -> None:
    for attempt in (1, 2, 3):
        done = await state({"increment": "total"}, context(attempt=attempt, idempotency_key="same"))
        assert done.output == 1
    assert effects.values == {"workflow/total": 1}


async def test_state_asks_the_verb_with_the_fields_of_the_api(context: Callable[..., Context], effects: object) -> None:
    await state({"component": "shop", "put": "k", "value": 1, "if_version": 3, "expires_in": "1h"}, context())
    payload = {"component": "shop", "key": "k", "value": 1, "if_version": 3, "expires_in_seconds": 3600.0}
    assert effects.acts == [("put_state", payload, "key-1")]


@pytest.mark.parametrize(
    "config",
    [{}, {"get": "a", "put": "b", "value": 1}, {"put": "a"}, {"append": "a"}, {"get": 5}, {"put": "a", "vlaue": 1}],
)
async def test_a_state_step_that_makes_no_sense_is_refused(
    config: dict[str, object], context: Callable[..., Context], effects: object
) -> None:
    with pytest.raises(StepFailed) as failed:
        await state(config, context())
    assert failed.value.code == "invalid_config"
    assert effects.acts == []


async def test_emit_publishes_once(context: Callable[..., Context], effects: object) -> None:
    first = await emit({"event": "order.paid", "payload": {"id": 5}}, context())
    again = await emit({"event": "order.paid", "payload": {"id": 5}}, context(attempt=2))
    assert first.output == again.output == {"id": "e1"}
    assert effects.acts[0] == ("publish_event", {"name": "order.paid", "payload": {"id": 5}}, "key-1")


async def test_an_events_payload_is_an_object(context: Callable[..., Context]) -> None:
    with pytest.raises(StepFailed) as failed:
        await emit({"event": "x", "payload": [1]}, context())
    assert failed.value.code == "invalid_config"
