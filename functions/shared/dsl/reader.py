"""Turn parser events into a tree, counting before anything is expanded."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeAlias, cast

import yaml

from functions.shared.dsl.problems import DocumentPath, Problem, path_text
from functions.shared.dsl.scalars import resolve
from functions.shared.dsl.tree import Place, Tree
from functions.shared.jsonvalue import Json

MAX_DEPTH = 30
MAX_ALIASES = 50
MAX_NODES = 20_000
_SHOWN = 80
_ESCAPE = re.compile(r"\\(?:u([dD][89a-fA-F])([0-9a-fA-F]{2})|.)", re.DOTALL)
_HALF_SHIFT = {f"d{digit}": f"e{digit}" for digit in "89abcdef"}
_UNREADABLE = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
_TEXT_TAG = "tag:yaml.org,2002:str"
_LOADER = cast("type[yaml.SafeLoader]", getattr(yaml, "CSafeLoader", yaml.SafeLoader))
Where: TypeAlias = Callable[[Place], Place]
"""From a place in the text that was parsed to one in the text that was given."""
Restore: TypeAlias = Callable[[str, str], str]
"""From a text and its quotes to what the writer wrote."""


def read_text(text: str, restore: Restore = lambda text, _: text, place: Where = lambda place: place) -> Reader:
    """Read YAML or JSON text; what is wrong is in the reader's problems, and its tree is None when nothing was read."""
    reader = Reader(restore, place)
    value = _json(text) if text.lstrip()[:1] == "{" else _NOT_JSON
    if value is _NOT_JSON:
        reader.read(text)
        return reader
    reader.read(_yaml_of_json(text))
    if reader.tree is None and not reader.is_refused:  # valid JSON: only a very long key is not YAML as well
        message = "A key is longer than 1,024 characters"
        reader.problems = [replace(each, code="bad_key", message=message, hint=None) for each in reader.problems]
        reader.is_refused = True
    if reader.tree is not None:
        reader.tree.value = cast("Json", value)
    return reader


def _whole(escape: re.Match[str]) -> str:
    return escape[0] if escape[1] is None else f"\\u{_HALF_SHIFT[escape[1].lower()]}{escape[2]}"


def _yaml_of_json(text: str) -> str:
    """Put characters that YAML does not take in JSON (tabs, halves, controls, its line breaks) as others as wide."""
    text = _ESCAPE.sub(_whole, text.replace("\t", " "))
    return _UNREADABLE.sub(lambda match: chr(0xF000 + ord(match[0]) % 0x800), text)


_NOT_JSON = object()


def _json(text: str) -> object:
    try:
        return json.loads(text, parse_constant=_no_constant, object_pairs_hook=_first_wins)
    except (ValueError, RecursionError):
        return _NOT_JSON


def _first_wins(pairs: list[tuple[str, object]]) -> dict[str, object]:
    entries: dict[str, object] = {}
    for key, value in pairs:
        entries.setdefault(key, value)
    return entries


def _no_constant(name: str) -> object:
    raise ValueError(name)


class _RefusedError(Exception):
    """A limit was passed or something is there that no document may have; nothing more is read."""


class Reader:
    """Builds the tree from parser events, so that nothing is expanded before it is counted."""

    def __init__(self, restore: Restore, place: Callable[[Place], Place]) -> None:
        self.problems: list[Problem] = []
        self.tree: Tree | None = None
        self.is_refused = False
        self._restore = restore
        self._place = place
        self._anchors: dict[str, Tree] = {}
        self._open_anchors: set[str] = set()
        self._aliases = 0
        self._nodes = 0
        self._path: list[str | int] = []
        self._flow = 0

    def read(self, text: str) -> None:
        events = yaml.parse(text, Loader=_LOADER)
        try:
            self._document(events)
        except _RefusedError:
            self.is_refused, self.tree = True, None
        except yaml.YAMLError as error:
            self.tree = None
            self.problems.append(_syntax_problem(error, text, self._place))
        except RecursionError:
            self.is_refused, self.tree = True, None
            self.problems.append(problem((), (1, 1), "too_deep", "The document is nested too deeply"))

    def _document(self, events: Iterator[yaml.Event]) -> None:
        tree: Tree | None = None
        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._refuse(
                        event, "many_documents", "There is a second document after `---`", "Keep one per text."
                    )
            elif isinstance(event, yaml.NodeEvent):
                tree = self._node(event, events, 1)
        self.tree = tree

    def _node(self, event: yaml.Event, events: Iterator[yaml.Event], depth: int) -> Tree:
        self._count(event, depth)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, depth)
        node = cast("yaml.ScalarEvent | yaml.CollectionStartEvent", event)
        anchor = node.anchor
        if anchor is not None:
            self._open_anchors.add(anchor)
        if isinstance(event, yaml.ScalarEvent):
            tree = self._scalar(event)
        else:
            tree = self._collection(cast("yaml.CollectionStartEvent", event), events, depth)
        if anchor is not None:
            self._open_anchors.discard(anchor)
            self._anchors[anchor] = tree
        return tree

    def _count(self, event: yaml.Event, depth: int, nodes: int = 1) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            message = f"The document has more than {MAX_NODES:,} values, aliases counted each time they are used"
            self._refuse(event, "too_many_values", message)
        if depth > MAX_DEPTH:
            self._refuse(event, "too_deep", f"The document is nested more than {MAX_DEPTH} deep")

    def _alias(self, event: yaml.AliasEvent, depth: int) -> Tree:
        self._aliases += 1
        name = str(event.anchor)
        if self._aliases > MAX_ALIASES:
            self._refuse(event, "too_many_aliases", f"The document uses more than {MAX_ALIASES} aliases")
        if name in self._open_anchors:
            self._refuse(event, "bad_alias", f"`*{name}` stands inside of what it refers to")
        if name not in self._anchors:
            self._refuse(event, "bad_alias", f"There is no anchor `&{name}` above `*{name}`")
        target = self._anchors[name]
        self._count(event, depth + target.depth - 1, target.size - 1)
        return Tree(target.value, self._start(event), True, target.below, target.size, target.depth)

    def _scalar(self, event: yaml.ScalarEvent) -> Tree:
        text = self._text(event)
        self._refuse_tag(event, event.tag, _TEXT_TAG)
        is_plain = bool(event.implicit[0]) and event.tag is None
        value = resolve(text) if is_plain else text
        return Tree(value, self._start(event))

    def _text(self, event: yaml.ScalarEvent) -> str:
        """Give the text with its masked expressions restored; a plain one that needs quotes is a problem."""
        written = event.value
        text = self._restore(written, event.style or "")
        is_plain = event.implicit[0] and text != written
        if is_plain and (self._flow or ": " in text or " #" in text):
            message = "An expression inside { } or [ ], or one that holds `: ` or ` #`, must be quoted"
            hint = f'Write "{text}".' if '"' not in text and len(text) <= _SHOWN else 'Write "${{ ... }}".'
            self.problems.append(problem(self._path, self._start(event), "unquoted_expression", message, hint))
        return text

    def _collection(self, event: yaml.CollectionStartEvent, events: Iterator[yaml.Event], depth: int) -> Tree:
        self._refuse_tag(event, event.tag, None)
        self._flow += bool(event.flow_style)
        is_list = isinstance(event, yaml.SequenceStartEvent)
        tree = self._sequence(event, events, depth) if is_list else self._mapping(event, events, depth)
        self._flow -= bool(event.flow_style)
        return tree

    def _sequence(self, event: yaml.CollectionStartEvent, events: Iterator[yaml.Event], depth: int) -> Tree:
        items: list[Json] = []
        tree = Tree(items, self._start(event))
        for inner in events:
            if isinstance(inner, yaml.SequenceEndEvent):
                break
            at = len(items)
            self._path.append(at)
            child = self._node(inner, events, depth + 1)
            self._path.pop()
            items.append(child.value)
            tree.below[at] = (child.place, child)
            tree.size, tree.depth = tree.size + child.size, max(tree.depth, child.depth + 1)
        return tree

    def _mapping(self, event: yaml.CollectionStartEvent, events: Iterator[yaml.Event], depth: int) -> Tree:
        entries: dict[str, Json] = {}
        tree = Tree(entries, self._start(event))
        for key_event in events:
            if isinstance(key_event, yaml.MappingEndEvent):
                break
            key, place = self._key(key_event), self._start(key_event)
            self._path.append(key)
            child = self._node(next(events), events, depth + 1)
            self._path.pop()
            tree.size, tree.depth = tree.size + child.size, max(tree.depth, child.depth + 1)
            if key in entries:
                first = tree.below[key][0][0]
                message = f"`{key}` is there twice: on line {first} and on line {place[0]}"
                hint = "Keep one of them; the first one is used for the other checks."
                self.problems.append(problem([*self._path, key], place, "duplicate_key", message, hint))
                continue
            entries[key] = child.value
            tree.below[key] = (place, child)
        return tree

    def _key(self, event: yaml.Event) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            hint = "An expression inside { } must be quoted." if isinstance(event, yaml.MappingStartEvent) else None
            self._refuse(event, "bad_key", "A key must be a text", hint)
        scalar = cast("yaml.ScalarEvent", event)
        key = self._text(scalar)
        self._refuse_tag(event, scalar.tag, _TEXT_TAG)
        if key == "<<" and scalar.implicit[0]:
            hint = "YAML 1.2 has no merge keys; write the entries out, or alias a whole value."
            self._refuse(event, "merge_key", "`<<` does not merge here", hint)
        return key

    def _refuse_tag(self, event: yaml.Event, tag: str | None, allowed: str | None) -> None:
        if tag is not None and tag not in {allowed, "!"}:
            shown = tag.replace("tag:yaml.org,2002:", "!!")
            self._refuse(
                event, "tag_not_allowed", f"The tag `{shown}` is not allowed", "Remove it; quote what is a text."
            )

    def _start(self, event: yaml.Event) -> Place:
        mark = cast("yaml.Mark", event.start_mark)
        return self._place((mark.line + 1, mark.column + 1))

    def _refuse(self, event: yaml.Event, code: str, message: str, hint: str | None = None) -> None:
        self.problems.append(problem(self._path, self._start(event), code, message, hint))
        raise _RefusedError


def _syntax_problem(error: yaml.YAMLError, text: str, place: Callable[[Place], Place]) -> Problem:
    mark = cast("yaml.Mark | None", getattr(error, "problem_mark", None))
    at = place((mark.line + 1, mark.column + 1)) if mark is not None else (1, 1)
    what = str(getattr(error, "problem", None) or error).strip()
    context = getattr(error, "context", None)
    lines = text.split("\n")
    line = lines[at[0] - 1] if at[0] <= len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return problem((), at, "tab", "A tab indents this line; YAML allows spaces only", "Use spaces.")
    if line.count("${{") > line.count("}}"):
        column = line.rindex("${{") + 1
        return problem((), (at[0], column), "unclosed_expression", "`${{` is not closed by `}}`", "Add `}}`.")
    message = f"This is not YAML: {what}" + (f" ({context})" if context else "")
    return problem((), at, "yaml_syntax", message, _syntax_hint(what, line))


def _syntax_hint(what: str, line: str) -> str | None:
    if "{{" in line:
        return 'Put quotes around a text with an expression: "${{ ... }}".'
    if "mapping values are not allowed" in what:
        return "Put quotes around a text that holds `: `, or check the indentation."
    if "block" in what or "expected" in what:
        return "Check the indentation here and on the line before."
    return "Check quotes, brackets and indentation near here."


def problem(
    path: DocumentPath | list[str | int],
    place: Place,
    code: str,
    message: str,
    hint: str | None = None,
    severity: str = "error",
) -> Problem:
    """Make a problem; an error unless `severity` says warning."""
    kind = "warning" if severity == "warning" else "error"
    return Problem(path_text(tuple(path)), place[0], place[1], code, kind, message, hint)
