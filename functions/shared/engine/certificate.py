"""What a crash certificate says: how many crash points a workflow survives, and what each step does after a crash."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from functions.shared.engine.mocks import REAL_TOOLS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from functions.shared.dsl.compiled import Compiled, CompiledStep
    from functions.shared.engine.faults import FaultKind
    from functions.shared.jsonvalue import JsonObject

FAULTS: dict[FaultKind, str] = {
    "fails": "a call to the database fails",
    "lost": "it commits, its answer is lost",
    "twice": "it is sent twice",
    "dies_before": "the process dies before it",
    "dies_after": "the process dies after it",
    "dies_inside": "the process dies inside a step",
}
READS = frozenset({"GET", "HEAD", "OPTIONS"})
REPLACES = frozenset({"PUT", "DELETE"})
UNKNOWN_ENDS = {
    "fail": "if its answer is lost the step fails with outcome_unknown",
    "ask": "if its answer is lost a person is asked what happened",
    "verify": "if its answer is lost its look-up says what happened",
}

# safe: nothing happens twice · costs: money or time is spent twice, no more · twice: an effect may happen twice
Risk: TypeAlias = Literal["safe", "costs", "twice"]


@dataclass(frozen=True, slots=True)
class StepVerdict:
    """What becomes of a step whose process dies before its result is recorded. `seen`: points in which it ran twice."""

    address: str
    what: str
    risk: Risk
    why: str
    advice: str = ""
    seen: int = 0

    def as_json(self) -> JsonObject:
        return {
            "step": self.address,
            "what": self.what,
            "risk": self.risk,
            "why": self.why,
            "advice": self.advice or None,
            "ran_twice_in": self.seen,
        }


@dataclass(frozen=True, slots=True)
class BrokenPoint:
    """A crash point after which the execution did not end as it does without one."""

    test: str
    fault: FaultKind
    at: int
    where: str
    differences: tuple[str, ...]

    def as_json(self) -> JsonObject:
        return {
            "test": self.test,
            "fault": self.fault,
            "at": self.at,
            "where": self.where,
            "differences": [*self.differences],
        }


@dataclass(frozen=True, slots=True)
class Certificate:
    """All points that were tried. `settled`: those that ended as `on_unknown` says instead; they count as survived.

    `failures`: tests that do not even pass without a crash, each in a line.
    """

    tests: int
    points: Mapping[FaultKind, int]
    survived: Mapping[FaultKind, int]
    settled: int
    of: int
    seed: int | None
    broken: tuple[BrokenPoint, ...]
    failures: tuple[str, ...]
    violations: tuple[JsonObject, ...]
    steps: tuple[StepVerdict, ...]
    seconds: float = field(compare=False)

    @property
    def passed(self) -> bool:
        return bool(self.tests) and not (self.broken or self.failures or self.violations)

    def as_json(self) -> JsonObject:
        return {
            "passed": self.passed,
            "tests": self.tests,
            "points": {
                "tried": sum(self.points.values()),
                "survived": sum(self.survived.values()),
                "of": self.of,
                "seed": self.seed,
                "settled_by_on_unknown": self.settled,
                "by_fault": {
                    kind: {"tried": tried, "survived": self.survived.get(kind, 0)}
                    for kind, tried in self.points.items()
                },
            },
            "broken": [point.as_json() for point in self.broken],
            "failures": [*self.failures],
            "violations": [*self.violations],
            "steps": [step.as_json() for step in self.steps],
            "seconds": round(self.seconds, 1),
        }


def judge_steps(compiled: Compiled, seen: Mapping[str, int]) -> tuple[StepVerdict, ...]:
    """Say of every step that does something what a crash does to it, the ones to look at first."""
    verdicts = [_judge(step, seen.get(step.address, 0)) for step in _leaves(compiled)]
    order: tuple[Risk, ...] = ("twice", "costs", "safe")
    return tuple(sorted(verdicts, key=lambda verdict: order.index(verdict.risk)))


def _leaves(compiled: Compiled) -> Iterator[CompiledStep]:
    waiting = [*compiled.steps.values(), *compiled.on_error.values()]
    while waiting:
        step = waiting.pop(0)
        waiting = [*step.steps.values(), *waiting]
        if step.kind not in {"group", "transform", "fail"}:  # computed by the engine, recorded with what comes next
            yield step


def _judge(step: CompiledStep, seen: int) -> StepVerdict:
    what = _what(step)
    if step.step.effect == "at_most_once":
        lost = UNKNOWN_ENDS[step.step.on_unknown]
        advice = "" if step.step.on_unknown != "fail" else "`on_unknown: ask` or `verify` settles it without failing"
        return StepVerdict(step.address, f"{what}, at most once", "safe", f"never starts twice; {lost}", advice, seen)
    risk, why, advice = _rerun(step)
    if step.step.cache is not None and risk == "costs":
        why, advice = f"{why}, unless its cache has the answer", ""
    return StepVerdict(step.address, what, risk, why, advice, seen)


def _what(step: CompiledStep) -> str:
    spec = step.step
    if spec.http is not None:
        return f"http {spec.http.method}"
    if spec.tool is not None:
        method = _tool_method(step)
        return f"tool {spec.tool.name}" + (f" {method}" if method else "")
    return step.kind


def _tool_method(step: CompiledStep) -> str:
    tool = step.step.tool
    if tool is None or tool.name != "http_request":
        return ""
    return str(tool.with_.get("method", "GET")).upper() if isinstance(tool.with_, dict) else "?"


def _rerun(step: CompiledStep) -> tuple[Risk, str, str]:
    """Give the risk, why, and what to do about it, of a step that may be started again."""
    match step.kind:
        case "approval" | "wait":
            return "safe", "the wait is a row in the database; its answer counts once", ""
        case "workflow":
            return "safe", "the child is started once: its id follows from the wait", ""
        case "handoff" | "agent":
            return (
                "safe",
                "handed over once: its id follows from the wait; the agent's own work counts once, by its claim",
                "",
            )
        case "state" | "memory" | "emit":
            return "safe", "done exactly once, under the step's own key", ""
        case "code":
            return "safe", "runs again in the sandbox, which has no effects", ""
        case "llm" | "interpret":
            advice = "`budget_usd` bounds it, `cache: {key, ttl}` keeps the answer"
            return "costs", "the model is asked again, and its first answer is dropped", advice
        case "http":
            method = step.step.http.method if step.step.http is not None else "GET"
            return _request(method, has_own_key=step.step.idempotency_key is not None)
        case _:
            return _tool(step)


def _tool(step: CompiledStep) -> tuple[Risk, str, str]:
    name = step.step.tool.name if step.step.tool is not None else ""
    if name in REAL_TOOLS:
        return "safe", "only computes", ""
    if name == "http_request":
        return _request(_tool_method(step), has_own_key=step.step.idempotency_key is not None)
    return "safe", "reads again, changes nothing", ""


def _request(method: str, *, has_own_key: bool) -> tuple[Risk, str, str]:
    if method in READS:
        return "safe", "reads again, changes nothing", ""
    key = "your idempotency_key" if has_own_key else "Idempotency-Key"
    sent = f"sent again with the same {key}; safe only if the target honours it"
    if method in REPLACES:
        sent = f"sent again with the same {key}; safe if the target takes two {method} for one"
    return "twice", sent, "else `effect: at_most_once` with `on_unknown: ask` or `verify`"
