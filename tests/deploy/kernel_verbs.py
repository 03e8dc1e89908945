"""Which kernel verbs a function can reach: names are followed from its modules into the library."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Claims and checkpoints that come together leave as this verb (functions/shared/db/doors.py).
TOGETHER = {"claim": "move_together", "checkpoint": "move_together"}


@dataclass(frozen=True, slots=True)
class Module:
    """A module's top-level definitions, and what its names stand for: `(module, name)`; name "" is a whole module."""

    name: str
    defined: dict[str, list[ast.stmt]] = field(default_factory=dict)
    names: dict[str, tuple[str, str]] = field(default_factory=dict)
    loose: list[ast.stmt] = field(default_factory=list)


def verbs_of(package: str) -> frozenset[str]:
    """Give the verbs that the modules of a deployed function can call: all of theirs, and of others what they name."""
    seen: set[tuple[str, str]] = set()
    waiting = [(name, "*") for name in _modules_of(package)]
    found: set[str] = set()
    while waiting:
        place = waiting.pop()
        if place in seen:
            continue
        seen.add(place)
        module = _module(place[0])
        if module is None:
            continue
        if place[1] in module.names and place[1] not in module.defined:
            waiting.append(module.names[place[1]])  # handed on from elsewhere
        for statement in _statements(module, place[1]):
            waiting += _named_by(statement, module)
            found |= _called_in(statement)
    return frozenset(found | {TOGETHER[verb] for verb in found & TOGETHER.keys()})


def all_verbs() -> frozenset[str]:
    """Give the verbs that the database's door knows."""
    text = (ROOT / "sql/gateway/kernel_with_key.sql").read_text()
    return frozenset(line.split("'")[1] for line in text.splitlines() if line.strip().startswith("when '"))


def _statements(module: Module, name: str) -> list[ast.stmt]:
    if name == "*":
        return [*module.loose, *(each for every in module.defined.values() for each in every)]
    # Whoever imports a module runs what stands loose in it.
    return [*module.loose, *module.defined.get(name, ())]


def _called_in(statement: ast.stmt) -> set[str]:
    """Give the verbs of `….kernel("verb", …)`; where the verb is computed, every verb that the definition names."""
    found: set[str] = set()
    for node in ast.walk(statement):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "kernel"):
            continue
        verb = node.args[0] if node.args else None
        if isinstance(verb, ast.Constant):
            found.add(str(verb.value))
        else:
            texts = {each.value for each in ast.walk(statement) if isinstance(each, ast.Constant)}
            found |= {text for text in texts if isinstance(text, str)} & all_verbs()
    return found


def _named_by(statement: ast.stmt, module: Module) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    inner = dict(module.names)
    for node in ast.walk(statement):
        if isinstance(node, ast.Import | ast.ImportFrom):
            inner |= _imported(node, module.name)
    for node in ast.walk(statement):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owner, name = inner.get(node.value.id, ("", "?"))
            if owner and not name:
                found.append((owner, node.attr))
        if isinstance(node, ast.Name):
            if node.id in inner:
                owner, name = inner[node.id]
                found.append((owner, name))  # of a whole module only what stands loose: attributes come above
            elif node.id in module.defined:
                found.append((module.name, node.id))
    return found


@cache
def _module(name: str) -> Module | None:
    path = ROOT / Path(*name.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if not name.startswith("functions") or not file.exists():
        return None
    module = Module(name)
    for statement in ast.parse(file.read_text()).body:
        match statement:
            case ast.Import() | ast.ImportFrom():
                module.names.update(_imported(statement, name))
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                module.defined.setdefault(statement.name, []).append(statement)
            case ast.Assign(targets=[ast.Name(id=target)]) | ast.AnnAssign(target=ast.Name(id=target)):
                module.defined.setdefault(target, []).append(statement)
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                pass  # of types only
            case _:
                module.loose.append(statement)
    return module


def _imported(node: ast.Import | ast.ImportFrom, inside: str) -> dict[str, tuple[str, str]]:
    if isinstance(node, ast.Import):
        return {alias.asname or alias.name.partition(".")[0]: (alias.name, "") for alias in node.names}
    base = node.module or inside
    found: dict[str, tuple[str, str]] = {}
    for alias in node.names:
        whole = f"{base}.{alias.name}"
        is_module = _is_module(whole)
        found[alias.asname or alias.name] = (whole, "") if is_module else (base, alias.name)
    return found


def _is_module(name: str) -> bool:
    path = ROOT / Path(*name.split("."))
    return name.startswith("functions") and (path.with_suffix(".py").exists() or (path / "__init__.py").exists())


def _modules_of(package: str) -> list[str]:
    folder = ROOT / Path(*package.split("."))
    return [f"{package}.{path.stem}" for path in sorted(folder.glob("*.py")) if path.stem != "__init__"]
