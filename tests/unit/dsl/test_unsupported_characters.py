"""NUL and halves of characters: refused where they are written, never a crash where they would be stored or sent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from functions.shared.dsl.checker import check
from functions.shared.dsl.expressions import ExpressionError, evaluate, render_text
from functions.shared.engine.leaves import check_output
from functions.shared.engine.rendering import RenderError

HALVES = [r'"\ud800"', r"'\udfff'", r"'a\x00b'", r"{'\ud800': 1}", r"input['\ud800']", r"input.a | default('\ud800')"]


@pytest.mark.parametrize("source", HALVES)
def test_an_expression_cannot_write_one(source: str) -> None:
    for action in (evaluate, render_text):
        with pytest.raises(ExpressionError) as refused:
            action(f"${{{{ {source} }}}}", {"input": {}, "steps": {}})
        assert refused.value.code == "not_allowed"


@pytest.mark.parametrize("source", HALVES)
@pytest.mark.parametrize("is_text", [True, False])
def test_a_document_with_one_is_refused_with_problems_that_can_be_sent(source: str, is_text: bool) -> None:
    expression = f"${{{{ {source} }}}}"
    document: Any = {
        "name": "a",
        "steps": {"s": {"transform": expression}, "t": {"when": expression, "transform": 1}},
        "output": {"x": expression},
    }
    checked = check(json.dumps(document) if is_text else document)
    found = {problem.path: problem.code for problem in checked.problems}
    assert found == dict.fromkeys(["steps.s.transform", "steps.t.when", "output.x"], "expression_not_allowed")
    assert json.dumps([problem.as_json() for problem in checked.problems], ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "document",
    [
        {"name": "a\ud800", "steps": {"s": {"transform": 1}}},
        {"name": "a", "steps": {"s\ud800": {"transform": 1}}},
        {"name": "a", "steps": {"s": {"transform": 1, "needs": ["\ud800"]}}},
        {"name": "a", "steps": {"s": {"transform": "${{ input['\ud800'] }}"}}},
        {"name": "a", "steps": {"s": {"\ud800": 1}}},
        {"name": "a", "steps": {"s": {"llm": {"prompt": "x", "model": "\ud800/x"}}}},
    ],
)
def test_whatever_a_problem_quotes_can_be_sent(document: Any) -> None:
    problems = check(document, environment={}).problems
    assert "bad_text" in {problem.code for problem in problems}
    assert json.dumps([problem.as_json() for problem in problems], ensure_ascii=False).encode()


@pytest.mark.parametrize("output", ["\ud800", {"a": ["x\udfff"]}, {"\ud800": 1}, "a\x00", [r"\u" + "\x00"], "\\\x00"])
def test_an_output_with_one_fails_its_step(output: Any) -> None:
    with pytest.raises(RenderError) as refused:
        check_output(output)
    assert refused.value.code == "unsupported_character"


@pytest.mark.parametrize("output", [r"\u0000", r"\\u0000", "😀", {"\u2028": "\x01"}])
def test_an_output_that_only_looks_like_it_is_kept(output: Any) -> None:
    check_output(output)
