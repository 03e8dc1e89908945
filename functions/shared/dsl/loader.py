"""Read a document from YAML or JSON text, strictly, with the place of every value.

YAML 1.2 rules; size, depth, alias and node limits; duplicate keys with both lines. What can be repaired without
guessing (tabs, an unquoted expression) is reported and repaired, so that the later checks still see everything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import cast

from functions.shared.dsl.problems import DocumentPath, Problem
from functions.shared.dsl.reader import Reader, Where, problem, read_text
from functions.shared.dsl.repairs import masked_text, without_tabs
from functions.shared.dsl.tree import Place, Tree
from functions.shared.jsonvalue import JsonObject

MAX_BYTES = 256_000


@dataclass(frozen=True)
class Loaded:
    """`document` is None when the text could not be read as one object; the tree knows the places."""

    document: JsonObject | None
    problems: list[Problem]
    tree: Tree | None
    text: str = ""

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(match.end() for match in re.finditer("\n", self.text))]

    def position(self, path: DocumentPath) -> Place:
        """Give line and column of the entry at `path`, or of the nearest thing above it."""
        return self.tree.find(path)[0] if self.tree is not None else (1, 1)

    def position_in_text(self, path: DocumentPath, offset: int) -> Place:
        """Give the place of the `${{` or `${%` at `offset` of the text at `path`, or where that text is."""
        if self.tree is None:
            return 1, 1
        place, tree = self.tree.find(path)
        value = tree.value if isinstance(tree.value, str) else ""
        mark = value[offset : offset + 3]
        if tree.is_alias or mark not in {"${{", "${%"}:
            return place
        line, column = tree.place
        at = self.text.find(mark, self._line_starts[line - 1] + column - 1)
        for _ in range(value.count(mark, 0, offset)):
            at = self.text.find(mark, at + 3) if at >= 0 else at
        if at < 0:
            return place
        return self.text.count("\n", 0, at) + 1, at - self.text.rfind("\n", 0, at)


def load(text: str) -> Loaded:
    """Read YAML or JSON text. Never raises: everything that is wrong is in `problems`."""
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        message = f"The document has {size:,} bytes; at most {MAX_BYTES:,} are allowed"
        hint = "Split it into several workflows and call them with `workflow:`."
        return Loaded(None, [problem((), (1, 1), "too_large", message, hint)], None)
    text = text.removeprefix("\ufeff")
    reader = read_text(text)
    if reader.tree is None and not reader.is_refused:
        reader = _repaired(text, reader) or reader
    return _finish(reader, text)


def _repaired(text: str, failed: Reader) -> Reader | None:
    """Read again with tabs as spaces and expressions as plain words; None when that does not help either."""
    problems: list[Problem] = []
    place: Where = lambda at: at  # noqa: E731  replaced by the tab repair
    if re.search(r"^[ ]*\t", text, re.MULTILINE):
        text, problems, place = without_tabs(text)
    reader = read_text(text, place=place)
    if reader.tree is None and "${{" in text:
        masked, restore = masked_text(text)
        reader = read_text(masked, restore, place)
        if not any(problem.code == "unquoted_expression" for problem in reader.problems):
            problems += failed.problems
    if reader.tree is None:
        return None
    reader.problems[:0] = problems
    return reader


def _finish(reader: Reader, text: str) -> Loaded:
    tree = reader.tree
    if tree is not None and not isinstance(tree.value, dict):
        what = "empty" if tree.value is None else f"a {type(tree.value).__name__}"
        hint = "Start with `name:` and `steps:`."
        reader.problems.append(problem((), tree.place, "not_an_object", f"The document is {what}, not an object", hint))
        return Loaded(None, reader.problems, tree, text)
    if tree is None:
        if not reader.problems:
            hint = "Start with `name:` and `steps:`."
            reader.problems.append(problem((), (1, 1), "not_an_object", "The document is empty", hint))
        return Loaded(None, reader.problems, None)
    return Loaded(cast("JsonObject", tree.value), reader.problems, tree, text)
