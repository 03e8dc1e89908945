"""The language once more, written from docs/workflows.md and not from the engine: what a document comes to.

It shares expressions with the engine and nothing else: no plan, no records, no schedule. Steps are evaluated in the
order in which they stand (random documents refer only to what stands before). What depends on the moment is left open:
what else ran inside a scope that failed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from functions.shared.dsl.expressions import evaluate, evaluate_condition, evaluate_expression
from tests.e2e.random_documents import FAILS, GIVES_UP, Document

if TYPE_CHECKING:
    from collections.abc import Mapping

Names = dict[str, Any]
ASKS = "result = 'asks "
SOMEBODY = "somebody"  # whoever decided


@dataclass(frozen=True)
class Result:
    """How a step ended."""

    status: str
    output: Any = None
    code: str = ""
    is_exhausted: bool = False

    def as_seen(self) -> Document:
        """What expressions see of it."""
        return {
            "output": self.output,
            "status": self.status,
            "skipped": self.status == "skipped",
            "failed": self.status == "failed",
            "error": {"code": self.code, "message": ""} if self.status == "failed" else None,
            "exhausted": self.is_exhausted,
        }


@dataclass(frozen=True)
class Expected:
    """How an execution ends. `results`: every step, item and round that ends the same way whatever the moment."""

    status: str
    output: Any
    results: dict[str, Result]
    error: Any = None  # shown where it was not expected


@dataclass
class Oracle:
    """Evaluates one document. Its rules are methods, so that a test can break one and see that it is missed."""

    document: Document
    children: Mapping[str, Document]
    input: Document = field(default_factory=dict[str, Any])
    results: dict[str, Result] = field(default_factory=dict[str, Result])

    def run(self) -> Expected:
        """Evaluate it."""
        names = {"input": self.input, "steps": {}}
        ended = self.scope(self.document["steps"], "", names)
        if ended is None:
            return Expected("failed", None, {})
        if "output" in self.document:
            output = evaluate(self.document["output"], names | {"steps": _seen(ended)})
        else:
            output = {name: result.output for name, result in ended.items()}
        return Expected("succeeded", output, self.results)

    # Scopes

    def scope(self, steps: Document, above: str, names: Names) -> dict[str, Result] | None:
        """Give the results of all steps; None: one failed, and with it the scope."""
        ended: dict[str, Result] = {}
        for name, step in steps.items():
            path = f"{above}.{name}" if above else name
            inner = names | {"steps": names["steps"] | _seen(ended)}
            result = ended[name] = self.results[path] = self.step(step, path, inner, ended)
            if result.status == "failed" and step.get("on_error") != "continue":
                return None
        return ended

    def step(self, step: Document, path: str, names: Names, beside: dict[str, Result]) -> Result:
        """Evaluate a step: its join, its condition, and then as often as it says."""
        needs = [beside[name] for name in step.get("needs", [])]
        if self.is_skipped(step.get("requires", "some"), needs) or not self.is_wanted(step, names):
            return Result("skipped")
        if "for_each" in step:
            return self.each(step, path, names)
        if "loop" in step:
            return self.loop(step, path, names)
        return self.once(step, path, names)

    def is_skipped(self, requires: str, needs: list[Result]) -> bool:
        """Join what the step needs. (A failure that was not contained has ended the scope before.)"""
        if requires == "ended" or not needs:
            return False
        if requires == "all":
            return any(need.status != "succeeded" for need in needs)
        return all(need.status == "skipped" for need in needs)

    def is_wanted(self, step: Document, names: Names) -> bool:
        """Decide `when`."""
        return "when" not in step or evaluate_condition(step["when"], names)

    # Repetitions

    def each(self, step: Document, path: str, names: Names) -> Result:
        """for_each: null at the place of an item that failed, if that is allowed."""
        items = evaluate_expression(step["for_each"], names)
        assert isinstance(items, list)
        outputs: list[Any] = []
        for index, item in enumerate(items):
            at = f"{path}[{index}]"
            result = self.results[at] = self.once(step, at, names | {"item": item, "index": index})
            if result.status == "failed" and self.is_item_fatal(step):
                return self.failed(path, result.code)
            outputs.append(result.output)
        return Result("succeeded", outputs)

    def is_item_fatal(self, step: Document) -> bool:
        """Whether one failed item fails them all."""
        return step["on_item_error"] == "fail"

    def loop(self, step: Document, path: str, names: Names) -> Result:
        """loop: at least once, until the condition or `max`."""
        loop: Document = {"index": 0}
        while True:
            at = f"{path}[{loop['index']}]"
            result = self.results[at] = self.once(step, at, names | {"loop": loop})
            if result.status == "failed":
                return self.failed(path, result.code)
            if self.is_enough(step["loop"], names | {"loop": loop | {"output": result.output}}):
                return Result("succeeded", result.output)
            if loop["index"] + 1 == step["loop"]["max"]:
                return Result("succeeded", result.output, is_exhausted=True)
            loop = {"index": loop["index"] + 1, "previous": result.output}

    def is_enough(self, spec: Document, names: Names) -> bool:
        """Decide `until`."""
        return "until" in spec and evaluate_condition(spec["until"], names)

    # One step, item or round

    def once(self, step: Document, path: str, names: Names) -> Result:
        """Evaluate a group or a leaf."""
        if "steps" not in step:
            return self.leaf(step, path, names)
        ended = self.scope(step["steps"], path, names)
        if ended is None:
            return self.failed(path, "")
        if "output" not in step:
            return Result("succeeded", {name: result.output for name, result in ended.items()})
        return Result("succeeded", evaluate(step["output"], names | {"steps": names["steps"] | _seen(ended)}))

    def failed(self, path: str, code: str) -> Result:
        """End with a failure: what had ended below it when it was stopped is a matter of the moment."""
        for below in [at for at in self.results if at.startswith((f"{path}.", f"{path}["))]:
            del self.results[below]
        return Result("failed", code=code)

    def leaf(self, step: Document, path: str, names: Names) -> Result:
        """What the text of a step says about it."""
        match step:
            case {"code": {"python": python}} if python.startswith(ASKS):
                return self.asking(python.removeprefix(ASKS).rstrip("'"), path)
            case {"code": {"python": python}}:
                fails = python in (FAILS, GIVES_UP) or (python == "result = 'fails at 7'" and names["item"] == 7)
                return Result("failed", code="boom") if fails else Result("succeeded", path)
            case {"transform": structure}:
                return Result("succeeded", evaluate(structure, names))
            case {"fail": {"code": code}}:
                return Result("failed", code=code)
            case {"approval": approval}:
                return self.approval(approval)
            case {"wait": {"for": _}}:
                return Result("succeeded", {})
            case {"wait": {"event": name}}:
                return Result("failed", code="timed_out") if name.startswith("never") else Result("succeeded", name)
            case {"workflow": {"ref": ref, "input": given}}:
                called = Oracle(self.children[ref], self.children, evaluate(given, names)).run()
                return Result(called.status, called.output, code="boom")
            case _:
                raise AssertionError(step)

    def asking(self, said: str, path: str) -> Result:
        """A step that asks a person first: it learns the answer, or fails when there is none."""
        if said == "nobody fail":
            return Result("failed", code="timed_out")
        outcome = said.rpartition(" ")[2]
        return Result("succeeded", [path, outcome, None if said.startswith("nobody") else SOMEBODY])

    def approval(self, approval: Document) -> Result:
        """A person's answer, or what was to happen without one."""
        outcome = approval["message"]
        decided_by = SOMEBODY
        if outcome == "nobody":
            outcome, decided_by = approval["on_timeout"], None
            if outcome == "fail":
                return Result("failed", code="timed_out")
        return Result("succeeded", {"outcome": outcome, "form": {}, "decided_by": decided_by})


def _seen(ended: dict[str, Result]) -> Document:
    return {name: result.as_seen() for name, result in ended.items()}


def differences(expected: Expected, found: Expected) -> list[str]:
    """Say in what an execution differs from what the language says; it may have more only below what failed."""
    problems: list[str] = []
    if found.status != expected.status:
        return [f"it {found.status}, not {expected.status}: {found.error}"]
    if expected.status != "succeeded":
        return []
    if found.output != expected.output:
        problems.append(f"its output is {found.output}, not {expected.output}")
    open_ = [path for path, result in expected.results.items() if result.status == "failed"]
    for path in sorted(expected.results.keys() | found.results.keys()):
        want, got = expected.results.get(path), found.results.get(path)
        if want is None:
            if not path.startswith(tuple(f"{at}." for at in open_) + tuple(f"{at}[" for at in open_)):
                problems.append(f"{path} should not be there: {got}")
        elif got is None or got.status != want.status:
            problems.append(f"{path} is {got}, not {want}")
        elif want.status == "succeeded" and got.output != want.output:
            problems.append(f"the output of {path} is {got.output}, not {want.output}")
    return problems


def masked(value: Any) -> Any:
    """The same value, with the name of whoever decided an approval hidden."""
    if isinstance(value, dict):
        return {
            key: SOMEBODY if key == "decided_by" and entry is not None else masked(entry)
            for key, entry in value.items()
        }
    return [masked(entry) for entry in value] if isinstance(value, list) else value
