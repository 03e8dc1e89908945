"""Drives the planner in memory, without database, time or faults: for inline tests, and to say what should come out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

from functions.shared.engine.facts import Facts, Record, Shard, Wait
from functions.shared.engine.ledger import TIMEOUT_OF
from functions.shared.engine.memo import Memo
from functions.shared.engine.plan import Open
from functions.shared.engine.planner import plan
from functions.shared.engine.questions import ASKS, CARRIED
from functions.shared.engine.verification import settle

if TYPE_CHECKING:
    from functions.shared.dsl.compiled import Compiled
    from functions.shared.engine.plan import Finish, Plan, Start
    from functions.shared.jsonvalue import Json, JsonObject


@dataclass(frozen=True, slots=True)
class LeafResult:
    """What a leaf step gave: `error` {code, message} when it failed for good.

    `asks`: what it asks a person before it goes on, {kind, message, form, outcomes, on_timeout}; it is run again then.
    """

    output: Json = None
    error: JsonObject | None = None
    cost_usd: Decimal | None = None
    asks: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """How a wait ended: answered, timed_out, cancelled, failed or an approval's outcome."""

    outcome: str = "answered"
    payload: Json = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the execution ended. `records` has every decision, in order; `started` every leaf that was run, in order."""

    status: str
    output: Json
    error: JsonObject | None
    records: dict[str, Record]
    started: list[str]


class Stuck(Exception):
    """Nothing runs, nothing is open and the planner sees no end: a defect of the planner or an unanswered wait."""


Leaf: TypeAlias = "Callable[[Start], LeafResult]"
Answers: TypeAlias = "Callable[[Open], Answer]"
Choose: TypeAlias = Callable[[Sequence[str]], int]


def first(candidates: Sequence[str]) -> int:
    """Choose what began first."""
    del candidates
    return 0


def pass_at_once(wait: Open) -> Answer:
    """Let every timer fire, and answer everything else with nothing."""
    if wait.kind == "approval":
        outcomes = wait.data.get("outcomes")
        return Answer(str(outcomes[0]) if isinstance(outcomes, list) else "approve", {})
    return Answer("timed_out") if wait.kind == "timer" else Answer("answered", {})


def run_in_memory(
    compiled: Compiled,
    given: JsonObject,
    leaf: Leaf,
    answer: Answers = pass_at_once,
    *,
    records: Iterable[Record] = (),
    choose: Choose = first,
) -> Outcome:
    """Run a workflow to its end.

    `records` are those of an execution that was interrupted. `choose` picks what ends next among the paths of what runs
    and waits: every schedule can be played. Raises Stuck.
    """
    world = _World(compiled, given, leaf, answer, choose, records={record.path: record for record in records})
    finish = _Frame(world, None).run()
    return Outcome(finish.status, finish.output, finish.error, world.records, world.started)


@dataclass(slots=True)
class _World:
    compiled: Compiled
    input: JsonObject
    leaf: Leaf
    answer: Answers
    choose: Choose
    records: dict[str, Record]
    started: list[str] = field(default_factory=list[str])
    granted_usd: Decimal = Decimal(0)
    tokens: int = 0

    def is_over_budget(self) -> bool:
        limit = self.compiled.workflow.limits.budget_usd
        if limit is None:
            return False
        spent = sum((record.cost_usd or Decimal(0) for record in self.records.values()), Decimal(0))
        return spent > 0 and spent >= Decimal(str(limit)) + self.granted_usd


class _Frame:
    """The root, or one shard; all write into the same records."""

    def __init__(self, world: _World, shard: Shard | None) -> None:
        self._world = world
        self._shard = shard
        self._memo = Memo()
        self._running: dict[str, Start] = {}
        self._open: dict[str, Open] = {}
        self._waits: dict[str, Wait] = {}

    def run(self) -> Finish:
        world = self._world
        while True:
            planned = plan(world.compiled, self._facts(), self._memo)
            self._apply(planned)
            if planned.finish is not None:
                return planned.finish
            if planned.load:
                continue
            open_now = [token for token, wait in self._open.items() if TIMEOUT_OF not in wait.data]
            candidates = [*self._running, *open_now]
            if not candidates:
                raise Stuck(f"nothing is left to do, and no end: {planned}")
            chosen = candidates[world.choose(candidates)]
            if chosen in self._running:
                self._run(self._running.pop(chosen))
            else:
                self._answer(chosen)

    def _facts(self) -> Facts:
        world = self._world
        return Facts(
            input=world.input,
            records=world.records,
            waits=[wait for wait in self._waits.values() if wait.path not in world.records],
            running={path: start.attempt for path, start in self._running.items()},
            shard=self._shard,
            budget_exhausted=world.is_over_budget(),
        )

    def _apply(self, planned: Plan) -> None:
        world = self._world
        for path in planned.stop:
            del self._running[path]
        for token in planned.close:
            self._close(token, Answer("cancelled"))
        for record in planned.record:
            if record.path in world.records:
                raise Stuck(f"{record.path} was recorded twice")
            world.records[record.path] = record
        for wait in planned.open:
            self._put(wait)
        self._running.update({start.path: start for start in planned.start})

    def _run(self, start: Start) -> None:
        world = self._world
        world.started.append(start.path)
        result = world.leaf(start)
        if result.asks is not None and not start.answers:
            self._ask(start, result.asks)
            return
        record: Record | Start = Record(
            path=start.path,
            parent=start.parent,
            kind=start.kind,
            status="succeeded" if result.error is None else "failed",
            output=result.output if result.error is None else None,
            error=result.error,
            attempts=start.attempt,
            cost_usd=result.cost_usd,
        )
        if start.verifies is not None:
            record = settle(start, record)
        if isinstance(record, Record):
            world.records[record.path] = record
        else:
            self._running[record.path] = record

    def _ask(self, start: Start, asks: JsonObject) -> None:
        data: JsonObject = {
            "outcomes": ["approve", "reject"],
            "on_timeout": "fail",
            "attempt": start.attempt,
            **asks,
            ASKS: asks.get("kind", "approval"),
            CARRIED: {"is_look_up": start.verifies is not None},
        }
        self._put(Open("approval", start.path, start.path, data=data))

    def _put(self, wait: Open) -> None:
        world = self._world
        world.tokens += 1
        token = f"{wait.path}#{world.tokens}"
        self._open[token] = wait
        self._waits[token] = Wait(token, wait.kind, wait.path, wait.name, wait.data)

    def _answer(self, token: str) -> None:
        wait = self._open[token]
        if wait.kind == "shards":
            self._close(token, self._run_shards(wait))
            return
        answer = self._world.answer(wait)
        if wait.kind == "budget" and answer.outcome in {"approve", "grant"}:
            form = answer.payload.get("form") if isinstance(answer.payload, dict) else None
            usd = form.get("usd") if isinstance(form, dict) else None
            self._world.granted_usd += Decimal(str(usd or 0))
        self._close(token, answer)

    def _close(self, token: str, answer: Answer) -> None:
        self._open.pop(token, None)
        self._waits[token] = replace(self._waits[token], answered=True, outcome=answer.outcome, payload=answer.payload)

    def _run_shards(self, wait: Open) -> Answer:
        for shard in wait.shards:
            finish = _Frame(self._world, shard).run()
            if finish.status != "succeeded":
                return Answer("failed", finish.error)
        return Answer("answered")
