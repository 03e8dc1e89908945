"""Expressions: the probes of the design study, native types, honest errors, and caps."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from functions.shared.dsl.expressions import (
    ExpressionError,
    evaluate,
    evaluate_condition,
    evaluate_expression,
)

SCOPE: dict[str, Any] = {
    "input": {
        "s": "abc",
        "n": 3,
        "f": 0.5,
        "items": [1, 2, 3],
        "keys": {"values": "v"},
        "people": [{"name": "Ada", "age": 36}, {"name": "Bob", "age": 7}],
        "none": None,
        "flag": True,
        "execute": 1,
        "text": "a and b or (c)",
        "evil": "${{ input.n }}",
        "number_text": "1e5",
        "list_text": "[1, 2]",
    },
    "steps": {
        "classify": {"output": {"label": "refund", "amount": 120}, "skipped": False, "failed": False, "error": None},
        "skipped": {"output": None, "skipped": True, "failed": False, "error": None},
    },
    "loop": {"index": 0},
}


def value(source: str) -> Any:
    return evaluate("${{ " + source + " }}", SCOPE)


def error(source: str) -> ExpressionError:
    with pytest.raises(ExpressionError) as raised:
        value(source)
    return raised.value


HOSTILE = [
    # memory and time
    ("'x' * 10**9", "not_allowed"),
    ("'x' * 1000000000", "type_error"),
    ("input.s * 1e9", "type_error"),
    ("input.s * 1000000000", "type_error"),
    ("[0] * 1000000000", "type_error"),
    ("'%999999999d' % 1", "type_error"),
    ("'{:>999999999}'.format(1)", "not_allowed"),
    ("9 ** 9 ** 9", "not_allowed"),
    ("range(1000000000) | list", "not_allowed"),
    ("lipsum(200000)", "not_allowed"),
    ("input.s ~ input.s", "not_allowed"),
    ("'x' | center(1000000000)", "not_allowed"),
    ("'%s' | format('x')", "not_allowed"),
    ("input.s | replace('', 'xxxxxxxx')", "not_allowed"),
    ("input.s | indent(1000000000)", "not_allowed"),
    ("input.items | batch(1, 0)", "not_allowed"),
    # Python's insides
    ("''.__class__", "undefined"),
    ("''['__class__']", "undefined"),
    ("input.__class__.__mro__", "undefined"),
    ("input | attr('__class__')", "not_allowed"),
    ("input.items | map(attribute='__class__') | list", "undefined"),
    ("input.items.append(1)", "not_allowed"),
    ("input.get('s')", "not_allowed"),
    ("self", "undefined"),
    ("namespace(x=1)", "not_allowed"),
    ("cycler('a')", "not_allowed"),
    ("_getattr", "undefined"),
    ("input.s | map('attr', '__class__') | list", "not_allowed"),
    # grammar
    ("input.n; 1", "syntax"),
    ("input.n +", "syntax"),
    ("input.typo", "undefined"),
    ("not input.typo", "undefined"),
    ("input.typo == 1", "undefined"),
    ("steps.classify.output.labl", "undefined"),
    ("input.n if input.flag", "syntax"),
]


@pytest.mark.parametrize(("source", "code"), HOSTILE)
def test_a_hostile_expression_is_refused_at_once(source: str, code: str) -> None:
    start = time.perf_counter()
    assert error(source).code == code
    assert time.perf_counter() - start < 1


LEGITIMATE = [
    ("input.n", 3),
    ("input.items", [1, 2, 3]),
    ("input['items']", [1, 2, 3]),
    ("input.keys.values", "v"),
    ("input.execute + 1", 2),
    ("input.items[0]", 1),
    ("input.items[-1]", 3),
    ("input.people[0].name", "Ada"),
    ("input.s[:2]", "ab"),
    ("steps.classify.output.label == 'refund' and steps.classify.output.amount > 100", True),
    ("steps.skipped.skipped or steps.skipped.output.outcome == 'approve'", True),
    ("false or true and false", False),
    ("true or true and false", True),
    ("(true or true) and false", False),
    ("input.text == 'a and b or (c)'", True),
    ("'refund' in ['refund', 'other']", True),
    ("'b' in input.s", True),
    ("'s' in input", True),
    ("4 not in input.items", True),
    ("input.n if input.flag else 0", 3),
    ("input.typo | default('x')", "x"),
    ("input.typo.deeper | default('x')", "x"),
    ("input.none | default('x')", None),
    ("input.none | default('x', true)", "x"),
    ("loop.previous | default('none')", "none"),
    ("input.typo is defined", False),
    ("input.n is defined", True),
    ("input.typo.deeper is not defined", True),
    ("input.none is none", True),
    ("input.people | map(attribute='name') | join(', ')", "Ada, Bob"),
    ("input.people | selectattr('age', 'gt', 30) | map(attribute='name') | first", "Ada"),
    ("input.people | rejectattr('age', 'gt', 30) | map(attribute='name') | list", ["Bob"]),
    ("input.people | sort(attribute='age') | map(attribute='age')", [7, 36]),
    ("input.people | max(attribute='age') | tojson", '{"name": "Ada", "age": 36}'),
    ("input.items | select('gt', 1) | sum", 5),
    ("input.items | select('in', [1, 9])", [1]),
    ("input.items | sum / input.items | length", 2.0),
    ("[3, 1, 3] | unique | sort(reverse=true)", [3, 1]),
    ("input.items | min", 1),
    ("'  A b ' | trim | lower | upper", "A B"),
    ("'12' | int + 1", 13),
    ("'x' | int(0)", 0),
    ("'2.5' | float", 2.5),
    ("2.567 | round(2)", 2.57),
    ("2.1 | round(0, 'ceil')", 3.0),
    ("input.keys | items", [["values", "v"]]),
    ("'<b>' | tojson", '"<b>"'),
    ("{'a': {'b': [1]}}", {"a": {"b": [1]}}),
    ("{}", {}),
    ("7 // 2 + 7 % 2 - 1 * 2", 2),
    ("-input.n", -3),
    ("1 < 2 < 3", True),
    ("'${{ }}'", "${{ }}"),
    ("none", None),
    ("[] | first | default('empty')", "empty"),
    ("['a', 1] | map('string') | list", ["a", "1"]),
    ("input.people | map(attribute='zip', default='?')", ["?", "?"]),
]


@pytest.mark.parametrize(("source", "expected"), LEGITIMATE)
def test_a_legitimate_expression_has_its_value(source: str, expected: object) -> None:
    result = value(source)
    assert result == expected
    assert type(result) is type(expected)


def test_a_lone_expression_keeps_its_type_and_a_mixed_text_does_not() -> None:
    given = {"lone": "${{ input.n }}", "mixed": "n=${{ input.n }}", "spaced": " ${{ input.n }}", "plain": "n"}
    assert evaluate(given, SCOPE) == {"lone": 3, "mixed": "n=3", "spaced": " 3", "plain": "n"}


def test_a_mixed_text_writes_json_as_the_standard_library_does() -> None:
    scope = {"input": {"l": [1, 2], "o": {"ü": None}, "t": True, "s": "x"}}
    assert evaluate("${{ input.l }} ${{ input.o }} ${{ input.t }} ${{ input.s }}", scope) == '[1, 2] {"ü": null} true x'


@pytest.mark.parametrize("text", ["1e5", "[1, 2]", "true", "None", "${{ input.n }}"])
def test_text_from_outside_stays_text(text: str) -> None:
    assert evaluate("${{ input.x }}", {"input": {"x": text, "n": 1}}) == text
    assert evaluate("<${{ input.x }}>", {"input": {"x": text, "n": 1}}) == f"<{text}>"


def test_keys_are_never_evaluated() -> None:
    assert evaluate({"${{ input.n }}": 1}, SCOPE) == {"${{ input.n }}": 1}


def test_a_condition_takes_marks_or_none_and_yaml_booleans() -> None:
    assert evaluate_condition("input.n == 3", SCOPE)
    assert evaluate_condition("  ${{ input.n == 3 }}\n", SCOPE)
    assert not evaluate_condition(False, SCOPE)
    assert not evaluate_condition("input.none", SCOPE)


def test_two_marks_in_a_condition_are_explained() -> None:
    with pytest.raises(ExpressionError) as raised:
        evaluate_condition("${{ input.n }} and ${{ input.flag }}", SCOPE)
    assert raised.value.code == "syntax"
    assert raised.value.hint == "Put everything into one pair of marks: `${{ a and b }}`."


def test_for_each_takes_a_list_or_an_expression() -> None:
    assert evaluate_expression(["a", "${{ input.n }}"], SCOPE) == ["a", 3]
    assert evaluate_expression("input.items", SCOPE) == [1, 2, 3]
    assert evaluate_expression("${{ input.items }}", SCOPE) == [1, 2, 3]


def test_an_undefined_field_names_the_nearest_one() -> None:
    found = error("steps.classify.output.labl")
    assert found.message == "steps.classify.output has no field 'labl'"
    assert found.hint == "Did you mean `label`?"
    assert error("steps.skipped.output.label").message == "steps.skipped.output is null, so it has no 'label'"
    assert error("inptu.n").hint == "Did you mean `input`?"
    assert error("null").hint == "Write `none` for null."


def test_errors_of_other_languages_get_our_words() -> None:
    assert error("input.flag && input.n").hint == "Write `and` instead of `&&`."
    assert error("input.flag || input.n").hint == "Write `or` instead of `||`."
    assert error("!input.flag").hint == "Write `not` instead of `!`."
    assert error("input.s | uper").hint == "Did you mean `upper`?"


def test_default_does_not_hide_a_wrong_type() -> None:
    assert error("(input.s + 1) | default(0)").code == "type_error"
    assert error("(input.typo + 1) | default(0) + input.typo").code == "undefined"


@pytest.mark.parametrize(
    "source",
    [
        "1 / 0", "1 % 0", "1e308 * 10", "input.s < 1", "none < 1", "[1] < [2]", "true + 1", "input.s - 1", "-input.s",
        "1 in 5", "'x' | int", "'nan' | float", "input.n | join", "input.s | selectattr", "[1, 'a'] | sort",
        "5 | first",
        "1e300 | round(15) | int | round(-15, 'x')", "input.items | sum('name')", "input.s[1:2:0]", "input.n[0:1]",
    ],
)  # fmt: skip
def test_a_calculation_that_makes_no_sense_is_an_error(source: str) -> None:
    assert error(source).code in {"type_error", "undefined"}


def test_large_results_are_refused_before_they_hurt() -> None:
    scope = {"input": {"big": "x" * 1_000_000, "many": list(range(100_000))}}
    assert len(evaluate("${{ input.big }}", scope)) == 1_000_000  # type: ignore[arg-type]
    assert len(evaluate("<${{ input.big }}>", scope)) == 1_000_002  # type: ignore[arg-type]
    for source in (
        " + ".join(["input.big"] * 90),
        "[" + ", ".join(["input.big"] * 90) + "] | join",
        "[" + ", ".join(["input.big"] * 90) + "]",
        "input.many | select('in', input.many) | list",
        "[" + ", ".join(["input.many | map('string') | join"] * 20) + "]",
    ):
        start = time.perf_counter()
        with pytest.raises(ExpressionError) as raised:
            evaluate("${{ " + source + " }}", scope)
        assert raised.value.code == "too_large"
        assert time.perf_counter() - start < 3


def test_a_text_may_not_repeat_a_large_value_without_end() -> None:
    scope = {"input": {"big": "x" * 1_000_000}}
    start = time.perf_counter()
    with pytest.raises(ExpressionError) as raised:
        evaluate("${{ input.big }} " * 10_000, scope)
    assert raised.value.code == "too_large"
    assert time.perf_counter() - start < 1


def test_a_structure_may_not_multiply_a_large_value() -> None:
    scope = {"input": {"big": ["x" * 1000] * 1000}}
    assert evaluate(["${{ input.big }}"] * 4, scope) == [scope["input"]["big"]] * 4
    with pytest.raises(ExpressionError) as raised:
        evaluate(["${{ input.big }}"] * 6, scope)
    assert raised.value.code == "too_large"


def test_a_product_of_long_numbers_is_refused() -> None:
    assert error(" * ".join(["9" * 900] * 4)).code == "too_large"


def test_long_and_deep_expressions_are_refused() -> None:
    assert error(" + ".join(["1"] * 150)).code == "too_large"
    assert error("1" + " " * 4000).code == "too_large"
    assert error("(" * 1000 + "1" + ")" * 1000).code == "syntax"
    assert error("").code == "syntax"


def test_a_deeply_nested_value_is_an_error_not_a_crash() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ExpressionError) as raised:
        evaluate("<${{ input.deep }}>", {"input": {"deep": deep}})
    assert raised.value.code == "too_large"
    while deep:  # freed level by level, or freeing it would nest as deeply
        deep = deep[0]


class Lazy(Mapping[str, Any]):
    """Steps whose results may be asked for one at a time only."""

    def __init__(self, results: dict[str, Any]) -> None:
        self.results = results
        self.asked: list[str] = []

    def __getitem__(self, name: str) -> Any:
        self.asked.append(name)
        return self.results[name]

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("the scope was copied")

    def __len__(self) -> int:
        return len(self.results)


def test_a_lazy_scope_is_only_asked_for_what_is_named() -> None:
    steps = Lazy({"a": {"output": {"x": 1}}, "b": {"output": 2}})
    assert evaluate({"v": "${{ steps.a.output.x + 1 }}", "w": "${{ steps.a.output }}"}, {"steps": steps}) == {
        "v": 2,
        "w": {"x": 1},
    }
    assert set(steps.asked) == {"a"}


def test_a_cached_expression_takes_microseconds() -> None:
    text = "${{ steps.classify.output.label == 'refund' and steps.classify.output.amount > 100 }}"
    evaluate(text, SCOPE)
    best = min(_timed(text) for _ in range(5))
    assert best < 100e-6  # a few in fact; the margin is for a busy machine


def _timed(text: str) -> float:
    start = time.perf_counter()
    for _ in range(1000):
        evaluate(text, SCOPE)
    return (time.perf_counter() - start) / 1000
