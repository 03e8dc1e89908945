"""The laxer profile of prompt text: `${% for x in … %}` and `${% if … %}` around text and `${{ }}`.

A line that holds nothing but a tag vanishes with its line break. Iterations and output are capped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias, cast

from jinja2 import nodes

from functions.shared.dsl.closures import Closure, build
from functions.shared.dsl.evaluation import Evaluation
from functions.shared.dsl.expression_errors import ExpressionError
from functions.shared.dsl.problems import did_you_mean
from functions.shared.dsl.syntax import parse
from functions.shared.dsl.templates import Piece, TemplateError, split
from functions.shared.dsl.values import kind_of, to_text

MAX_ITERATIONS = 10_000
MAX_TAG_DEPTH = 10
Part: TypeAlias = Callable[[Evaluation], Iterator[str]]

_FOR = re.compile(r"for\s+([A-Za-z_]\w*)(?:\s*,\s*([A-Za-z_]\w*))?\s+in\s+(.+)", re.DOTALL)
_WORD = re.compile(r"\s*(\w+)")
_KNOWN_TAGS = ("for", "endfor", "if", "elif", "else", "endif")
RESERVED_NAMES = frozenset({"input", "steps", "loop", "item", "index", "error", "true", "false", "none"})


@dataclass(frozen=True, slots=True)
class Text:
    """Literal text."""

    text: str


@dataclass(frozen=True, slots=True)
class Value:
    """An expression whose value is written into the text; `offset` is where it stands."""

    source: str
    offset: int


@dataclass(frozen=True, slots=True)
class Branch:
    """One arm of an if: `source` is None for else."""

    source: str | None
    offset: int
    body: list[Node] = field(default_factory=list["Node"])


@dataclass(frozen=True, slots=True)
class If:
    """The arms of an if, in order."""

    branches: list[Branch]


@dataclass(frozen=True, slots=True)
class For:
    """A loop over a list, or with two names over the entries of an object."""

    names: tuple[str, ...]
    source: str
    offset: int
    body: list[Node] = field(default_factory=list["Node"])


Node: TypeAlias = Text | Value | If | For


def compile_prompt(text: str) -> Part:
    """Compile prompt text; the result yields its pieces. Raises ExpressionError."""
    return _sequence(parse_prompt(text))


def parse_prompt(text: str) -> list[Node]:
    """Read prompt text into nodes. Raises ExpressionError `syntax`, also for an unclosed tag."""
    try:
        pieces = _without_tag_lines(split(text, tags=True))
    except TemplateError as error:
        raise ExpressionError("syntax", str(error)) from None
    return _Reader(pieces).read()


def _without_tag_lines(pieces: list[Piece]) -> list[Piece]:
    """Drop the indentation before and the line break after a tag that stands alone on its line."""
    texts = [piece.text for piece in pieces]
    for at, piece in enumerate(pieces):
        if piece.kind != "tag":
            continue
        before = pieces[at - 1].text if at else ""
        after = pieces[at + 1].text if at + 1 < len(pieces) else ""
        indentation = before[before.rfind("\n") + 1 :]
        starts = (at == 0 or pieces[at - 1].kind == "text") and not indentation.strip()
        starts = starts and ("\n" in before or at <= 1)
        rest, found, _ = after.partition("\n")
        ends = (at + 1 == len(pieces) or pieces[at + 1].kind == "text") and not rest.strip()
        if not (starts and ends and (found or at + 2 >= len(pieces))):
            continue
        if indentation:
            texts[at - 1] = texts[at - 1][: -len(indentation)]
        if found:
            texts[at + 1] = texts[at + 1][len(rest) + 1 :]
    return [Piece(piece.kind, text, piece.offset) for piece, text in zip(pieces, texts, strict=True)]


class _Reader:
    """Reads pieces into nested nodes."""

    def __init__(self, pieces: list[Piece]) -> None:
        self._pieces = pieces
        self._at = 0
        self._depth = 0

    def read(self) -> list[Node]:
        body, end = self._body(())
        if end is not None:
            raise _tag_error(f"`{end}` without a beginning")
        return body

    def _body(self, ends: tuple[str, ...]) -> tuple[list[Node], str | None]:
        body: list[Node] = []
        while self._at < len(self._pieces):
            piece = self._pieces[self._at]
            self._at += 1
            if piece.kind == "text":
                body.append(Text(piece.text))
            elif piece.kind == "expression":
                body.append(Value(piece.text, piece.offset))
            else:
                word = _word(piece)
                if word in ends or word in {"endfor", "endif", "elif", "else"}:
                    return body, word
                body.append(self._block(word, piece))
        return body, None

    def _block(self, word: str, piece: Piece) -> Node:
        self._depth += 1
        if self._depth > MAX_TAG_DEPTH:
            raise ExpressionError("too_large", f"Tags may be nested {MAX_TAG_DEPTH} deep")
        node = self._for(piece) if word == "for" else self._if(piece)
        self._depth -= 1
        return node

    def _for(self, piece: Piece) -> For:
        match = _FOR.fullmatch(piece.text.strip())
        if match is None:
            raise _tag_error(f"Cannot read `{piece.text.strip()}`", "Write `${% for x in input.list %}`.")
        names = tuple(name for name in (match[1], match[2]) if name is not None)
        for name in names:
            if name in RESERVED_NAMES:
                raise _tag_error(f"`{name}` already means something here", "Choose another name for the loop.")
        body, end = self._body(("endfor",))
        if end != "endfor":
            raise _tag_error("`for` is not closed by `endfor`")
        return For(names, match[3], piece.offset, body)

    def _if(self, piece: Piece) -> If:
        branches: list[Branch] = []
        word, source = "if", piece.text.strip()[2:]
        while True:
            body, end = self._body(("elif", "else", "endif"))
            branches.append(Branch(None if word == "else" else source, piece.offset, body))
            if end == "endif":
                return If(branches)
            if end not in {"elif", "else"} or word == "else":
                raise _tag_error("`if` is not closed by `endif`")
            piece = self._pieces[self._at - 1]
            word, source = end, piece.text.strip()[4:]


def _word(piece: Piece) -> str:
    match = _WORD.match(piece.text)
    word = match[1] if match else ""
    if word not in _KNOWN_TAGS:
        raise ExpressionError(
            "not_allowed", f"There is no tag `{piece.text.strip()[:40]}`", did_you_mean(word, _KNOWN_TAGS)
        )
    return word


def _tag_error(message: str, hint: str | None = None) -> ExpressionError:
    return ExpressionError("syntax", message, hint)


def _sequence(body: list[Node]) -> Part:
    parts = [_part(node) for node in body]

    def sequence(run: Evaluation) -> Iterator[str]:
        for part in parts:
            yield from part(run)

    return sequence


def _part(node: Node) -> Part:
    match node:
        case Text(text):
            return lambda _: iter((text,))
        case Value(source):
            value = _paid(source)
            return lambda run: iter((to_text(value(run)),))
        case If(branches):
            arms = [(None if arm.source is None else _paid(arm.source), _sequence(arm.body)) for arm in branches]
            return _choice(arms)
        case For(names, source, _, body):
            return _loop(names, _paid(source), _sequence(body))


def _paid(source: str) -> Closure:
    """Build an expression that pays for its parts each time: in a loop even small ones add up."""
    tree = parse(source)
    cost = 5 + sum(1 for _ in tree.find_all(nodes.Node))
    closure = build(tree)

    def evaluate(run: Evaluation) -> object:
        run.spend(cost)
        return closure(run)

    return evaluate


def _choice(arms: list[tuple[Closure | None, Part]]) -> Part:
    def choose(run: Evaluation) -> Iterator[str]:
        for condition, body in arms:
            if condition is None or condition(run):
                yield from body(run)
                return

    return choose


def _loop(names: tuple[str, ...], source: Closure, body: Part) -> Part:
    def loop(run: Evaluation) -> Iterator[str]:
        scope = cast("dict[str, object]", run.names)
        outer = {name: scope[name] for name in names if name in scope}
        for values in _rounds(run, source(run), len(names)):
            run.spend(3)
            run.rounds += 1
            if run.rounds > MAX_ITERATIONS:
                raise ExpressionError("too_large", f"The loops of a prompt may run {MAX_ITERATIONS:,} rounds together")
            scope.update(zip(names, values, strict=True))
            yield from body(run)
        for name in names:
            scope.pop(name, None)
        scope.update(outer)

    return loop


def _rounds(run: Evaluation, value: object, count: int) -> Iterator[tuple[object, ...]]:
    if isinstance(value, (dict, list)):
        run.spend(len(cast("list[object]", value)) // 4)
    if isinstance(value, dict):
        entries = cast("dict[str, object]", value)
        return iter([(key, entry) for key, entry in entries.items()] if count > 1 else [(key,) for key in entries])
    if not isinstance(value, list):
        raise ExpressionError("type_error", f"`for` needs a list or an object, not a {kind_of(value)}")
    items = cast("list[object]", value)
    if count == 1:
        return iter([(item,) for item in items])
    return iter([_pair(item, count) for item in items])


def _pair(item: object, count: int) -> tuple[object, ...]:
    if isinstance(item, list) and len(cast("list[object]", item)) == count:
        return tuple(cast("list[object]", item))
    raise ExpressionError("type_error", f"`for a, b` needs pairs, not a {kind_of(cast('object', item))}")
