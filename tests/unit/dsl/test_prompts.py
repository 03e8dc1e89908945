"""Prompt text: loops, branches, white space, and what stays as it is."""

from __future__ import annotations

from typing import Any

import pytest

from functions.shared.dsl.expressions import ExpressionError, render_text

SCOPE: dict[str, Any] = {
    "input": {"people": [{"name": "Ada"}, {"name": "Bob"}], "o": {"k": 1}, "n": 2, "many": list(range(10_001))},
    "loop": {"index": 7},
}


def test_a_line_with_only_a_tag_vanishes() -> None:
    text = "People:\n${% for p in input.people %}\n- ${{ p.name }}\n${% endfor %}\nEnd\n"
    assert render_text(text, SCOPE) == "People:\n- Ada\n- Bob\nEnd\n"


def test_tags_inside_of_a_line_leave_the_line_alone() -> None:
    text = "a ${% if input.n > 1 %}b${% elif input.n > 0 %}c${% else %}d${% endif %} e\n"
    assert render_text(text, SCOPE) == "a b e\n"
    assert render_text(text, {"input": {"n": 1}}) == "a c e\n"
    assert render_text(text, {"input": {"n": 0}}) == "a d e\n"


def test_indented_tags_nest() -> None:
    text = "${% for p in input.people %}\n  ${% if p.name == 'Bob' %}\n  * ${{ p.name }}\n  ${% endif %}\n${% endfor %}"
    assert render_text(text, SCOPE) == "  * Bob\n"


def test_the_last_line_break_braces_and_hash_comments_stay() -> None:
    text = '{# kept #} {{ kept }} {% kept %} ${#array[@]} $5 ${HOME}\r\n{"json": true}\n'
    assert render_text(text, SCOPE) == text


def test_our_loop_is_still_there_inside_of_a_prompts_for() -> None:
    text = "${% for p in input.people %}${{ loop.index }}${{ p.name }} ${% endfor %}"
    assert render_text(text, SCOPE) == "7Ada 7Bob "


def test_two_names_go_through_an_object_or_pairs() -> None:
    assert render_text("${% for k, v in input.o %}${{ k }}=${{ v }}${% endfor %}", SCOPE) == "k=1"
    assert render_text("${% for k, v in input.o | items %}${{ k }}=${{ v }}${% endfor %}", SCOPE) == "k=1"


def test_values_are_written_as_text_and_never_read_as_templates() -> None:
    scope = {"input": {"evil": "${{ input.n }} ${% for x in y %}", "n": 1, "l": [1, "ü"]}}
    assert render_text("${{ input.evil }} ${{ input.l }}", scope) == '${{ input.n }} ${% for x in y %} [1, "ü"]'


def test_the_loop_name_ends_with_the_loop() -> None:
    with pytest.raises(ExpressionError) as raised:
        render_text("${% for p in input.people %}${% endfor %}${{ p.name }}", SCOPE)
    assert raised.value.code == "undefined"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("${% for p in input.people %}", "syntax"),
        ("${% endfor %}", "syntax"),
        ("${% if input.n %}x", "syntax"),
        ("${% if input.n %}${% else %}${% else %}${% endif %}", "syntax"),
        ("${% for item in input.people %}${% endfor %}", "syntax"),
        ("${% for p input.people %}${% endfor %}", "syntax"),
        ("${% for p in range(9) %}${% endfor %}", "not_allowed"),
        ("${% set x = 1 %}", "not_allowed"),
        ("${% include 'x' %}", "not_allowed"),
        ("${% for p in input.n %}${% endfor %}", "type_error"),
        ("${% for p in input.many %}${% endfor %}", "too_large"),
        ("${% for p in input.people", "syntax"),
        ("${% if input.typo %}${% endif %}", "undefined"),
        ("${% if true %}" * 11 + "${% endif %}" * 11, "too_large"),
    ],
)
def test_a_wrong_prompt_is_refused(text: str, code: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        render_text(text, SCOPE)
    assert raised.value.code == code


def test_nested_loops_share_one_allowance() -> None:
    scope = {"input": {"l": list(range(200))}}
    text = "${% for a in input.l %}${% for b in input.l %}x${% endfor %}${% endfor %}"
    with pytest.raises(ExpressionError) as raised:
        render_text(text, scope)
    assert raised.value.code == "too_large"


def test_the_output_of_a_loop_is_capped() -> None:
    scope = {"input": {"l": list(range(9000)), "s": "x" * 10_000}}
    with pytest.raises(ExpressionError) as raised:
        render_text("${% for a in input.l %}${{ input.s }}${% endfor %}", scope)
    assert raised.value.code == "too_large"
