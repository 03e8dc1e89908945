"""A template of the tool `text_template` is the tool's own: it sees `values` only, and is filled when the tool runs."""

from __future__ import annotations

from typing import Any

import pytest

from functions.shared.dsl.checker import check
from functions.shared.dsl.compiled import compile_document
from functions.shared.dsl.rendering import render_config
from functions.shared.jsonvalue import JsonObject

LETTER = "Dear ${{ name }},${% for each in items %} ${{ each }}${% endfor %}"
SCOPE = {"input": {"name": "Ada", "letter": "Hi ${{ name }}"}, "steps": {}}


def spec_of(template: str, **values: Any) -> JsonObject:
    return {"name": "text_template", "with": {"template": template, "values": values}}


def problems_of(spec: JsonObject) -> list[tuple[str, str, str | None]]:
    document: JsonObject = {
        "name": "a",
        "input": {"name": "string", "letter": "string"},
        "steps": {"s": {"tool": spec}},
    }
    return [(problem.path, problem.code, problem.hint) for problem in check(document).problems]


def test_a_written_template_reaches_the_tool_as_it_is_and_its_values_evaluated() -> None:
    spec = spec_of(LETTER, name="${{ input.name }}", items=[1])
    assert problems_of(spec) == []
    assert render_config("tool", spec, SCOPE) == spec_of(LETTER, name="Ada", items=[1])


def test_one_expression_brings_a_template_from_elsewhere() -> None:
    spec = spec_of("${{ input.letter }}", name="x")
    assert problems_of(spec) == []
    assert render_config("tool", spec, SCOPE) == spec_of("Hi ${{ name }}", name="x")


def test_the_same_argument_of_another_tool_is_evaluated() -> None:
    spec: JsonObject = {"name": "web_fetch", "with": {"template": "a ${{ input.name }}"}}
    assert render_config("tool", spec, SCOPE) == {"name": "web_fetch", "with": {"template": "a Ada"}}


@pytest.mark.parametrize(
    ("spec", "code", "hint"),
    [
        (spec_of("Hi ${{ input.name }}"), "unknown_name", "Pass it: `values: {input: ${{ ... }}}`."),
        (spec_of("Hi ${{ name | nosuch }}", name="x"), "expression_not_allowed", None),
        (spec_of("${% for a in name %}", name="x"), "expression_syntax", None),
    ],
)
def test_a_template_that_cannot_be_filled_is_refused(spec: JsonObject, code: str, hint: str | None) -> None:
    ((path, found, said),) = problems_of(spec)
    assert (path, found) == ("steps.s.tool.with.template", code)
    assert hint is None or said == hint


def test_names_of_a_template_are_no_references_to_steps() -> None:
    steps: JsonObject = {"a": {"transform": 1}, "b": {"tool": spec_of("x ${{ steps.a }}", steps={"a": 1})}}
    compiled = compile_document({"name": "x", "steps": steps})
    assert compiled.steps["b"].needs == frozenset()
