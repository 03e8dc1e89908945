"""Conditions that never change, and steps that can never run."""

from __future__ import annotations

from functions.shared.dsl.checks.findings import Findings
from functions.shared.dsl.checks.graph import Graph
from functions.shared.dsl.checks.scopes import Placed, Scope
from functions.shared.dsl.compiled import order
from functions.shared.dsl.expression_errors import ExpressionError
from functions.shared.dsl.expressions import evaluate_condition
from functions.shared.dsl.sites import Site, expressions
from functions.shared.dsl.syntax import references
from functions.shared.jsonvalue import Json


def check_conditions(graph: Graph, findings: Findings) -> None:
    """Warn of constant conditions and of what they make unreachable."""
    for scope in graph.scopes:
        dead: dict[str, str] = {}
        needs = graph.needs(scope)
        for name in order(needs):
            _check_step(scope.steps[name], needs[name], dead, scope, findings)


def _check_step(step: Placed, needs: set[str], dead: dict[str, str], scope: Scope, findings: Findings) -> None:
    path = step.path
    verdict = constant(step.raw.get("when"))
    if verdict is False:
        dead[step.name] = "is never true"
        message = f"This is always false: `{step.name}` never runs"
        findings.warning((*path, "when"), "constant_condition", message, "Remove the step, or the condition.")
    elif verdict is True:
        findings.warning((*path, "when"), "constant_condition", "This is always true", "Remove it.")
    _check_until(step, findings)
    blocked = [need for need in sorted(needs) if need in dead or _always_fails(scope.steps[need])]
    if step.name not in dead and blocked and _is_blocked(step, needs, blocked, scope):
        dead[step.name] = blocked[0]
        why = "always fails" if blocked[0] not in dead else "never runs"
        message = f"`{step.name}` can never run: it needs `{blocked[0]}`, which {why}"
        findings.warning(path, "unreachable", message, "Change its needs, or say `requires: ended`.")


def _check_until(step: Placed, findings: Findings) -> None:
    loop = step.raw.get("loop")
    if not isinstance(loop, dict):
        return
    verdict = constant(loop.get("until"))
    if verdict is not None:
        rounds = "one round" if verdict else "all rounds"
        message = f"This is always {str(verdict).lower()}: the loop runs {rounds}"
        findings.warning((*step.path, "loop", "until"), "constant_condition", message)


def _is_blocked(step: Placed, needs: set[str], blocked: list[str], scope: Scope) -> bool:
    match step.raw.get("requires", "some"):
        case "ended":
            return False
        case "all":
            return True
        case _:
            return len(blocked) == len(needs) or any(_always_fails(scope.steps[need]) for need in blocked)


def _always_fails(step: Placed) -> bool:
    return "fail" in step.raw and "when" not in step.raw and step.raw.get("on_error") != "continue"


def constant(condition: Json) -> bool | None:
    """Decide a condition that looks at nothing; None when it depends on something or cannot be read."""
    if isinstance(condition, bool):
        return condition
    if not isinstance(condition, str):
        return None
    found = expressions(Site((), condition, "condition", "before"))
    if len(found) != 1 or found[0].tree is None or references(found[0].tree):
        return None
    try:
        return evaluate_condition(condition, {})
    except ExpressionError:
        return None
