"""The filters of expressions. Each takes the evaluation, the value, then its arguments; lists stay lists."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from functions.shared.dsl.comparison import compare, contains
from functions.shared.dsl.evaluation import Evaluation, calculate, is_number, member, text_within
from functions.shared.dsl.expression_errors import ExpressionError
from functions.shared.dsl.text_filters import lower, string, tojson, trim, upper
from functions.shared.dsl.values import MAX_KEY, MAX_TEXT, kind_of, plain, to_text

FilterFunction: TypeAlias = Callable[..., object]
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter and the names of its arguments, in order; `rest` lets further arguments through."""

    function: FilterFunction
    parameters: tuple[str, ...] = ()
    rest: bool = False


def _items(evaluation: Evaluation, value: object, name: str) -> list[object]:
    """Give what a list filter goes through: a list, the characters of a text, or the keys of an object."""
    if isinstance(value, list):
        items = cast("list[object]", value)
    elif isinstance(value, str):
        evaluation.spend(len(value))
        return list[object](value)
    elif isinstance(value, Mapping):
        items = list(cast("Mapping[object, object]", value))
    else:
        raise ExpressionError("type_error", f"`{name}` needs a list, not a {kind_of(value)}")
    evaluation.spend(len(items))
    return items


def _attribute(evaluation: Evaluation, value: object, path: object) -> object:
    """Follow `a.b.0` from a value, by items only."""
    if isinstance(path, int):
        return member(value, path, "the item")
    text = str(path)
    if len(text) > MAX_KEY:
        raise ExpressionError("too_large", f"An attribute has at most {MAX_KEY:,} characters")
    described = "the item"
    for part in text.split("."):
        evaluation.spend(2)
        is_position = part.isascii() and part.isdigit() and kind_of(value) == "list"
        value = member(value, int(part) if is_position else part, described)
        described = f"{described}.{part}"
    return value


def _first(evaluation: Evaluation, value: object) -> object:
    return _one_of(evaluation, value, "first", 0)


def _last(evaluation: Evaluation, value: object) -> object:
    return _one_of(evaluation, value, "last", -1)


def _one_of(evaluation: Evaluation, value: object, name: str, position: int) -> object:
    items = cast("list[object]", value) if isinstance(value, (list, str)) else _items(evaluation, value, name)
    if not items:
        raise ExpressionError("undefined", f"`{name}` of an empty list", "Add `| default(...)`.")
    return items[position]


def _length(_: Evaluation, value: object) -> object:
    if isinstance(value, (str, list, Mapping)):
        return len(cast("list[object]", value))
    raise ExpressionError("type_error", f"`length` needs a text, list or object, not a {kind_of(value)}")


def _join(evaluation: Evaluation, value: object, d: object = "", attribute: object = None) -> object:
    between = to_text(d)
    parts: list[str] = []
    size = 0
    for item in _items(evaluation, value, "join"):
        part = to_text(item if attribute is None else _attribute(evaluation, item, attribute))
        size += len(part) + len(between)
        if size - len(between) > MAX_TEXT:
            text_within(None)
        parts.append(part)
    return between.join(parts)


def _int(evaluation: Evaluation, value: object, default: object = _MISSING) -> object:
    evaluation.spend_on(value)
    try:
        if isinstance(value, str):
            text = value.strip()
            return int(text) if "." not in text and "e" not in text.lower() else int(float(text))
        if isinstance(value, (int, float)):
            return int(value)
    except (ValueError, OverflowError):
        pass
    return _converted("int", "a whole number", value, default)


def _float(evaluation: Evaluation, value: object, default: object = _MISSING) -> object:
    evaluation.spend_on(value)
    try:
        if isinstance(value, (str, int, float)):
            number = float(value)
            if math.isfinite(number):
                return number
    except (ValueError, OverflowError):
        pass
    return _converted("float", "a number", value, default)


def _converted(name: str, wanted: str, value: object, default: object) -> object:
    if default is not _MISSING:
        return default
    kind = kind_of(value)
    shown = f"a {kind}" if kind in {"list", "object"} else to_text(value)[:40]
    raise ExpressionError("type_error", f"{shown!r} cannot be read as {wanted}", f"Give a default: `{name}(0)`.")


def _keys(
    evaluation: Evaluation, items: list[object], attribute: object, *, case_sensitive: bool, times: int = 1
) -> list[object]:
    """Give what the items are compared by, and pay for comparing each of them `times` times."""
    keys: list[object] = []
    for item in items:
        value = item if attribute is None else _attribute(evaluation, item, attribute)
        if isinstance(value, str):
            evaluation.spend(len(value) // 16 + (times + 3) // 4 + times * (len(value) // 64))
            value = value if case_sensitive else value.lower()
        else:
            evaluation.spend((times + 3) // 4)
        keys.append(value)
    return keys


def _sort(
    evaluation: Evaluation,
    value: object,
    reverse: object = False,  # noqa: FBT002  the order of Jinja's own arguments
    case_sensitive: object = False,  # noqa: FBT002
    attribute: object = None,
) -> object:
    items = _items(evaluation, value, "sort")
    times = len(items).bit_length()
    keys = _keys(evaluation, items, attribute, case_sensitive=bool(case_sensitive), times=times)
    _one_kind("sort", keys)
    order = sorted(range(len(items)), key=lambda at: cast("str", keys[at]), reverse=bool(reverse))
    return [items[at] for at in order]


def _one_kind(name: str, keys: list[object]) -> None:
    if all(is_number(key) for key in keys) or all(isinstance(key, str) for key in keys):
        return
    kinds = sorted({kind_of(key) for key in keys})
    raise ExpressionError("type_error", f"`{name}` needs only numbers or only texts, not {' and '.join(kinds)}")


def _unique(
    evaluation: Evaluation,
    value: object,
    case_sensitive: object = False,  # noqa: FBT002  the order of Jinja's own arguments
    attribute: object = None,
) -> object:
    items = _items(evaluation, value, "unique")
    evaluation.spend(len(items))
    seen: set[tuple[str, str]] = set()
    kept: list[object] = []
    for item, entry in zip(
        items, _keys(evaluation, items, attribute, case_sensitive=bool(case_sensitive)), strict=True
    ):
        mark = kind_of(entry), _mark(evaluation, entry)
        if mark not in seen:
            seen.add(mark)
            kept.append(item)
    return kept


def _mark(evaluation: Evaluation, value: object) -> str:
    """Write a value so that equal ones look the same. As text: the hashes of numbers can be made to collide."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, (int, float)):
        return repr(value)
    evaluation.spend(10)
    evaluation.spend_on(value)
    evaluation.spend_on(value)  # sorting its keys
    return json.dumps(plain(value), sort_keys=True)


def _map(
    evaluation: Evaluation,
    value: object,
    inner: object = _MISSING,
    *arguments: object,
    attribute: object = _MISSING,
    default: object = _MISSING,
) -> object:
    items = _items(evaluation, value, "map")
    if attribute is not _MISSING:
        return [_attribute_or(evaluation, item, attribute, default) for item in items]
    name = str(inner)
    if name not in MAPPABLE or name not in FILTERS:
        allowed = ", ".join(sorted(MAPPABLE))
        raise ExpressionError(
            "not_allowed", f"`map` cannot apply `{name}`", f"It takes `attribute='name'` or one of {allowed}."
        )
    function = FILTERS[name].function
    evaluation.spend(3 * len(items))
    return [apply_filter(name, function, evaluation, item, *arguments) for item in items]


def apply_filter(name: str, function: FilterFunction, *arguments: object, **named: object) -> object:
    """Call a filter; arguments that it cannot take are a type_error."""
    try:
        return function(*arguments, **named)
    except (TypeError, ValueError, OverflowError):
        raise ExpressionError("type_error", f"`{name}` got a value or arguments that it does not take") from None


def _attribute_or(evaluation: Evaluation, item: object, path: object, default: object) -> object:
    if default is _MISSING:
        return _attribute(evaluation, item, path)
    try:
        return _attribute(evaluation, item, path)
    except ExpressionError as error:
        if error.code != "undefined":
            raise
        evaluation.spend(10)
        return default


_TESTS: dict[str, str] = {
    "eq": "eq", "equalto": "eq", "==": "eq",
    "ne": "ne", "!=": "ne",
    "lt": "lt", "lessthan": "lt", "<": "lt",
    "le": "lteq", "<=": "lteq",
    "gt": "gt", "greaterthan": "gt", ">": "gt",
    "ge": "gteq", ">=": "gteq",
}  # fmt: skip


def _passes(evaluation: Evaluation, value: object, test: object, arguments: tuple[object, ...]) -> bool:
    """Apply a test of select, selectattr or rejectattr; without a test, whether the value is true."""
    if test is _MISSING:
        return bool(value)
    evaluation.spend(2)
    name = str(test)[:40]
    if name in {"none", "defined"} and not arguments:
        return (value is None) is (name == "none")
    if len(arguments) == 1 and name in _TESTS:
        return compare(evaluation, _TESTS[name], value, arguments[0])
    if len(arguments) == 1 and name == "in":
        return contains(evaluation, arguments[0], value)
    known = ", ".join([*_TESTS, "in", "none", "defined"])
    raise ExpressionError(
        "not_allowed", f"There is no test {name!r} with {len(arguments)} arguments", f"Known: {known}."
    )


def _select(evaluation: Evaluation, value: object, test: object = _MISSING, *arguments: object) -> object:
    items = _items(evaluation, value, "select")
    return [item for item in items if _passes(evaluation, item, test, arguments)]


def _attribute_passes(
    evaluation: Evaluation, item: object, attribute: object, test: object, arguments: tuple[object, ...]
) -> bool:
    value = _attribute_or(evaluation, item, attribute, _MISSING if test != "defined" else None)
    return _passes(evaluation, value, test, arguments)


def _selectattr(
    evaluation: Evaluation, value: object, attribute: object, test: object = _MISSING, *arguments: object
) -> object:
    items = _items(evaluation, value, "selectattr")
    return [item for item in items if _attribute_passes(evaluation, item, attribute, test, arguments)]


def _rejectattr(
    evaluation: Evaluation, value: object, attribute: object, test: object = _MISSING, *arguments: object
) -> object:
    items = _items(evaluation, value, "rejectattr")
    return [item for item in items if not _attribute_passes(evaluation, item, attribute, test, arguments)]


def _sum(evaluation: Evaluation, value: object, attribute: object = None, start: object = 0) -> object:
    total = start
    for item in _items(evaluation, value, "sum"):
        number = item if attribute is None else _attribute(evaluation, item, attribute)
        evaluation.spend(2)
        if not is_number(number):
            raise ExpressionError("type_error", f"`sum` needs numbers, not a {kind_of(number)}")
        total = calculate(evaluation, "+", total, number)
    return total


def _extreme(name: str, choose: Callable[[list[Any]], object]) -> FilterFunction:
    def extreme(
        evaluation: Evaluation,
        value: object,
        case_sensitive: object = False,  # noqa: FBT002  the order of Jinja's own arguments
        attribute: object = None,
    ) -> object:
        items = _items(evaluation, value, name)
        if not items:
            raise ExpressionError("undefined", f"`{name}` of an empty list", "Add `| default(...)`.")
        keys = _keys(evaluation, items, attribute, case_sensitive=bool(case_sensitive), times=0)
        _one_kind(name, keys)
        return items[keys.index(choose(keys))]

    return extreme


def _round(_: Evaluation, value: object, precision: object = 0, method: object = "common") -> object:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise ExpressionError("type_error", f"`round` needs a number, not a {kind_of(value)}")
    if not isinstance(precision, int) or not -15 <= precision <= 15:  # noqa: PLR2004  what a double can hold
        raise ExpressionError("type_error", "`round` takes a precision from -15 to 15")
    match method:
        case "common":
            return round(value, precision)
        case "ceil":
            return math.ceil(value * 10**precision) / 10**precision
        case "floor":
            return math.floor(value * 10**precision) / 10**precision
        case _:
            raise ExpressionError("type_error", "`round` knows the methods common, ceil and floor")


def _list(evaluation: Evaluation, value: object) -> object:
    return list(_items(evaluation, value, "list"))


def _pairs(evaluation: Evaluation, value: object) -> object:
    if not isinstance(value, Mapping):
        raise ExpressionError("type_error", f"`items` needs an object, not a {kind_of(value)}")
    entries = cast("Mapping[object, object]", value)
    evaluation.spend(len(entries))
    return [[key, plain(entries[key])] for key in entries]


FILTERS: dict[str, Filter] = {
    "first": Filter(_first),
    "last": Filter(_last),
    "length": Filter(_length),
    "join": Filter(_join, ("d", "attribute")),
    "lower": Filter(lower),
    "upper": Filter(upper),
    "trim": Filter(trim, ("chars",)),
    "tojson": Filter(tojson, ("indent",)),
    "int": Filter(_int, ("default",)),
    "float": Filter(_float, ("default",)),
    "string": Filter(string),
    "sort": Filter(_sort, ("reverse", "case_sensitive", "attribute")),
    "unique": Filter(_unique, ("case_sensitive", "attribute")),
    "map": Filter(_map, ("filter",), rest=True),
    "select": Filter(_select, ("test",), rest=True),
    "selectattr": Filter(_selectattr, ("attribute", "test"), rest=True),
    "rejectattr": Filter(_rejectattr, ("attribute", "test"), rest=True),
    "sum": Filter(_sum, ("attribute", "start")),
    "min": Filter(_extreme("min", min), ("case_sensitive", "attribute")),
    "max": Filter(_extreme("max", max), ("case_sensitive", "attribute")),
    "round": Filter(_round, ("precision", "method")),
    "list": Filter(_list),
    "items": Filter(_pairs),
}
MAPPABLE = frozenset(FILTERS) - {"map", "select", "selectattr", "rejectattr"}  # nothing that loops in a loop
FILTER_NAMES = frozenset({*FILTERS, "default"})  # default is part of the grammar: it must see undefined
