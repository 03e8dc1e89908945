"""Takes any authenticated call that names an agent in its header as a sign of that agent's life.

`AgentPlane-Agent: <id or name>`; the answer says in the same header which agent it was, or `unknown`.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from functions.shared.errors import PlaneError
from functions.shared.web.connection import database_of
from functions.shared.web.exchange import exchange_of

if TYPE_CHECKING:
    from starlette.requests import Request

    from functions.shared.db.port import Caller
    from functions.shared.jsonvalue import JsonObject

AGENT_HEADER = "AgentPlane-Agent"
MAX_NAME = 200
# How long a process takes an agent's last sign of life for enough, and how long a request waits for it to be noted.
EVERY_S = 5.0
PATIENCE_S = 0.25
MAX_KEPT = 10_000

_noted: dict[tuple[str, str], tuple[float, str]] = {}


def named_agent(request: Request) -> str | None:
    """Give the agent that the header names."""
    text = (request.headers.get(AGENT_HEADER) or "").strip()
    with suppress(UnicodeError):
        text = text.encode("latin-1").decode()  # names may hold any letter; headers come as latin-1
    return text if 0 < len(text) <= MAX_NAME and text.isprintable() else None


async def note_sign_of_life(request: Request) -> None:
    """Note that the named agent lives, once every few seconds. Nothing that goes wrong here fails the request."""
    agent = named_agent(request)
    if agent is None:
        return
    caller: Caller = request.state.caller
    key = (_secret_of(caller), agent)
    at, known = _noted.get(key, (0.0, ""))
    if not known or time.monotonic() - at > EVERY_S:
        with suppress(PlaneError, TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                known = await _note(request, caller, agent)
            _keep(key, known)
    if known:
        exchange_of(request).headers[AGENT_HEADER] = known


async def _note(request: Request, caller: Caller, agent: str) -> str:
    payload: JsonObject = {"agent": agent}
    answer = await (await database_of(request.app)).call("note_agent_seen", payload, caller, safe=True)
    found = answer["id"] if isinstance(answer, dict) else None
    return found if isinstance(found, str) else "unknown"


def _keep(key: tuple[str, str], known: str) -> None:
    if len(_noted) >= MAX_KEPT:
        _noted.clear()
    _noted[key] = (time.monotonic(), known)


def _secret_of(caller: Caller) -> str:
    from functions.shared.db.port import ApiKey  # noqa: PLC0415  what callers are is loaded with the first of them

    return caller.key_hash if isinstance(caller, ApiKey) else f"{caller.organisation}\n{caller.token}"
