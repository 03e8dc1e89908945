"""Random workflows, valid by construction, and which of their steps fail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

WORK: dict[str, Any] = {"code": {"python": "result = 1"}}


@dataclass(frozen=True)
class Case:
    """`failing`: addresses of leaf steps that fail; `fatal` of them are not contained by anything."""

    document: dict[str, Any]
    failing: frozenset[str]

    def without_failures(self) -> Case:
        """Give the same workflow with nothing in it that fails."""
        return Case(_calmed(self.document), frozenset())


def _calmed(value: Any) -> Any:
    if isinstance(value, list):
        return [_calmed(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {("transform" if key == "fail" else key): _calmed(item) for key, item in value.items()}


@st.composite
def cases(draw: st.DrawFn) -> Case:
    failing: set[str] = set()
    document: dict[str, Any] = {"name": "random", "steps": draw(_scopes("", 2, failing))}
    if draw(st.booleans()):
        document["on_error"] = {"steps": {"told": {"transform": "${{ error.code }}"}}}
    return Case(document, frozenset(failing))


@st.composite
def _scopes(draw: st.DrawFn, above: str, depth: int, failing: set[str]) -> dict[str, Any]:
    steps: dict[str, Any] = {}
    for index in range(draw(st.integers(1, 4))):
        name = f"s{depth}{index}"
        steps[name] = draw(_steps(f"{above}.{name}" if above else name, list(steps), depth, failing))
    return steps


@st.composite
def _steps(draw: st.DrawFn, address: str, earlier: list[str], depth: int, failing: set[str]) -> dict[str, Any]:
    step: dict[str, Any] = {}
    if earlier:
        step["needs"] = draw(st.lists(st.sampled_from(earlier), unique=True, max_size=3))
        step["requires"] = draw(st.sampled_from(["some", "some", "all", "ended"]))
    conditions = ["true", "false", *(f"steps.{need}.skipped" for need in step.get("needs", []))]
    if draw(st.integers(0, 3)) == 0:
        step["when"] = draw(st.sampled_from(conditions))
    kinds = ["work", "work", "work", "transform", "fail", "each"] + (["group", "each_group", "loop"] if depth else [])
    kind = draw(st.sampled_from(kinds))
    if kind in {"each", "each_group"}:
        step["for_each"] = list(range(draw(st.integers(0, 4))))
        step["max_parallel"] = draw(st.integers(1, 3))
        step["on_item_error"] = draw(st.sampled_from(["fail", "continue"]))
    if kind == "loop":
        step["loop"] = {"max": draw(st.integers(1, 3)), "until": draw(st.sampled_from(["false", "loop.index >= 1"]))}
    if draw(st.integers(0, 2)) == 0:
        step["on_error"] = "continue"
    if kind == "transform":
        return {**step, "transform": [f"${{{{ steps.{need}.status }}}}" for need in step.get("needs", [])]}
    if kind == "fail":
        return {**step, "fail": f"{address} fails at once"}
    if kind in {"work", "each"}:
        if draw(st.integers(0, 4)) == 0:
            failing.add(address)
        return {**step, **WORK}
    return {**step, "steps": draw(_scopes(address, depth - 1, failing))}
