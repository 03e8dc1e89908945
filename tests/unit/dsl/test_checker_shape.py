"""Shapes: unknown keys, wrong types, one kind a step, names, what is not available yet, limits."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.shared.dsl.checker import check
from functions.shared.dsl.kinds import Agent
from functions.shared.dsl.models import NOT_YET_KEYS
from tests.unit.dsl.documents import DESIGN, codes_of, only, problems_of

_LOOK = "Write it without `(?=`, `(?!` and `(?<`; a `code` step can look closer."


@pytest.mark.parametrize(
    ("step", "code", "hint"),
    [
        ("{promt: x, transform: 1}", "unknown_key", None),
        ("{if: x, transform: 1}", "unknown_key", "Write `when`."),
        ("{depends_on: [], transform: 1}", "unknown_key", "Write `needs`."),
        ("{for_eech: [1], transform: 1}", "unknown_key", "Did you mean `for_each`?"),
        ("{http: {url: 'https://x.y', data: 1}}", "unknown_key", "Write `json` or `body`."),
        ("{transform: 1, retry: {max: 3}}", "unknown_key", "Write `max_attempts`."),
        ("{transform: 1, needs: other}", "wrong_type", "Write [other]."),
        ("{llm: {prompt: 5, model: ollama/b}}", "wrong_type", 'Put it in quotes: "5".'),
        ("{code: {python: 'result = 1', memory_mb: '128'}}", "wrong_type", "Write it without quotes."),
        ("{code: {python: 'result = 1', memory_mb: 8}}", "out_of_range", None),
        ("{transform: 1, on_error: ignore}", "not_one_of", "Known: `fail`, `continue`."),
        ("{transform: 1, on_error: continu}", "not_one_of", "Did you mean `continue`?"),
        ("{llm: {model: ollama/b, prompt: x, messages: [{role: user, content: x}]}}", "exclusive_keys", None),
        ("{llm: {model: ollama/b}}", "missing_key", None),
        ("{http: {method: GET}}", "missing_key", None),
        ("{http: {url: 'https://x.y', json: 1, body: x}}", "exclusive_keys", None),
        ("{http: {url: x.y}}", "bad_url", "Write https://x.y."),
        ("{http: {url: 'https://x.y', headers: {A: [1]}}}", "wrong_type", None),
        ("{wait: {}}", "missing_key", None),
        ("{wait: {for: 1s, event: x}}", "exclusive_keys", None),
        ("{wait: {until: tomorrow}}", "bad_time", None),
        ("{wait: {until: 2027-01-31T09:00:00}}", "bad_time", None),
        ("{wait: {for: 5}}", "wrong_type", 'Put it in quotes: "5".'),
        ("{wait: {for: 5 minutes}}", "bad_duration", None),
        ("{state: {put: k}}", "missing_key", None),
        ("{state: {get: k, put: k, value: 1}}", "exclusive_keys", None),
        ("{state: {get: k, value: 1}}", "no_effect", None),
        ("{approval: {message: x, timeout: 1h, on_timeout: rejct}}", "not_one_of", "Did you mean `reject`?"),
        ("{approval: {message: x, outcomes: [a, a]}}", "duplicate", None),
        ("{approval: {message: x, on_timeout: reject}}", "no_effect", None),
        ("{approval: {message: x, form: {a: strng}}}", "bad_schema", "Did you mean `string`?"),
        ("{workflow: {ref: 'a@latest'}}", "bad_name", None),
        ("{fail: ''}", "empty", None),
        ("{fail: {code: x}}", "missing_key", None),
        ("{llm: {model: ollama/b, prompt: x}, output: {a: 1}}", "misplaced", None),
        ("{transform: 1, max_parallel: 3}", "no_effect", None),
        ("{transform: 1, on_unknown: ask}", "no_effect", None),
        ("{transform: 1, cache: {key: k, ttl: 1h}}", "no_effect", None),
        ("{approval: {message: x}, timeout: 1h}", "no_effect", None),
        ("{http: {url: 'https://x.y'}, effect: at_most_once, on_unknown: verify}", "missing_key", None),
        ("{http: {url: 'https://x.y'}, verify: {name: http_request}}", "no_effect", None),
        ("{approval: {message: x}, retry: {}}", "retry_not_allowed", None),
        ("{wait: {for: 1s}, retry: {}}", "retry_not_allowed", None),
        ("{steps: {a: {transform: 1}}, retry: {}}", "retry_not_allowed", "Put `retry` on the steps inside."),
        ("{for_each: [1], loop: {max: 2}, transform: 1}", "for_each_and_loop", None),
        ("{loop: {max: 1001}, transform: 1}", "out_of_range", None),
        ("{loop: {max: 0}, transform: 1}", "out_of_range", None),
        ("{loop: {until: 'loop.index > 1'}, transform: 1}", "missing_key", None),
        ("{for_each: 5, transform: 1}", "wrong_type", None),
        ("{when: 5, transform: 1}", "wrong_type", None),
        ("{llm: }", "empty", None),
        ("{steps: {}}", "empty", None),
        ("{}", "no_kind", None),
        ("{tol: {name: http_request}}", "unknown_key no_kind", None),
        ("{transform: 1, fail: x}", "many_kinds", None),
        ("text", "wrong_type", None),
        ("{tool: {name: http_requst}}", "unknown_tool", "Did you mean `http_request`?"),
        ("{tool: {name: mcp.github.search}}", "not_available_yet", None),
        ("{tool: {name: 'github/search'}}", "not_available_yet", None),
        ("{handoff: {packet: {goal: x}}}", "missing_key", None),
        ("{handoff: {to: a, match: {tags: [x]}, packet: {goal: x}}}", "exclusive_keys", None),
        ("{handoff: {match: {}, packet: {goal: x}}}", "missing_key", None),
        ("{handoff: {to: a, packet: {done: []}}}", "missing_key", None),
        ("{handoff: {to: a, packet: {goal: x, done: 5}}}", "wrong_type", None),
        ("{handoff: {to: a, packet: {goal: x}, input: 5}}", "unknown_key", "Write `context`."),
        ("{handoff: {to: a, packet: {goal: x}, output: {a: strnig}}}", "bad_schema", None),
        ("{handoff: {to: a, packet: {goal: x}, timeout: 1h, on_timeout: skip}}", "wrong_type", None),
        ("{handoff: {to: a, packet: {goal: x}, on_timeout: fail}}", "no_effect", None),
        ("{timeout: 5s, agent: {ref: a}}", "no_effect", None),
        ("{retry: {}, agent: {ref: a}}", "retry_not_allowed", "Remove it."),
        ("{agent: {to: a}}", "unknown_key missing_key", "Write `ref`."),
        ("{tool: {name: http_request, with: 5}}", "wrong_type", None),
        ("{code: {python: 'result = ${{ input }}'}}", "expression_not_allowed", None),
        ("{transform: {'${{ input }}': 1}}", "expression_not_allowed", None),
        ("{llm: {model: ollama/b, prompt: x, output: {a: {enum: ['${{ input }}']}}}}", "expression_not_allowed", None),
        ('{transform: "a\\0b"}', "bad_text", None),
    ],
)  # fmt: skip
def test_a_wrong_step_is_explained(step: str, code: str, hint: str | None) -> None:
    problems = [problem for problem in problems_of(f"steps:\n  it: {step}\n") if problem.code != "model_key_missing"]
    assert " ".join(sorted({problem.code for problem in problems}, reverse=True)) == code, problems
    assert all(problem.line in {1, 2} for problem in problems)
    if hint is not None:
        assert hint in [problem.hint for problem in problems]


@pytest.mark.parametrize("key", Agent.NOT_YET)
def test_what_comes_later_says_so(key: str) -> None:
    problem = only(f"steps:\n  it:\n    agent: {{ref: helper, {key}: x}}\n", "not_available_yet")
    assert problem.line == 3


@pytest.mark.parametrize("key", NOT_YET_KEYS)
def test_a_reserved_key_says_so(key: str) -> None:
    problem = only(f"steps: {{a: {{transform: 1}}}}\n{key}: {{}}\n", "not_available_yet")
    assert (problem.line, problem.column, problem.path) == (2, 1, key)


@pytest.mark.parametrize(
    ("top", "code", "hint"),
    [
        ("inputs: {}", "unknown_key", "Write `input`."),
        ("version: 3", "unknown_key", "Remove it: each stored content gets its own version."),
        ("setps: {}", "unknown_key", "Did you mean `steps`?"),
        ("limits: {budget_usd: -1}", "out_of_range", None),
        ("limits: {on_budget: aks}", "not_one_of", "Did you mean `ask`?"),
        ("limits: {timeout: soon}", "bad_duration", None),
        ("secrets: [stripe-key]", "bad_name", None),
        ("input: {a: {type: string, max: 3, minimum: 1}}", "unknown_key", "Write `min`."),
        (
            "input: {a: {type: string, pattern: '(?=a)'}}",
            "bad_schema",
            "Write it without `(?=`, `(?!` and `(?<`; a `code` step can look closer.",
        ),
        ("input: {a: {enum: [x], default: y}}", "bad_default", None),
        ("input: {type: array, items: string}", "looks_like_json_schema", None),
        ("input: {type: object, properties: {a: {type: strng}}}", "bad_schema", None),
        ("input: {type: object, properties: {a: {$ref: 'http://x/y'}}}", "bad_schema", None),
        ("tests: [{name: t, mock: {nope: 1}}]", "unknown_step", "Known: `only`."),
        ("tests: [{name: t, expect: {skipped: [onli]}}]", "unknown_step", "Did you mean `only`?"),
        ("tests: [{name: t, input: {x: 1}}]", "bad_test_input", None),
        ("tests: [{name: t, expect: {status: done}}]", "not_one_of", None),
        ("on_error: [{step: x}]", "wrong_type", None),
    ],
)
def test_a_wrong_document_is_explained(top: str, code: str, hint: str | None) -> None:
    problem = only(top, code)
    assert problem.line == 1
    if hint is not None:
        assert problem.hint == hint


def test_a_name_is_corrected() -> None:
    problem = only("steps:\n  Send-Mail: {transform: 1}\n", "bad_name")
    assert (problem.path, problem.hint) == ("steps.Send-Mail", "Write `send_mail`.")


def test_a_mock_may_name_items_rounds_and_nested_steps() -> None:
    text = """
    steps:
      many: {for_each: [1], steps: {inner: {code: {python: result = 1}}}}
    tests:
      - {name: t, mock: {many: 1, "many[0]": 1, "many[0].inner": 1, many.inner: 1}}
    """
    assert problems_of(text) == []
    assert only(text.replace("many.inner: 1", "inner: 1"), "unknown_step").hint == "Write `many.inner`."


def test_groups_may_not_nest_without_end() -> None:
    step = "{transform: 1}"
    for depth in range(9):
        step = f"{{steps: {{g{depth}: {step}}}}}"
    assert codes_of(f"steps: {{it: {step}}}") == ["too_deep"]


def test_a_missing_name_and_missing_steps_are_both_said() -> None:
    assert [problem.code for problem in check("description: x").problems] == ["missing_key", "missing_key"]


def test_an_object_that_is_no_document_is_a_problem_not_an_error() -> None:
    assert [problem.code for problem in check({"x": object()}).problems] == ["not_json"]  # type: ignore[dict-item]
    deep: dict[str, Any] = {}
    for _ in range(5000):
        deep = {"a": deep}
    assert check(deep).workflow is None


words = st.sampled_from(
    [
        "name", "steps", "llm", "transform", "tool", "needs", "when", "for_each", "loop", "retry", "on_error",
        "input", "output",
        "tests", "mock", "a", "b", "prompt", "max", "until", "secrets", "models", "approval", "form", "timeout",
        "expect",
        "default", "http", "auth", "headers", "wait", "state", "fail", "workflow", "properties", "type",
        "fallback", "verify",
    ]
)  # fmt: skip
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["a", "${{ steps.a.output }}", "${{ item", "1s", "", "string"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=5),
    max_leaves=30,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(words, anything, max_size=8), st.dictionaries(words, anything, max_size=3))
def test_no_document_makes_the_checker_raise(document: dict[str, Any], steps: dict[str, Any]) -> None:
    for each in (
        document,
        {**document, "name": "x", "steps": steps},
        {"name": "x", "steps": {"a": {**steps, **document}}},
    ):
        checked = check(each, environment={})
        assert (checked.workflow is None) == any(problem.severity == "error" for problem in checked.problems)


def test_the_same_document_as_json_text_is_accepted() -> None:
    document = check(DESIGN).document
    for text in (json.dumps(document), json.dumps(document, indent="\t")):
        assert [problem.severity for problem in check(text).problems] == []


def test_a_step_at_the_top_cannot_be_called_on_error() -> None:
    problems = check({"name": "a", "steps": {"on_error": {"transform": 1}}}).problems
    assert [(problem.path, problem.code) for problem in problems] == [("steps.on_error", "bad_name")]
    inside = {"g": {"steps": {"on_error": {"transform": 1}}}}
    assert check({"name": "a", "steps": inside}).problems == []
