"""What the answers of racing calls promise: each is compared with the tables after the race, whoever else was there.

What only one of two can have (a decision, an epoch, a retry) is a prize: no prize may be given twice. A promise gives
the prizes that it won, or None when the call did not have its way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sql.actors import Held, Json
    from tests.sql.scenes import Scene, Tables

Prizes = set[tuple[Any, ...]]


@dataclass(frozen=True)
class Part:
    """What a contender plays in one round: in which scene, as whom (0 or 1), on which frame."""

    scene: Scene
    side: int
    held: Held | None

    @property
    def path(self) -> str:
        """The step that it records."""
        return f"by_{self.side}"

    @property
    def target(self) -> str:
        """The execution that a signal goes to: the child when it plays there."""
        plays_in_child = self.held is not None and self.held.execution_id == self.scene.child
        return self.scene.child if plays_in_child else self.scene.execution

    @property
    def counter(self) -> Json:
        """Where it adds 1: once an execution, however often it is told to."""
        assert self.held is not None
        return {"component": "c", "key": f"{self.scene.key}/{self.held.execution_id}"}


@dataclass(frozen=True)
class Refused:
    """The plane said no."""

    code: str


Answer = Any  # what the verb answers, or Refused


def records_or_is_stale(part: Part, answer: Answer, tables: Tables) -> Prizes | None:
    assert part.held is not None
    written = tables.checkpoints.get((part.held.execution_id, part.path), [])
    if not answer["ok"]:
        assert answer["reason"] == "stale"
        assert written == []
        return None
    assert len(written) == 1
    assert answer["conflicts"] == []
    return set()


def ends(part: Part, answer: Answer, tables: Tables) -> Prizes | None:
    prizes = records_or_is_stale(part, answer, tables)
    assert part.held is not None
    frame = tables.frames.get((part.held.execution_id, part.held.frame))
    if prizes is not None and answer["draining"] == 0:
        assert answer["status"] == "done"
        assert frame is None or frame["status"] == "done" or frame["gen"] > 0
    return prizes


def moves_or_does_nothing(part: Part, answer: Answer, tables: Tables) -> Prizes | None:
    (moved,) = answer["checkpoints"]
    return None if moved is None else records_or_is_stale(part, moved, tables)


def takes_an_epoch(part: Part, answer: Answer, tables: Tables) -> Prizes | None:
    assert part.held is not None
    if not answer["ok"]:
        assert answer["reason"] in ("gone", "busy", "not_due")
        return None
    frame = tables.frames.get((part.held.execution_id, part.held.frame))
    assert answer["epoch"] > part.held.epoch
    assert frame is None or frame["epoch"] >= answer["epoch"]
    return {("epoch", part.held.execution_id, part.held.frame, answer["epoch"])}


def is_held_or_stale(part: Part, answer: Answer, tables: Tables) -> Prizes | None:
    return set() if answer["ok"] else None


def reads_what_was_recorded(part: Part, answer: Answer, tables: Tables) -> Prizes | None:
    assert part.held is not None
    if not answer["ok"]:
        return None
    paths = {row["path"] for row in answer["records"]}
    assert all((part.held.execution_id, path) in tables.checkpoints for path in paths)
    assert part.held.frame or part.held.execution_id != part.scene.execution or "a" in paths
    return set()


def adds_once(part: Part, answer: Answer, tables: Tables) -> Prizes | None:
    if answer.get("ok") is False:
        return None
    assert tables.state[part.counter["key"]] == 1
    return set()


def answers_who_waits(part: Part, answer: Answer, tables: Tables) -> Prizes | None:
    assert answer["id"] in tables.events
    waits = [
        wait
        for execution in (part.scene.execution, part.scene.child)
        for wait in tables.waits.get(execution, [])
        if wait["kind"] == "event" and wait["outcome"] == "answered" and wait["payload"] == {"by": "event"}
    ]
    assert len(waits) == answer["matched"]
    return set()


def rings(part: Part, answer: Answer, tables: Tables) -> Prizes | None:
    assert all(bell["execution_id"] in tables.executions for bell in answer["due"])
    return set() if answer["due"] else None


def sees_nothing_broken(part: Part, answer: Answer, tables: Tables) -> Prizes | None:
    assert answer == [] or answer.get("violations") == []
    return set()


def decides(outcome: str) -> Callable[[Part, Answer, Tables], Prizes | None]:
    def promises(part: Part, answer: Answer, tables: Tables) -> Prizes | None:
        target = part.target
        wait = next(row for row in tables.waits[target] if row["path"] == "approve")
        if isinstance(answer, Refused):
            assert answer.code not in ("wait_closed", "escalation_closed") or wait["answered_at"] is not None
            return None
        assert answer["status"] == "answered"
        assert wait["outcome"] == outcome
        assert wait["payload"]["form"] == {"by": part.side}
        return {("wait", target, "approve")}

    return promises


def does_the_work(outcome: str, payload: Callable[[Part], Any]) -> Callable[[Part, Answer, Tables], Prizes | None]:
    def promises(part: Part, answer: Answer, tables: Tables) -> Prizes | None:
        target = part.scene.execution
        wait = next(row for row in tables.waits[target] if row["path"] == "review")
        if isinstance(answer, Refused):
            assert wait["answered_at"] is not None
            return None
        assert (wait["outcome"], wait["payload"]) == (outcome, payload(part))
        return {("wait", target, "review")}

    return promises


def takes_the_work(part: Part, answer: Answer, tables: Tables) -> Prizes | None:
    if isinstance(answer, Refused):
        return None
    assert (answer["id"], answer["attempts"]) == (part.scene.help, 1)
    return {("handoff", part.scene.help)}


def expires_or_does_nothing(part: Part, answer: Answer, tables: Tables) -> Prizes | None:
    assert all(bell["execution_id"] in tables.executions for bell in answer["due"])
    return set()


def takes_or_is_late(part: Part, answer: Answer, tables: Tables) -> Prizes | None:
    if isinstance(answer, Refused):
        wait = next(row for row in tables.waits[part.target] if row["path"] == "approve")
        assert wait["answered_at"] is not None
        return None
    return set()


def is_taken(part: Part, answer: Answer, tables: Tables) -> Prizes | None:
    if isinstance(answer, Refused):
        return None
    mine = {"by": f"signal {part.side}"}
    target = part.target
    waits = [wait for wait in tables.waits[target] if wait["kind"] == "event" and wait["outcome"] == "answered"]
    taken = [wait["path"] for wait in waits if wait["payload"] == mine]
    # Queued: a wait that opens later takes it, and each signal is taken once.
    assert len(taken) <= 1 if answer["status"] == "queued" else len(taken) == 1
    return {("wait", target, path) for path in taken}


def asks_to_stop(part: Part, answer: Answer, tables: Tables) -> Prizes | None:
    target = part.scene.execution
    if isinstance(answer, Refused):
        assert part.scene.state == "ended" or tables.executions[target]["status"] != "running"
        return None
    assert answer["status"] in ("queued", "running", "waiting", "cancelled")
    return set()


def starts_one(part: Part, answer: Answer, tables: Tables) -> Prizes | None:
    assert answer["answer"]["id"] in tables.executions
    return None if answer["replayed"] else {("started", answer["answer"]["id"])}


def restarts(part: Part, answer: Answer, tables: Tables) -> Prizes | None:
    assert tables.executions[answer["id"]]["restarted_from"] == part.scene.execution
    return {("restarted", answer["id"])}


def runs_again(part: Part, answer: Answer, tables: Tables) -> Prizes | None:
    if isinstance(answer, Refused):
        return None
    assert tables.executions[part.scene.retryable]["gen"] == 1
    return {("gen", part.scene.retryable, 1)}


def reports(part: Part, answer: Answer, tables: Tables) -> Prizes | None:
    written = tables.checkpoints.get((part.scene.external, part.path), [])
    assert len(written) == (0 if isinstance(answer, Refused) else 1)
    return None if isinstance(answer, Refused) else set()


def ends_external(part: Part, answer: Answer, tables: Tables) -> Prizes | None:
    row = tables.executions[part.scene.external]
    if isinstance(answer, Refused):
        return None
    assert (row["status"], row["output"]) == ("succeeded", part.side)
    return {("external", part.scene.external)}


def cancels_external(part: Part, answer: Answer, tables: Tables) -> Prizes | None:
    if isinstance(answer, Refused):
        return None
    assert tables.executions[part.scene.external]["status"] == "cancelled"
    return set()


def is_noted(part: Part, answer: Answer, tables: Tables) -> Prizes | None:
    assert answer["id"] in tables.events
    return set()
