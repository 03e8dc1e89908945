"""Every execution as it ended, beside how it should have ended."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from tests.chaos.evidence import Decision, Execution, Step
from tests.chaos.workflows import KINDS, Told, outcome_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from functions.shared.dsl.compiled import Compiled
    from tests.chaos.database import Postgres
    from tests.chaos.load import Load

EXECUTIONS = """
    select e.id::text as id, w.name as workflow, e.input, e.status, e.output, e.error ->> 'code' as error_code,
      e.parent_execution_id::text as parent, e.parent_path
    from plane.executions as e join plane.workflows as w on w.id = e.workflow_id
"""
RECORDS = """
    select execution_id::text as execution, path, kind, status, error ->> 'code' as error_code
    from plane.checkpoints order by feed_id
"""
WAITS = (
    "select execution_id::text as execution, path, kind, outcome, payload from plane.waits where outcome is not null"
)


async def executions_of(
    postgres: Postgres, load: Load, documents: Mapping[str, Compiled]
) -> tuple[list[Execution], list[Decision], set[Step]]:
    """Give all executions, the decisions on approvals, and every step that may have reached the service."""
    rows = await postgres.fetch(EXECUTIONS)
    records, waits = _by_execution(await postgres.fetch(RECORDS)), _by_execution(await postgres.fetch(WAITS))
    children: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        children[row["parent"]].append(row)
    cancelled = {started.id for started in load.started.values() if started.is_cancelled}
    executions: list[Execution] = []
    steps: set[Step] = set()
    for row in rows:
        execution, workflow = row["id"], row["workflow"]
        at_most_once = _at_most_once(documents[workflow])
        told = _told(waits[execution], records[execution], at_most_once)
        expected = outcome_of(documents, workflow, json.loads(row["input"]), told)
        kinds = {path: record.kind for path, record in expected.records.items()}
        reaching = _reaching(kinds | {record["path"]: record["kind"] for record in records[execution]})
        steps |= {Step(execution, path) for path in reaching}
        unknown = {wait["path"] for wait in waits[execution] if wait["kind"] == "unknown"}
        is_cancelled = execution in cancelled or (row["parent"] in cancelled and row["status"] == "cancelled")
        executions.append(
            Execution(
                id=execution,
                workflow=workflow,
                status=row["status"],
                output=None if row["output"] is None else json.loads(row["output"]),
                error_code=row["error_code"],
                expected_status=expected.status,
                expected_output=expected.output,
                expected_records={path: record.status for path, record in expected.records.items()},
                records=tuple((record["path"], record["status"]) for record in records[execution]),
                is_cancelled=is_cancelled,
                orders=_orders(execution, workflow, list(expected.records), children[execution]),
                at_most_once=at_most_once,
                unknown=told.lost | unknown,
                effects=frozenset(reaching - unknown),  # a person who is asked may be wrong
                refused_first=dict(KINDS[workflow].fails_first),
                children=tuple(child["id"] for child in children[execution]),
            )
        )
    recorded = {
        Step(execution, wait["path"]): wait["outcome"] for execution, all_of in waits.items() for wait in all_of
        if wait["kind"] == "approval"
    }  # fmt: skip
    decisions = [Decision(step, tuple(told), recorded.get(step)) for step, told in load.told.items()]
    return executions, decisions, steps


def _by_execution(rows: Sequence[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        found[row["execution"]].append(row)
    return found


def _told(waits: Sequence[Any], records: Sequence[Any], at_most_once: frozenset[str]) -> Told:
    payloads = {(wait["kind"], wait["path"]): json.loads(wait["payload"] or "null") for wait in waits}
    return Told(
        approvals={path: payload for (kind, path), payload in payloads.items() if kind == "approval"},
        events={path: payload for (kind, path), payload in payloads.items() if kind == "event"},
        lost=at_most_once & {record["path"] for record in records if record["error_code"] == "outcome_unknown"},
    )


def _reaching(kinds: Mapping[str, str]) -> set[str]:
    """Give the paths of http steps; a for_each has the kind of its items, and does nothing itself."""
    wholes = {path.rpartition("[")[0] for path in kinds if path.endswith("]")}
    return {path for path, kind in kinds.items() if kind == "http" and path not in wholes}


def _at_most_once(compiled: Compiled) -> frozenset[str]:
    return frozenset(name for name, step in compiled.workflow.steps.items() if step.effect == "at_most_once")


def _orders(
    execution: str, workflow: str, paths: Sequence[str], children: Sequence[Any]
) -> tuple[tuple[Step, Step], ...]:
    """Resolve the orders of a workflow: `parts[*]>one` is step `one` of every child that `parts` called."""

    def all_of(pattern: str) -> list[Step]:
        own, _, below = pattern.partition(">")
        matching = re.compile(re.escape(own).replace(r"\[\*\]", r"\[\d+\]")).fullmatch
        if not below:
            return [Step(execution, path) for path in paths if matching(path)]
        return [Step(child["id"], below) for child in children if matching(child["parent_path"])]

    return tuple(
        (before, after)
        for earlier, later in KINDS[workflow].orders
        for before in all_of(earlier)
        for after in all_of(later)
    )
