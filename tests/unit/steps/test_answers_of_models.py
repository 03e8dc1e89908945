"""Structured output without a model: what is asked, read and repaired; keys, prices and sums."""

from __future__ import annotations

from decimal import Decimal

import pytest

from functions.shared.dsl.catalogue import missing_key, refusal_of
from functions.shared.dsl.schema import to_json_schema
from functions.shared.steps.base import Usage
from functions.shared.steps.model_errors import explain
from functions.shared.steps.model_output import ask_for, instruction, read_answer, repair
from functions.shared.steps.model_usage import add_usage
from functions.shared.steps.providers import address_and_key, is_local, provider_of

SCHEMA = to_json_schema(
    {"score": {"type": "integer", "min": 0, "max": 10}, "advice": {"type": "string", "default": ""}}
)


def test_strict_is_asked_only_of_schemas_that_providers_can_hold() -> None:
    closed = to_json_schema({"a": "string", "b": {"type": "array", "items": {"properties": {"c": "number"}}}})
    assert ask_for(closed)["json_schema"]["strict"] is True
    assert ask_for(SCHEMA)["json_schema"]["strict"] is False
    assert ask_for(to_json_schema({"any": "object"}))["json_schema"]["strict"] is False


def test_an_instruction_joins_the_system_text() -> None:
    asked = instruction([{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}], SCHEMA)
    assert [message["role"] for message in asked] == ["system", "user"]
    assert asked[0]["content"].startswith("Be kind.\n")
    assert '"maximum": 10' in asked[0]["content"]
    assert instruction([{"role": "user", "content": "Hi"}], SCHEMA)[0]["role"] == "system"


@pytest.mark.parametrize(
    "text",
    ['{"score": 3}', ' {"score": 3}\n', '```json\n{"score": 3}\n```', '```\n{"score": 3}\n```', 'It is {"score": 3}!'],
)
def test_the_object_is_found_and_defaults_are_filled_in(text: str) -> None:
    read = read_answer(SCHEMA, text)
    assert (read.value, read.problems) == ({"score": 3, "advice": ""}, [])


@pytest.mark.parametrize("text", ["", "no", "[1]", '"text"', '{"score": 3', '{"score": NaN}', "{}{}", "{" * 100_000])
def test_what_is_no_object_is_a_problem(text: str) -> None:
    assert read_answer(SCHEMA, text).problems


def test_a_repair_shows_the_answer_and_every_problem() -> None:
    problems = read_answer(SCHEMA, '{"score": 11, "extra": 1}').problems
    assert len(problems) == 2
    said = repair([{"role": "user", "content": "Hi"}], '{"score": 11}', problems)
    assert [message["role"] for message in said] == ["user", "assistant", "user"]
    assert all(problem in said[2]["content"] for problem in problems)


@pytest.mark.parametrize(
    ("model", "environment", "missing"),
    [
        ("openai/gpt-4o", {}, "OPENAI_API_KEY"),
        ("openai/gpt-4o", {"OPENAI_API_KEY": ""}, "OPENAI_API_KEY"),
        ("openai/gpt-4o", {"OPENAI_API_KEY": "k"}, None),
        ("openai/local", {"OPENAI_BASE_URL": "http://localhost:1234/v1"}, None),
        ("gpt-4o", {}, "OPENAI_API_KEY"),
        ("claude-haiku-4-5", {}, "ANTHROPIC_API_KEY"),
        ("gemini/gemini-2.5-flash", {"GOOGLE_API_KEY": "k"}, None),
        ("ollama/llama3", {}, None),
        ("bedrock/whatever", {}, None),
    ],
)
def test_a_missing_key_is_known_before_the_call(model: str, environment: dict[str, str], missing: str | None) -> None:
    assert missing_key(model, environment) == missing


@pytest.mark.parametrize(
    ("model", "environment", "reason"),
    [
        ("openai/gpt-4o", {}, None),
        ("gpt-4o", {}, None),
        ("ollama/gpt-oss:120b-cloud", {}, None),
        ("openrouter/anthropic/claude-3.5-sonnet", {}, None),
        ("openai/http://127.0.0.1/", {"AGENTPLANE_MODEL_PROVIDERS": "openai"}, "never"),
        ("oobabooga/http://127.0.0.1:80/api/me?", {"AGENTPLANE_MODEL_PROVIDERS": "oobabooga"}, "never"),
        ("openai/a?b", {}, "never"),
        ("replicate/../../x", {}, "never"),
        ("openai/a\n", {}, "never"),
        ("thing", {}, "never"),
        ("oobabooga/127.0.0.1:80", {}, "unknown"),
        ("petals/x", {}, "unknown"),
        ("nebius/x", {"AGENTPLANE_MODEL_PROVIDERS": "sambanova, nebius"}, None),
        ("lm_studio/x", {}, "not_set_up"),
        ("lm_studio/x", {"LM_STUDIO_API_BASE": "http://localhost:1234/v1"}, None),
        ("hosted_vllm/x", {}, "not_set_up"),
        ("bedrock/x", {}, "not_set_up"),
        ("bedrock/arn:aws:bedrock:eu-west-1:1:p/x", {"AGENTPLANE_MODEL_PROVIDERS": "bedrock"}, None),
        ("vertex_ai/x", {}, "not_set_up"),
    ],
)
def test_only_a_provider_that_is_known_or_set_up_is_called(
    model: str, environment: dict[str, str], reason: str | None
) -> None:
    refused = refusal_of(model, environment)
    assert (refused and refused.reason) == reason


def test_addresses_and_keys_come_from_the_environment() -> None:
    environment = {"ANTHROPIC_API_BASE": "http://a/", "ANTHROPIC_API_KEY": "k", "OPENAI_BASE_URL": "http://o/v1"}
    assert address_and_key("anthropic/x", environment) == ("http://a/v1/messages", "k")
    assert address_and_key("anthropic/x", {"ANTHROPIC_API_BASE": "http://a/v1/messages"})[0] == "http://a/v1/messages"
    assert address_and_key("openai/x", environment) == ("http://o/v1", "none")
    assert address_and_key("openai/x", {}) == (None, None)
    assert address_and_key("somebody/x", environment) == (None, None)


def test_a_model_names_its_provider_and_whether_it_is_local() -> None:
    assert [provider_of(model) for model in ("openai/a/b", "gpt-4o", "thing")] == ["openai", "openai", ""]
    assert is_local("ollama/llama3")
    assert not is_local("ollama/gpt-oss:120b-cloud")
    assert not is_local("openai/gpt-4o")


def test_usage_adds_up_and_an_unknown_price_stays_unknown() -> None:
    priced = Usage("a", "p", 10, 5, Decimal("0.1"), is_cost_unknown=False)
    unpriced = Usage("b", "q", 1, 2, None, is_cost_unknown=True)
    assert add_usage(None, priced) is priced
    both = add_usage(priced, unpriced)
    assert both == Usage("b", "q", 11, 7, Decimal("0.1"), is_cost_unknown=True, calls=2)
    assert add_usage(unpriced, unpriced).cost_usd is None
    assert sum((add_usage(None, priced).cost_usd or Decimal(0) for _ in range(3)), Decimal(0)) == Decimal("0.3")


class RateLimitError(Exception):
    status_code = 429

    def __init__(self, message: str, headers: dict[str, str]) -> None:
        super().__init__(message)
        self.litellm_response_headers = headers


def test_a_used_up_account_is_not_a_rate_limit() -> None:
    limited = explain(RateLimitError("slow down", {"Retry-After": "3"}), "openai/a", "OPENAI_API_KEY", None)
    assert (limited.code, limited.retryable, limited.retry_after) == ("rate_limited", True, 3)
    empty = explain(RateLimitError("insufficient_quota", {"Retry-After": "3"}), "openai/a", "OPENAI_API_KEY", None)
    assert (empty.code, empty.retryable, empty.retry_after) == ("quota_exhausted", False, None)
    assert empty.details["variable"] == "OPENAI_API_KEY"


def test_an_unforeseen_error_of_the_library_is_the_providers_and_hides_the_key() -> None:
    failed = explain(ValueError("bad sk-abc\nhere {braces}"), "openai/a", "OPENAI_API_KEY", "sk-abc")
    assert (failed.code, failed.retryable) == ("provider_error", True)
    assert "bad [key] here {braces}" in failed.message
