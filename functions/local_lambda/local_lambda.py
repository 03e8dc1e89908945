"""The local Lambda as a whole: functions, their HTTP API, AWS's services, queues and the clock, in one event loop."""

from __future__ import annotations

import asyncio
import socket
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from functions.local_lambda.aws_endpoint import AwsEndpoint
from functions.local_lambda.aws_services import ACCOUNT, REGION, AwsServices
from functions.local_lambda.environment import Environment, Started
from functions.local_lambda.faults import Faults
from functions.local_lambda.front import Front
from functions.local_lambda.function import Answer, LocalFunction, Request, Throttled
from functions.local_lambda.invocation import Ledger
from functions.local_lambda.lineage import Lineage
from functions.local_lambda.listening import Listening
from functions.local_lambda.package_folder import runtime_folder, unpack
from functions.local_lambda.queue_source import QueueSource, scheduled_event
from functions.local_lambda.route_table import Route, RouteTable
from functions.local_lambda.variables import told_by_lambda, told_by_manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from functions.deploy.manifest import Function, Manifest, Queue

ROOT = Path(__file__).resolve().parents[2]
UNPACKED = ROOT / ".build" / "unpacked"
EVERY_S = 60.0


def _say_nothing(_function: str, _line: str) -> None: ...


@dataclass(slots=True)
class Setup:
    """What a local Lambda is made of. `parameters`: SSM's, by their full names.

    `variables`: told to every function besides what serverless.yml gives it. `most`: environments of a function
    without a reserved limit, and batches of a queue at the same time; a machine has fewer cores than a region.
    `again_after_s`: when failed messages come again, instead of when their visibility ends.
    `beside`: paths that something else answers. `listener`: where the HTTP API is served; None: at a free port.
    """

    manifest: Manifest
    parameters: Mapping[str, str]
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    unpacked: Path = UNPACKED
    listener: socket.socket | None = None
    most: int = 6
    again_after_s: float | None = None
    is_ticking: bool = False
    beside: Mapping[str, Any] = field(default_factory=dict[str, Any])
    on_line: Callable[[str, str], None] = _say_nothing


class LocalLambda:
    """An async context manager; inside it everything runs."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.ledger = Ledger()
        self.faults = Faults()
        self.lineage = Lineage()
        self.services = AwsServices()
        self.functions: dict[str, LocalFunction] = {
            name: self._function(function) for name, function in setup.manifest.functions.items()
        }
        self.sources: dict[str, QueueSource] = {}
        routes = [
            Route(method, path, name)
            for name, function in setup.manifest.functions.items()
            for method, path in function.routes
        ]
        deployed = {setup.manifest.functions[name].deployed_name: one for name, one in self.functions.items()}
        self._front = Listening(Front(RouteTable(routes), self.functions, setup.beside), setup.listener)
        self._aws = Listening(AwsEndpoint(self.services, deployed, self.sources, self.faults, self.lineage))
        self._queue_urls: dict[str, str] = {}
        self._stack = AsyncExitStack()

    @property
    def url(self) -> str:
        """Give the address of the HTTP API."""
        return self._front.url

    @property
    def aws_url(self) -> str:
        """Give the address of AWS."""
        return self._aws.url

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.services.stop)
            await self.services.start()
            for queue in sorted(self.setup.manifest.queues.values(), key=lambda queue: queue.dead_letters is not None):
                await self._create(queue)
            for name, value in self.setup.parameters.items():
                await self.services.put_secret(name, value)
            self._connect()
            for listening in (self._aws, self._front):
                stack.push_async_callback(listening.stop)
                await listening.start()
            for function in self.functions.values():
                stack.push_async_callback(function.stop)
            for source in self.sources.values():
                stack.push_async_callback(source.stop)
            tasks = [asyncio.create_task(source.run(), name=source.queue) for source in self.sources.values()]
            if self.setup.is_ticking:
                tasks.append(asyncio.create_task(self._tick_for_ever(), name="clock"))
            stack.push_async_callback(_end, tasks)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def invoke(self, function: str, event: Any, *, source: str = "invoke", about: str = "") -> Answer:  # noqa: ANN401  any JSON
        """Run an event in a function. Raises Throttled, TooLarge."""
        return await self.functions[function].invoke(Request(event, source, about))

    async def tick(self, function: str | None = None) -> None:
        """Let the minute of the scheduled functions come, or of one."""
        due = [name for name, one in self.setup.manifest.functions.items() if one.schedules]
        await asyncio.gather(
            *(
                self.invoke(name, scheduled_event(name), source="schedule", about="every minute")
                for name in due
                if function in (None, name)
            )
        )

    async def _tick_for_ever(self) -> None:
        while True:
            try:
                await self.tick()
            except Throttled as error:
                self.setup.on_line("clock", str(error))
            await asyncio.sleep(EVERY_S)

    def _function(self, function: Function) -> LocalFunction:
        def started() -> Started:
            folder = unpack(function.artifact, self.setup.unpacked)
            runtime = runtime_folder(self.setup.unpacked)
            return Started(
                name=function.name,
                handler=function.handler,
                folder=folder,
                runtime=runtime,
                variables={
                    **told_by_lambda(function, folder, runtime, self.aws_url),
                    **told_by_manifest(function, self.setup.manifest.stage, self._queue_urls),
                    **self.setup.variables,
                },
                timeout_s=function.timeout_s,
                memory_mb=function.memory_mb,
                arn=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function.deployed_name}",
            )

        def on_line(environment: Environment, line: str) -> None:
            self.setup.on_line(f"{function.name}/{environment.pid}", line)

        return LocalFunction(
            function.name, started, function.reserved_concurrency, self.ledger, on_line, self.setup.most
        )

    async def _create(self, queue: Queue) -> None:
        attributes = {
            "VisibilityTimeout": str(queue.visibility_timeout_s),
            "MessageRetentionPeriod": str(queue.retention_s),
        }
        if queue.dead_letters is not None:
            target = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue.dead_letters}"
            policy = f'{{"deadLetterTargetArn": "{target}", "maxReceiveCount": {queue.max_receive_count}}}'
            attributes["RedrivePolicy"] = policy
        await self.services.sqs("CreateQueue", QueueName=queue.name, Attributes=attributes)
        self._queue_urls[queue.name] = f"{self.aws_url}/{ACCOUNT}/{queue.name}"

    def _connect(self) -> None:
        for name, function in self.setup.manifest.functions.items():
            for read in function.queues:
                self.sources[read.name] = QueueSource(
                    queue=read.name,
                    url=self._queue_urls[read.name],
                    function=self.functions[name],
                    services=self.services,
                    faults=self.faults,
                    lineage=self.lineage,
                    batch_size=read.batch_size,
                    most=min(read.maximum_concurrency or self.setup.most, self.setup.most),
                    visibility_s=self.setup.manifest.queues[read.name].visibility_timeout_s,
                    again_after_s=self.setup.again_after_s,
                )
        for queue in self.setup.manifest.queues.values():
            if queue.dead_letters is not None and queue.name in self.sources:
                self.sources[queue.name].dead = self.sources.get(queue.dead_letters)


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def unavailable() -> str | None:
    """Say why there can be no local Lambda on this machine; None when there can."""
    if sys.platform == "win32":
        return "it needs Linux or macOS"
    try:
        runtime_folder(UNPACKED)
    except ModuleNotFoundError as error:
        return f"{error}; install the group `cloud`"
    return None
