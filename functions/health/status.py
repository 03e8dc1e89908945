"""The page of status: for people, without a key, and without a word about any organisation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

from functions.health.looking import Sight, State, look
from functions.shared.errors import PlaneError, Unavailable
from functions.shared.web.connection import database_of
from functions.shared.web.html import Page, render
from functions.shared.web.plain_route import PlainRouter

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from functions.shared.web.plain_route import Endpoint

REFRESH_S = 30
_WORDS: dict[State, str] = {
    "works": "works",
    "slow": "works, with delays",
    "down": "does not work now",
    "unknown": "is not watched from here",
}
_WORST_FIRST: tuple[State, ...] = ("down", "slow", "unknown", "works")
_TAGS: dict[State, str] = {"works": "good", "slow": "warn", "down": "urgent", "unknown": ""}
_SUMMARIES: dict[State, str] = {
    "works": "Everything works",
    "slow": "There are delays",
    "down": "Something does not work",
    "unknown": "Everything that is watched works",
}


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the plane, and how it is. `tag`: the class of the style sheet."""

    name: str
    what: str
    state: State
    words: str
    tag: str


@dataclass(frozen=True, slots=True)
class StatusPage(Page):
    """The page: a summary, the parts, and when they were looked at."""

    template: ClassVar[str] = "status.html"

    summary: str
    state: State
    parts: tuple[Part, ...]
    at: str
    refresh_seconds: int
    viewer: None = None


def status_page(sight: Sight, at: datetime) -> StatusPage:
    """Make the page of what was seen."""
    parts = (
        _part("API", "Answers requests.", "works"),
        _part("Database", "Keeps everything.", sight.database_state),
        _part("Executions", "Begin when they are due.", sight.work_state),
        _part("Chores", "Timers, deliveries, clearing up.", sight.chores_state),
        _part("Engine", "Keeps its own rules.", sight.engine_state),
    )
    worst: State = next(state for state in _WORST_FIRST if any(part.state == state for part in parts))
    shown_at = at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return StatusPage(_SUMMARIES[worst], worst, parts, shown_at, REFRESH_S)


def _part(name: str, what: str, state: State) -> Part:
    return Part(name, what, state, _WORDS[state], _TAGS[state])


async def _as_it_is(request: Request, endpoint: Endpoint) -> Response:
    return await endpoint(request)


pages = PlainRouter(_as_it_is)


@pages.get("/status")
async def show_status(request: Request) -> Response:
    """Show how the plane is. 200 whatever it shows: the page works; programs ask /api/health/ready."""
    try:
        sight = await look(await database_of(request.app))
    except PlaneError as error:
        sight = Sight(None, None, error if isinstance(error, Unavailable) else Unavailable("unknown"), None)
    return render(status_page(sight, datetime.now(UTC)))
