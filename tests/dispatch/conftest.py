"""Deployed functions as Lambda calls them, on a real database, and AWS as moto speaks it."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import asyncpg
import pytest
from moto.server import ThreadedMotoServer

from functions.runner.app import Opened, Runner
from functions.shared import aws
from functions.shared.config import settings
from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
from functions.shared.dispatch.doorbell import SilentDoorbell
from functions.shared.dispatch.signing import Signer
from tests.e2e.tenant import Tenant
from tests.organisations import Org, create_org

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence

    from functions.shared.dispatch.worker import Worker
    from functions.shared.jsonvalue import JsonObject
    from functions.shared.steps import Handler

KEY = "the key of these tests"
SIGNER = Signer([KEY])


class Context:
    """The part of Lambda's context that handlers look at."""

    def __init__(self, seconds: float = 30) -> None:
        self.seconds = seconds

    def get_remaining_time_in_millis(self) -> float:
        return self.seconds * 1000


@dataclass
class Bell:
    """Keeps what was rung, as a queue would."""

    rung: list[JsonObject] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)

    async def ring(self, due: Sequence[JsonObject], *, delay_s: float = 0.0) -> None:
        self.rung.extend(due)
        self.delays.extend([delay_s] * len(due))

    def take(self) -> list[JsonObject]:
        """Give what was rung since the last time."""
        rung, self.rung, self.delays = self.rung, [], []
        return rung


class LambdaRunner(Runner):
    """The runner with steps of the test's own, with a database that may be wrapped, and with other limits."""

    def __init__(
        self,
        bell: Bell,
        handlers: Mapping[str, Handler] | None = None,
        wrap: Callable[[Any], Any] = lambda db: db,
        **policy: Any,
    ) -> None:
        super().__init__(bell)
        self._policy = policy
        self._handlers = handlers
        self._wrap = wrap

    async def open(self) -> Opened:
        opened = await super().open()
        engine = opened.engine
        handlers = engine.handlers if self._handlers is None else {**engine.handlers, **self._handlers}
        policy = replace(engine.policy, **self._policy)
        return replace(opened, engine=replace(engine, handlers=handlers, db=self._wrap(engine.db), policy=policy))


async def invoke(function: Worker[Any], event: dict[str, Any], seconds: float = 30) -> dict[str, Any]:
    """Call a function as Lambda does, with so much time left."""
    return await asyncio.to_thread(function, event, Context(seconds))


def records(*bodies: object, delivery: int = 1, first: int = 0, age_s: float = 2000) -> dict[str, Any]:
    """An event as the queue's event source makes it; messages are named m0, m1 …, first received so long ago."""
    first_at = str(int((time.time() - age_s) * 1000))
    return {
        "Records": [
            {
                "messageId": f"m{number}",
                "receiptHandle": f"r{number}",
                "body": body if isinstance(body, str) else json.dumps(body),
                "attributes": {
                    "ApproximateReceiveCount": str(delivery),
                    "ApproximateFirstReceiveTimestamp": first_at,
                    "SentTimestamp": "1790000000000",
                },
                "messageAttributes": {},
                "md5OfBody": "",
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:agentplane-dev-default",
                "awsRegion": "eu-central-1",
            }
            for number, body in enumerate(bodies, first)
        ]
    }


def doorbell(execution_id: str, org_id: str = "", queue: str = "default", frame: str = "") -> JsonObject:
    """A doorbell as it travels, signed."""
    return SIGNER.signed({"execution_id": execution_id, "frame": frame, "queue": queue, "org_id": org_id})


@pytest.fixture
def deployed(
    module_db_url: str, authenticator_url: Callable[[str], str], runner_key: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[pytest.MonkeyPatch]:
    """What a deployed function finds in its environment."""
    monkeypatch.setenv("AGENTPLANE_DATABASE_URL", authenticator_url(module_db_url))
    monkeypatch.setenv("AGENTPLANE_RUNNER_KEY", runner_key)
    monkeypatch.setenv("AGENTPLANE_STAGE", "test")
    monkeypatch.setenv("AGENTPLANE_DOORBELL_KEY", KEY)
    monkeypatch.setenv("AGENTPLANE_ALLOW_PRIVATE_HOSTS", '["127.0.0.1"]')
    settings.cache_clear()
    root = logging.getLogger("agentplane")
    handlers, level, propagate = [*root.handlers], root.level, root.propagate
    yield monkeypatch
    root.handlers[:], root.propagate = handlers, propagate
    root.setLevel(level)
    settings.cache_clear()


@pytest.fixture
def bell() -> Bell:
    """What runners of the test ring."""
    return Bell()


@pytest.fixture
def runner_with(deployed: pytest.MonkeyPatch, bell: Bell) -> Iterator[Callable[..., LambdaRunner]]:
    """Makes runners and closes them at the end."""
    del deployed
    made: list[LambdaRunner] = []

    def make(**options: Any) -> LambdaRunner:
        made.append(LambdaRunner(bell, **options))
        return made[-1]

    yield make
    for runner in made:
        runner.close()


@pytest.fixture
async def superuser(module_db_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(module_db_url)
    yield connection
    await connection.close()


@pytest.fixture
async def tenant(
    module_db_url: str, authenticator_url: Callable[[str], str], runner_key: str, superuser: asyncpg.Connection
) -> AsyncIterator[Tenant]:
    """An organisation whose rings nobody hears: the test delivers."""
    org: Org = await create_org(superuser, has_owner=True)
    db = await AsyncpgDatabase.connect(authenticator_url(module_db_url), runner_key=runner_key)
    yield Tenant(db, org, SilentDoorbell())
    await db.close()


@pytest.fixture(scope="session")
def moto_address() -> Iterator[str]:
    """SQS and SSM, on loopback."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def aws_at(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Lets the product's clients call an address in AWS's place."""

    def point(address: str) -> None:
        for name, value in (
            ("AWS_ENDPOINT_URL", address),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ):
            monkeypatch.setenv(name, value)
        aws.forget_clients()

    yield point
    aws.forget_clients()


@dataclass(frozen=True)
class Queues:
    """Queues of one test at moto."""

    urls: dict[str, str]

    def taken(self, queue: str) -> list[dict[str, Any]]:
        """Take all that can be seen in a queue."""
        found: list[dict[str, Any]] = []
        while page := aws.ask_now(
            "sqs",
            "receive_message",
            QueueUrl=self.urls[queue],
            MaxNumberOfMessages=10,
            AttributeNames=["All"],
        ).get("Messages"):
            found += page
        return found

    def attribute(self, queue: str, name: str) -> int:
        answer = aws.ask_now("sqs", "get_queue_attributes", QueueUrl=self.urls[queue], AttributeNames=[name])
        return int(answer["Attributes"][name])


@pytest.fixture
def queues(moto_address: str, aws_at: Callable[[str], None]) -> Queues:
    """The plane's three queues."""
    aws_at(moto_address)
    run = uuid4().hex[:8]
    made = {
        name: aws.ask_now("sqs", "create_queue", QueueName=f"agentplane-{run}-{name}")["QueueUrl"]
        for name in ("default", "llm", "chores")
    }
    return Queues(made)
