"""Does the plane's chores, and rings for what is due: expired leases, timers, lost doorbells. Runs every minute."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from functions.shared.chores import CHORES, Plane, run_chores
from functions.shared.config import settings
from functions.shared.db import kernel
from functions.shared.dispatch.doorbell import Doorbell, SilentDoorbell
from functions.shared.log import configure_logging
from functions.shared.web.connection import open_database

if TYPE_CHECKING:
    from functions.shared.db.port import Database

PAGES = 50
PAGE = 200


class Sweeper:
    """Keeps one event loop and one database for the life of the process."""

    def __init__(self, doorbell: Doorbell | None = None) -> None:
        self._doorbell = doorbell or SilentDoorbell()
        self._loop: asyncio.Runner | None = None
        self._db: Database | None = None

    def __call__(self, _event: object, _context: Any = None) -> dict[str, Any]:  # noqa: ANN401  the runtime's own type
        """Sweep once, in pages; answers `{rung, next_due_in_s}`."""
        if self._loop is None:
            self._loop = asyncio.Runner()
        return self._loop.run(self._sweep())

    def close(self) -> None:
        """Close the database and the loop."""
        if self._loop is not None:
            if self._db is not None:
                self._loop.run(self._db.close())
            self._loop.close()
        self._loop = self._db = None

    async def _sweep(self) -> dict[str, Any]:
        if self._db is None:
            configure_logging(settings().log_level)
            self._db = await open_database(settings())
        await run_chores(Plane(self._db, settings()), CHORES, self._doorbell)
        rung = 0
        for _ in range(PAGES):
            swept = await kernel.sweep(self._db, limit=PAGE)
            await self._doorbell.ring(swept.due)
            rung += len(swept.due)
            if len(swept.due) < PAGE:
                return {"rung": rung, "next_due_in_s": swept.next_due_in_s}
        return {"rung": rung, "next_due_in_s": 0.0}


handler = Sweeper()
