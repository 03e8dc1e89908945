"""Read an expression with Jinja2's parser and allow only the small language of WORKFLOWS: no calls, no Python."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.parser import Parser

from functions.shared.dsl.expression_errors import ExpressionError
from functions.shared.dsl.filters import FILTER_NAMES, FILTERS
from functions.shared.dsl.problems import did_you_mean
from functions.shared.dsl.values import has_unstorable

MAX_NODES = 200
MAX_SOURCE = 4_000
TESTS = ("defined", "undefined", "none")
Key: TypeAlias = str | int

_ENVIRONMENT = Environment(autoescape=False)  # noqa: S701  only its lexer and parser are used, nothing is rendered
_ALLOWED: tuple[type[nodes.Node], ...] = (
    nodes.Const, nodes.List, nodes.Tuple, nodes.Dict, nodes.Pair, nodes.Name, nodes.Getattr, nodes.Getitem, nodes.Slice,
    nodes.Filter, nodes.Test, nodes.Keyword, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not,
    nodes.Neg, nodes.Pos, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.CondExpr,
)  # fmt: skip
_REFUSED: dict[type[nodes.Node], tuple[str, str]] = {
    nodes.Call: ("A call is not allowed in an expression", "Use a filter, as in `value | length`, or a `code` step."),
    nodes.Pow: ("`**` is not allowed in an expression", "Multiply, or use a `code` step."),
    nodes.Concat: ("`~` is not allowed in an expression", "Write two expressions into one text: `${{ a }}${{ b }}`."),
}


@dataclass(frozen=True, slots=True)
class Reference:
    """A chain of items: `steps.x.output[0]` is ('steps', ('x', 'output', 0)). `is_open`: an item below is computed."""

    name: str
    keys: tuple[Key, ...]
    is_open: bool = False


@lru_cache(maxsize=4096)
def parse(source: str) -> nodes.Expr:
    """Parse one expression, without marks. Raises ExpressionError `syntax` or `not_allowed`."""
    if len(source) > MAX_SOURCE:
        raise ExpressionError("too_large", f"An expression has at most {MAX_SOURCE:,} characters, not {len(source):,}")
    if not source.strip():
        raise ExpressionError("syntax", "The expression is empty")
    try:
        parser = Parser(_ENVIRONMENT, source, state="variable")
        tree = parser.parse_expression()
        if not parser.stream.eos:
            unexpected = parser.stream.current
            raise ExpressionError(
                "syntax", f"Unexpected {unexpected.value!r} after the expression", _syntax_hint(source)
            )
    except TemplateSyntaxError as error:
        raise ExpressionError("syntax", f"Cannot read the expression: {error.message}", _syntax_hint(source)) from None
    except (RecursionError, ValueError, OverflowError):
        raise ExpressionError("syntax", "The expression is nested too deeply or holds too long a number") from None
    _allow(tree)
    return tree


def _syntax_hint(source: str) -> str | None:
    for wrong, right in (("&&", "and"), ("||", "or"), ("===", "=="), ("?", "x if condition else y"), ("!", "not")):
        if wrong in source.replace("!=", ""):
            return f"Write `{right}` instead of `{wrong}`."
    return None


def _allow(tree: nodes.Expr) -> None:
    count = 0
    stack: list[nodes.Node] = [tree]
    while stack:
        node = stack.pop()
        count += 1
        if count > MAX_NODES:
            raise ExpressionError(
                "too_large", f"An expression has at most {MAX_NODES} parts", "Use a `transform` step."
            )
        _allow_node(node)
        stack.extend(node.iter_child_nodes())


def _allow_node(node: nodes.Node) -> None:
    if type(node) in _REFUSED:
        message, hint = _REFUSED[type(node)]
        raise ExpressionError("not_allowed", message, hint)
    match node:
        case nodes.Filter():
            _allow_filter(node)
        case nodes.Test():
            if node.name not in TESTS or node.args or node.kwargs:
                hint = f"Only {', '.join(f'`is {test}`' for test in TESTS)}; compare with ==, <, in."
                raise ExpressionError("not_allowed", f"`is {node.name}` is not allowed in an expression", hint)
        case nodes.CondExpr(expr2=None):
            raise ExpressionError("syntax", "`x if condition` needs an `else y`")
        case nodes.Dict():
            if not all(isinstance(pair.key, nodes.Const) and isinstance(pair.key.value, str) for pair in node.items):
                raise ExpressionError("not_allowed", "The keys of an object must be quoted texts")
        case nodes.Const(value=str() as text) if has_unstorable(text):
            raise ExpressionError("not_allowed", "A text holds a NUL character or half of a character", "Remove it.")
        case nodes.Const(value=bool() | int() | float() | str() | None):
            pass
        case _ if not isinstance(node, _ALLOWED):
            raise ExpressionError("not_allowed", f"{type(node).__name__} is not allowed in an expression")
        case _:
            pass


def _allow_filter(node: nodes.Filter) -> None:
    if node.name not in FILTER_NAMES:
        raise ExpressionError("not_allowed", f"There is no filter `{node.name}`", did_you_mean(node.name, FILTER_NAMES))
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        raise ExpressionError("not_allowed", "`*` and `**` arguments are not allowed in an expression")
    parameters = ("default_value", "boolean") if node.name == "default" else FILTERS[node.name].parameters
    has_rest = node.name in FILTERS and FILTERS[node.name].rest
    known = (*parameters, "attribute", "default") if node.name == "map" else parameters
    for keyword in node.kwargs:
        name = keyword_name(keyword)
        if name not in known:
            message = f"The filter `{node.name}` has no argument `{name}`"
            raise ExpressionError("not_allowed", message, did_you_mean(name, known))
    if len(node.args) > len(parameters) and not has_rest:
        message = f"The filter `{node.name}` takes at most {len(parameters)} arguments, not {len(node.args)}"
        raise ExpressionError("not_allowed", message)


def keyword_name(keyword: nodes.Pair | nodes.Keyword) -> str:
    """Give the name of a keyword argument, which Jinja2 declares as an expression and fills with a text."""
    return str(keyword.key)


def reference_of(node: nodes.Node) -> Reference | None:
    """Give the chain that a node is, or None when it starts from something else than a name."""
    keys: list[Key] = []
    is_open = False
    while True:
        match node:
            case nodes.Name():
                return Reference(node.name, tuple(reversed(keys)), is_open)
            case nodes.Getattr():
                keys.append(node.attr)
                node = node.node
            case nodes.Getitem(arg=nodes.Const(value=str() | int() as key)):
                keys.append(key)
                node = node.node
            case nodes.Getitem():
                keys.clear()
                is_open = True
                node = node.node
            case _:
                return None


def references(tree: nodes.Node) -> list[Reference]:
    """Give every chain of an expression, the longest of each."""
    found: list[Reference] = []
    stack: list[nodes.Node] = [tree]
    while stack:
        node = stack.pop()
        reference = reference_of(node)
        if reference is None:
            stack.extend(node.iter_child_nodes())
            continue
        found.append(reference)
        while isinstance(node, (nodes.Getattr, nodes.Getitem)):  # what a computed item is computed from
            if isinstance(node, nodes.Getitem) and not isinstance(node.arg, nodes.Const):
                stack.append(node.arg)
            node = node.node
    return found
