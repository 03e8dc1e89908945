"""Frames that change hands inside the dispatcher."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from functions.shared.dispatch.in_process import InProcessDoorbell
from tests.unit.runner.test_in_process import Runs, bell_for, settled

if TYPE_CHECKING:
    from functions.shared.dispatch.control import Control
    from functions.shared.dispatch.doorbell import Address


async def test_a_ring_for_an_adopted_frame_reaches_the_one_that_runs_it_now() -> None:
    parent, child = bell_for(1), bell_for(2)
    runs, parked = Runs(), asyncio.Event()

    async def run(address: Address, control: Control) -> float | None:
        if address.execution_id != parent["execution_id"]:
            return await runs(address, control)
        runs.controls.append(control)
        await parked.wait()  # parked in the database already, but not yet back here
        return 60.0

    bell = InProcessDoorbell(run, None)
    await bell.ring([parent])
    await settled()
    await bell.ring([child])
    await settled()
    former, latter = runs.controls
    latter.adopt(type(runs.started[0]).of(parent))
    await bell.ring([parent])
    assert latter.is_poked
    assert not former.is_poked
    parked.set()
    await settled()
    latter.is_poked = False
    await bell.ring([parent])
    assert latter.is_poked
    runs.release.set()
    await settled()
    assert len(runs.controls) == 3  # the ring that nobody has seen runs the parent again
    await bell.stop()
