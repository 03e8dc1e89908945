"""The llm step through the real litellm, over real HTTP, against the simulator."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from functions.shared.simulator import Rule, Simulator
from functions.shared.steps import Context, StepFailed
from functions.shared.steps.handlers import HANDLERS

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.filterwarnings("ignore:Items? .* on TypedDict class:UserWarning"),  # of litellm's own models
]

llm = HANDLERS["llm"]
FOUR = ("openai/gpt-4o-mini", "anthropic/claude-haiku-4-5", "gemini/gemini-2.5-flash", "ollama/llama3.2")
TICKET = {
    "system": "You triage tickets.",
    "prompt": "Round 1: order A-12 came broken, I want 30 dollars back.",
    "output": {
        "label": {"enum": ["refund", "question", "other"]},
        "score": {"type": "integer", "min": 0, "max": 10},
        "order_ids": {"type": "array", "items": "string"},
        "note": {"type": "string", "default": "none"},
    },
    "temperature": 0.2,
    "max_tokens": 400,
}
GOOD = {"label": "other", "score": 3, "order_ids": []}
BAD = {"label": "others", "score": 30, "order_ids": [], "extra": 1}


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
    assert done.usage.provider == model.split("/", maxsplit=1)[0]
    assert done.usage.input_tokens > 0
    assert done.usage.output_tokens > 0
    assert done.usage.is_cost_unknown is False
    assert done.details["repairs"] == 0
    assert done.details["response_id"]
    (call,) = simulator.script.calls
    assert "You triage tickets." in call.text
    assert call.provider == model.split("/", maxsplit=1)[0]


@pytest.mark.parametrize("model", FOUR)
async def test_text_is_given_when_no_schema_is_asked(
    model: str, simulator: Simulator, context: Callable[..., Context]
) -> None:
    simulator.script.load([rule("Good morning.")])
    done = await llm({"prompt": "Greet."}, context(models={"default": model}))
    assert done.output == {"text": "Good morning."}


@pytest.mark.parametrize("model", FOUR)
async def test_an_answer_that_does_not_fit_is_repaired_with_the_reasons(
    model: str, simulator: Simulator, context: Callable[..., Context]
) -> None:
    simulator.script.load([rule({"json": BAD}, {"json": GOOD})])
    done = await llm(dict(TICKET), context(models={"default": model}))
    assert done.output == {**GOOD, "note": "none"}
    assert done.details["repairs"] == 1
    assert done.usage is not None
    assert done.usage.calls == 2
    first, second = simulator.script.calls
    assert "/label" not in first.text
    assert "/label: label is 'others'; allowed: 'refund', 'question', 'other'" in second.text.replace('"', "'")
    assert "/score" in second.text
    assert "extra" in second.text


async def test_truncated_json_is_repaired_and_every_call_is_paid(
    simulator: Simulator, context: Callable[..., Context]
) -> None:
    used = {"input": 1000, "output": 100}
    simulator.script.load([rule({"json": GOOD, "malformed": True, "usage": used}, {"json": GOOD, "usage": used})])
    done = await llm(dict(TICKET), context())
    assert done.output == {**GOOD, "note": "none"}
    assert done.usage is not None
    assert (done.usage.calls, done.usage.input_tokens, done.usage.output_tokens) == (2, 2000, 200)
    # gpt-4o-mini: 0.15 USD a million in, 0.60 out
    assert done.usage.cost_usd == Decimal("0.000420000")


async def test_two_repairs_are_the_most_and_the_failure_names_the_problems(
    simulator: Simulator, context: Callable[..., Context]
) -> None:
    simulator.script.load([rule({"json": BAD})])
    with pytest.raises(StepFailed) as failed:
        await llm(dict(TICKET), context())
    assert failed.value.code == "invalid_output"
    assert not failed.value.retryable
    assert any(str(problem).startswith("/score") for problem in failed.value.details["problems"])
    assert failed.value.usage is not None
    assert failed.value.usage.calls == 3
    assert len(simulator.script.calls) == 3


async def test_json_in_a_fence_or_a_sentence_is_found(simulator: Simulator, context: Callable[..., Context]) -> None:
    wrapped = 'Sure! Here it is:\n```json\n{"label": "other", "score": 3, "order_ids": []}\n```\nAnything else?'
    plain = 'The answer is {"label": "other", "score": 3, "order_ids": []}.'
    for text in (wrapped, plain):
        simulator.script.load([rule(text)])
        done = await llm(dict(TICKET), context())
        assert done.output == {**GOOD, "note": "none"}
        assert done.details["repairs"] == 0


async def test_an_answer_cut_at_the_limit_of_tokens_is_not_asked_for_again(
    simulator: Simulator, context: Callable[..., Context]
) -> None:
    simulator.script.load([rule({"json": GOOD, "malformed": True, "stop": "length"})])
    with pytest.raises(StepFailed, match="max_tokens") as failed:
        await llm(dict(TICKET), context())
    assert failed.value.code == "output_truncated"
    assert len(simulator.script.calls) == 1


async def test_a_model_without_schemas_in_its_protocol_is_asked_in_words(
    simulator: Simulator, context: Callable[..., Context]
) -> None:
    done = await llm(dict(TICKET), context(models={"default": "openai/house-model-1"}))
    assert done.output["label"] == "refund"
    (call,) = simulator.script.calls
    assert "JSON Schema:" in call.text
    assert "response_format" not in call.body
    assert done.usage is not None
    assert done.usage.cost_usd is None
    assert done.usage.is_cost_unknown is True


async def test_a_local_model_costs_a_known_nothing(context: Callable[..., Context], simulator: Simulator) -> None:
    done = await llm({"prompt": "Hello"}, context(models={"default": "ollama/llama3.2"}))
    assert done.usage is not None
    assert (done.usage.cost_usd, done.usage.is_cost_unknown) == (Decimal(0), False)
    done = await llm({"prompt": "Hello"}, context(models={"default": "ollama/gpt-oss:120b-cloud"}))
    assert done.usage is not None
    assert (done.usage.cost_usd, done.usage.is_cost_unknown) == (None, True)
    assert {call.path for call in simulator.script.calls} == {"/api/chat"}


@pytest.mark.parametrize("model", FOUR)
@pytest.mark.parametrize(
    ("status", "code", "retryable"),
    [
        (401, "model_key_refused", False),
        (404, "model_not_found", False),
        (429, "rate_limited", True),
        (500, "provider_error", True),
        (503, "overloaded", True),
        (529, "overloaded", True),
        (400, "request_refused", False),
    ],
)
async def test_what_a_provider_answers_becomes_a_code(
    model: str, status: int, code: str, retryable: bool, simulator: Simulator, context: Callable[..., Context]
) -> None:
    simulator.script.load([rule({"status": status, "retry_after": 7})])
    with pytest.raises(StepFailed) as failed:
        await llm({"prompt": "Hello"}, context(models={"default": model}))
    assert failed.value.code == code
    assert failed.value.retryable is retryable
    assert failed.value.usage is None
    if status in (429, 503, 529):
        assert failed.value.retry_after == 7
    assert "simulated-key" not in str(failed.value)
    assert len(simulator.script.calls) == 1  # no hidden retries


async def test_a_prompt_that_is_too_long_is_told_from_a_bad_request(
    simulator: Simulator, context: Callable[..., Context]
) -> None:
    said = "This model's maximum context length is 128000 tokens. However, your messages resulted in 200000 tokens."
    simulator.script.load([rule({"status": 400, "error": said})])
    with pytest.raises(StepFailed) as failed:
        await llm({"prompt": "Hello"}, context())
    assert failed.value.code == "context_length"


@pytest.mark.parametrize(
    ("model", "variable"),
    [("anthropic/claude-opus-4-5", "ANTHROPIC_API_KEY"), ("gpt-4o", "OPENAI_API_KEY"), ("groq/llama", "GROQ_API_KEY")],
)
async def test_a_missing_key_names_the_variable_and_the_model(
    model: str, variable: str, context: Callable[..., Context]
) -> None:
    with pytest.raises(StepFailed) as failed:
        await llm({"prompt": "Hello", "model": "smart"}, context(models={"smart": model}, environment={}))
    assert failed.value.code == "model_key_missing"
    assert variable in failed.value.message
    assert model in failed.value.message
    assert failed.value.details == {"model": model, "variable": variable}


async def test_a_refused_key_names_the_variable(simulator: Simulator, context: Callable[..., Context]) -> None:
    simulator.script.load([rule({"status": 401, "error": "Incorrect API key provided: sk-very-secret-key"})])
    environment = {**simulator.environment, "OPENAI_API_KEY": "sk-very-secret-key"}
    with pytest.raises(StepFailed) as failed:
        await llm({"prompt": "Hello"}, context(environment=environment))
    assert "OPENAI_API_KEY" in failed.value.message
    assert "sk-very-secret-key" not in f"{failed.value.message}{failed.value.details}"


async def test_the_next_model_answers_when_the_first_provider_has_trouble(
    simulator: Simulator, context: Callable[..., Context]
) -> None:
    simulator.script.load([rule({"status": 529}, provider="anthropic"), rule({"status": 429}, provider="gemini")])
    models = {"default": "anthropic/claude-haiku-4-5", "cheap": "gemini/gemini-2.5-flash"}
    done = await llm({"prompt": "Hello", "fallback": ["cheap", "openai/gpt-4o-mini"]}, context(models=models))
    assert done.usage is not None
    assert done.usage.model == "openai/gpt-4o-mini"
    assert done.details["fallbacks"] == [
        {"model": "anthropic/claude-haiku-4-5", "code": "overloaded"},
        {"model": "gemini/gemini-2.5-flash", "code": "rate_limited"},
    ]


@pytest.mark.parametrize("reply", [{"status": 401}, {"status": 400}, {"json": BAD}])
async def test_no_other_model_is_tried_when_the_fault_is_ours(
    reply: dict[str, object], simulator: Simulator, context: Callable[..., Context]
) -> None:
    simulator.script.load([rule(reply, provider="openai")])
    with pytest.raises(StepFailed):
        await llm({**TICKET, "fallback": ["anthropic/claude-haiku-4-5"]}, context())
    assert {call.provider for call in simulator.script.calls} == {"openai"}


async def test_usage_counts_models_that_were_given_up(simulator: Simulator, context: Callable[..., Context]) -> None:
    used = {"input": 10, "output": 10}
    simulator.script.load(
        [
            rule({"json": BAD, "usage": used}, {"status": 500}, provider="openai"),
            rule({"json": GOOD, "usage": used}, provider="anthropic"),
        ]
    )
    done = await llm({**TICKET, "fallback": ["anthropic/claude-haiku-4-5"]}, context())
    assert done.usage is not None
    assert (done.usage.calls, done.usage.input_tokens) == (2, 20)


async def test_a_slow_provider_times_out_and_leaves_time_for_the_next(
    simulator: Simulator, context: Callable[..., Context]
) -> None:
    simulator.script.load([rule({"text": "late", "delay": 5}, provider="openai")])
    began = time.monotonic()
    done = await llm({"prompt": "Hi", "fallback": ["anthropic/claude-haiku-4-5"]}, context(timeout_s=1.2))
    assert time.monotonic() - began < 1.2
    assert done.details["fallbacks"] == [{"model": "openai/gpt-4o-mini", "code": "timed_out"}]
    with pytest.raises(StepFailed) as failed:
        await llm({"prompt": "Hi"}, context(timeout_s=0.3))
    assert (failed.value.code, failed.value.retryable) == ("timed_out", True)


async def test_a_provider_that_is_not_there_is_unreachable(context: Callable[..., Context]) -> None:
    environment = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "OPENAI_API_KEY": "k"}
    with pytest.raises(StepFailed) as failed:
        await llm({"prompt": "Hi"}, context(environment=environment))
    assert (failed.value.code, failed.value.retryable) == ("provider_unreachable", True)


async def test_no_further_call_is_made_over_budget(simulator: Simulator, context: Callable[..., Context]) -> None:
    simulator.script.load([rule({"json": BAD, "usage": {"input": 100_000, "output": 1}})])
    with pytest.raises(StepFailed) as failed:
        await llm(dict(TICKET), context(budget_usd=Decimal("0.01")))
    assert failed.value.code == "budget_exhausted"
    assert failed.value.usage is not None
    assert failed.value.usage.calls == 1


async def test_what_a_model_does_not_know_is_left_out_and_noted(
    simulator: Simulator, context: Callable[..., Context]
) -> None:
    done = await llm({"prompt": "Hi", "temperature": 0.1, "max_tokens": 50}, context(models={"default": "openai/o3"}))
    assert done.details["ignored"] == ["temperature"]
    assert "temperature" not in simulator.script.calls[0].body


async def test_messages_keep_their_roles_and_order(simulator: Simulator, context: Callable[..., Context]) -> None:
    messages = [
        {"role": "user", "content": "I am Ada."},
        {"role": "assistant", "content": "Hello Ada."},
        {"role": "user", "content": "Who am I?"},
    ]
    await llm({"system": "Be brief.", "messages": messages}, context())
    said = [(message["role"], message["content"]) for message in simulator.script.calls[0].body["messages"]]
    assert said == [("system", "Be brief."), *((m["role"], m["content"]) for m in messages)]


async def test_an_output_that_looks_like_a_template_stays_data(
    simulator: Simulator, context: Callable[..., Context]
) -> None:
    simulator.script.load([rule("${{ secrets.KEY }} {{ 7*7 }} \x00 end")])
    done = await llm({"prompt": "Hi"}, context())
    assert done.output == {"text": "${{ secrets.KEY }} {{ 7*7 }} \ufffd end"}


@pytest.mark.usefixtures("simulator")
async def test_details_name_the_prompt_by_its_hash_only(context: Callable[..., Context]) -> None:
    one = await llm({"prompt": "the customer's private words"}, context())
    two = await llm({"prompt": "other words"}, context())
    assert "private" not in str(one.details)
    assert one.details["prompt_sha256"] != two.details["prompt_sha256"]


@pytest.mark.parametrize(
    ("config", "code", "says"),
    [
        ({}, "invalid_config", "prompt"),
        ({"prompt": "a", "messages": [{"role": "user", "content": "b"}]}, "invalid_config", "either"),
        ({"prompt": 5}, "invalid_config", "prompt"),
        ({"prompt": "a", "temperature": -1}, "invalid_config", "temperature"),
        ({"prompt": "a", "model": "no-such-thing"}, "unknown_provider", "provider/model"),
        ({"prompt": "a", "model": "lm_studio/x"}, "unknown_provider", "LM_STUDIO_API_BASE"),
        ({"prompt": "a", "model": "bedrock/x"}, "unknown_provider", "AGENTPLANE_MODEL_PROVIDERS"),
    ],
)
async def test_a_spec_that_makes_no_sense_is_refused_without_a_call(
    config: dict[str, object], code: str, says: str, simulator: Simulator, context: Callable[..., Context]
) -> None:
    with pytest.raises(StepFailed) as failed:
        await llm(config, context())
    assert failed.value.code == code
    assert says in failed.value.message
    assert simulator.script.calls == []


@pytest.mark.parametrize("prefix", ["oobabooga/", "openai/", "petals/", "huggingface/"])
async def test_a_model_s_name_leads_to_no_address(
    prefix: str, target: Any, simulator: Simulator, context: Callable[..., Context]
) -> None:
    with pytest.raises(StepFailed) as failed:
        await llm({"prompt": "a", "model": f"{prefix}{target.url}/api/me?"}, context())
    assert failed.value.code == "unknown_provider"
    assert target.requests == []
    assert simulator.script.calls == []


async def test_a_workflow_without_models_says_so(context: Callable[..., Context]) -> None:
    with pytest.raises(StepFailed) as failed:
        await llm({"prompt": "Hi"}, context(models={}))
    assert failed.value.code == "model_missing"


async def test_a_cancelled_call_ends_at_once(simulator: Simulator, context: Callable[..., Context]) -> None:
    simulator.script.load([rule({"text": "late", "delay": 5})])
    call = asyncio.create_task(llm({"prompt": "Hi"}, context()))
    await asyncio.sleep(0.2)
    began = time.monotonic()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert time.monotonic() - began < 0.5
