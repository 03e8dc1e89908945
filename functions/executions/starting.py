"""Starts an execution: which version, whether its input fits, and that in one statement when the version is known.

An input is checked against its version's document, so that has to be read first. Versions never change; only which one
a name means does. So what was read is remembered, and the start itself says when the name means another one by now.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from functions.shared.db import executions
from functions.shared.dsl.compiled import compile_document
from functions.shared.dsl.schema import accept_input
from functions.shared.errors import Conflict, FieldProblem, InvalidInput
from functions.shared.web import invalid_input

if TYPE_CHECKING:
    from functions.executions.models import Mode, StartExecution
    from functions.shared.db.caller_db import CallerDb
    from functions.shared.dsl.models import Workflow
    from functions.shared.jsonvalue import Json, JsonObject

MAX_REMEMBERED = 128


@dataclass(frozen=True, slots=True)
class Startable:
    """A version that can be started. `workflow` is None for a markdown runbook."""

    version_id: str
    format: str
    workflow: Workflow | None


class Remembered:
    """The versions that callers started last, by the caller's key and what it named."""

    def __init__(self) -> None:
        self._versions: OrderedDict[tuple[object, ...], Startable] = OrderedDict()

    def find(self, db: CallerDb, which: JsonObject) -> Startable | None:
        """Give what this caller meant by it last time."""
        return self._versions.get((db.caller, *which.values()))

    def keep(self, db: CallerDb, which: JsonObject, startable: Startable) -> None:
        """Remember it, and forget what was kept first when there are too many."""
        self._versions[db.caller, *which.values()] = startable
        if len(self._versions) > MAX_REMEMBERED:
            self._versions.popitem(last=False)


_remembered = Remembered()


async def start(db: CallerDb, body: StartExecution) -> dict[str, Any]:
    """Start it, and give it with what is `due`. Raises NotFound, InvalidInput."""
    which: JsonObject = {
        "name": body.workflow,
        "workflow_id": str(body.workflow_id) if body.workflow_id else None,
        "version": body.version,
    }
    if (known := _remembered.find(db, which)) is not None:
        try:
            return await _started(db, {**_fields(known, body), "which": which})
        except InvalidInput:
            pass  # a newer version may take it
        except Conflict as moved:
            if moved.code != "version_moved":
                raise
    startable = _startable(await executions.get_startable(db, which))
    _remembered.keep(db, which, startable)
    try:
        fields: JsonObject = _fields(startable, body)
    except InvalidInput as refused:
        if db.idempotency is None:
            raise
        # A newer version may ask for more than the one that this key started: its answer still stands.
        errors = cast("Json", [asdict(problem) for problem in refused.errors])
        refusal: JsonObject = {"message": refused.detail, "errors": errors}
        fields = {"refusal": refusal}
    return await _started(db, fields)


async def _started(db: CallerDb, fields: JsonObject) -> dict[str, Any]:
    return cast("dict[str, Any]", await executions.start_execution(db, fields))


def _startable(answer: Any) -> Startable:  # noqa: ANN401  a verb's answer
    document = answer["document"]
    return Startable(
        answer["version_id"], answer["format"], None if document is None else compile_document(document).workflow
    )


def _fields(startable: Startable, body: StartExecution) -> JsonObject:
    return {
        "version_id": startable.version_id,
        "input": _accepted_input(startable, body),
        "mode": _mode(startable, body.mode),
        "agent_id": str(body.agent_id) if body.agent_id else None,
        "executed_with_model": body.executed_with_model,
    }


def _mode(startable: Startable, asked: Mode | None) -> Mode:
    if startable.format == "markdown" and asked == "engine":
        message = "A markdown runbook is not run by the engine."
        hint = "Leave mode out, or say external: then you execute it and report."
        raise invalid_input([FieldProblem("/mode", "not_allowed", message, hint, ["external"])])
    return asked or ("engine" if startable.format == "yaml" else "external")


def _accepted_input(startable: Startable, body: StartExecution) -> JsonObject:
    """Check the input against what the document declares, and fill in defaults."""
    if startable.workflow is None:
        return body.input
    accepted = accept_input(startable.workflow, body.input)
    if accepted.problems:
        raise invalid_input([replace(problem, pointer=f"/input{problem.pointer}") for problem in accepted.problems])
    return cast("JsonObject", accepted.value)
