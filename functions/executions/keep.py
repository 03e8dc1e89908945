"""What a retry keeps: every succeeded step whose inputs cannot change by what runs again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.shared.dsl.problems import nearest
from functions.shared.engine.joins import OWN_REASONS
from functions.shared.engine.paths import address_of, ancestors, index_of, item, join, parent_of
from functions.shared.errors import FieldProblem
from functions.shared.web import invalid_input

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from functions.shared.dsl.compiled import Compiled, CompiledStep
    from functions.shared.jsonvalue import JsonObject


STOPPED = "stopped"
"""How a step ended that a failure, a cancellation or a limit kept from starting: this time it may run."""


def endings(records: Sequence[JsonObject]) -> dict[str, str]:
    """Map path to status, or to `stopped`, from `[{path, status, reason}]`."""
    return {str(record["path"]): _ending_of(record) for record in records}


def _ending_of(record: JsonObject) -> str:
    if record["status"] == "skipped" and record.get("reason") not in OWN_REASONS:
        return STOPPED
    return str(record["status"])


def choose_kept(compiled: Compiled, records: Mapping[str, str], again: str | None) -> list[str]:
    """Give the paths to keep. `records` are the `endings`; `again` names a step that must run again too.

    `again` is a path (`sources[2]`, `polish[1].draft`) or a dotted name without indexes (`polish.draft`: every round).
    Raises InvalidInput when the document has no such step.
    """
    if again is not None:
        _check_step(compiled, again)
    return _Choice(records, again).of(compiled)


def _check_step(compiled: Compiled, again: str) -> None:
    known = [str(entry["path"]) for entry in compiled.index if not str(entry["path"]).startswith("on_error.")]
    if address_of(again) in known:
        return
    meant = nearest(again, known)
    message = f"The workflow has no step {again!r}."
    hint = f"Did you mean {meant}?" if meant else "GET /api/executions/{id}/steps lists the paths."
    raise invalid_input([FieldProblem("/from", "unknown_step", message, hint, list(known), meant)])


class _Choice:
    """Goes through the document, scope by scope, and remembers what is kept."""

    def __init__(self, records: Mapping[str, str], again: str | None) -> None:
        self._records = records
        self._again = again
        self._kept: list[str] = []
        self._below: dict[str, list[str]] = {}
        for path in records:
            self._below.setdefault(parent_of(path), []).append(path)
        # A group has no record of its own while it is not over: what is below must still be found.
        for path in list(self._below):
            for above in (path, *ancestors(path)) if path else ():
                children = self._below.setdefault(parent_of(above), [])
                if above not in children and above not in records:
                    children.append(above)

    def of(self, compiled: Compiled) -> list[str]:
        self._scope("", compiled.steps, compiled.order)
        return self._kept

    def _scope(self, scope: str, steps: Mapping[str, CompiledStep], order: Sequence[str]) -> None:
        changed: set[str] = set()
        for name in order:
            step = steps[name]
            if step.needs & changed or not self._step(join(scope, name), step):
                changed.add(name)

    def _step(self, path: str, step: CompiledStep) -> bool:
        """Keep what can be kept of a step; whether its result stays as it was."""
        if self._is_again(path):
            return False
        status = self._records.get(path)
        if status == "skipped":
            return True
        if status == "succeeded" and not self._holds_again(path):
            self._keep_all(path)
            return True
        if step.step.for_each is not None:
            for instance in self._instances(path):
                self._instance(instance, step)
        elif step.step.loop is not None:
            self._rounds(path, step)
        elif step.steps:
            self._scope(path, step.steps, step.order)
        return False

    def _rounds(self, path: str, step: CompiledStep) -> None:
        for number, instance in enumerate(self._instances(path)):
            # Each round may look at the one before.
            if instance != item(path, number) or not self._instance(instance, step):
                return

    def _instance(self, path: str, step: CompiledStep) -> bool:
        if self._is_again(path):
            return False
        if self._records.get(path) == "succeeded" and not self._holds_again(path):
            self._keep_all(path)
            return True
        if step.steps:
            self._scope(path, step.steps, step.order)
        return False

    def _instances(self, path: str) -> list[str]:
        found = [child for child in self._below.get(path, ()) if child.endswith("]")]
        return sorted(found, key=lambda child: index_of(child) or 0)

    def _keep_all(self, path: str) -> None:
        if self._records.get(path) == "succeeded":
            self._kept.append(path)
        for child in self._below.get(path, ()):
            self._keep_all(child)

    def _is_again(self, path: str) -> bool:
        return self._again is not None and self._again in (path, address_of(path))

    def _holds_again(self, path: str) -> bool:
        """Whether the step to run again lies somewhere below this path."""
        if self._again is None:
            return False
        if "[" in self._again:
            return self._again.startswith((f"{path}.", f"{path}["))
        return self._again.startswith(f"{address_of(path)}.")
