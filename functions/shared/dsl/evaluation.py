"""One evaluation: the names it sees, the work it may still do, and how it looks things up and calculates.

Nothing may hold up the process: whatever takes longer for larger values is paid for by size.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, cast

from functions.shared.dsl.expression_errors import ExpressionError
from functions.shared.dsl.problems import did_you_mean
from functions.shared.dsl.values import MAX_INT_BITS, MAX_TEXT, MAX_WORK, kind_of, plain, size_within


class Evaluation:
    """What one evaluation carries along. Never shared between two evaluations."""

    __slots__ = ("names", "rounds", "work")

    def __init__(self, names: Mapping[str, object], work: int = MAX_WORK) -> None:
        self.names = names
        self.work = work
        self.rounds = 0

    def spend(self, amount: int) -> None:
        """Pay for looking at `amount` items; raises too_large when the evaluation has used up what it may."""
        self.work -= amount
        if self.work < 0:
            raise ExpressionError("too_large", f"The evaluation looks at more than {MAX_WORK:,} items")

    def spend_on(self, value: object) -> None:
        """Pay for going through the whole of a value, once."""
        if isinstance(value, str):
            self.spend(1 + len(value) // 8)
        elif isinstance(value, (dict, list)):
            size = size_within(cast("object", value), max(0, self.work) * 8)
            self.spend(self.work + 1 if size is None else 1 + size // 8)
        else:
            self.spend(1)


def member(value: object, key: object, described: str) -> object:
    """Look up an item by key or position, never an attribute. Raises undefined, naming what is there instead."""
    if isinstance(value, dict) or isinstance(value, Mapping):  # noqa: SIM101  dict alone is several times faster
        mapping = cast("Mapping[object, object]", value)
        try:
            return mapping[key]
        except (KeyError, TypeError):
            raise _no_field(mapping, key, described) from None
    if isinstance(value, (list, str)) and isinstance(key, int) and not isinstance(key, bool):
        items = cast("list[object]", value)
        try:
            return items[key]
        except IndexError:
            raise ExpressionError("undefined", f"{described} has {len(items)} items, so no item {key}") from None
    kind = kind_of(cast("object", value))
    is_what = "null" if kind == "null" else f"a {kind}"
    raise ExpressionError("undefined", f"{described} is {is_what}, so it has no {_shown(key)}")


def _no_field(value: Mapping[object, object], key: object, described: str) -> ExpressionError:
    def hint() -> str | None:
        return did_you_mean(str(key)[:100], [str(name) for name in list(value)[:200]])

    return ExpressionError("undefined", f"{described} has no field {_shown(key)}", hint)


def _shown(key: object) -> str:
    return repr(key[:100]) if isinstance(key, str) else repr(key) if is_number(key) else f"a {kind_of(key)}"


def no_name(name: str, names: Mapping[str, object]) -> ExpressionError:
    """Say that a name is not there."""
    if name in {"null", "nil", "undefined"}:
        return ExpressionError("undefined", f"{name!r} is not defined", "Write `none` for null.")
    return ExpressionError("undefined", f"{name!r} is not defined", lambda: did_you_mean(name, names))


def is_number(value: object) -> bool:
    """Tell whether the value is a JSON number (a boolean is not)."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


_ARITHMETIC: dict[str, Callable[[Any, Any], object]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": lambda left, right: left / right,
    "//": lambda left, right: left // right,
    "%": operator.mod,
}


def calculate(evaluation: Evaluation, sign: str, left: object, right: object) -> object:
    """Apply an arithmetic operator: numbers, and `+` also for two texts or two lists."""
    if is_number(left) and is_number(right):
        for side in (left, right):
            if isinstance(side, int) and side.bit_length() > 64:  # noqa: PLR2004  as long as the machine calculates
                evaluation.spend(side.bit_length() // 16)
        return _number(sign, left, right)
    kinds = kind_of(left), kind_of(right)
    if sign == "+" and isinstance(left, str) and isinstance(right, str):
        evaluation.spend((len(left) + len(right)) // 64)
        return text_within(left + right) if len(left) + len(right) <= MAX_TEXT else text_within(None)
    if sign == "+" and isinstance(left, list) and isinstance(right, list):
        evaluation.spend(len(cast("list[object]", left)) + len(cast("list[object]", right)))
        return cast("list[object]", left) + cast("list[object]", right)
    hint = "Put both into one text, as in `${{ a }} ${{ b }}`, or convert with `| string`, `| int` or `| float`."
    raise ExpressionError("type_error", f"Cannot calculate {kinds[0]} {sign} {kinds[1]}", hint)


def _number(sign: str, left: object, right: object) -> object:
    try:
        result = _ARITHMETIC[sign](left, right)
    except ZeroDivisionError:
        raise ExpressionError("type_error", f"{left} {sign} {right}: division by zero") from None
    except OverflowError:
        raise ExpressionError("too_large", f"The result of {sign} is too large a number") from None
    if isinstance(result, int) and result.bit_length() > MAX_INT_BITS:
        raise ExpressionError("too_large", f"The result of {sign} is too large a number")
    return plain(result)


def text_within(text: str | None) -> str:
    """Give the text back when it is within the limit; None stands for one that was not even built."""
    if text is None or len(text) > MAX_TEXT:
        raise ExpressionError("too_large", f"The text is longer than {MAX_TEXT:,} characters")
    return text
