"""What policies decide: priorities, strictness, and every spelling of what they are about."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.policies import Policy, decide, host_subject, model_subject, tool_subject
from functions.shared.policies.globs import matches


def policy(effect: Any, kind: Any, pattern: str, **more: Any) -> Policy:
    return Policy(id=pattern, name=pattern, effect=effect, kind=kind, pattern=pattern, **more)


def effect_on(subject: Any, *policies: Policy, workflow: str = "w", agent: str | None = None) -> str:
    return decide(policies, subject, workflow=workflow, agent=agent).effect


def test_what_no_policy_fits_is_allowed():
    assert decide([], tool_subject("web_fetch"), workflow="w", agent=None).effect == "allow"
    assert (
        effect_on(tool_subject("web_fetch"), policy("deny", "host", "*"), policy("deny", "tool", "csv_read")) == "allow"
    )


@pytest.mark.parametrize(
    ("effects", "decided"),
    [(["allow", "deny"], "deny"), (["ask", "deny"], "deny"), (["allow", "ask"], "ask"), (["allow"], "allow")],
)
def test_at_equal_priority_the_stricter_one_wins_in_any_order(effects: list[str], decided: str):
    policies = [policy(effect, "tool", "*") for effect in effects]
    assert effect_on(tool_subject("x"), *policies) == decided
    assert effect_on(tool_subject("x"), *reversed(policies)) == decided


def test_a_higher_priority_wins_whatever_it_says():
    deny = policy("deny", "host", "*", priority=-10)
    allow = policy("allow", "host", "api.example.com")
    assert effect_on(host_subject("api.example.com"), deny, allow) == "allow"
    assert effect_on(host_subject("example.com"), deny, allow) == "deny", "denied by default, allowed by a list"


def test_workflows_and_agents_narrow_a_policy():
    only = policy("deny", "tool", "*", workflows=("billing-*", "payroll"), agents=("intern*",))
    assert effect_on(tool_subject("x"), only, workflow="billing-eu", agent="intern 7") == "deny"
    assert effect_on(tool_subject("x"), only, workflow="billing-eu", agent="chief") == "allow"
    assert effect_on(tool_subject("x"), only, workflow="billing-eu") == "allow", "it is for no agent"
    assert effect_on(tool_subject("x"), only, workflow="bill", agent="intern") == "allow"


@pytest.mark.parametrize(
    ("pattern", "host"),
    [
        ("*.example.com", "api.example.com"),
        ("*.example.com", "API.Example.COM."),
        ("example.com", "example.com."),
        ("127.0.0.1", "2130706433"),
        ("127.0.0.1", "0x7f.1"),
        ("127.0.0.1", "0177.0.0.1"),
        ("127.0.0.1", "[::ffff:127.0.0.1]"),
        ("::1", "[0:0:0:0:0:0:0:1]"),
        ("xn--bcher-kva.example", "bücher.example"),
        ("169.254.*", "169.254.169.254"),
    ],
)
def test_no_other_spelling_of_a_host_gets_past(pattern: str, host: str):
    assert effect_on(host_subject(host), policy("deny", "host", pattern)) == "deny"


def test_a_host_is_not_its_parent_and_not_a_name_that_ends_like_it():
    deny = policy("deny", "host", "*.example.com")
    assert effect_on(host_subject("example.com"), deny) == "allow"
    assert effect_on(host_subject("badexample.com"), deny) == "allow"
    assert effect_on(host_subject("example.com.evil.org"), deny) == "allow"


def test_a_host_may_be_named_with_its_port():
    deny = policy("deny", "host", "api.example.com:8443")
    assert effect_on(host_subject("api.example.com", 8443), deny) == "deny"
    assert effect_on(host_subject("api.example.com", 443), deny) == "allow"
    assert effect_on(host_subject("::1", 80), policy("deny", "host", "[::1]:80")) == "deny"


@pytest.mark.parametrize(
    ("pattern", "model", "provider"),
    [
        ("openai/*", "gpt-5", "openai"),
        ("openai/gpt-5", "openai/gpt-5", "openai"),
        ("gpt-5", "openai/gpt-5", "openai"),
        ("ollama/*", "ollama_chat/llama3", "ollama_chat"),
        ("OPENAI/*", "openai/gpt-5", "openai"),
        ("*/claude-*", "anthropic/claude-x", "anthropic"),
    ],
)
def test_no_other_spelling_of_a_model_gets_past(pattern: str, model: str, provider: str):
    assert effect_on(model_subject(model, provider), policy("deny", "model", pattern)) == "deny"


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("*", "", True),
        ("", "", True),
        ("", "a", False),
        ("a*", "abc", True),
        ("*c", "abc", True),
        ("a*c", "abcbc", True),
        ("a*c", "abcb", False),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("**a**", "bab", True),
        ("a.c", "abc", False),
        ("[a]", "a", False),
        ("?", "?", True),
    ],
)
def test_patterns(pattern: str, text: str, fits: bool):
    assert matches(pattern, text) is fits


@given(st.text("ab*", max_size=12), st.text("ab", max_size=12))
def test_patterns_agree_with_a_slow_reading_of_them(pattern: str, text: str):
    def slow(rest: str, left: str) -> bool:
        if not rest:
            return not left
        if rest[0] == "*":
            return slow(rest[1:], left) or (bool(left) and slow(rest, left[1:]))
        return bool(left) and rest[0] == left[0] and slow(rest[1:], left[1:])

    assert matches(pattern, text) == slow(pattern, text)


def test_no_pattern_takes_long():
    since = time.perf_counter()
    assert not matches("*a" * 140 + "b", "a" * 300)
    assert time.perf_counter() - since < 0.2
