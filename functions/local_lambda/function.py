"""One deployed function: its environments, which it starts as they are needed, and its limits."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from functions.local_lambda.environment import Ended, Environment, Started
from functions.local_lambda.invocation import Invocation, Ledger

if TYPE_CHECKING:
    from collections.abc import Callable

    from functions.shared.jsonvalue import Json

MAX_EVENT = 6 * 1024 * 1024
MAX_ANSWER = 6 * 1024 * 1024


class Throttled(Exception):
    """The function has as many events as it may have at the same time. Come again later."""


class TooLarge(Exception):
    """The event is larger than Lambda takes: 6 MB."""


@dataclass(frozen=True, slots=True)
class Request:
    """An event with where it came from."""

    event: Json
    source: str = "invoke"
    about: str = ""
    trace: str = ""  # X-Amzn-Trace-Id of the request that caused it
    hops: int = 0
    kill_after_s: float | None = None  # a fault: the process is killed so long after it got the event


@dataclass(frozen=True, slots=True)
class Answer:
    """What an invocation came to. `error`: an error type of Lambda's; then `body` is its error document."""

    body: bytes
    error: str
    message: str
    invocation: Invocation


@dataclass(slots=True)
class LocalFunction:
    """The environments of one function. Without a reserved limit, events wait for one of `most` environments."""

    name: str
    started: Callable[[], Started]  # unpacks the zip with the first event
    reserved: int | None
    ledger: Ledger
    on_line: Callable[[Environment, str], None]
    most: int = 8
    _idle: list[Environment] = field(default_factory=list[Environment])
    _busy: set[Environment] = field(default_factory=set[Environment])
    _known: Started | None = None
    _unpacking: asyncio.Lock = field(default_factory=asyncio.Lock)
    _freed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def environments(self) -> list[Environment]:
        """Give those that live: at work and idle."""
        return [*self._busy, *(one for one in self._idle if one.is_alive)]

    async def invoke(self, request: Request) -> Answer:
        """Run an event in an idle environment, or in a new one. Raises Throttled and TooLarge."""
        body = json.dumps(request.event, separators=(",", ":")).encode()
        if len(body) > MAX_EVENT:
            raise TooLarge(f"{len(body)} bytes exceed {MAX_EVENT}")
        async with self._unpacking:
            if self._known is None:
                self._known = await asyncio.to_thread(self.started)
        environment = await self._take(self._known)
        try:
            return await self._run(environment, body, request)
        finally:
            await self._give_back(environment)

    @property
    def at_work(self) -> list[Environment]:
        """Give those that have an event."""
        return list(self._busy)

    async def change(self, **fields: Any) -> None:  # noqa: ANN401  fields of Started
        """Give it another time limit, memory or variables, as a deployment does: what is idle ends."""
        self._known = replace(self._known or await asyncio.to_thread(self.started), **fields)
        await self.recycle()

    async def restore(self) -> None:
        """Take back what was changed."""
        self._known = None
        await self.recycle()

    async def stop(self) -> None:
        """End every environment."""
        await asyncio.gather(*(one.stop() for one in [*self._busy, *self._idle]))
        self._idle.clear()

    async def recycle(self) -> None:
        """End the idle ones, as Lambda does from time to time: the next event starts cold."""
        idle, self._idle = self._idle, []
        await asyncio.gather(*(one.stop() for one in idle))

    async def _take(self, started: Started) -> Environment:
        if self.reserved is not None and len(self._busy) >= self.reserved:
            self.ledger.throttled[self.name] += 1
            raise Throttled(f"{self.reserved} events at the same time are the function's limit")
        while True:
            while self._idle:
                environment = self._idle.pop()
                if environment.is_alive:
                    self._busy.add(environment)
                    return environment
                await environment.stop()
            if self.reserved is not None or len(self._busy) < self.most:
                return self._new(started)
            async with self._freed:
                await self._freed.wait_for(lambda: len(self._busy) < self.most)

    def _new(self, started: Started) -> Environment:
        environment = Environment(started, lambda line: self.on_line(environment, line))
        self._busy.add(environment)
        return environment

    async def _give_back(self, environment: Environment) -> None:
        self._busy.discard(environment)
        if environment.is_alive:
            self._idle.append(environment)
        async with self._freed:
            self._freed.notify()

    async def _run(self, environment: Environment, body: bytes, request: Request) -> Answer:
        request_id = str(uuid4())
        began_at = time.time()
        is_cold = environment.events == 0
        ended = await environment.start() if is_cold else None
        if ended is None:
            trace = request.trace or f"Root=1-{int(began_at):08x}-{secrets.token_hex(12)};Sampled=0"
            killing = _kill_later(environment, request.kill_after_s)
            ended = await environment.invoke(body, {"Lambda-Runtime-Trace-Id": trace}, request_id)
            if killing is not None:
                killing.cancel()
        if not ended.error and len(ended.body) > MAX_ANSWER:
            message = f"Response payload size exceeded maximum allowed payload size ({MAX_ANSWER} bytes)."
            ended = Ended(b"", "Function.ResponseSizeTooLarge", message, ended.duration_ms)
        invocation = Invocation(
            function=environment.started.name,
            request_id=request_id,
            source=request.source,
            about=request.about,
            pid=environment.pid,
            began_at=began_at,
            duration_ms=ended.duration_ms,
            init_ms=environment.init_ms if is_cold else 0,
            memory_mb=environment.started.memory_mb,
            max_memory_mb=environment.peak_mb,
            error=ended.error,
            answer_bytes=len(ended.body),
            hops=request.hops,
        )
        self.ledger.note(invocation)
        document = ended.body or json.dumps({"errorType": ended.error, "errorMessage": ended.message}).encode()
        return Answer(document, ended.error, ended.message, invocation)


def _kill_later(environment: Environment, after_s: float | None) -> asyncio.TimerHandle | None:
    if after_s is None:
        return None
    return asyncio.get_running_loop().call_later(after_s, environment.kill)
