"""Which modules a handler reaches by its imports: those of ours, and the names of the others.

Read from the sources, not from a running process: what a function imports inside a call counts as well. What stands
under `if TYPE_CHECKING:` never runs and does not count.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

ROOT = Path(__file__).resolve().parents[2]
OURS = "functions"


@dataclass(frozen=True, slots=True)
class Closure:
    """What a module reaches: our modules with their files, and other top-level modules with those who import them."""

    ours: Mapping[str, Path]
    others: Mapping[str, frozenset[str]]

    def without(self, modules: Collection[str]) -> frozenset[str]:
        """Give the names of the others, but for those that only `modules` import."""
        return frozenset(name for name, importers in self.others.items() if not importers <= set(modules))


def sources() -> dict[str, Path]:
    """Give the file of every module of ours, by dotted name."""
    folders = [path for path in (ROOT / OURS).iterdir() if path.is_dir() and (path / "__init__.py").exists()]
    files = [*(ROOT / OURS).glob("*.py"), *(file for folder in folders for file in folder.rglob("*.py"))]
    return {".".join(_parts(file)): file for file in files}


def closure_of(entry: str, modules: Mapping[str, Path], *, cut: Collection[str] = ()) -> Closure:
    """Follow every import from `entry` through `modules`; those that are `cut` are not entered. Raises LookupError."""
    ours: dict[str, Path] = {}
    others: dict[str, set[str]] = defaultdict(set)
    todo = list(_with_parents(entry))
    while todo:
        name = todo.pop()
        path = modules.get(name)
        if name in ours or name in cut or path is None:
            continue
        ours[name] = path
        for imported in imports_of(path):
            top = imported.partition(".")[0]
            if top == OURS:
                todo.extend(_with_parents(imported))
            elif top not in sys.stdlib_module_names:
                others[top].add(name)
    if entry not in ours:
        raise LookupError(f"There is no module {entry}.")
    return Closure(dict(sorted(ours.items())), {name: frozenset(others[name]) for name in sorted(others)})


def imports_of(path: Path) -> frozenset[str]:
    """Give the dotted names that a file imports when it runs: `from a import b` gives `a` and `a.b`."""
    return _imports_of(path, path.stat().st_mtime_ns)


@cache
def _imports_of(path: Path, _changed_ns: int) -> frozenset[str]:
    return frozenset(_imports(ast.parse(path.read_bytes(), filename=path.name)))


def _parts(file: Path) -> tuple[str, ...]:
    place = file.relative_to(ROOT)
    return place.parts[:-1] if place.name == "__init__.py" else place.with_suffix("").parts


def _with_parents(module: str) -> Iterator[str]:
    parts = module.split(".")
    for count in range(1, len(parts) + 1):
        yield ".".join(parts[:count])


def _imports(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            for child in node.orelse:
                yield from _imports(child)
        case ast.Import():
            yield from (alias.name for alias in node.names)
        case ast.ImportFrom():
            if node.level:
                raise ValueError(f"line {node.lineno}: imports are absolute in this repository")
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
            yield str(node.module)
        case _:
            for child in ast.iter_child_nodes(node):
                yield from _imports(child)
