"""What is known about a value before anything runs: a small part of JSON Schema, and what expressions make of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, cast

from jinja2 import nodes

from functions.shared.dsl.comparison import SIGNS
from functions.shared.dsl.problems import did_you_mean, nearest
from functions.shared.dsl.syntax import keyword_name
from functions.shared.dsl.values import kind_of, to_text
from functions.shared.jsonvalue import Json


@dataclass(frozen=True, slots=True)
class Type:
    """`kind` None: anything. Objects have `fields` (only these when `is_closed`), lists an `item`, scalars `enum`."""

    kind: str | None = None
    fields: Mapping[str, Type] = field(default_factory=dict[str, "Type"])
    is_closed: bool = False
    item: Type | None = None
    enum: tuple[Json, ...] | None = None


Report: TypeAlias = Callable[[str, str, str, str | None], None]
"""severity, code, message, hint."""

ANY = Type()
STRING, NUMBER, INTEGER, BOOLEAN = Type("string"), Type("number"), Type("integer"), Type("boolean")
NULL = Type("null")
_NUMBERS = {"number", "integer"}


def object_of(fields: Mapping[str, Type], *, is_closed: bool = True) -> Type:
    """Give the type of an object with these fields."""
    return Type("object", fields, is_closed=is_closed)


def list_of(item: Type) -> Type:
    """Give the type of a list."""
    return Type("array", item=item)


def of_schema(schema: Json) -> Type:
    """Read the type out of a JSON Schema."""
    if not isinstance(schema, dict):
        return ANY
    enum = schema.get("enum")
    values = tuple(enum) if isinstance(enum, list) else None
    match schema.get("type"):
        case "object":
            properties = schema.get("properties")
            fields = properties if isinstance(properties, dict) else {}
            known = {name: of_schema(inner) for name, inner in fields.items()}
            return object_of(known, is_closed=schema.get("additionalProperties") is False)
        case "array":
            return list_of(of_schema(schema.get("items")))
        case "string" | "number" | "integer" | "boolean" | "null" as kind:
            return Type(kind, enum=values)
        case _ if values and len({_json_kind(value) for value in values}) == 1:
            return Type(_json_kind(values[0]), enum=values)
        case _:
            return ANY


def of_value(value: Json) -> Type:
    """Give the type of a literal."""
    if isinstance(value, dict):
        return object_of({key: of_value(entry) for key, entry in value.items()})
    if isinstance(value, list):
        return list_of(merged(of_value(entry) for entry in value))
    return Type(_json_kind(value), enum=(value,))


def _json_kind(value: Json) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return "integer"
    kind = kind_of(value)
    return "array" if kind == "list" else kind


def merged(types: Iterable[Type]) -> Type:
    """Give the type that is either of these: known only where they agree."""
    found = list(types)
    if not found:
        return ANY
    kinds = {each.kind for each in found}
    if len(kinds) == 1:
        enums = [each.enum for each in found]
        if all(enum is not None for enum in enums):
            return Type(found[0].kind, enum=tuple(value for enum in enums for value in enum or ()))
        return found[0] if len(found) == 1 or not (found[0].fields or found[0].item) else Type(found[0].kind)
    return NUMBER if kinds <= _NUMBERS else ANY


def member_type(container: Type, key: object, described: str, report: Report) -> Type:
    """Give the type of an item, and report one that cannot be there."""
    match container.kind:
        case "object" if isinstance(key, str):
            if key in container.fields:
                return container.fields[key]
            if container.is_closed:
                report(
                    "error", "unknown_field", f"`{described}` has no field `{key}`", did_you_mean(key, container.fields)
                )
            return ANY
        case "array":
            if isinstance(key, str):
                hint = f"Take one with `{described}[0]`, or all with `{described} | map(attribute='{key}')`."
                report("error", "unknown_field", f"`{described}` is a list, so it has no field `{key}`", hint)
                return ANY
            return container.item or ANY
        case "string" | "number" | "integer" | "boolean" | "null" if isinstance(key, str):
            what = f"`{described}` is a {container.kind}, so it has no field `{key}`"
            report("error", "unknown_field", what, None)
            return ANY
        case _:
            return ANY


class Inference:
    """Gives the types of expressions. `name_type` knows the names; `step_type` the parts of `steps.x`."""

    def __init__(self, name_type: Callable[[str], Type], report: Report) -> None:
        self._name_type = name_type
        self._report = report

    def type_of(self, node: nodes.Node) -> Type:
        """Give the type of an expression and report what cannot work."""
        match node:
            case nodes.Const():
                return of_value(cast("Json", node.value))
            case nodes.Name():
                return self._name_type(node.name)
            case nodes.Getattr():
                return member_type(self.type_of(node.node), node.attr, described(node.node), self._report)
            case nodes.Getitem():
                return self._item(node)
            case nodes.List() | nodes.Tuple():
                return list_of(merged([self.type_of(item) for item in node.items]))
            case nodes.Dict():
                return object_of({cast("nodes.Const", pair.key).value: self.type_of(pair.value) for pair in node.items})
            case nodes.Filter():
                return self._filter(node)
            case _:
                return self._operation(node)

    def _operation(self, node: nodes.Node) -> Type:
        match node:
            case nodes.And() | nodes.Or():
                return merged([self.type_of(node.left), self.type_of(node.right)])
            case nodes.Not() | nodes.Test():
                self.type_of(node.node)
                return BOOLEAN
            case nodes.CondExpr():
                self.type_of(node.test)
                return merged([self.type_of(node.expr1), self.type_of(cast("nodes.Expr", node.expr2))])
            case nodes.Compare():
                return self._comparison(node)
            case nodes.Neg() | nodes.Pos():
                inner = self.type_of(node.node)
                self._needs_number(inner, described(node.node))
                return Type(inner.kind) if inner.kind in _NUMBERS else NUMBER
            case nodes.BinExpr():
                return self._arithmetic(node)
            case _:
                return ANY

    def _item(self, node: nodes.Getitem) -> Type:
        container = self.type_of(node.node)
        if isinstance(node.arg, nodes.Const):
            return member_type(container, node.arg.value, described(node.node), self._report)
        if isinstance(node.arg, nodes.Slice):
            return container if container.kind in {"array", "string"} else ANY
        self.type_of(node.arg)
        return container.item or ANY if container.kind == "array" else ANY

    def _comparison(self, node: nodes.Compare) -> Type:
        left, shown = self.type_of(node.expr), described(node.expr)
        for operand in node.ops:
            right = self.type_of(operand.expr)
            self._compare(operand.op, (left, shown), (right, described(operand.expr)))
            left, shown = right, described(operand.expr)
        return BOOLEAN

    def _compare(self, operator: str, left: tuple[Type, str], right: tuple[Type, str]) -> None:
        (first, _), (second, _) = left, right
        if operator in {"in", "notin"}:
            if second.kind == "array" and second.item is not None and second.item.enum is not None:
                for value in second.item.enum:
                    self._check_enum(left, of_value(value))
            return
        if first.kind is None or second.kind is None:
            return
        is_same = first.kind == second.kind or {first.kind, second.kind} <= _NUMBERS
        if not is_same and operator in {"eq", "ne"}:
            self._never_equal(operator, left, right)
        elif operator in {"eq", "ne"}:
            self._check_enum(left, second)
            self._check_enum(right, first)
        elif not is_same or first.kind not in {*_NUMBERS, "string"}:
            message = f"Cannot compare: {_with_kind(left)} {SIGNS[operator]} {_with_kind(right)}"
            self._report("error", "type_mismatch", message, _conversion_hint(first, second))

    def _never_equal(self, operator: str, left: tuple[Type, str], right: tuple[Type, str]) -> None:
        if "null" in {left[0].kind, right[0].kind}:
            return
        outcome = "never" if operator == "eq" else "always"
        message = f"This is {outcome} true: {_with_kind(left)} {SIGNS[operator]} {_with_kind(right)}"
        self._report("warning", "never_equal", message, _conversion_hint(left[0], right[0]))

    def _check_enum(self, side: tuple[Type, str], other: Type) -> None:
        known = side[0].enum
        if known is None or len(known) < 2 or other.enum is None or len(other.enum) != 1:  # noqa: PLR2004  a literal
            return
        value = other.enum[0]
        if value not in known:
            names = [each for each in known if isinstance(each, str)]
            guess = nearest(value, names) if isinstance(value, str) else None
            listed = ", ".join(to_text(each) for each in known)
            hint = f"Did you mean `{guess}`?" if guess else f"It is one of {listed}."
            self._report("warning", "not_in_enum", f"`{side[1]}` is never {to_text(value)!r}", hint)

    def _arithmetic(self, node: nodes.BinExpr) -> Type:
        left, right = self.type_of(node.left), self.type_of(node.right)
        kinds = {left.kind, right.kind}
        if isinstance(node, nodes.Add) and None not in kinds and len(kinds) == 1 and kinds <= {"string", "array"}:
            return Type(left.kind, item=merged([left.item or ANY, right.item or ANY]) if left.kind == "array" else None)
        if isinstance(node, nodes.Add) and (None in kinds or kinds & {"string", "array"}):
            if None not in kinds:
                sides = _with_kind((left, described(node.left))), _with_kind((right, described(node.right)))
                message = f"Cannot add: {sides[0]} + {sides[1]}"
                self._report("error", "type_mismatch", message, "Write both into one text: `${{ a }}${{ b }}`.")
            return ANY
        self._needs_number(left, described(node.left))
        self._needs_number(right, described(node.right))
        is_whole = kinds == {"integer"} and not isinstance(node, nodes.Div)
        return INTEGER if is_whole else NUMBER

    def _needs_number(self, given: Type, shown: str) -> None:
        if given.kind is not None and given.kind not in _NUMBERS:
            hint = "Convert it with `| int` or `| float`." if given.kind == "string" else None
            message = f"Cannot calculate with {_with_kind((given, shown))}"
            self._report("error", "type_mismatch", message, hint)

    def _filter(self, node: nodes.Filter) -> Type:
        value = self.type_of(cast("nodes.Expr", node.node))
        arguments = [self.type_of(argument) for argument in node.args]
        named = {keyword_name(keyword): keyword.value for keyword in node.kwargs}
        for given in named.values():
            self.type_of(given)
        return self._filtered(node, value, arguments, named)

    def _filtered(  # noqa: PLR0911  one case a group of filters
        self, node: nodes.Filter, value: Type, arguments: list[Type], named: dict[str, nodes.Expr]
    ) -> Type:
        match node.name:
            case "default":
                return merged([value, arguments[0]]) if arguments else value
            case "length" | "int":
                return INTEGER
            case "float":
                return NUMBER
            case "join" | "lower" | "upper" | "trim" | "tojson" | "string":
                return STRING
            case "sum" | "round":
                return NUMBER
            case "first" | "last" | "min" | "max":
                return value.item or ANY if value.kind == "array" else ANY
            case "list" | "sort" | "unique" | "select" | "selectattr" | "rejectattr":
                return value if value.kind == "array" else list_of(ANY)
            case "map":
                return self._mapped(node, value, named)
            case "items":
                return list_of(list_of(ANY))
            case _:
                return ANY

    def _mapped(self, node: nodes.Filter, value: Type, named: dict[str, nodes.Expr]) -> Type:
        attribute = named.get("attribute")
        item = value.item or ANY
        if value.kind != "array" or not isinstance(attribute, nodes.Const) or not isinstance(attribute.value, str):
            return list_of(ANY)
        shown = f"{described(cast('nodes.Expr', node.node))}[]"
        for part in attribute.value.split("."):
            key: object = int(part) if part.isdigit() and item.kind == "array" else part
            item, shown = member_type(item, key, shown, self._report), f"{shown}.{part}"
        return list_of(item)


def described(node: nodes.Node | None) -> str:
    """Write an expression for a message."""
    match node:
        case nodes.Name():
            return node.name
        case nodes.Getattr():
            return f"{described(node.node)}.{node.attr}"
        case nodes.Getitem(arg=nodes.Const(value=value)):
            return f"{described(node.node)}[{value!r}]"
        case nodes.Getitem():
            return f"{described(node.node)}[...]"
        case nodes.Const():
            return repr(node.value)
        case nodes.Filter():
            return f"{described(node.node)} | {node.name}"
        case _:
            return "the value"


def _with_kind(side: tuple[Type, str]) -> str:
    kind, shown = side[0].kind or "value", side[1]
    return f"{shown} ({kind})"


def _conversion_hint(left: Type, right: Type) -> str | None:
    kinds = {left.kind, right.kind}
    if "string" in kinds and kinds & _NUMBERS:
        return "Write the number without quotes, or convert the text with `| int` or `| float`."
    if "string" in kinds and "boolean" in kinds:
        return "Write true or false without quotes."
    return None
