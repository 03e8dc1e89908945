"""How expressions compare: by value as in Python, an order only between two numbers or two texts; paid for by size."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, cast

from functions.shared.dsl.evaluation import Evaluation, is_number
from functions.shared.dsl.expression_errors import ExpressionError
from functions.shared.dsl.values import kind_of

SIGNS = {"eq": "==", "ne": "!=", "lt": "<", "lteq": "<=", "gt": ">", "gteq": ">=", "in": "in", "notin": "not in"}
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "lt": operator.lt,
    "lteq": operator.le,
    "gt": operator.gt,
    "gteq": operator.ge,
}
_SHORT = 64  # characters that are compared at once


def compare(evaluation: Evaluation, name: str, left: object, right: object) -> bool:
    """Compare as Python does; an order only exists between two numbers or two texts."""
    if name == "eq":
        return is_same(evaluation, left, right)
    if name == "ne":
        return not is_same(evaluation, left, right)
    if name in {"in", "notin"}:
        return contains(evaluation, right, left) is (name == "in")
    if isinstance(left, str) and isinstance(right, str):
        evaluation.spend(1 + min(len(left), len(right)) // _SHORT)
        return _ORDER[name](left, right)
    if is_number(left) and is_number(right):
        return _ORDER[name](left, right)
    raise ExpressionError("type_error", f"Cannot compare {kind_of(left)} {SIGNS[name]} {kind_of(right)}")


def is_same(evaluation: Evaluation, left: object, right: object) -> bool:
    """Tell whether two values are equal; looks at no more than where they first differ."""
    pairs: list[tuple[object, object]] = [(left, right)]
    while pairs:
        one, other = pairs.pop()
        if one is other:
            continue
        if isinstance(one, list) and isinstance(other, list):
            items, others = cast("list[object]", one), cast("list[object]", other)
            if len(items) != len(others):
                return False
            evaluation.spend(len(items))
            pairs.extend(zip(items, others, strict=True))
        elif isinstance(one, Mapping) and isinstance(other, Mapping):
            entries, other_entries = cast("Mapping[str, object]", one), cast("Mapping[str, object]", other)
            if len(entries) != len(other_entries):
                return False
            evaluation.spend(3 * len(entries))
            for key in entries:
                if key not in other_entries:
                    return False
                pairs.append((entries[key], other_entries[key]))
        elif not _is_same_scalar(evaluation, cast("object", one), other):
            return False
    return True


def _is_same_scalar(evaluation: Evaluation, one: object, other: object) -> bool:
    if isinstance(one, str) and isinstance(other, str) and len(one) == len(other):
        evaluation.spend(1 + len(one) // _SHORT)
    return one == other


def contains(evaluation: Evaluation, container: object, item: object) -> bool:
    """Tell whether a text holds a text, a list an item, or an object a key."""
    if isinstance(container, str) and isinstance(item, str):
        evaluation.spend(1 + _search_cost(len(container), len(item)) // _SHORT)
        return item in container
    if isinstance(container, list):
        items = cast("list[object]", container)
        if isinstance(item, (dict, list, Mapping)) or (isinstance(item, str) and len(item) > _SHORT):
            evaluation.spend(2 * len(items))
            return any(is_same(evaluation, each, cast("object", item)) for each in items)
        evaluation.spend(1 + len(items) // 4)  # comparing is much cheaper than calling a filter
        return item in items
    if isinstance(container, Mapping) and isinstance(item, str):
        return item in cast("Mapping[object, object]", container)
    kinds = kind_of(item), kind_of(cast("object", container))
    raise ExpressionError("type_error", f"Cannot look for a {kinds[0]} in a {kinds[1]}")


def _search_cost(length: int, wanted: int) -> int:
    """Characters that a search may compare: Python takes the plain way, with its square, for short texts only."""
    is_plain = length < 2_500 or wanted < 6 or (wanted < 100 and length < 30_000)  # noqa: PLR2004  Python's own limits
    return length * max(1, wanted) if is_plain else 4 * length
