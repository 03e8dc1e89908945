"""Everything that changes an execution, as a contender of a race: its call, and what the answer promises."""

from __future__ import annotations

import json
import random
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import asyncpg

from tests.sql.actors import Json, approval, child, event, handoff, record, shards
from tests.sql.promises import (
    Answer,
    Part,
    Prizes,
    adds_once,
    answers_who_waits,
    asks_to_stop,
    cancels_external,
    decides,
    does_the_work,
    ends,
    ends_external,
    expires_or_does_nothing,
    is_held_or_stale,
    is_noted,
    is_taken,
    moves_or_does_nothing,
    reads_what_was_recorded,
    records_or_is_stale,
    reports,
    restarts,
    rings,
    runs_again,
    sees_nothing_broken,
    starts_one,
    takes_an_epoch,
    takes_or_is_late,
    takes_the_work,
)
from tests.sql.scenes import FAILED, State, Tables

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Call:
    """One call through the door that the deployed functions use. `clock`: how far its session's clock is ahead."""

    door: Literal["kernel", "tenant"]
    verb: str
    payload: Json
    idempotency: Json | None = None
    clock: str | None = None


@dataclass(frozen=True)
class Contender:
    """`places`: the frames that it may act on, root first; without any it acts on the scene as a whole."""

    name: str
    verb: str
    call: Callable[[Part], Call]
    promises: Callable[[Part, Answer, Tables], Prizes | None]
    places: tuple[str, ...] = ()
    states: tuple[State, ...] = ("open",)
    refusals: tuple[str, ...] = ()
    writes_frame: bool = False  # as the holder of a frame, so that two different ones never do so at once


def finish_of(part: Part) -> Json:
    """How a contender ends its frame."""
    is_ok = part.scene.state == "open" and part.side == 0
    return {"status": "succeeded", "output": 1, "error": None} if is_ok else {"status": "failed", "error": FAILED}


# Holders of frames


def _checkpoint(**more: Any) -> Callable[[Part], Call]:
    def call(part: Part) -> Call:
        assert part.held is not None
        changes = {key: value(part) if callable(value) else value for key, value in more.items()}
        return Call("kernel", "checkpoint", part.held.payload(records=[record(part.path, part.side)]) | changes)

    return call


def _together(checkpoint: Callable[[Part], Call]) -> Callable[[Part], Call]:
    def call(part: Part) -> Call:
        return Call("kernel", "move_together", {"checkpoints": [checkpoint(part).payload], "claims": []})

    return call


def _close(part: Part) -> list[str]:
    return ["0:items:1", "0:call:1", "0:review:1"] if part.held is part.scene.held.get("root") else ["0:approve:1"]


def _nonce(part: Part) -> str:
    return f"0:more:{part.side}"


def _claim(part: Part) -> Call:
    assert part.held is not None
    payload = {"execution_id": part.held.execution_id, "frame": part.held.frame, "queue": "default", "known": []}
    ref = uuid.uuid4().hex
    return Call("kernel", "claim", payload | {"claim_ref": ref, "owner": f"new-{part.side}", "lease_seconds": 30})


def _held_payload(part: Part, **more: Any) -> Json:
    assert part.held is not None
    return {"execution_id": part.held.execution_id, "frame": part.held.frame, "epoch": part.held.epoch} | more


def _act(verb: str, payload: Callable[[Part], Json], *, by_publisher: bool = False) -> Callable[[Part], Call]:
    def call(part: Part) -> Call:
        held = part.scene.publisher if by_publisher else part.held
        assert held is not None
        frame = {"execution_id": held.execution_id, "frame": held.frame, "epoch": held.epoch}
        return Call(
            "kernel", "act", frame | {"verb": verb, "payload": payload(part), "idempotency_key": part.scene.key}
        )

    return call


# The net


def _sweep(part: Part) -> Call:
    # Far ahead every lease is over and what has ended is forgotten.
    clock = random.choice([None, None, "11 minutes"])
    return Call("kernel", "sweep", {"limit": 1000, "per_org": 1000, "backoff_seconds": 0}, clock=clock)


# Tenants


def _signal(name: str, payload: Callable[[Part], Json]) -> Callable[[Part], Call]:
    def call(part: Part) -> Call:
        name_here = name or part.scene.key
        return Call(
            "tenant", "signal_execution", {"execution_id": part.target, "name": name_here, "payload": payload(part)}
        )

    return call


def _start(part: Part) -> Call:
    payload = {"version_id": part.scene.version, "input": {}, "mode": "engine"}
    return Call("tenant", "start_execution", payload, {"key": part.scene.key, "fingerprint": "f"})


def _report(part: Part) -> Call:
    step = {"path": part.path, "parent": "", "kind": "code", "status": "succeeded", "output": part.side, "details": {}}
    return Call("tenant", "report_step", {"execution_id": part.scene.external, "step": step})


HELD = ("root", "child", "shard")
TREES = ("root", "child")
ANY: tuple[State, ...] = ("open", "child_ended", "ended")
NO_WAIT = ("wait_closed", "not_waiting", "execution_ended")

CONTENDERS = [
    Contender("claim", "claim", _claim, takes_an_epoch, HELD, ANY),
    Contender("checkpoint", "checkpoint", _checkpoint(), records_or_is_stale, HELD, ANY, writes_frame=True),
    Contender(
        "park",
        "checkpoint",
        _checkpoint(next="waiting", open=lambda part: [approval(f"more_{part.side}", token=_nonce(part))]),
        records_or_is_stale,
        HELD,
        writes_frame=True,
    ),
    Contender(
        "subscribe",
        "checkpoint",
        _checkpoint(next="waiting", open=lambda part: [event(part.scene.key, path="more", token=_nonce(part))]),
        records_or_is_stale,
        HELD,
        writes_frame=True,
    ),
    Contender("hand_on", "checkpoint", _checkpoint(next="ready"), records_or_is_stale, HELD, writes_frame=True),
    Contender(
        "open_shards",
        "checkpoint",
        _checkpoint(open=lambda part: [shards(2, f"more_{part.side}", token=_nonce(part))]),
        records_or_is_stale,
        TREES,
        writes_frame=True,
    ),
    Contender(
        "open_child",
        "checkpoint",
        _checkpoint(open=lambda part: [child(path=f"more_{part.side}") | {"token": _nonce(part)}]),
        records_or_is_stale,
        TREES,
        writes_frame=True,
    ),
    Contender(
        "hand_over",
        "checkpoint",
        _checkpoint(next="waiting", open=lambda part: [handoff(f"more_{part.side}") | {"token": _nonce(part)}]),
        records_or_is_stale,
        HELD,
        writes_frame=True,
    ),
    Contender("close", "checkpoint", _checkpoint(close=_close), records_or_is_stale, TREES, writes_frame=True),
    Contender("end", "checkpoint", _checkpoint(next="done", finish=finish_of), ends, ("root",), writes_frame=True),
    Contender(
        "checkpoint_together",
        "move_together",
        _together(_checkpoint()),
        moves_or_does_nothing,
        HELD,
        ANY,
        writes_frame=True,
    ),
    Contender(
        "end_child", "checkpoint", _checkpoint(next="done", finish=finish_of), ends, ("child",), writes_frame=True
    ),
    Contender(
        "end_shard",
        "checkpoint",
        _checkpoint(next="done", finish=finish_of),
        ends,
        ("shard", "other"),
        writes_frame=True,
    ),
    Contender(
        "extend_lease",
        "extend_lease",
        lambda part: Call(
            "kernel", "extend_lease", _held_payload(part, lease_seconds=30, in_flight={"b": {"attempt": 1}})
        ),
        is_held_or_stale,
        HELD,
        ANY,
    ),
    Contender(
        "load_records",
        "load_records",
        lambda part: Call("kernel", "load_records", _held_payload(part, parent="")),
        reads_what_was_recorded,
        HELD,
        ANY,
    ),
    Contender(
        "increment",
        "act",
        _act("increment_state", lambda part: part.counter),
        adds_once,
        HELD,
        ANY,
    ),
    Contender(
        "publish_event",
        "act",
        _act("publish_event", lambda part: {"name": part.scene.key, "payload": {"by": "event"}}, by_publisher=True),
        answers_who_waits,
        states=ANY,
    ),
    Contender("sweep", "sweep", _sweep, rings, states=ANY),
    Contender(
        "report_dead",
        "report_dead",
        lambda part: Call(
            "kernel", "report_dead", _held_payload(part) | {"claim_ref": part.held and part.held.claimed["claim_ref"]}
        ),
        rings,
        HELD,
        ANY,
    ),
    Contender(
        "report_owner_dead",
        "report_owner_dead",
        lambda part: Call("kernel", "report_owner_dead", {"owner": part.scene.key}),
        rings,
        states=ANY,
    ),
    Contender(
        "get_violations",
        "get_violations",
        lambda _: Call("kernel", "get_violations", {}),
        sees_nothing_broken,
        states=ANY,
    ),
    *(
        Contender(
            outcome,
            "signal_execution",
            _signal("approve", lambda part, outcome=outcome: {"outcome": outcome, "form": {"by": part.side}}),
            decides(outcome),
            TREES,
            ANY,
            NO_WAIT,
        )
        for outcome in ("approve", "reject")
    ),
    Contender(
        "resolve",
        "resolve_escalation",
        lambda part: Call(
            "tenant",
            "resolve_escalation",
            {"id": part.scene.asked[part.target], "outcome": "approve", "form": {"by": part.side}},
        ),
        decides("approve"),
        TREES,
        ANY,
        ("escalation_closed",),
    ),
    Contender(
        "take",
        "claim_escalation",
        lambda part: Call("tenant", "claim_escalation", {"id": part.scene.asked[part.target]}),
        takes_or_is_late,
        TREES,
        ANY,
        ("escalation_closed",),
    ),
    Contender(
        "prioritise",
        "update_escalation",
        lambda part: Call("tenant", "update_escalation", {"id": part.scene.asked[part.target], "priority": "urgent"}),
        takes_or_is_late,
        TREES,
        ANY,
        ("escalation_closed",),
    ),
    Contender(
        "do_work",
        "complete_handoff",
        lambda part: Call("tenant", "complete_handoff", {"id": part.scene.review, "output_data": {"by": part.side}}),
        does_the_work("answered", lambda part: {"by": part.side}),
        states=ANY,
        refusals=("handoff_ended",),
    ),
    Contender(
        "refuse_work",
        "reject_handoff",
        lambda part: Call("tenant", "reject_handoff", {"id": part.scene.review, "reason": f"by {part.side}"}),
        does_the_work(
            "failed",
            lambda part: {"code": "handoff_rejected", "message": f"by {part.side}", "handoff_id": part.scene.review},
        ),
        states=ANY,
        refusals=("handoff_ended",),
    ),
    *(
        Contender(
            name,
            verb,
            lambda part, verb=verb: Call("tenant", verb, {"id": part.scene.help, "lease_seconds": 30}),
            takes_the_work,
            states=ANY,
            refusals=("handoff_ended", "handoff_taken"),
        )
        for name, verb in (("claim_work", "claim_handoff"), ("accept_work", "accept_handoff"))
    ),
    Contender(
        "expire_work",
        "expire_handoffs",
        lambda _: Call("kernel", "expire_handoffs", {"limit": 1000}, clock=random.choice([None, "11 minutes"])),
        expires_or_does_nothing,
        states=ANY,
    ),
    Contender(
        "send_event",
        "signal_execution",
        _signal("", lambda part: {"by": f"signal {part.side}"}),
        is_taken,
        TREES,
        ANY,
        ("execution_ended",),
    ),
    Contender(
        "cancel",
        "cancel_execution",
        lambda part: Call("tenant", "cancel_execution", {"execution_id": part.scene.execution}),
        asks_to_stop,
        states=ANY,
        refusals=("already_ended",),
    ),
    Contender("start", "start_execution", _start, starts_one, states=ANY),
    Contender(
        "restart",
        "restart_execution",
        lambda part: Call("tenant", "restart_execution", {"execution_id": part.scene.execution}),
        restarts,
        states=ANY,
    ),
    Contender(
        "retry",
        "retry_execution",
        lambda part: Call(
            "tenant", "retry_execution", {"execution_id": part.scene.retryable, "gen": 0, "keep": ["a"], "from": None}
        ),
        runs_again,
        states=ANY,
        refusals=("still_running", "gen_changed", "already_succeeded"),
    ),
    Contender("report_step", "report_step", _report, reports, refusals=("already_ended", "already_recorded")),
    Contender(
        "end_external",
        "update_execution",
        lambda part: Call(
            "tenant",
            "update_execution",
            {"execution_id": part.scene.external, "status": "succeeded", "output": part.side, "error": None},
        ),
        ends_external,
        refusals=("illegal_transition",),
    ),
    Contender(
        "cancel_external",
        "cancel_execution",
        lambda part: Call("tenant", "cancel_execution", {"execution_id": part.scene.external}),
        cancels_external,
        refusals=("already_ended",),
    ),
    Contender(
        "record_event",
        "record_event",
        lambda part: Call(
            "tenant", "record_event", {"execution_id": part.scene.execution, "event_type": "noted", "message": "m"}
        ),
        is_noted,
        states=ANY,
    ),
]


def must_have_one_winner(pair: tuple[Contender, Contender], parts: tuple[Part, Part]) -> bool:
    """Whether both want the one thing that there is: then exactly one gets it, never nobody."""
    one, other = parts
    match sorted(contender.name for contender in pair):
        case [("approve" | "reject" | "resolve"), ("approve" | "reject" | "resolve")]:
            return one.scene.state == "open" and one.held is other.held
        case [("do_work" | "refuse_work"), ("do_work" | "refuse_work")]:
            return one.scene.state == "open"
        case [("accept_work" | "claim_work"), ("accept_work" | "claim_work")]:
            return one.scene.state == "open"
        case ["claim", "claim"]:
            return one.scene.state == "open" and one.scene.is_lapsed and one.held is other.held is not None
        case ["retry", "retry"]:
            return one.scene.state != "open"
        case ["start", "start"] | [("cancel_external" | "end_external"), "end_external"]:
            return True
        case _:
            return False


def code_of(error: asyncpg.PostgresError) -> str:
    """The plane's code of an error that is an answer."""
    return json.loads(error.detail or "{}").get("code", "")
