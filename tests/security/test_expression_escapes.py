"""Data never becomes code: no attribute, call, name or template of Python or Jinja2 is reachable from `${{ }}`."""

from __future__ import annotations

import pytest

from functions.shared.dsl.expressions import ExpressionError, evaluate, render_text

SCOPE = {"input": {"a": 1, "t": "${{ secrets.X }} ${% for x in input %}"}, "steps": {}}


@pytest.mark.parametrize(
    "source",
    [
        "''.__class__",
        "input.__class__",
        "input['__class__']",
        "input | attr('__class__')",
        "input | map(attribute='__class__') | list",
        "input | selectattr('__class__') | list",
        "[1] | map('attr', '__class__') | list",
        "[input] | map(attribute='a.__class__') | list",
        "[input] | sum(attribute='a.__class__')",
        "'{0.__class__}'.format(1)",
        "'%s' % input",
        "input.keys()",
        "input.items",
        "range(10)",
        "self",
        "cycler",
        "lipsum",
        "env",
        "secrets.X",
        "steps._ledger",
        "steps['_ledger']",
        "input is sameas 1",
        "'a' * 1000000000",
        "[0] * 1000000000",
        "9 ** 9",
    ],
)
def test_an_escape_is_refused(source: str) -> None:
    with pytest.raises(ExpressionError):
        evaluate(f"${{{{ {source} }}}}", SCOPE)


def test_marks_inside_data_stay_text() -> None:
    assert evaluate("${{ input.t }}", SCOPE) == SCOPE["input"]["t"]
    assert evaluate("got ${{ input.t }}", SCOPE) == f"got {SCOPE['input']['t']}"
    assert render_text("got ${{ input.t }}", SCOPE) == f"got {SCOPE['input']['t']}"
