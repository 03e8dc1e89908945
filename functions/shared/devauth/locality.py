"""Where the development sign-in may be: on a plane of one machine, reached by a loopback address."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from functions.shared.config import Settings

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class NotLocal(RuntimeError):
    """Use Supabase Auth: set AGENTPLANE_SUPABASE_URL. The development sign-in lets in anybody who can read its mail."""


def is_local(settings: Settings) -> bool:
    """Tell whether these are the settings of a plane on one machine, and nothing in them speaks against it."""
    return not _objection(settings)


def require_local(settings: Settings) -> Path:
    """Give the data folder of a plane on one machine. Raises NotLocal for the settings of any other."""
    if objection := _objection(settings):
        raise NotLocal(f"The development sign-in runs only on a plane of one machine: {objection}.")
    return Path(settings.local_data or "")


def is_loopback(host: str) -> bool:
    """Tell whether a Host header names this machine, so that no page of another name reaches us by its own DNS."""
    return (urlsplit(f"//{host}").hostname or "") in LOOPBACK


def _objection(settings: Settings) -> str:
    if settings.local_data is None:
        return "AGENTPLANE_LOCAL_DATA is not set"
    if settings.supabase_url or settings.auth_url:
        return "a Supabase project is configured"
    if not is_loopback(urlsplit(settings.public_url).netloc):
        return f"the public address {settings.public_url or '(none)'} is not a loopback address"
    return ""
