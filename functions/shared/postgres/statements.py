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
    line, counted = 1, 0  # each newline is counted once
    for start, end in _pieces(script):
        leading = _LEADING.match(script, start, end)
        first = leading.end() if leading else start
        if text := script[first:end].strip():
            line, counted = line + script.count("\n", counted, first), first
            yield Statement(text, line)


def _pieces(script: str) -> Iterator[tuple[int, int]]:
    """Give where each statement starts, with what stands before it, and where it ends."""
    start = 0
    for found in _QUOTED_OR_END.finditer(script):
        if found["end"]:
            yield start, found.start()
            start = found.end()
    yield start, len(script)
