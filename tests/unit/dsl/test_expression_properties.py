"""The same text must mean the same to our evaluator and to Python, wherever both define it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from functions.shared.dsl.expressions import ExpressionError, evaluate, evaluate_condition

NAMES: dict[str, Any] = {
    "a": 0,
    "b": 3,
    "c": -2,
    "f": 0.5,
    "s": "ab",
    "t": "",
    "yes": True,
    "no": False,
    "l": [0, "ab"],
}

numbers = st.sampled_from(["0", "1", "2", "7", "0.5", "2.5", "input.a", "input.b", "input.c", "input.f"])
texts = st.sampled_from(["'ab'", "'b'", "''", "input.s", "input.t"])
truths = st.sampled_from(["True", "False", "input.yes", "input.no"])
lists = st.sampled_from(["input.l", "[1, 2, 'ab']", "[]"])


@st.composite
def joined(draw: st.DrawFn, parts: st.SearchStrategy[str], operators: list[str], *, brackets: bool = True) -> str:
    """`x op y op z`, with and without brackets, so that precedence is compared as well."""
    text = draw(parts)
    for _ in range(draw(st.integers(1, 3))):
        more = f"{text} {draw(st.sampled_from(operators))} {draw(parts)}"
        text = f"({more})" if brackets and draw(st.booleans()) else more
    return text


arithmetic = st.recursive(
    numbers,
    lambda inner: joined(inner, ["+", "-", "*", "/", "//", "%"]) | st.builds("-({})".format, inner),
    max_leaves=8,
)
concatenations = joined(texts, ["+"]) | texts
# Without brackets: an order between a truth and a number is an error with us, not with Python.
orders = joined(arithmetic, ["<", "<=", ">", ">=", "==", "!="], brackets=False) | joined(
    concatenations, ["<", ">=", "==", "!="], brackets=False
)
memberships = st.builds("{} {} {}".format, texts, st.sampled_from(["in", "not in"]), texts | lists)
conditions = st.recursive(
    truths | orders | memberships | arithmetic.map("({})".format),
    lambda inner: (
        joined(inner, ["and", "or"])
        | st.builds("not {}".format, inner)
        | st.builds("not ({})".format, inner)
        | st.builds("({} if {} else {})".format, inner, inner, inner)
        | st.builds("{} if {} else {} if {} else {}".format, inner, inner, inner, inner, inner).map("({})".format)
    ),
    max_leaves=10,
)


def as_python(source: str) -> Any:
    names = {f"input_{name}": each for name, each in NAMES.items()}
    return eval(source.replace("input.", "input_"), {"__builtins__": {}}, names)


def ours(source: str) -> Any:
    return evaluate("${{ " + source + " }}", {"input": NAMES})


def outcome(evaluator: Callable[[str], Any], source: str) -> str:
    """Give the value, written with its type, or why there is none."""
    try:
        return repr(evaluator(source))
    except ExpressionError as error:
        return error.code
    except (ZeroDivisionError, TypeError, OverflowError):
        return "type_error"


def compare(source: str) -> None:
    expected = outcome(as_python, source)
    result = outcome(ours, source)
    assume(result != "too_large")
    assert result == expected, source


@settings(max_examples=300, deadline=None)
@given(arithmetic)
def test_arithmetic_is_pythons(source: str) -> None:
    compare(source)


@settings(max_examples=300, deadline=None)
@given(orders | memberships)
def test_comparisons_are_pythons(source: str) -> None:
    compare(source)


@settings(max_examples=250, deadline=None)
@given(conditions)
def test_and_or_not_and_conditionals_are_pythons(source: str) -> None:
    compare(source)


@settings(max_examples=80, deadline=None)
@given(conditions)
def test_a_condition_is_the_truth_of_its_expression(source: str) -> None:
    try:
        expected = bool(ours(source))
    except ExpressionError:
        return
    assert evaluate_condition(source, {"input": NAMES}) is expected


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=100, deadline=None)
@given(json_values)
def test_any_value_comes_through_untouched(each: Any) -> None:
    assert repr(evaluate("${{ input.x }}", {"input": {"x": each}})) == repr(each)


@settings(max_examples=500, deadline=None)
@given(st.text(alphabet="input.xs+-*/%()[]{}'\"|<>=!, andornotif0123456789~#$\\", max_size=60))
def test_no_text_makes_the_evaluator_raise_anything_but_its_own_error(source: str) -> None:
    with contextlib.suppress(ExpressionError):
        ours(source)
