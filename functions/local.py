"""A whole plane in one process: every app in one, with the dispatcher and the sweeper beside it."""

from __future__ import annotations

import asyncio
import gc
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from functions.agents.app import router as agents
from functions.audit.app import router as audit
from functions.escalations.app import links
from functions.escalations.app import router as escalations
from functions.executions.app import router as executions
from functions.handoffs.app import router as handoffs
from functions.health.app import router as health
from functions.health.status import pages as status
from functions.hooks.app import router as hooks
from functions.interpret.app import router as interpret
from functions.keys.app import router as keys
from functions.limits.app import router as limits
from functions.me.app import router as me
from functions.members.app import router as members
from functions.memory.app import router as memory
from functions.observe.app import router as observe
from functions.pages.app import routers as pages
from functions.policies.app import router as policies
from functions.privacy.app import router as privacy
from functions.schedules.app import router as schedules
from functions.secrets.app import router as secrets
from functions.shared.chores import CHORES, ChoreRunner, Plane
from functions.shared.config import settings as settings_of_process
from functions.shared.db import kernel
from functions.shared.dispatch.in_process import InProcessDoorbell
from functions.shared.engine.assembly import engine_of
from functions.shared.engine.runner import run_frame
from functions.shared.errors import PlaneError
from functions.shared.log import configure_logging, logger
from functions.shared.steps.llm import close_models, warm
from functions.shared.web.app import create_app
from functions.shared.web.connection import database_of, open_database, open_tokens
from functions.state.app import router as state
from functions.templates.app import router as templates
from functions.triggers.app import router as triggers
from functions.webhooks.app import router as webhooks
from functions.workflows.app import router as workflows

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from fastapi import FastAPI

    from functions.shared.config import Settings
    from functions.shared.dispatch.control import Control
    from functions.shared.dispatch.doorbell import Address
    from functions.shared.engine.policy import Engine
    from functions.shared.web.plain_route import PlainRouter

log = logger("local")

IDLE_BEFORE_WARMING_S = 5.0
RETRY_S = 1.0


def create_local_app(settings: Settings | None = None) -> FastAPI:
    """Make the app of a plane on one machine. Its lifespan runs frames, sweeps, and releases its frames at the end."""
    known = settings or settings_of_process()
    routers = (
        webhooks,
        hooks,
        triggers,
        schedules,
        agents,
        me,
        state,
        memory,
        interpret,
        workflows,
        templates,
        executions,
        escalations,
        links,
        observe,
        keys,
        limits,
        health,
        audit,
        handoffs,
        members,
        secrets,
        policies,
        privacy,
    )
    app = create_app("local", *routers, status, *pages, *_development_sign_in(known), lifespan=partial(_running, known))
    app.state.settings = known
    app.state.home = "/inbox"
    app.state.open_database = partial(open_database, known)
    app.state.open_tokens = partial(open_tokens, known)
    return app


def _development_sign_in(settings: Settings) -> list[PlainRouter]:
    """Give the routes of the sign-in that stands in for Supabase Auth; none but on a plane of one machine."""
    from functions.shared import devauth  # noqa: PLC0415  with what it needs, it is loaded where it is served

    if not devauth.is_local(settings):
        return []
    accounts = devauth.Accounts(settings)
    return [devauth.auth_router(accounts), devauth.mailbox_router(accounts)]


@asynccontextmanager
async def _running(settings: Settings, app: FastAPI) -> AsyncGenerator[None]:
    configure_logging(settings.log_level)
    db = await database_of(app)
    warmer = _Warmer()

    async def run(address: Address, control: Control) -> float | None:
        outcome = await run_frame(address, engine, control=control)
        return outcome.again_in_s

    bell = InProcessDoorbell(
        run,
        partial(kernel.sweep, db),
        queues=settings.queues,
        concurrency=settings.concurrency,
        on_work=warmer.on_work,
    )
    engine = engine_of(settings, db, bell)
    app.state.doorbell = bell
    chores = ChoreRunner(Plane(db, settings), CHORES, bell)
    app.state.wake = chores.wake
    tasks = [
        asyncio.create_task(_take_up(engine, bell, chores), name="take up"),
        asyncio.create_task(warmer.when_idle(bell), name="warm when idle"),
    ]
    gc.freeze()  # what a start makes stays for good: no collection needs to look at it again
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await chores.stop()
        await bell.stop()
        await warmer.stop()
        await close_models()


async def _take_up(engine: Engine, bell: InProcessDoorbell, chores: ChoreRunner) -> None:
    """Continue at once what a former process of this plane held, then begin to sweep and to do the chores."""
    while True:
        try:
            await bell.ring(await kernel.report_owner_dead(engine.db, owner=engine.policy.owner))
            break
        except PlaneError as error:
            log.warning("the database does not answer yet: %s", error.detail)
            await asyncio.sleep(RETRY_S)
    await bell.start()
    chores.start()


class _Warmer:
    """Loads the model library in the background, once: when there is work for it, or when the plane is idle."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    def on_work(self, queue: str) -> None:
        if queue == "llm" and self._task is None:
            self._task = asyncio.create_task(asyncio.to_thread(warm), name="warm")

    async def when_idle(self, bell: InProcessDoorbell) -> None:
        """Wait for a quiet moment after the start."""
        while self._task is None:
            await asyncio.sleep(IDLE_BEFORE_WARMING_S)
            if bell.is_idle:
                self.on_work("llm")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
