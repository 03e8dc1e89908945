"""The graph of a workflow: what runs after what, and which groups enclose what."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from functions.shared.dsl.compiled import Compiled, CompiledStep
    from functions.shared.jsonvalue import Json, JsonObject

_ON_ERROR = "on_error"


def graph_of(compiled: Compiled) -> JsonObject:
    """Give `{nodes, edges, groups, mermaid}`. Ids are dotted paths without indexes; a group's id is its step's."""
    nodes = [*_nodes(compiled.steps, None)]
    edges = [*_edges(compiled.steps)]
    groups = [*_groups(compiled.steps)]
    if compiled.on_error:
        nodes += _nodes(compiled.on_error, _ON_ERROR)
        edges += _edges(compiled.on_error)
        steps = [step.address for step in compiled.on_error.values()]
        groups += [{"id": _ON_ERROR, "kind": "on_error", "steps": list[Json](steps)}, *_groups(compiled.on_error)]
    return {
        "nodes": list[Json](nodes),
        "edges": list[Json](edges),
        "groups": list[Json](groups),
        "mermaid": _mermaid(compiled, edges),
    }


def _all(steps: Mapping[str, CompiledStep]) -> Iterator[CompiledStep]:
    for step in steps.values():
        yield step
        yield from _all(step.steps)


def _nodes(steps: Mapping[str, CompiledStep], group: str | None) -> Iterator[JsonObject]:
    for step in steps.values():
        yield {
            "id": step.address,
            "name": step.name,
            "kind": step.kind,
            "group": group,
            "requires": step.step.requires,
            "when": step.step.when,
            "is_repeated": step.step.for_each is not None or step.step.loop is not None,
            "note": step.step.note,
        }
        yield from _nodes(step.steps, step.address)


def _edges(steps: Mapping[str, CompiledStep]) -> Iterator[JsonObject]:
    for step in _all(steps):
        scope = step.address.removesuffix(step.name)
        for need in sorted(step.needs):
            yield {"from": scope + need, "to": step.address}


def _groups(steps: Mapping[str, CompiledStep]) -> Iterator[JsonObject]:
    for step in _all(steps):
        repeats = "for_each" if step.step.for_each is not None else "loop" if step.step.loop is not None else None
        if step.steps or repeats:
            inner = [child.address for child in step.steps.values()]
            yield {"id": step.address, "kind": repeats or "group", "steps": list[Json](inner)}


def _mermaid(compiled: Compiled, edges: list[JsonObject]) -> str:
    lines = ["flowchart TD", *_drawn(compiled.steps, "  ")]
    if compiled.on_error:
        lines += ["  subgraph on_error", *_drawn(compiled.on_error, "    "), "  end"]
    lines += [f"  {_id(cast('str', edge['from']))} --> {_id(cast('str', edge['to']))}" for edge in edges]
    return "\n".join(lines) + "\n"


def _drawn(steps: Mapping[str, CompiledStep], indent: str) -> Iterator[str]:
    for step in steps.values():
        repeats = " ×n" if step.step.for_each is not None else " ↻" if step.step.loop is not None else ""
        if step.steps:
            yield f'{indent}subgraph {_id(step.address)} ["{step.name}{repeats}"]'
            yield from _drawn(step.steps, indent + "  ")
            yield f"{indent}end"
            continue
        opened, closed = ("{{", "}}") if step.kind == "approval" else ("[", "]")
        yield f'{indent}{_id(step.address)}{opened}"{step.name}: {step.kind}{repeats}"{closed}'


def _id(address: str) -> str:
    """Give an id that Mermaid takes; a prefix, because `end` and others are words of its own."""
    return "s_" + address.replace(".", "__")
