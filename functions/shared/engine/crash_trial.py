"""One inline test, run by the real engine on a real database while one thing goes wrong."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from functions.shared.db import kernel
from functions.shared.dispatch.doorbell import Address
from functions.shared.engine.crash_agents import addressed, do_handoff
from functions.shared.engine.facts import Record
from functions.shared.engine.faults import FaultyDatabase
from functions.shared.engine.interpreter import LeafResult, Outcome
from functions.shared.engine.paths import address_of
from functions.shared.engine.plan import Open, Start
from functions.shared.engine.policy import Engine, Policy
from functions.shared.engine.retry import RetryPolicy
from functions.shared.engine.runner import run_frame
from functions.shared.errors import PlaneError
from functions.shared.steps import Done, HttpPolicy, NeedsPerson, StepFailed
from functions.shared.steps.handlers import HANDLERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from functions.shared.db.port import ApiKey, Caller, Person
    from functions.shared.dsl.compiled import Compiled, CompiledStep
    from functions.shared.engine.faults import Fault
    from functions.shared.engine.interpreter import Leaf
    from functions.shared.engine.mocks import Mocks
    from functions.shared.engine.scratch_plane import ScratchPlane
    from functions.shared.jsonvalue import Json, JsonObject
    from functions.shared.steps import Context

WITHIN_S = 60.0
SOON_S = 2.0
PAUSE_S = 0.01
CHILD = "crash-test-child"
# Stands for every workflow that is called: it answers what the test's mock of the calling step says.
CHILD_DOCUMENT: JsonObject = {
    "name": CHILD,
    "input": {"path": "string"},
    "steps": {"answer": {"http": {"url": "https://mocked.invalid", "json": {"path": "${{ input.path }}"}}}},
    "output": "${{ steps.answer.output }}",
}
ENDED = frozenset({"succeeded", "failed", "skipped", "cancelled"})


@dataclass(frozen=True, slots=True)
class Case:
    """A test of a document. `leaf` answers its steps as the test's mocks say."""

    compiled: Compiled
    document: JsonObject
    input: JsonObject
    mocks: Mocks
    leaf: Leaf


@dataclass(frozen=True, slots=True)
class Trial:
    """How one run went. `calls`: how often each step did its work; `repeated`: done again though it was recorded."""

    outcome: Outcome | None
    kernel_calls: int
    step_calls: int
    has_struck: bool
    calls: Mapping[str, int]
    repeated: tuple[str, ...] = ()


async def run_trial(plane: ScratchPlane, case: Case, fault: Fault | None, name: str) -> Trial:
    """Run the test once; `name` is unique on this plane."""
    return await _Run(plane, case, fault, name).run()


class _Run:
    def __init__(self, plane: ScratchPlane, case: Case, fault: Fault | None, name: str) -> None:
        self._plane = plane
        self._case = case
        self._name = name
        self._process = 1
        self._database = _Tamed(plane.db, fault, self)
        self._due: deque[Address] = deque()
        self._frames: dict[Address, None] = {}
        self._questions: dict[str, Open] = {}
        self._steps: dict[str, CompiledStep] = {}
        self._execution = ""
        self._operator: ApiKey | None = None
        self._person: Person | None = None
        self._calls: Counter[str] = Counter()
        self._results: dict[str, LeafResult] = {}
        self._step_calls = 0
        self._done_at_death: dict[str, int] = {}
        _collect(case.compiled.steps, self._steps)
        _collect(case.compiled.on_error, self._steps)

    async def run(self) -> Trial:
        await self._start()
        until = asyncio.get_running_loop().time() + WITHIN_S
        engine = self._engine()
        while asyncio.get_running_loop().time() < until:
            if self._due:
                if await self._has_died(self._due.popleft(), engine):
                    await self._restart()
                    engine = self._engine()
            elif self._questions:
                await self._answer(*self._questions.popitem())
            elif (ended := await self._read())["ended_at"] is not None:
                return self._trial(_outcome_of(ended, await self._records()))
            else:  # a lease runs out, and the sweeper finds what nobody was told of
                await self._free()
        return self._trial(None)

    # The plane

    async def _start(self) -> None:
        org_id, self._operator = await self._plane.create_organisation()
        self._person = await self._plane.create_person(org_id)
        version = await self._define(self._case.document, self._case.compiled)
        if any(step.kind == "workflow" for step in self._steps.values()):
            await self._define(CHILD_DOCUMENT, None)
        given: JsonObject = {"version_id": version, "input": self._case.input, "mode": "engine"}
        started = await self._call("start_execution", given)
        self._execution = str(started["id"])
        self.ring_later(Address(self._execution, "", self._case.compiled.queue, org_id))
        self._due.extend(self._frames)

    async def _define(self, document: JsonObject, compiled: Compiled | None) -> str:
        fields: JsonObject = {
            "name": document["name"],
            "format": "yaml",  # of which JSON is a part
            "definition": json.dumps(document),
            "document": document,
            "queue": compiled.queue if compiled else "default",
            "steps": list(compiled.index) if compiled else [],
        }
        return str((await self._call("create_workflow", fields))["version_id"])

    async def _call(self, fn: str, payload: JsonObject, *, as_person: bool = False) -> dict[str, Any]:
        caller = cast("Caller", self._person if as_person else self._operator)
        return cast("dict[str, Any]", await self._plane.db.call(fn, payload, caller))

    def _engine(self) -> Engine:
        secrets = {f"AGENTPLANE_SECRET_{name}": "mocked" for name in self._case.compiled.workflow.secrets}
        return Engine(
            db=self._database,
            doorbell=self,
            handlers={kind: _Handler(self, kind) for kind in HANDLERS},
            policy=Policy(owner=self._owner),
            http=HttpPolicy(),
            environment=secrets,
        )

    @property
    def _owner(self) -> str:
        return f"{self._name}-{self._process}"

    async def ring(self, due: Sequence[JsonObject], *, delay_s: float = 0.0) -> None:  # noqa: ARG002  nothing is late here
        """Take in doorbells, as the plane's own doorbell does."""
        for message in due:
            self._frames[Address.of(message)] = None
            self._due.append(Address.of(message))

    def ring_later(self, address: Address) -> None:
        """Note a frame that must be rung once nothing else is due."""
        self._frames[address] = None

    async def _has_died(self, address: Address, engine: Engine) -> bool:
        """Run a frame; whether the process died meanwhile."""
        work = asyncio.create_task(run_frame(address, engine))
        death = asyncio.create_task(self._database.died.wait())
        await asyncio.wait({work, death}, return_when=asyncio.FIRST_COMPLETED)
        death.cancel()
        if self._database.died.is_set():
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            return True
        try:
            again_in_s = (await work).again_in_s
        except PlaneError:
            return False
        if again_in_s is not None and again_in_s < SOON_S:
            await asyncio.sleep(again_in_s)
            self._due.append(address)
        return False

    async def _restart(self) -> None:
        """Start the next process: it reports its former self dead, as a restarted plane does."""
        self._done_at_death = {
            path: self._calls[path] for path, record in (await self._records()).items() if record.status == "succeeded"
        }
        self._database.revive()
        dead, self._process = self._owner, self._process + 1
        self._due.clear()
        await self.ring(await kernel.report_owner_dead(self._plane.db, owner=dead))
        self._due.extend(self._frames)

    async def _free(self) -> None:
        await self.ring(await kernel.report_owner_dead(self._plane.db, owner=self._owner))
        self._due.extend(self._frames)
        await asyncio.sleep(PAUSE_S)

    async def _read(self) -> dict[str, Any]:
        return await self._call("get_execution", {"execution_id": self._execution})

    async def _records(self) -> dict[str, Record]:
        found: dict[str, Record] = {}
        cursor: Json = None
        while True:
            page = await self._call("list_steps", {"execution_id": self._execution, "limit": 100, "cursor": cursor})
            found |= {row["path"]: _record_of(row) for row in page["data"] if row["status"] in ENDED}
            cursor = page["next"]
            if cursor is None:
                return found

    # What is outside

    def opened(self, execution_id: str, row: JsonObject) -> JsonObject:
        """Take note of a wait that is about to open. Timers fire at once, nothing else is too late, any event fits."""
        row = {key: value for key, value in row.items() if key not in {"deadline_ms", "deadline_at", "match"}}
        kind, path = str(row["kind"]), str(row["path"])
        data = cast("JsonObject", row.get("data") or {})
        wait = Open(kind, path, str(row["name"]), data=data)
        if kind in {"timer", "retry"} or self._is_timed_out(wait):
            row["deadline_ms"] = 0
        elif kind in {"approval", "event", "unknown", "handoff"}:
            self._questions[path] = wait
        if kind == "handoff":
            row["handoff"] = {**cast("JsonObject", row["handoff"]), **addressed(self._case.mocks.answer(wait))}
        if data.get("quorum"):
            row["data"] = {**data, "quorum": 1}  # one person speaks for all
        if kind == "child":
            child = cast("JsonObject", row["child"])
            row["child"] = {**child, "ref": CHILD, "input": {"path": path}}
            self.ring_later(Address(str(child["execution_id"]), "", "default"))
        for shard in cast("list[JsonObject]", row.get("shards") or []):
            self.ring_later(Address(execution_id, str(shard["frame"]), self._case.compiled.queue))
        return row

    def heard(self, answer: Json) -> Json:
        """Let an approval be decided by whom the mock names, not by the person who answered it here."""
        if not isinstance(answer, dict):
            return answer
        told = dict(answer)
        for key in ("waits", "answered"):
            told[key] = [self._named(cast("JsonObject", row)) for row in cast("list[Json]", answer.get(key) or [])]
        if answer.get("adopted"):
            told["adopted"] = self.heard(answer["adopted"])
        return told

    def _named(self, row: JsonObject) -> JsonObject:
        payload = row.get("payload")
        if row["kind"] != "approval" or not isinstance(payload, dict) or "decided_by" not in payload:
            return row
        path = str(row["path"])
        mocked = self._case.mocks.answer(Open("approval", path, path, data=cast("JsonObject", row.get("data") or {})))
        by = mocked.payload.get("decided_by") if isinstance(mocked.payload, dict) else None
        return {**row, "payload": {**payload, "decided_by": by}}

    def _is_timed_out(self, wait: Open) -> bool:
        return wait.kind in {"approval", "event", "handoff"} and self._case.mocks.answer(wait).outcome == "timed_out"

    async def _answer(self, path: str, wait: Open) -> None:
        """Answer from outside, if it waits for that: who died before it was written asks again."""
        if path not in {open_wait["path"] for open_wait in (await self._read())["waiting_for"]}:
            return
        if wait.kind == "handoff":
            await do_handoff(self._call, self.ring, self._execution, path, self._case.mocks.answer(wait))
            return
        payload = self._look_up(path) if wait.kind == "unknown" else self._case.mocks.answer(wait).payload
        if wait.kind == "approval":
            payload = {key: value for key, value in cast("JsonObject", payload).items() if key != "decided_by"}
        name = wait.name if wait.kind == "event" else path
        signal: JsonObject = {"execution_id": self._execution, "name": name, "payload": payload}
        await self.ring((await self._call("signal_execution", signal, as_person=True))["due"])

    def _look_up(self, path: str) -> JsonObject:
        """What a person finds out about a step whose result was lost: the truth."""
        result = self._results.get(path)
        if result is None:
            return {"outcome": "retry"}
        if result.error is not None:
            return {"outcome": "failed", "message": result.error.get("message")}
        return {"outcome": "succeeded", "output": result.output}

    async def do(self, kind: str, config: JsonObject, context: Context) -> Done:
        """Do a step as the test's mocks say; its effect has happened then, even if the process dies right after."""
        if context.execution_id != self._execution:
            return self._do_child(config)
        path = context.path
        if self._is_look_up(kind, config, path):
            result = self._results.get(path)
            return Done({"found": result is not None, "output": None if result is None else result.output})
        answers: tuple[JsonObject, ...] = tuple({"outcome": answer.outcome} for answer in context.answers)
        start = Start(path, "", kind, config, context.attempt, RetryPolicy(), context.timeout_s, answers=answers)
        result = self._case.leaf(start)
        self._step_calls += 1
        if result.asks is None or context.answers:
            self._results[path] = result
            self._calls[path] += 1
        fault = self._database.fault
        if fault is not None and fault.kind == "dies_inside" and fault.at == self._step_calls:
            await self._database.die()
        if result.asks is not None and not context.answers:
            raise _question(result.asks)
        return _done(result)

    def _do_child(self, config: JsonObject) -> Done:
        path = str(cast("JsonObject", config["json"])["path"])
        answer = self._case.mocks.answer(Open("child", path, path))
        if answer.outcome == "answered":
            return Done(answer.payload)
        error = answer.payload if isinstance(answer.payload, dict) else {}
        raise StepFailed(str(error.get("code", answer.outcome)), str(error.get("message", "a mocked failure")))

    def _is_look_up(self, kind: str, config: JsonObject, path: str) -> bool:
        step = self._steps[address_of(path)]
        if step.step.verify is None or kind != "tool" or config.get("name") != step.step.verify.name:
            return False
        return step.kind != "tool" or path in self._results

    def _trial(self, outcome: Outcome | None) -> Trial:
        repeated = tuple(path for path, count in self._done_at_death.items() if self._calls[path] > count)
        return Trial(
            outcome,
            kernel_calls=len(self._database.calls),
            step_calls=self._step_calls,
            has_struck=self._database.has_struck,
            calls=self._calls,
            repeated=repeated,
        )


@dataclass(frozen=True, slots=True)
class _Handler:
    run: _Run
    kind: str

    async def __call__(self, config: JsonObject, context: Context) -> Done:
        return await self.run.do(self.kind, config, context)


class _Tamed(FaultyDatabase):
    """Also lets the run see the waits that a checkpoint opens."""

    def __init__(self, inner: Any, fault: Fault | None, run: _Run) -> None:  # noqa: ANN401
        super().__init__(inner, fault)
        self._run = run

    async def kernel(self, verb: str, payload: JsonObject) -> Json:
        if verb == "checkpoint" and payload.get("open"):
            execution_id = str(payload["execution_id"])
            rows = cast("list[JsonObject]", payload["open"])
            payload = {**payload, "open": [self._run.opened(execution_id, row) for row in rows]}
        answer = await super().kernel(verb, payload)
        return self._run.heard(answer) if verb in {"claim", "checkpoint", "extend_lease"} else answer


def _collect(steps: Mapping[str, CompiledStep], found: dict[str, CompiledStep]) -> None:
    for step in steps.values():
        found[step.address] = step
        _collect(step.steps, found)


def _done(result: LeafResult) -> Done:
    if result.error is not None:
        raise StepFailed(str(result.error["code"]), str(result.error.get("message", "")))
    return Done(result.output)


def _question(asks: JsonObject) -> NeedsPerson:
    outcomes = cast("list[str]", asks.get("outcomes") or ["approve", "reject"])
    return NeedsPerson(
        str(asks["message"]),
        show=asks.get("show"),
        form=cast("JsonObject", asks.get("form") or {}),
        outcomes=outcomes,
        kind="policy" if asks.get("kind") == "policy" else "approval",
        timeout_s=60.0,
        on_timeout=str(asks.get("on_timeout") or "fail"),
    )


def _record_of(row: dict[str, Any]) -> Record:
    return Record(
        path=row["path"],
        parent=row["parent"],
        kind=row["kind"],
        status=row["status"],
        output=row.get("output"),
        error=row["error"],
        details=row["details"] or {},
    )


def _outcome_of(execution: dict[str, Any], records: dict[str, Record]) -> Outcome:
    return Outcome(execution["status"], execution["output"], execution["error"], records, [])
