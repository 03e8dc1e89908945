"""The dispatcher of a plane on one machine, with a run that only notes what it was asked."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from functions.shared.dispatch.in_process import InProcessDoorbell
from functions.shared.errors import Unavailable
from tests.e2e.patience import eventually

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.shared.dispatch.control import Control
    from functions.shared.dispatch.doorbell import Address
    from functions.shared.jsonvalue import JsonObject


def bell_for(number: int, queue: str = "default") -> JsonObject:
    return {"execution_id": f"execution-{number}", "frame": "", "queue": queue, "org_id": "org"}


@dataclass(frozen=True)
class Found:
    due: Sequence[JsonObject] = ()
    next_due_in_s: float | None = None


@dataclass
class Runs:
    """Notes the addresses; each run lasts until `release` is set and then answers `again`."""

    release: asyncio.Event = field(default_factory=asyncio.Event)
    again: float | None = None
    started: list[Address] = field(default_factory=list)
    controls: list[Control] = field(default_factory=list)
    active: int = 0
    most: int = 0

    async def __call__(self, address: Address, control: Control) -> float | None:
        self.started.append(address)
        self.controls.append(control)
        self.active += 1
        self.most = max(self.most, self.active)
        await self.release.wait()
        self.active -= 1
        return self.again


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_hundred_rings_for_one_frame_run_it_once_and_poke_it() -> None:
    runs = Runs()
    bell = InProcessDoorbell(runs, None)
    await bell.ring([bell_for(1)] * 100)
    await settled()
    assert len(runs.started) == 1
    await bell.ring([bell_for(1)])
    assert runs.controls[0].is_poked
    runs.controls[0].is_poked = False  # seen by the owner
    runs.release.set()
    await settled()
    assert len(runs.started) == 1
    assert bell.is_idle


async def test_a_ring_that_the_owner_has_not_seen_runs_the_frame_again() -> None:
    runs = Runs()
    bell = InProcessDoorbell(runs, None)
    await bell.ring([bell_for(1)])
    await settled()
    await bell.ring([bell_for(1)])
    runs.release.set()
    await settled()
    assert len(runs.started) == 2


async def test_no_more_frames_run_than_allowed_and_queues_do_not_starve_each_other() -> None:
    runs = Runs()
    bell = InProcessDoorbell(runs, None, concurrency=3)
    await bell.ring([bell_for(number) for number in range(10)])
    await bell.ring([bell_for(number, "llm") for number in range(10, 12)])
    await settled()
    assert [address.queue for address in runs.started] == ["default"] * 3 + ["llm"] * 2
    runs.release.set()
    await asyncio.sleep(0.02)
    assert len(runs.started) == 12
    assert runs.most == 5


async def test_a_queue_that_this_process_does_not_run_is_ignored() -> None:
    runs = Runs()
    bell = InProcessDoorbell(runs, None, queues=["default"])
    await bell.ring([bell_for(1, "llm")])
    await settled()
    assert runs.started == []


async def test_a_frame_that_is_due_later_runs_again_within_a_quarter_second_of_that_time() -> None:
    runs = Runs(again=0.1)
    runs.release.set()
    bell = InProcessDoorbell(runs, None)
    began = asyncio.get_running_loop().time()
    await bell.ring([bell_for(1)])
    await eventually(lambda: len(runs.started) == 3)
    elapsed = asyncio.get_running_loop().time() - began
    assert 0.2 <= elapsed < 0.45
    await bell.stop()


async def test_what_a_sweep_finds_runs_and_the_next_sweep_comes_when_something_is_due() -> None:
    runs, sweeps = Runs(), []
    runs.release.set()

    async def sweep() -> Found:
        sweeps.append(asyncio.get_running_loop().time())
        return Found([bell_for(len(sweeps))], 0.1)

    bell = InProcessDoorbell(runs, sweep, sweep_every_s=30)
    await bell.start()
    await asyncio.sleep(0.35)
    await bell.stop()
    assert 3 <= len(sweeps) <= 4
    assert len(runs.started) == len(sweeps)


async def test_a_database_that_is_away_is_asked_less_and_less_often_and_the_sweeper_lives() -> None:
    asked: list[float] = []

    async def sweep() -> Found:
        asked.append(asyncio.get_running_loop().time())
        if len(asked) < 4:
            raise Unavailable("away")
        return Found([bell_for(1)])

    runs = Runs()
    runs.release.set()
    bell = InProcessDoorbell(runs, sweep, sweep_every_s=0.02)
    await bell.start()
    await eventually(lambda: runs.started)
    await bell.stop()
    pauses = [later - earlier for earlier, later in pairwise(asked)]
    assert pauses == sorted(pauses)
    assert pauses[-1] > 3 * pauses[0]


async def test_a_run_that_breaks_leaves_the_dispatcher_working() -> None:
    runs = Runs()
    runs.release.set()

    async def run(address: Address, control: Control) -> float | None:
        if address.execution_id == "execution-1":
            raise Unavailable("away")
        return await runs(address, control)

    bell = InProcessDoorbell(run, None, concurrency=1)
    await bell.ring([bell_for(1), bell_for(2)])
    await settled()
    assert [address.execution_id for address in runs.started] == ["execution-2"]


async def test_stop_tells_running_frames_and_cancels_those_that_do_not_listen() -> None:
    runs = Runs()
    bell = InProcessDoorbell(runs, None)
    await bell.ring([bell_for(1)])
    await settled()
    await bell.stop(grace_s=0.05)
    assert runs.controls[0].is_stopping
    assert bell.is_idle
    await bell.ring([bell_for(2)])
    await settled()
    assert len(runs.started) == 1


async def test_rings_for_an_adopted_frame_reach_the_one_that_runs_it() -> None:
    runs = Runs()
    bell = InProcessDoorbell(runs, None)
    await bell.ring([bell_for(1)])
    await settled()
    parent = runs.started[0].__class__("parent", "", "default", "org")
    runs.controls[0].adopt(parent)
    await bell.ring([parent.message()])
    await settled()
    assert runs.controls[0].is_poked
    assert len(runs.started) == 1
    runs.release.set()
    await settled()
    assert [address.execution_id for address in runs.started] == ["execution-1", "parent"]
