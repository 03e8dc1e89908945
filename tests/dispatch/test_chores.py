"""The chores as they are deployed: all of them by the clock, one at once by its message."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from functions.chores.app import Chores
from functions.shared.chores import CHORES, Chore
from functions.shared.errors import Unavailable
from tests.dispatch.conftest import SIGNER, invoke, records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import asyncpg

    from functions.shared.chores import Plane
    from functions.shared.jsonvalue import JsonObject
    from tests.dispatch.conftest import Bell
    from tests.e2e.tenant import Tenant

pytestmark = pytest.mark.usefixtures("deployed")

NONE = {"batchItemFailures": []}
DUE: JsonObject = {"execution_id": "e", "frame": "", "queue": "default", "org_id": "o"}


@pytest.fixture
def chores_with(bell: Bell) -> Iterator[Callable[..., Chores]]:
    made: list[Chores] = []

    def make(chores: Sequence[Chore] = CHORES) -> Chores:
        made.append(Chores(bell, chores))
        return made[-1]

    yield make
    for function in made:
        function.close()


class Worked:
    """Chores that only note that they were done."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def chore(self, name: str, error: Exception | None = None, seconds: float = 0) -> Chore:
        async def run(plane: Plane) -> Sequence[JsonObject]:
            del plane
            self.done.append(name)
            await asyncio.sleep(seconds)
            if error is not None:
                raise error
            return [DUE]

        return Chore(name, 1, run)


def woken(*names: str, first: int = 0) -> dict[str, Any]:
    return records(*(SIGNER.signed({"chore": name}) for name in names), first=first)


async def test_the_clock_has_every_chore_done_cold_and_warm(
    chores_with: Callable[..., Chores], superuser: asyncpg.Connection, tenant: Tenant
) -> None:
    del tenant
    chores = chores_with()
    for _ in range(2):
        answer = await invoke(chores, {"source": "aws.events", "detail-type": "Scheduled Event"})
        assert answer == {"done": [chore.name for chore in CHORES], "failed": []}
    noted = await superuser.fetch("select name from gateway.chore_runs")
    assert {row["name"] for row in noted} >= {chore.name for chore in CHORES}


async def test_messages_have_their_chores_done_once_and_ring_for_what_is_due(
    chores_with: Callable[..., Chores], bell: Bell
) -> None:
    worked = Worked()
    chores = chores_with([worked.chore("mails"), worked.chore("triggers"), worked.chore("audit")])
    forged = woken("audit")["Records"][0] | {"messageId": "forged", "body": '{"chore": "audit", "sig": "x"}'}
    event = woken("triggers", "mails", "triggers", "triggers", "of a newer release")
    event["Records"].append(forged)
    assert await invoke(chores, event) == NONE
    assert sorted(worked.done) == ["mails", "triggers"]
    assert bell.rung == [DUE, DUE]


async def test_one_that_fails_keeps_no_other_from_its_turn_and_only_its_messages_come_again(
    chores_with: Callable[..., Chores],
) -> None:
    worked = Worked()
    chores = chores_with(
        [worked.chore("a", Unavailable("away")), worked.chore("b", ZeroDivisionError()), worked.chore("c")]
    )
    answer = await invoke(chores, woken("a", "b", "c", "a"))
    assert answer == {"batchItemFailures": [{"itemIdentifier": name} for name in ("m0", "m1", "m3")]}
    assert await invoke(chores, {}) == {"done": ["c"], "failed": ["a", "b"]}


async def test_one_that_takes_too_long_is_ended_before_the_invocation_is(chores_with: Callable[..., Chores]) -> None:
    worked = Worked()
    chores = chores_with([worked.chore("slow", seconds=60), *(worked.chore(f"quick {n}") for n in range(8))])
    async with asyncio.timeout(10):
        answer = await invoke(chores, {}, seconds=2.3)
    assert (answer["failed"], len(answer["done"])) == (["slow"], 8)
