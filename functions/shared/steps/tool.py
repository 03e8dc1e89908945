"""The tool step: a built-in tool by name, its arguments checked before it runs."""

from __future__ import annotations

from dataclasses import asdict, replace

from functions.shared.dsl.kinds import Tool
from functions.shared.dsl.problems import did_you_mean
from functions.shared.dsl.schema import accept
from functions.shared.errors import FieldProblem
from functions.shared.jsonvalue import Json, JsonObject
from functions.shared.steps.base import Context, Done, StepFailed
from functions.shared.steps.config import read_config
from functions.shared.tools import TOOLS


async def run_tool(config: JsonObject, context: Context) -> Done:
    """Give the tool's output. Codes: unknown_tool, invalid_arguments (every problem listed), and the tool's own."""
    spec = read_config(Tool, config)
    tool = TOOLS.get(spec.name)
    if tool is None:
        hint = did_you_mean(spec.name, TOOLS) or ""
        raise StepFailed("unknown_tool", f"There is no tool `{spec.name}`. {hint}".strip())
    accepted = accept(tool.arguments, spec.with_)
    problems: list[Json] = [_problem(problem) for problem in accepted.problems]
    if problems or not isinstance(accepted.value, dict):
        said = "; ".join(_said(problem) for problem in accepted.problems[:10])
        raise StepFailed("invalid_arguments", f"`{tool.name}`: {said}", details={"problems": problems})
    if spec.auth is not None and not tool.takes_auth:
        raise StepFailed("invalid_arguments", f"`{tool.name}` goes nowhere and takes no `auth`.")
    done = await tool.run(accepted.value, context, spec.auth)
    return replace(done, details={"tool": tool.name, **done.details})


def _problem(problem: FieldProblem) -> JsonObject:
    return {name: value for name, value in asdict(problem).items() if value is not None}


def _said(problem: FieldProblem) -> str:
    meant = f" Did you mean `{problem.did_you_mean}`?" if problem.did_you_mean else ""
    return f"{problem.pointer or '/'}: {problem.message}{meant}"
