"""Check a document completely: every phase runs on what is there, and all problems come back at once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from functions.shared.dsl.checks.conditions import check_conditions
from functions.shared.dsl.checks.findings import Findings
from functions.shared.dsl.checks.graph import Graph, check_graph
from functions.shared.dsl.checks.meaning import check_meaning
from functions.shared.dsl.checks.policy import check_policy
from functions.shared.dsl.checks.scopes import place_steps
from functions.shared.dsl.checks.shape import check_shape
from functions.shared.dsl.checks.structure import check_structure
from functions.shared.dsl.checks.texts import check_texts
from functions.shared.dsl.loader import Loaded, load
from functions.shared.dsl.models import Workflow
from functions.shared.dsl.problems import Problem
from functions.shared.jsonvalue import JsonObject


@dataclass(frozen=True, slots=True)
class Checked:
    """`workflow` is None when there is at least one error; warnings refuse nothing. `document` is what was read."""

    workflow: Workflow | None
    document: JsonObject | None
    problems: list[Problem]

    @property
    def is_valid(self) -> bool:
        """Whether the document may be stored and executed."""
        return self.workflow is not None


def check(source: str | JsonObject, *, environment: Mapping[str, str] | None = None) -> Checked:
    """Check YAML or JSON text, or a document that was read already (its problems have no line and column).

    `environment`: where the keys of models are looked for, to warn of missing ones; None: not looked for. Never raises.
    """
    loaded = load(source) if isinstance(source, str) else _read_already(source)
    findings = Findings(loaded if isinstance(source, str) or loaded.document is None else None)
    document = loaded.document
    if document is None:
        return Checked(None, None, findings.problems())
    workflow = check_shape(document, findings)
    check_texts(document, findings)
    places = place_steps(document)
    graph = Graph(places)
    check_structure(places, findings)
    check_graph(graph, findings)
    check_meaning(places, findings)
    check_conditions(graph, findings)
    check_policy(places, environment, findings)
    problems = findings.problems()
    is_valid = not any(problem.severity == "error" for problem in problems)
    return Checked(workflow if is_valid else None, document, problems)


def _read_already(document: JsonObject) -> Loaded:
    """Hold a document from elsewhere to the limits of texts by writing it as one."""
    try:
        text = json.dumps(document, ensure_ascii=False)
    except (ValueError, TypeError, RecursionError) as error:
        problem = Problem("", None, None, "not_json", "error", f"The document is not JSON: {error}")
        return Loaded(None, [problem], None)
    loaded = load(text)
    if loaded.document is None:
        return Loaded(None, [_without_place(problem) for problem in loaded.problems], None)
    return Loaded(document, [], None)


def _without_place(problem: Problem) -> Problem:
    return Problem(problem.path, None, None, problem.code, problem.severity, problem.message, problem.hint)
