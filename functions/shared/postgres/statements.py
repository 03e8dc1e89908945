"""Cuts a file of SQL into its statements, each with the line where it starts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_QUOTED_OR_END = re.compile(
    r"""
    --[^\n]*
  | /\*.*?\*/
  | (?<![\w$])[eE]'(?:\\.|''|[^'\\])*'
  | '(?:''|[^'])*'
  | "(?:""|[^"])*"
  | (?<![\w$])(\$\w*\$).*?\1
  | (?P<end>;)
    """,
    re.VERBOSE | re.DOTALL,
)
_LEADING = re.compile(r"(?:\s+|--[^\n]*\n|/\*.*?\*/)*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement: its text without leading comments, and the line of its first word."""

    text: str
    line: int


def split_statements(script: str) -> Iterator[Statement]:
    """Give the statements of a script; function bodies must be quoted (`begin atomic` is not understood)."""
    start = 0
    for found in _QUOTED_OR_END.finditer(script):
        if found["end"]:
            yield from _statement(script, start, found.start())
            start = found.end()
    yield from _statement(script, start, len(script))


def _statement(script: str, start: int, end: int) -> Iterator[Statement]:
    leading = _LEADING.match(script, start, end)
    first = leading.end() if leading else start
    if text := script[first:end].strip():
        yield Statement(text, script.count("\n", 0, first) + 1)
