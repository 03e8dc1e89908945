"""Does the plane's chores: all of them every minute, and at once the one that a message names."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from functions.shared.chores import CHORES, Chore, Plane, run_chores
from functions.shared.config import settings
from functions.shared.db.opening import open_database
from functions.shared.dispatch import sqs
from functions.shared.dispatch.messages import failures, read_messages
from functions.shared.dispatch.signing import Signer
from functions.shared.dispatch.worker import Worker
from functions.shared.log import configure_logging, logger

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from functions.shared.dispatch.doorbell import Doorbell

log = logger("chores")

KEEP_S = 2.0  # what chores leave of the invocation
AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Opened:
    """What outlives an event."""

    plane: Plane
    bell: Doorbell
    signer: Signer | None


class Chores(Worker[Opened]):
    """The schedule's event answers `{done, failed}`, names of chores; a batch of messages `{batchItemFailures}`."""

    def __init__(self, doorbell: Doorbell | None = None, chores: Sequence[Chore] = CHORES) -> None:
        super().__init__()
        self._doorbell = doorbell
        self._chores = {chore.name: chore for chore in chores}

    async def open(self) -> Opened:
        """Read the settings; the first chore dials the database."""
        known = settings()
        configure_logging(known.log_level)
        bell = self._doorbell or sqs.doorbell_of(known)
        return Opened(Plane(await open_database(known), known), bell, Signer.from_settings(known))

    async def shut(self, opened: Opened) -> None:
        """Close the database."""
        await opened.plane.db.close()

    async def handle(self, event: Mapping[str, Any], opened: Opened, deadline: float | None) -> dict[str, Any]:
        """Do what is to be done, each chore once, and so that a slow one keeps no other from its turn."""
        if (records := event.get("Records")) is None:
            failed = await self._do(list(self._chores), opened, deadline)
            return {"done": [name for name in self._chores if name not in failed], "failed": failed}
        messages = read_messages(records, opened.signer)
        wanted = {message.what for message in messages}
        failed = await self._do([name for name in self._chores if name in wanted], opened, deadline)
        return failures([message.id for message in messages if message.what in failed])

    async def _do(self, names: Sequence[str], opened: Opened, deadline: float | None) -> list[str]:
        """Do these chores; answer those that failed or did not end in time."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def do(name: str) -> bool:
            try:
                async with gate, asyncio.timeout_at(None if deadline is None else deadline - KEEP_S):
                    return not await run_chores(opened.plane, [self._chores[name]], opened.bell)
            except TimeoutError:
                log.warning("the chore %s did not end in time", name, extra={"event": "chore_late", "chore": name})
                return False

        done = await asyncio.gather(*map(do, names))
        return [name for name, is_done in zip(names, done, strict=True) if not is_done]


handler = Chores()
