"""The llm step through the real litellm, over real HTTP, against the simulator."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from functions.shared.simulator import Rule, Simulator
from functions.shared.steps import HANDLERS, Context, StepFailed

pytestmark = pytest.mark.asyncio(loop_scope="session")

llm = HANDLERS["llm"]
FOUR = ("openai/gpt-4o-mini", "anthropic/claude-haiku-4-5", "gemini/gemini-2.5-flash", "ollama/llama3.2")
TICKET = {
    "system": "You triage tickets.",
    "prompt": "Round 1: order A-12 came broken, I want 30 dollars back.",
    "output": {
        "label": {"enum": ["refund", "question", "other"]},
        "score": {"type": "integer", "min": 0, "max": 10},
        "order_ids": {"type": "array", "items": "string"},
        "note": {"type": "string", "optional": True},
    },
    "temperature": 0.2,
    "max_tokens": 400,
}


def rule(*replies: object, **match: str) -> Rule:
    return Rule.model_validate({"match": match, "replies": list(replies)})


@pytest.mark.parametrize("model", FOUR)
async def test_one_step_passes_on_every_provider_by_changing_one_line(
    model: str, simulator: Simulator, context: Callable[..., Context]
) -> None:
    done = await llm(dict(TICKET), context(models={"default": model}))
    assert done.output["label"] == "refund"
    assert done.output["score"] == 9
    assert done.output["order_ids"] == ["A-12"]
    assert done.usage is not None
    assert done.usage.model == model
    assert done.usage.provider == model.split("/")[0]
    assert done.usage.input_tokens > 0
    assert done.usage.output_tokens > 0
    assert done.usage.is_cost_unknown is False
    assert done.details["repairs"] == 0
    assert done.details["response_id"]
    (call,) = simulator.script.calls
    assert "You triage tickets." in call.text
    assert call.provider == model.split("/")[0]
