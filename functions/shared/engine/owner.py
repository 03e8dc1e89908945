"""Owns one claimed frame: plans, runs what is ready, records what ended, and leaves it parked, passed on or done.

One loop, one call to the database at a time. The rules it keeps:
- a step starts only when every result that was known when it was planned is recorded;
- what must happen at most once starts only when the checkpoint that notes it is acknowledged;
- whoever is refused drops everything silently.
"""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

from functions.shared.db import kernel
from functions.shared.db.kernel import Checkpointed, Stale
from functions.shared.engine.alarm import Alarm
from functions.shared.engine.attempt import failed
from functions.shared.engine.facts import InFlight, Wait
from functions.shared.engine.flusher import Answer, Flusher, Rejected
from functions.shared.engine.frame_secrets import FrameSecrets
from functions.shared.engine.launcher import Launcher
from functions.shared.engine.means import Means
from functions.shared.engine.memo import Memo
from functions.shared.engine.opening import open_row
from functions.shared.engine.outbox import Closed, Decided, Opened, size_of
from functions.shared.engine.outcome import Left
from functions.shared.engine.plan import Deadline, Finish, Open, Plan, Start
from functions.shared.engine.planner import plan
from functions.shared.engine.results import Asked, Ended, Later, Lost
from functions.shared.engine.step_scope import FrameEffects, StepScope, origin_of
from functions.shared.engine.verdicts import (
    CRASHES_FATAL,
    STUCK,
    message_on_crashes,
    of_bounded_size,
    ran_when_it_died,
)
from functions.shared.engine.verification import settle
from functions.shared.errors import PlaneError, Unavailable
from functions.shared.log import logger

if TYPE_CHECKING:
    from functions.shared.dispatch.control import Control
    from functions.shared.dsl.compiled import Compiled
    from functions.shared.engine.frame import Frame
    from functions.shared.engine.policy import Engine
    from functions.shared.jsonvalue import JsonObject

log = logger("engine")

DUE_SLACK_S = 0.02  # the database's clock decides; ask a moment after ours says so
DUE_AGAIN_S = 0.1  # when it was not due by the database's clock
DECIDED_AFTER_S = 1.0  # so long a decision waits for company; people look at it
SLOW_CALLS = 3  # an extension, the last checkpoint and a second try of it: what must fit after the last step
ENDINGS = frozenset({"cancelled", "timed_out"})


class Owner:
    """The holder of a frame's lease. `deadline`: loop time at which this invocation ends; None: never.

    `is_fresh`: nothing has run in this invocation yet, so its first step may take all of its time.
    `verdict`: the end is decided already, nothing is planned any more.
    """

    def __init__(
        self,
        engine: Engine,
        frame: Frame,
        compiled: Compiled,
        control: Control,
        *,
        deadline: float | None,
        is_fresh: bool,
        verdict: Finish | None = None,
    ) -> None:
        self._engine = engine
        self._frame = frame
        self._compiled = compiled
        self._control = control
        self._loop = asyncio.get_running_loop()
        self._flusher = Flusher(engine, frame, control.wake.set)
        self._outbox = self._flusher.outbox
        self._memo = Memo()
        self._finish: Finish | None = None
        self._verdict = verdict
        self._is_dirty = True
        self._stop_at: float | None = None
        self._decided_at = 0.0  # when the outbox was last empty and a decision came
        claim = frame.claim
        took_s = self._loop.time() - frame.claimed_at  # how slow the database is
        margin_s = max(engine.policy.margin_s, SLOW_CALLS * took_s)
        self._means = Means(claim, deadline=deadline, margin_s=margin_s)
        self._scope = StepScope(
            engine=engine,
            execution_id=claim.execution_id,
            frame=claim.frame,
            epoch=claim.epoch,
            gen=claim.gen,
            workflow=claim.workflow,
            models=compiled.workflow.models,
            secrets=FrameSecrets(engine, claim, frozenset(compiled.workflow.secrets)),
            effects=FrameEffects(engine, claim.execution_id, claim.frame, claim.epoch),
            namespace=uuid.UUID(claim.execution_id),
            left_usd=self._means.left_usd,
            time_for=self._means.has_time_for,
            at_most=self._means.at_most,
            origin=origin_of(claim),
        )
        self._launcher = Launcher(frame, self._flusher, self._scope, self._means, control.wake.set, is_fresh=is_fresh)
        self._running = self._launcher.running
        self._alarm = Alarm(control.wake.set)

    async def run(self) -> Left:
        """Work until there is nothing more to do here; leaves no task behind."""
        try:
            while True:
                self._control.wake.clear()
                if self._is_to_learn() and (left := await self._learn(await self._flusher.answer())) is not None:
                    return left
                self._take_results()
                self._check_limits()
                while self._is_dirty and self._verdict is None:
                    self._is_dirty = False
                    await self._apply(plan(self._compiled, self._frame.facts(self._running.attempts()), self._memo))
                self._launcher.launch()
                await self._rest(self._write())
        except Stale:
            return Left("stale")
        except Unavailable as error:
            if error.code == "database_busy":  # it answers, but never this: that may be what is sent
                return Left("dropped")
            return Left("away")
        except PlaneError as error:
            log.warning("frame %s %r was dropped: %s", self._scope.execution_id, self._scope.frame, error.detail)
            return Left("dropped")
        finally:
            self._alarm.cancel()
            await self._running.end()
            await self._flusher.end()

    # Planning

    async def _apply(self, planned: Plan) -> None:
        frame = self._frame
        for path in planned.stop:
            self._running.cancel(path)
        for token in planned.close:
            frame.close_wait(token)
            self._outbox.put(Closed(token))
        for record in planned.record:
            frame.add(record)
            if not self._outbox.items:
                self._decided_at = self._loop.time()
            self._outbox.put(Decided(record, size_of([record.output, record.error, record.details])))
        for parent in planned.load:
            await self._load(parent)
        for wanted in planned.open:
            self._open(wanted)
        self._launcher.suspect(planned.start)
        for start in planned.start:
            self._hold(start)
        self._finish = planned.finish

    def _hold(self, start: Start) -> None:
        claim = self._frame.claim
        if self._launcher.is_leaving:
            self._launcher.has_left_over = True
            return
        noted = self._frame.in_flight.pop(start.path, None)
        if noted is not None and claim.stall >= CRASHES_FATAL and ran_when_it_died(claim) == {start.path}:
            self._take(failed(start, "crash_loop", message_on_crashes(claim.stall)))
            return
        self._launcher.hold(start, noted)

    def _open(self, wanted: Open) -> None:
        claim, now = self._frame.claim, self._loop.time()
        token = f"{claim.gen}:{wanted.path}:{uuid.uuid4().hex[:12]}"
        row = open_row(wanted, token, claim)
        self._outbox.put(Opened(row, size_of(row)))
        due_in_s = self._frame.due_in_s(wanted.deadline, now=now)
        self._frame.put_wait(
            Wait(token, wanted.kind, wanted.path, wanted.name, wanted.data),
            due_at=None if due_in_s is None else now + due_in_s,
        )

    async def _load(self, parent: str) -> None:
        """Load what shards have recorded below a parent, unless it is more than an output may be."""
        claim, db = self._frame.claim, self._engine.db
        rows = await kernel.load_below(
            db,
            execution_id=claim.execution_id,
            frame=claim.frame,
            epoch=claim.epoch,
            parent=parent,
            limit_bytes=self._engine.policy.output_limit_bytes,
        )
        if rows is None:
            self._memo.too_large.add(parent)
        else:
            self._frame.add_rows(rows, {})  # each page brings the outputs of its records
        self._is_dirty = True

    # Steps

    def _take_results(self) -> None:
        for step, result in self._launcher.ended():
            self._is_dirty = True
            match result:
                case Ended():
                    self._take(result)
                case Later():
                    self._open_retry(result)
                case Asked():
                    self._open_question(result)
                case Lost():
                    self._means.spend(result.spent.cost_usd)
                    self._frame.in_flight[step.start.path] = InFlight(result.attempt, at_most_once=True)

    def _open_retry(self, later: Later) -> None:
        path = later.start.path
        self._open(Open(kind="retry", path=path, name=path, deadline=Deadline(after_s=later.after_s), data=later.data))

    def _open_question(self, asked: Asked) -> None:
        path = asked.start.path
        if asked.start.verifies is not None:  # what it was to look up is not known yet
            self._frame.in_flight[path] = InFlight(asked.attempt, at_most_once=True)
        deadline = None if asked.after_s is None else Deadline(after_s=asked.after_s)
        self._open(Open(kind="approval", path=path, name=path, deadline=deadline, data=asked.data))

    def _take(self, ended: Ended) -> None:
        """Take in a result. That of a look-up is the result of the step that was looked up, or lets it start again."""
        self._means.spend(ended.spent.cost_usd)
        self._is_dirty = True
        if ended.start.verifies is not None:
            settled = settle(ended.start, ended.record)
            if isinstance(settled, Start):
                self._hold(settled)
                return
            ended = replace(ended, record=settled)
        self._frame.add(ended.record)
        self._outbox.put(ended)

    # Time and limits

    def _check_limits(self) -> None:
        frame, now, policy = self._frame, self._loop.time(), self._engine.policy
        if frame.cancel not in ENDINGS and frame.deadline_at is not None and now >= frame.deadline_at:
            self._end_because("timed_out")
        if frame.cancel is None and frame.written > policy.frame_records:
            self._end_because("too_many_checkpoints")
        if self._control.is_stopping and self._stop_at is None:
            self._stop_at = now + policy.stop_grace_s
            self._launcher.is_leaving = True
        if self._stop_at is not None and now >= self._stop_at:
            for step in [*self._running.live]:
                if step.start.effect != "at_most_once":
                    self._running.cancel(step.start.path)
                    self._launcher.has_left_over = True

    def _end_because(self, reason: str) -> None:
        self._frame.cancel = reason
        self._is_dirty = True

    # The database

    def _write(self) -> float:
        """Put a checkpoint together if there is reason to, or look after the lease; answers when there will be one."""
        if self._flusher.is_busy:
            return 0.0
        if not self._running:
            self._control.is_poked = False
            self._flusher.checkpoint(self._launcher.in_flight, *self._ending())
            return 0.0
        now, decided_until = self._loop.time(), self._decided_until()
        if self._outbox.is_urgent or self._launcher.must_note() or now >= decided_until:
            self._control.is_poked = False
            self._flusher.checkpoint(self._launcher.in_flight, "running", None)
            return 0.0
        look_at = self._look_at()
        if now >= look_at:
            self._control.is_poked = False
            noted = self._flusher.noted
            unnoted = any(noted.get(step.start.path) != step.attempt for step in self._running.live)
            self._flusher.extend(self._launcher.in_flight(self._flusher.acknowledged) if unnoted else None)
        return min(look_at, decided_until)

    def _ending(self) -> tuple[str, Finish | None]:
        """What comes next when nothing runs here any more."""
        if (finish := self._verdict or self._finish) is not None:
            return "done", of_bounded_size(finish, self._engine.policy.output_limit_bytes)
        if self._launcher.has_left_over:
            return "ready", None
        if any(not wait.answered for wait in self._frame.waits.values()):
            return "waiting", None
        log.error("frame %s %r has nothing left to do", self._scope.execution_id, self._scope.frame)
        return "done", STUCK

    def _decided_until(self) -> float:
        """Give the time at which decisions are written even if nothing else is to be."""
        return self._decided_at + DECIDED_AFTER_S if self._outbox.items else float("inf")

    def _look_at(self) -> float:
        """Give the time of the next look at the frame: a poke, a wait that falls due, or steps that run for long."""
        if self._control.is_poked:
            return 0.0
        contact_at = self._flusher.contact_at
        at = min(self._frame.due_at.values(), default=float("inf")) + DUE_SLACK_S
        if self._running.live:
            oldest = next(iter(self._running.live))
            at = min(at, max(oldest.since, contact_at) + self._engine.policy.extend_every_s)
        return max(at, contact_at + DUE_SLACK_S)

    async def _learn(self, answer: Answer) -> Left | None:
        """Take in what the database said; answers how the frame was left if it was."""
        if isinstance(answer, Rejected):
            self._replace(answer)
            return None
        frame = self._frame
        if answer.cancel is not None and frame.cancel not in ENDINGS:
            self._end_because(answer.cancel)
        if answer.over_budget != frame.over_budget:
            frame.over_budget = answer.over_budget
            self._launcher.drop_held()  # the planner decides again what may start without money
            self._is_dirty = True
        frame.postpone(self._flusher.sent_at, again_at=self._loop.time() + DUE_AGAIN_S)
        if answer.answered:
            frame.learn(answer.answered, now=self._flusher.sent_at)
            self._is_dirty = True
        if isinstance(answer, Checkpointed):
            return await self._follow(answer)
        return None

    async def _follow(self, answer: Checkpointed) -> Left | None:
        for path in answer.conflicts:
            log.error("invariant_violation: %s of %s was recorded twice", path, self._scope.execution_id)
        await self._engine.ring(answer.due)
        if answer.adopted is not None:
            return Left("done", adopted=answer.adopted, adopted_at=self._flusher.sent_at)
        match answer.status:
            case "done":
                return Left("done")
            case "waiting":
                return Left("waiting", again_in_s=answer.due_in_s)
            case "ready":
                return Left("ready")  # its doorbell was among the due ones
            case _:
                return None

    def _replace(self, rejected: Rejected) -> None:
        """Record as failed what the database cannot keep, and let a fresh claim plan again from there."""
        error = rejected.error
        if not rejected.items and rejected.finish is None:
            return
        log.error("frame %s: a checkpoint was refused: %s", self._scope.execution_id, error.detail)
        problem: JsonObject = {"code": error.code, "message": f"The database refused this: {error.detail}"}
        self._outbox.keep_results_only()
        item = next(iter(rejected.items), None)
        if isinstance(item, Ended | Decided) and item.record.error != problem:
            record = replace(item.record, status="failed", output=None, error=problem, details={})
            replaced = replace(item, record=record, size=0)
            self._outbox.items.appendleft(replaced)
            self._launcher.is_leaving = self._launcher.has_left_over = True
            self._finish = None
            return
        if self._verdict is not None and self._verdict.error == problem:
            raise error
        self._verdict = Finish("failed", None, problem)
        for step in [*self._running.live, *self._running.held]:
            self._running.cancel(step.start.path)

    def _is_to_learn(self) -> bool:
        """Whether the answer of the database comes next: it is there, or nothing else can happen meanwhile."""
        return self._flusher.has_answer or (self._flusher.is_busy and not self._running.live)

    async def _rest(self, until: float) -> None:
        """Sleep until something happens or falls due. A call in the air ends by itself: no time is watched then."""
        if self._flusher.is_busy:
            if not self._running.live:
                return
            self._flusher.go_on()
        else:
            ends = (self._frame.deadline_at, self._stop_at)
            self._alarm.set(min([until, *(at for at in ends if at is not None and at > self._loop.time())]))
        await self._control.wake.wait()
