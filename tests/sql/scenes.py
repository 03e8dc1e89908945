"""Trees of executions with all that two verbs can contend for: made, looked at and driven to their ends in bulk.

A scene's root waits for a decision, an event, two shards, a child and two pieces of work that were handed over, one of
which an agent has accepted; the child for a decision and the same event.
"""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from tests.sql.actors import Held, Json, Plane, Runner, Tenant, approval, child, event, handoff, record, shards

if TYPE_CHECKING:
    from collections.abc import Iterable

# open: the root lives, held or parked · child_ended: its child has failed · ended: all of it has failed
State = Literal["open", "child_ended", "ended"]
WRITTEN = (
    "executions",
    "frames",
    "checkpoints",
    "waits",
    "signals",
    "escalations",
    "handoffs",
    "events",
    "state",
    "idempotency",
    "audit_entries",
)
DOCUMENT: Json = {"name": "w", "steps": {"a": {"transform": 1}, "approve": {"approval": {"message": "?"}}}}
TOLD_OTHERWISE = """
select x.id, x.status, x.outcome, told.events, told.entries
from plane.escalations as x
cross join lateral (
  select
    (select count(*) from plane.events as e
     where e.type in ('escalation.resolved', 'escalation.timed_out', 'escalation.cancelled')
       and e.data ->> 'escalation_id' = x.id::text) as events,
    (select count(*) from plane.audit_entries as a
     where a.resource = 'escalations' and a.resource_id = x.id::text
       and a.action in ('resolve_escalation', 'time_out_escalation', 'cancel_escalation')) as entries
) as told
where told.events <> (x.decided_at is not null)::int or told.entries <> (x.decided_at is not null)::int
"""
DO_ALL_WORK = """
with done as (
  update plane.handoffs
  set status = 'completed', completed_at = plane.clock(), token_hash = null, lease_until = null
  where completed_at is null
  returning plane._settle_handoff(handoffs)
)
select count(*) from done
"""
FAILED = {"code": "boom", "message": "It broke."}


@dataclass
class Scene:
    """One tree, and an external execution beside it. `held`: the frames that a contender may use, by what they are."""

    state: State
    is_parked: bool
    is_lapsed: bool
    version: str = ""
    execution: str = ""
    child: str = field(default_factory=lambda: str(uuid.uuid4()))
    external: str = ""
    review: str = field(default_factory=lambda: str(uuid.uuid4()))  # the hand-off that an agent has accepted
    help: str = field(default_factory=lambda: str(uuid.uuid4()))  # the one that nobody has taken
    publisher: Held | None = None
    held: dict[str, Held] = field(default_factory=dict[str, Held])
    asked: dict[str, str] = field(default_factory=dict[str, str])  # the escalation of each execution's approval

    @property
    def key(self) -> str:
        """A text that only this scene has: names its event, its owner and its idempotency key."""
        return f"k{self.child.replace('-', '')}"

    @property
    def retryable(self) -> str:
        """The execution that a retry is about: one that has ended, if there is one."""
        return self.child if self.state == "child_ended" else self.execution


@dataclass(frozen=True)
class Tables:
    """What the tables said about the scenes after the race, by their keys."""

    executions: dict[str, Json]
    frames: dict[tuple[str, str], Json]
    checkpoints: dict[tuple[str, str], list[Json]]
    waits: dict[str, list[Json]]
    events: set[str]
    state: dict[str, Any]


@dataclass
class Stage:
    """Sets scenes up and drives them to their ends; every step is one statement for all of them."""

    plane: Plane
    runner: Runner
    tenant: Tenant
    version: str

    async def set_up(self, scenes: list[Scene]) -> None:
        """Bring scenes to where their races begin."""
        roots = await self.tenant.start_each(self.version, 2 * len(scenes))
        external = await self.tenant.start_each(self.version, len(scenes), mode="external")
        for n, scene in enumerate(scenes):
            scene.version, scene.execution, scene.external = self.version, roots[n], external[n]
        held = await self._claim([(scene, scene.execution, "") for scene in scenes])
        publishers = await self._claim([(scene, roots[len(scenes) + n], "") for n, scene in enumerate(scenes)])
        for n, scene in enumerate(scenes):
            scene.held["root"], scene.publisher = held[n], publishers[n]
        await self._checkpoint(
            [
                (held[n], {"records": [record("a")], "open": _openings(scene), **_lease(scene)})
                for n, scene in enumerate(scenes)
            ]
        )
        below = [(scene, scene.execution, f"items/{part}") for scene in scenes for part in range(2)]
        below += [(scene, scene.child, "") for scene in scenes]
        for (scene, execution, frame), found in zip(below, await self._claim(below), strict=True):
            scene.held["child" if execution == scene.child else "shard" if frame == "items/0" else "other"] = found
        news = [(scene, scene.held["child"]) for scene in scenes]
        await self._checkpoint(
            [(found, {"open": [approval(), event(scene.key, path="news")], **_lease(scene)}) for scene, found in news]
        )
        await self._find_asked(scenes)
        await self.plane.db.execute(
            "update plane.handoffs set status = 'accepted', attempts = 1 where id = any($1)",
            [scene.review for scene in scenes],
        )
        await self._end_some(scenes)
        await self._park_some(scenes)

    async def _find_asked(self, scenes: list[Scene]) -> None:
        rows = await self.plane.db.fetch(
            "select execution_id::text, id::text from plane.escalations where path = 'approve'"
        )
        asked = {row["execution_id"]: row["id"] for row in rows}
        for scene in scenes:
            scene.asked = {execution: asked[execution] for execution in (scene.execution, scene.child)}

    async def _end_some(self, scenes: list[Scene]) -> None:
        failed = {"next": "done", "finish": {"status": "failed", "output": None, "error": FAILED}}
        children = [scene.held["child"] for scene in scenes if scene.state != "open"]
        await self._checkpoint([(held, failed) for held in children])
        ended = [scene for scene in scenes if scene.state == "ended"]
        await self._checkpoint([(scene.held[name], failed) for scene in ended for name in ("shard", "other")])
        await self._checkpoint([(scene.held["root"], failed) for scene in ended])
        for scene in scenes:
            if scene.state != "open":
                del scene.held["child"]
            if scene.state == "ended":
                del scene.held["shard"], scene.held["other"]

    async def _park_some(self, scenes: list[Scene]) -> None:
        """Park the roots that shall wait; who has news stays running, and parks with the next try."""
        left = [scene.held["root"] for scene in scenes if scene.is_parked]
        for _ in range(2):
            answers = await self._checkpoint([(held, {"next": "waiting"}) for held in left])
            left = [held for held, answer in zip(left, answers, strict=True) if answer["status"] != "waiting"]
        assert left == []
        for scene in scenes:
            if scene.is_parked:
                del scene.held["root"]

    async def _claim(self, frames: list[tuple[Scene, str, str]]) -> list[Held]:
        calls = [
            self.runner.claim_payload(execution, frame, owner=scene.key) | _lease(scene)
            for scene, execution, frame in frames
        ]
        answers = await self.runner.each("claim", calls)
        return [
            Held(self.runner, answer | {"claim_ref": call["claim_ref"]}, answer["seq"])
            for call, answer in zip(calls, answers, strict=True)
        ]

    async def _checkpoint(self, calls: list[tuple[Held, Json]]) -> list[Json]:
        if not calls:
            return []
        answers = await self.runner.each("checkpoint", [held.payload(**more) for held, more in calls])
        for (held, _), answer in zip(calls, answers, strict=True):
            assert answer["ok"], answer
            held.seq = answer["seq"]
        return answers

    async def look(self) -> Tables:
        """Read everything. Whatever was asked and is closed was closed once: one event and one audit entry say so."""
        rows = self.plane.db.fetch
        told_otherwise = await rows(TOLD_OTHERWISE)
        assert told_otherwise == []
        executions = await rows(
            "select id::text, gen, status, output, mode, restarted_from::text from plane.executions"
        )
        frames = await rows("select execution_id::text, frame, status, epoch, seq, gen from plane.frames")
        checkpoints = await rows("select execution_id::text, path, gen from plane.checkpoints")
        waits = await rows(
            "select execution_id::text, frame, path, kind, answered_at, outcome, payload from plane.waits"
        )
        events = await rows("select feed_id::text from plane.events where type in ('event', 'observe.noted')")
        state = await rows("select key, value from plane.state")
        found: dict[tuple[str, str], list[Json]] = {}
        for row in checkpoints:
            found.setdefault((row["execution_id"], row["path"]), []).append(dict(row))
        by_execution: dict[str, list[Json]] = {}
        for row in waits:
            by_execution.setdefault(row["execution_id"], []).append(dict(row))
        return Tables(
            {row["id"]: dict(row) for row in executions},
            {(row["execution_id"], row["frame"]): dict(row) for row in frames},
            found,
            by_execution,
            {row["feed_id"] for row in events},
            {row["key"]: row["value"] for row in state},
        )

    async def drive(self) -> None:
        """Do what owners and the world outside would, until everything has ended. Nobody is woken who was not told."""
        for _ in range(30):
            live = await self._live()
            if not live:
                return
            ready = [row for row in live if row["status"] == "ready"]
            if ready:
                await self.runner.each(
                    "claim", [self.runner.claim_payload(row["execution_id"], row["frame"]) for row in ready]
                )
                live = await self._live()
            running = [row for row in live if row["status"] == "running"]
            if running:
                await self.runner.each("checkpoint", [_next_move(row) for row in running])
            else:
                await self._answer_from_outside(live)
        raise AssertionError(f"it never ended: {await self._live()}")

    async def _live(self) -> list[Json]:
        return [
            dict(row)
            for row in await self.plane.db.fetch(
                """
                select f.execution_id::text, f.frame, f.status, f.epoch, f.seq, f.cancel_requested,
                  f.last_checkpoint -> 'finish' as finish, f.cancel_grace_until, f.due_at,
                  exists (
                    select from plane.waits as w
                    where w.execution_id = f.execution_id and w.frame = f.frame and w.gen = f.gen
                      and w.answered_at is null) as has_waits
                from plane.frames as f
                where f.status <> 'done'
                order by f.depth desc, f.execution_id, f.frame"""
            )
        ]

    async def _answer_from_outside(self, live: list[Json]) -> None:
        open_waits = await self.plane.db.fetch(
            "select execution_id::text, name, kind from plane.waits"
            " where answered_at is null and kind in ('approval', 'event')"
        )
        handed_over = await self.plane.db.fetchval(DO_ALL_WORK)
        assert open_waits or handed_over, f"stuck: nobody was told, and there is nothing left to wait for: {live}"
        for row in open_waits:
            payload = {"outcome": "approve"} if row["kind"] == "approval" else {}
            await self.tenant.signal(row["execution_id"], row["name"], payload)

    async def strike(self) -> None:
        """Clear the stage, of dead rows too."""
        await self.plane.db.execute(f"truncate {', '.join(f'plane.{table}' for table in WRITTEN)} cascade")


def scenes_of(count: int, states: Iterable[State], *, may_park: bool) -> list[Scene]:
    """Scenes of these states, of every mix of leases that hold or have run out and of roots that are parked."""
    choices = list(states)
    made: list[Scene] = []
    for n in range(count):
        state = choices[n % len(choices)]
        is_parked = may_park and state != "ended" and random.random() < 0.5
        made.append(Scene(state, is_parked, is_lapsed=random.random() < 0.5))
    return made


def _lease(scene: Scene) -> Json:
    return {"lease_seconds": 0.001 if scene.is_lapsed else 30}


def _openings(scene: Scene) -> list[Json]:
    return [
        approval(),
        event(scene.key, path="news"),
        shards(2),
        child(execution_id=scene.child),
        handoff("review", scene.review),
        handoff("help", scene.help),
    ]


def _next_move(row: Json) -> Json:
    """What an owner does that has no work left: it ends when nothing is open or it has to stop, and parks otherwise."""
    status = "cancelled" if row["cancel_requested"] else "succeeded"
    finish = row["finish"] or {"status": status, "output": None, "error": None}
    ends = row["finish"] or row["cancel_requested"] or not row["has_waits"]
    return {
        "execution_id": row["execution_id"],
        "frame": row["frame"],
        "epoch": row["epoch"],
        "seq": row["seq"] + 1,
        "next": "done" if ends else "waiting",
        "finish": finish if ends else None,
        "records": [],
        "in_flight": {},
        "open": [],
        "close": [],
    }
