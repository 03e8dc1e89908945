"""Whatever takes longer for larger values is paid for: no expression can hold up the process."""

from __future__ import annotations

from typing import Any

import pytest

from functions.shared.dsl.expressions import ExpressionError, evaluate, evaluate_condition, render_text

BIG = "a" * 4_000_000
INPUT: dict[str, Any] = {
    "big": BIG,
    "other": BIG[:-1] + "b",
    "needle": "a" * 98 + "b",
    "hay": "a" * 29_000,
    "ints": list(range(300_000)),
    "nested": [[at] for at in range(300_000)],
    "rows": [{"a": at, "b": [at]} for at in range(60_000)],
    "rows_again": [{"a": at, "b": [at]} for at in range(60_000)],
    "texts": ["a" * 40_000 + str(at) for at in range(100)],
    "wide": {f"k{at}": at for at in range(200)},
    "deep": None,
    "rounds": list(range(10_000)),
    "huge": 9**2_500,
    "characters": "".join(chr(200 + at) for at in range(101)),
}
nested: Any = [1] * 50_000
for _ in range(80):
    nested = [nested]
INPUT["deep"] = nested
SCOPE = {"input": INPUT, "steps": {}}


def code_of(action: Any, *arguments: Any) -> str:
    with pytest.raises(ExpressionError) as refused:
        action(*arguments)
    return refused.value.code


@pytest.mark.parametrize(
    "source",
    [
        "input.big | trim(input.characters)",
        "input.big | trim(input.characters[:100])",
        "(input.texts + input.texts + input.texts) | sort | first",
        "input.rows | unique | length",
        "input.nested | unique | length",
        "[input.rows, input.rows, input.rows, input.rows] | tojson",
        "input.deep | tojson(8)",
        "input.ints | map('tojson') | length",
        "input.nested | map(attribute='x', default=1) | length",
        "input.nested | map(attribute='a.a.a.a.a.a.a.a', default=1) | length",
        "[1] | map(attribute=input.hay) | length",
        "input.texts | select('in', input.big) | length",
    ],
)
def test_one_filter_over_much_is_too_large(source: str) -> None:
    assert code_of(evaluate_condition, source, SCOPE) == "too_large"


@pytest.mark.parametrize(
    "body",
    [
        "${{ input.big == input.other }}",
        "${{ input.big < input.other }}",
        "${{ input.needle in input.hay }}",
        "${{ input.nested[0] in input.nested }}",
        "${{ input.big in input.texts }}",
        "${{ input.rows == input.rows_again }}",
        "${{ input.rows != input.rows_again }}",
        "${{ input.big[1:] | length }}",
        "${{ input.ints[1:] | length }}",
        "${{ (input.big + 'a') | length }}",
        "${{ input.huge * input.huge > 0 }}",
        "${{ input.huge // 7 > 0 }}",
        "${{ input.texts[0] | int(0) }}",
        "${{ input.wide | tojson | length }}",
        "${{ x }}" * 200,
        "${% for y in [] %}${% endfor %}" * 300,
        "${% if input.big == input.other %}${% endif %}",
    ],
)
def test_what_is_cheap_once_is_too_large_in_a_loop(body: str) -> None:
    assert code_of(render_text, f"${{% for x in input.rounds %}}{body}${{% endfor %}}", SCOPE) == "too_large"


def test_the_expressions_of_one_structure_share_what_they_may_do() -> None:
    structure: Any = {str(at): "${{ input.ints | length + (input.ints | max) }}" for at in range(2)}
    assert evaluate(structure, SCOPE)["0"] == 599_999  # type: ignore[index,call-overload]
    structure = {str(at): "${{ input.ints | max }}" for at in range(10)}
    assert code_of(evaluate, structure, SCOPE) == "too_large"


def test_ordinary_sizes_are_well_within() -> None:
    rows = [{"id": at, "name": f"name {at}", "tags": ["a", "b"]} for at in range(10_000)]
    scope = {"input": {"rows": rows}, "steps": {}}
    for source in (
        "input.rows | map(attribute='name') | sort | first",
        "input.rows | unique(attribute='name') | length",
        "input.rows | selectattr('id', 'gt', 30) | map(attribute='id') | sum",
        "input.rows | tojson | length",
        "input.rows[5] in input.rows",
        "input.rows == input.rows[:]",
    ):
        assert evaluate_condition(source, scope)
    loop = (
        "${% for row in input.rows %}${{ row.id }} ${{ row.name | upper }}: ${{ row.tags | join(', ') }}\n${% endfor %}"
    )
    assert render_text(loop, scope).count("\n") == 10_000


def test_a_hint_is_looked_for_only_when_it_is_shown() -> None:
    with pytest.raises(ExpressionError) as missing:
        evaluate_condition("input.wide.k1999", SCOPE)
    assert missing.value.hint == "Did you mean `k199`?"
    assert len(missing.value.message) < 200
    assert len(code_of(evaluate_condition, "input.wide[input.big]", SCOPE)) == len("undefined")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("[1, [2, {'a': 'b'}]] == [1.0, [2, {'a': 'b'}]]", True),
        ("[1, [2]] == [1, [3]]", False),
        ("{'a': 1} == {'b': 1}", False),
        ("{'a': none} == {'a': none}", True),
        ("[1] != {'a': 1}", True),
        ("[[1]] == [1]", False),
        ("{'a': 1} in [{'a': 2}, {'a': 1}]", True),
        ("[2] in [[1]]", False),
        ("'ab' in 'cabd'", True),
        ("[1, 1.0, true, '1', 'A', 'a', [1], [1]] | unique | length == 6", True),
    ],
)
def test_comparing_is_by_value(source: str, expected: bool) -> None:
    assert evaluate_condition(source, {"input": {}, "steps": {}}) is expected
