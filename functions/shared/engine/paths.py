"""Step paths: `classify`, `sources[2]`, `polish[1].draft`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ON_ERROR = "on_error"
"""The scope of the workflow's own `on_error` steps: `on_error.notify`."""

_SEGMENT = re.compile(r"([^.\[\]]+)(?:\[(\d+)\])?")


def join(scope: str, name: str) -> str:
    """Give the path of the step `name` in the scope at `scope` ('' is the workflow)."""
    return f"{scope}.{name}" if scope else name


def item(path: str, index: int) -> str:
    """Give the path of one item or round of the step at `path`."""
    return f"{path}[{index}]"


def parent_of(path: str) -> str:
    """Give what encloses `path`: `a[1].b` is in `a[1]`, which is in `a`, which is in ''."""
    if path.endswith("]"):
        return path[: path.rindex("[")]
    scope, _, _ = path.rpartition(".")
    return scope


def ancestors(path: str) -> Iterator[str]:
    """Give every enclosing path, the nearest first, without ''."""
    while path := parent_of(path):
        yield path


def segments(path: str) -> list[tuple[str, int | None]]:
    """Take `a[1].b` apart into [('a', 1), ('b', None)]."""
    return [(name, int(index) if index else None) for name, index in _SEGMENT.findall(path)]


def address_of(path: str) -> str:
    """Drop the indexes: `polish[1].draft` is an instance of `polish.draft`."""
    return re.sub(r"\[\d+\]", "", path)


def index_of(path: str) -> int | None:
    """Give the innermost index: 3 for `a[1].b[3].c`, None without any."""
    found = re.findall(r"\[(\d+)\]", path)
    return int(found[-1]) if found else None
