"""Turn a parsed expression into Python closures.

Jinja2 itself would generate and execute Python code. Nothing of a document ever becomes code here: a node that has no
closure below cannot be evaluated, lookups are by item only, and every operator checks its types.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, cast

from jinja2 import nodes

from functions.shared.dsl.comparison import compare
from functions.shared.dsl.evaluation import Evaluation, calculate, is_number, member, no_name
from functions.shared.dsl.expression_errors import ExpressionError
from functions.shared.dsl.filters import FILTERS, apply_filter
from functions.shared.dsl.syntax import Key, keyword_name, reference_of
from functions.shared.dsl.values import kind_of, plain

Closure: TypeAlias = Callable[[Evaluation], object]
_SIGNS: dict[type[nodes.Node], str] = {
    nodes.Add: "+",
    nodes.Sub: "-",
    nodes.Mul: "*",
    nodes.Div: "/",
    nodes.FloorDiv: "//",
    nodes.Mod: "%",
}


def build(node: nodes.Node) -> Closure:  # noqa: C901, PLR0911, PLR0912  one case a node type
    """Give the closure of an allowed node."""
    match node:
        case nodes.Const():
            value: object = node.value
            return lambda _: value
        case nodes.Name():
            return _reference(node.name, ())
        case nodes.Getattr() | nodes.Getitem():
            return _item(node)
        case nodes.List() | nodes.Tuple():
            return _list([build(item) for item in node.items])
        case nodes.Dict():
            return _object([(cast("nodes.Const", pair.key).value, build(pair.value)) for pair in node.items])
        case nodes.And():
            left, right = build(node.left), build(node.right)
            return lambda run: left(run) and right(run)
        case nodes.Or():
            left, right = build(node.left), build(node.right)
            return lambda run: left(run) or right(run)
        case nodes.Not():
            inner = build(node.node)
            return lambda run: not inner(run)
        case nodes.CondExpr():
            return _conditional(node)
        case nodes.Compare():
            return _comparison(node)
        case nodes.Neg() | nodes.Pos():
            return _signed(build(node.node), negative=isinstance(node, nodes.Neg))
        case nodes.BinExpr():
            return _arithmetic(_SIGNS[type(node)], build(node.left), build(node.right))
        case nodes.Filter():
            return _default(node) if node.name == "default" else _filter(node)
        case nodes.Test():
            return _test(node)
        case _:
            raise ExpressionError("not_allowed", f"{type(node).__name__} is not allowed in an expression")


def _reference(name: str, keys: tuple[Key, ...]) -> Closure:
    if not keys:

        def look_up_name(run: Evaluation) -> object:
            try:
                return run.names[name]
            except KeyError:
                raise no_name(name, run.names) from None

        return look_up_name

    chain = [(key, _described(name, keys[:position])) for position, key in enumerate(keys)]

    def look_up(run: Evaluation) -> object:
        try:
            value = run.names[name]
        except KeyError:
            raise no_name(name, run.names) from None
        for key, described in chain:
            value = member(value, key, described)
        return value

    return look_up


def _described(name: str, keys: tuple[Key, ...]) -> str:
    return name + "".join(f".{key}" if isinstance(key, str) else f"[{key}]" for key in keys)


def _item(node: nodes.Getattr | nodes.Getitem) -> Closure:
    reference = reference_of(node)
    if reference is not None and not reference.is_open:
        return _reference(reference.name, reference.keys)
    container = build(node.node)
    if isinstance(node, nodes.Getattr):
        name = node.attr
        return lambda run: member(container(run), name, "the value")
    if isinstance(node.arg, nodes.Slice):
        return _slice(container, node.arg)
    key = build(node.arg)

    def look_up(run: Evaluation) -> object:
        wanted = key(run)
        run.spend(1 + (len(wanted) // 64 if isinstance(wanted, str) else 0))
        return member(container(run), wanted, "the value")

    return look_up


def _slice(container: Closure, node: nodes.Slice) -> Closure:
    bounds = [None if bound is None else build(bound) for bound in (node.start, node.stop, node.step)]

    def cut(run: Evaluation) -> object:
        value = container(run)
        if not isinstance(value, (str, list)):
            raise ExpressionError("type_error", f"Only a text or a list can be cut, not a {kind_of(value)}")
        limits = [None if bound is None else bound(run) for bound in bounds]
        if any(limit is not None and (isinstance(limit, bool) or not isinstance(limit, int)) for limit in limits):
            raise ExpressionError("type_error", "The limits of a cut must be whole numbers")
        if limits[2] == 0:
            raise ExpressionError("type_error", "The step of a cut cannot be 0")
        items, part = cast("list[object]", value), slice(*cast("list[int | None]", limits))
        run.spend(len(range(*part.indices(len(items)))) // (64 if isinstance(value, str) else 8))
        return items[part]

    return cut


def _list(items: list[Closure]) -> Closure:
    return lambda run: [plain(item(run)) for item in items]


def _object(entries: list[tuple[str, Closure]]) -> Closure:
    return lambda run: {key: plain(entry(run)) for key, entry in entries}


def _conditional(node: nodes.CondExpr) -> Closure:
    condition, then, otherwise = build(node.test), build(node.expr1), build(cast("nodes.Expr", node.expr2))
    return lambda run: then(run) if condition(run) else otherwise(run)


def _comparison(node: nodes.Compare) -> Closure:
    first = build(node.expr)
    operands = [(operand.op, build(operand.expr)) for operand in node.ops]
    if len(operands) == 1:
        name, second = operands[0]
        return lambda run: compare(run, name, first(run), second(run))

    def chain(run: Evaluation) -> object:
        left = first(run)
        for operator, operand in operands:
            right = operand(run)
            if not compare(run, operator, left, right):
                return False
            left = right
        return True

    return chain


def _signed(inner: Closure, *, negative: bool) -> Closure:
    def signed(run: Evaluation) -> object:
        value = inner(run)
        if not is_number(value):
            raise ExpressionError("type_error", f"Only a number can have a sign, not a {kind_of(value)}")
        return -cast("float", value) if negative else value

    return signed


def _arithmetic(sign: str, left: Closure, right: Closure) -> Closure:
    return lambda run: calculate(run, sign, left(run), right(run))


def _default(node: nodes.Filter) -> Closure:
    """`x | default(y)`: y when x is not there. With true as second argument also when x is empty, false or null."""
    value = build(cast("nodes.Expr", node.node))
    named = {keyword_name(keyword): keyword.value for keyword in node.kwargs}
    given = [*node.args, None, None]
    fallback_node, boolean_node = given[0] or named.get("default_value"), given[1] or named.get("boolean")
    fallback: Closure = build(fallback_node) if fallback_node is not None else lambda _: ""
    boolean: Closure = build(boolean_node) if boolean_node is not None else lambda _: False

    def default(run: Evaluation) -> object:
        found = _if_defined(value, run)
        if found is _UNDEFINED or (boolean(run) and not found):
            return fallback(run)
        return found

    return default


_UNDEFINED = object()


def _if_defined(value: Closure, run: Evaluation) -> object:
    try:
        return value(run)
    except ExpressionError as error:
        if error.code != "undefined":
            raise
        run.spend(10)
        return _UNDEFINED


def _test(node: nodes.Test) -> Closure:
    value, name = build(node.node), node.name
    if name == "none":
        return lambda run: value(run) is None
    return lambda run: (_if_defined(value, run) is not _UNDEFINED) is (name == "defined")


def _filter(node: nodes.Filter) -> Closure:
    function = FILTERS[node.name].function
    value = build(cast("nodes.Expr", node.node))
    arguments = [build(argument) for argument in node.args]
    named = [(_python_name(node.name, keyword_name(keyword)), build(keyword.value)) for keyword in node.kwargs]
    name = node.name
    if not arguments and not named:
        return lambda run: apply_filter(name, function, run, value(run))

    def apply(run: Evaluation) -> object:
        given = [argument(run) for argument in arguments]
        return apply_filter(name, function, run, value(run), *given, **{key: entry(run) for key, entry in named})

    return apply


def _python_name(filter_name: str, key: str) -> str:
    return "inner" if filter_name == "map" and key == "filter" else key
