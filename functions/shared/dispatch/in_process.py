"""The dispatcher of a plane on one machine: two queues, timers within milliseconds, and the sweeper as the net."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Protocol

from functions.shared.dispatch.control import Control
from functions.shared.dispatch.doorbell import Address
from functions.shared.errors import PlaneError
from functions.shared.log import logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from functions.shared.jsonvalue import JsonObject

log = logger("dispatch")

SWEEP_EVERY_S = 2.0
SWEEP_AT_LEAST_S = 0.1
BACK_OFF_LONGEST_S = 30.0
PENDING_LIMIT = 20_000
DELAYED_LIMIT = 50_000
DELAYED_LONGEST_S = 60.0  # what is due later than that is the sweeper's


class Run(Protocol):
    """Runs one frame, and listens to `control` meanwhile."""

    def __call__(self, address: Address, control: Control) -> Awaitable[float | None]:
        """Answer after how many seconds the frame wants to be rung again; None: not by us."""
        ...


class Swept(Protocol):
    """What a sweep found: what is due now, and when something will be next (None: nothing is)."""

    @property
    def due(self) -> Sequence[JsonObject]: ...

    @property
    def next_due_in_s(self) -> float | None: ...


@dataclass(slots=True)
class _Queue:
    pending: OrderedDict[Address, None] = field(default_factory=OrderedDict[Address, None])
    running: dict[Address, Control] = field(default_factory=dict[Address, Control])
    at: dict[Control, Address] = field(default_factory=dict[Control, Address])  # the frame that each works on now
    count: int = 0
    tasks: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])


class InProcessDoorbell:
    """Runs frames as tasks of this process, at most `concurrency` a queue; what overflows is left to the sweeper.

    `run` runs one frame, `sweep` asks the database what is due, `on_work(queue)` is told when a queue gets work.
    """

    def __init__(
        self,
        run: Run,
        sweep: Callable[[], Awaitable[Swept]] | None,
        *,
        queues: Sequence[str] = ("default", "llm"),
        concurrency: int = 32,
        on_work: Callable[[str], None] | None = None,
        sweep_every_s: float = SWEEP_EVERY_S,
    ) -> None:
        self._run = run
        self._sweep = sweep
        self._queues = {name: _Queue() for name in queues}
        self._concurrency = concurrency
        self._on_work = on_work
        self._sweep_every_s = sweep_every_s
        self._delayed: list[tuple[float, int, Address]] = []
        self._earliest: dict[Address, float] = {}
        self._order = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        self._sweeper: asyncio.Task[None] | None = None
        self._is_stopping = False

    async def start(self) -> None:
        """Begin to sweep. Rings are taken from the first moment on, also before this."""
        if self._sweep is not None and self._sweeper is None:
            self._sweeper = asyncio.create_task(self._sweep_forever(self._sweep), name="sweeper")

    async def stop(self, *, grace_s: float = 10.0) -> None:
        """Take no more work; let running frames record what they have and release their leases."""
        self._is_stopping = True
        for queue in self._queues.values():
            for control in queue.running.values():
                control.stop()
        if self._timer is not None:
            self._timer.cancel()
        if self._sweeper is not None:
            self._sweeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._sweeper
        tasks = [task for queue in self._queues.values() for task in queue.tasks]
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=grace_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def ring(self, due: Sequence[JsonObject], *, delay_s: float = 0.0) -> None:
        """Queue these frames, now or when they are due; one that runs here is told to look at its waits now."""
        for message in due:
            try:
                address = Address.of(message)
            except KeyError:
                log.warning("a doorbell without an execution was dropped")
                continue
            if delay_s > 0:
                self._delay(address, delay_s)
            else:
                self._push(address)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is queued or running here; delayed rings do not count."""
        return not any(queue.pending or queue.running for queue in self._queues.values())

    def _push(self, address: Address) -> None:
        queue = self._queues.get(address.queue)
        if queue is None or self._is_stopping:
            return
        self._earliest.pop(address, None)
        if (control := queue.running.get(address)) is not None:
            control.poke()
            return
        if len(queue.pending) >= PENDING_LIMIT:
            return
        queue.pending[address] = None
        if self._on_work is not None:
            self._on_work(address.queue)
        self._fill(queue)

    def _fill(self, queue: _Queue) -> None:
        while queue.pending and queue.count < self._concurrency and not self._is_stopping:
            queue.count += 1
            address, _ = queue.pending.popitem(last=False)
            control = queue.running[address] = Control()
            queue.at[control] = address
            control.adopt = partial(self._adopt, queue, control)
            task = asyncio.create_task(self._run_one(queue, address, control), name=f"frame {address.execution_id}")
            queue.tasks.add(task)
            task.add_done_callback(queue.tasks.discard)

    async def _run_one(self, queue: _Queue, address: Address, control: Control) -> None:
        again: float | None = None
        try:
            again = await self._run(address, control)
        except PlaneError as error:
            log.warning("frame %s %r was left to the sweeper: %s", address.execution_id, address.frame, error.detail)
        except Exception:
            log.exception("frame %s %r was left to the sweeper", address.execution_id, address.frame)
        finally:
            last = queue.at.pop(control)
            is_ours = queue.running.get(last) is control  # else another one has adopted it meanwhile
            for known in [known for known, its in queue.running.items() if its is control]:
                del queue.running[known]
            queue.count -= 1
        if control.is_poked and is_ours:
            self._push(last)
        elif again is not None and is_ours:
            self._delay(last, again)
        self._fill(queue)

    def _adopt(self, queue: _Queue, control: Control, address: Address) -> None:
        """Let rings for an adopted frame reach the one that runs it now, also what the former has not seen."""
        queue.pending.pop(address, None)
        former = queue.running.get(address)
        queue.running[address] = control
        queue.at[control] = address
        if former is not None and former is not control and former.is_poked:
            control.poke()

    def _delay(self, address: Address, seconds: float) -> None:
        if seconds > DELAYED_LONGEST_S or len(self._delayed) >= DELAYED_LIMIT:
            return
        when = asyncio.get_running_loop().time() + max(seconds, 0)
        if self._earliest.get(address, when + 1) <= when:
            return
        self._earliest[address] = when
        heapq.heappush(self._delayed, (when, next(self._order), address))
        self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if self._delayed and not self._is_stopping:
            self._timer = asyncio.get_running_loop().call_at(self._delayed[0][0], self._fire)

    def _fire(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._delayed and self._delayed[0][0] <= now:
            when, _, address = heapq.heappop(self._delayed)
            if self._earliest.get(address) == when:
                self._push(address)
        self._arm()

    async def _sweep_forever(self, sweep: Callable[[], Awaitable[Swept]]) -> None:
        """Sweep for ever; a database that is away is asked less and less often, up to every half minute."""
        away_s = 0.0
        while True:
            pause = self._sweep_every_s
            try:
                swept = await sweep()
                await self.ring(swept.due)
                if swept.next_due_in_s is not None:
                    pause = max(SWEEP_AT_LEAST_S, min(pause, swept.next_due_in_s))
                away_s = 0.0
            except PlaneError as error:
                away_s = min(BACK_OFF_LONGEST_S, max(self._sweep_every_s, away_s * 2))
                pause = away_s
                log.warning("the sweep failed (%s); the next one is in %.0f s", error.detail, pause)
            except Exception:
                away_s = pause = min(BACK_OFF_LONGEST_S, max(self._sweep_every_s, away_s * 2))
                log.exception("the sweep failed; the next one is in %.0f s", pause)
            await asyncio.sleep(pause)
