"""Calls for many frames at once: they leave together, and each caller hears what it would have heard alone."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from functions.shared.db import kernel
from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
from functions.shared.db.failures import AnswerLost, NotSent
from functions.shared.errors import InvalidInput
from tests.sql.actors import Json, Plane, Tenant, approval, connect, record

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from functions.shared.db.kernel import Checkpointed, Claimed
    from functions.shared.db.port import Database
    from tests.contract.conftest import Contract


HASHES = [str(number) for number in range(100)]  # what `Plane.version` gives out: no document need be sent


@dataclass
class Frames:
    """Executions to move, and what is in the tables afterwards."""

    plane: Plane
    tenant: Tenant
    version: str

    async def start(self, count: int) -> list[str]:
        return await self.tenant.start_each(self.version, count)

    async def claim(self, port: Database, count: int) -> list[Claimed]:
        claims = await asyncio.gather(*(claim(port, execution) for execution in await self.start(count)))
        assert all(isinstance(each, kernel.Claimed) for each in claims)
        return claims

    async def recorded(self, claims: list[Claimed]) -> int:
        ids = [each.execution_id for each in claims]
        query = "select count(*) from plane.checkpoints where execution_id::text = any ($1)"
        return int(await self.plane.db.fetchval(query, ids))


@pytest.fixture
async def frames(contract: Contract) -> AsyncIterator[Frames]:
    plane = Plane(await connect(contract.admin_url), contract.admin_url, contract.login_url)
    tenant = await plane.tenant(contract.ours)
    yield Frames(plane, tenant, await plane.version(contract.ours))
    await plane.close()


async def claim(port: Database, execution: str) -> Any:
    address = {"execution_id": execution, "frame": "", "queue": "default"}
    return await kernel.claim(port, **address, claim_ref=execution, owner="o", lease_s=30, known=HASHES)


def payload(held: Claimed, seq: int = 1, **more: Any) -> Json:
    address = {"execution_id": held.execution_id, "frame": "", "epoch": held.epoch, "seq": seq}
    return address | {"records": [record(f"s{seq}", seq)], "in_flight": {}, "next": "running"} | more


async def checkpoint(port: Database, held: Claimed, seq: int = 1, **more: Any) -> Checkpointed:
    return await kernel.checkpoint(port, payload(held, seq, **more))


# However the database is reached


async def test_everybody_in_a_crowd_gets_the_own_answer(port: Database, frames: Frames) -> None:
    claims = await frames.claim(port, 40)
    for seq in (1, 2):
        answers = await asyncio.gather(*(checkpoint(port, held, seq) for held in claims))
        assert [answer.seq for answer in answers] == [seq] * 40
    finish = {"status": "succeeded", "output": {"ok": True}, "error": None}
    ended = await asyncio.gather(*(checkpoint(port, held, 3, next="done", finish=finish) for held in claims))
    assert {answer.status for answer in ended} == {"done"}
    assert await frames.recorded(claims) == 120


async def test_who_cannot_be_helped_in_a_crowd_is_refused_alone(port: Database, frames: Frames) -> None:
    claims = await frames.claim(port, 6)
    await checkpoint(port, claims[4], records=[record("taken")])
    answers = await asyncio.gather(
        checkpoint(port, claims[0]),
        checkpoint(port, claims[1], epoch=7),
        checkpoint(port, claims[2], records=[record("nul", "\0")]),
        checkpoint(port, claims[3], open=[approval()]),
        checkpoint(port, claims[4], 2, records=[record("taken")]),
        checkpoint(port, claims[5]),
        return_exceptions=True,
    )
    assert [type(answer) for answer in answers if isinstance(answer, Exception)] == [kernel.Stale, InvalidInput]
    assert isinstance(answers[2], InvalidInput)
    assert answers[2].code == "unsupported_character"
    kept = [answer for answer in answers if isinstance(answer, kernel.Checkpointed)]
    assert [list(answer.conflicts) for answer in kept] == [[], [], ["taken"], []]


# How often it is asked


class Watched(AsyncpgDatabase):
    """Notes what is sent; `before` and `after` say what happens to a call on its way there and back."""

    sent: list[Json]
    before: Callable[[Json], None]
    after: Callable[[Json], None]

    async def send(self, door: str, arguments: Json, *, token: str | None = None) -> Any:
        self.sent.append(arguments)
        self.before(arguments)
        answer = await super().send(door, arguments, token=token)
        self.after(arguments)
        return answer

    @property
    def verbs(self) -> list[str]:
        return [each["verb"] for each in self.sent]


@dataclass
class Fault:
    """Raises an error for the first call of a verb."""

    verb: str
    error: Exception
    told: list[str] = field(default_factory=list[str])

    def __call__(self, arguments: Json) -> None:
        if arguments["verb"] == self.verb and not self.told:
            self.told.append(self.verb)
            raise self.error


@pytest.fixture
async def watched(contract: Contract, runner_key: str) -> AsyncIterator[Watched]:
    database = await Watched.connect(contract.login_url, runner_key=runner_key)
    database.sent = []
    database.before = database.after = lambda _: None
    yield database
    await database.close()


async def test_who_is_alone_sends_one_call_of_the_own_verb(watched: Watched, frames: Frames) -> None:
    (held,) = await frames.claim(watched, 1)
    for seq in (1, 2, 3):
        await checkpoint(watched, held, seq)
    await checkpoint(watched, held, 4, open=[approval()])
    assert watched.verbs == ["claim", "checkpoint", "checkpoint", "checkpoint", "checkpoint"]


async def test_a_crowd_sends_one_call_for_each_sixty_four(watched: Watched, frames: Frames) -> None:
    claims = await frames.claim(watched, 70)
    await asyncio.gather(*(checkpoint(watched, held) for held in claims))
    assert watched.verbs == ["move_together"] * 4
    assert [len(each["payload"]["claims"]) for each in watched.sent] == [64, 6, 0, 0]
    assert [len(each["payload"]["checkpoints"]) for each in watched.sent] == [0, 0, 64, 6]


async def test_claims_and_checkpoints_travel_together(watched: Watched, frames: Frames) -> None:
    claims = await frames.claim(watched, 3)
    watched.sent.clear()
    new = await frames.start(2)
    answers = await asyncio.gather(
        claim(watched, new[0]), *(checkpoint(watched, held) for held in claims), claim(watched, new[1])
    )
    assert watched.verbs == ["move_together"]
    assert [answers[0].execution_id, answers[4].execution_id] == new
    assert [answer.seq for answer in answers[1:4]] == [1, 1, 1]


async def test_two_calls_for_one_frame_keep_their_order(watched: Watched, frames: Frames) -> None:
    one, other = await frames.claim(watched, 2)
    answers = await asyncio.gather(checkpoint(watched, one, 1), checkpoint(watched, other), checkpoint(watched, one, 2))
    assert [answer.seq for answer in answers] == [1, 1, 2]


async def test_what_is_large_or_asks_for_a_document_travels_alone(watched: Watched, frames: Frames) -> None:
    claims = await frames.claim(watched, 3)
    watched.sent.clear()
    large = record("large", "x" * 70_000)
    await asyncio.gather(*(checkpoint(watched, held, records=[large]) for held in claims))
    assert watched.verbs == ["checkpoint"] * 3


@pytest.mark.parametrize("fault", [AnswerLost("cut"), NotSent("refused")])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_group_that_fails_is_told_apart(watched: Watched, frames: Frames, fault: Exception, when: str) -> None:
    """Whether it was committed or not: the same calls again, one at a time, give the same answers."""
    claims = await frames.claim(watched, 8)
    watched.sent.clear()
    setattr(watched, when, Fault("move_together", fault))
    answers = await asyncio.gather(*(checkpoint(watched, held) for held in claims))
    assert [answer.seq for answer in answers] == [1] * 8
    assert watched.verbs == ["move_together"] + ["checkpoint"] * 8
    assert await frames.recorded(claims) == 8


async def test_lost_claims_get_the_same_epoch_again(watched: Watched, frames: Frames) -> None:
    watched.after = Fault("move_together", AnswerLost("cut"))
    claims = await frames.claim(watched, 8)
    assert {held.epoch for held in claims} == {1}
    assert watched.verbs == ["move_together"] + ["claim"] * 8


async def test_who_stops_waiting_takes_nobody_along(watched: Watched, frames: Frames) -> None:
    claims = await frames.claim(watched, 8)
    tasks = [asyncio.create_task(checkpoint(watched, held)) for held in claims]
    await asyncio.sleep(0)
    tasks[3].cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(answer) for answer in answers].count(asyncio.CancelledError) == 1
    assert sum(isinstance(answer, kernel.Checkpointed) for answer in answers) == 7


async def test_who_comes_while_groups_are_in_the_air_travels_with_the_next(watched: Watched, frames: Frames) -> None:
    """A slow caller's own pace: every frame on its own, as fast as its answers come."""
    claims = await frames.claim(watched, 32)
    watched.sent.clear()

    async def work(held: Claimed) -> None:
        for seq in range(1, 11):
            await checkpoint(watched, held, seq)

    await asyncio.gather(*(work(held) for held in claims))
    assert await frames.recorded(claims) == 320
    assert len(watched.sent) < 100


async def test_closing_gives_up_what_is_in_the_air(watched: Watched, frames: Frames) -> None:
    claims = await frames.claim(watched, 4)
    waiting = asyncio.Event()

    async def never(_door: str, _arguments: Json) -> Any:
        waiting.set()
        await asyncio.Event().wait()

    watched.send = never  # a database that does not answer
    tasks = [asyncio.create_task(checkpoint(watched, held)) for held in claims]
    await asyncio.wait_for(waiting.wait(), 2)
    await asyncio.wait_for(watched.close(), 2)
    done, pending = await asyncio.wait(tasks, timeout=2)
    assert not pending
    assert all(task.cancelled() for task in done)
