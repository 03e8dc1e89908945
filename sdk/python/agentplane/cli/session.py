"""Where the command line keeps who has signed in: one session a plane, in a file that nobody else can read."""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentplane.sign_in import Session, SignIn

if TYPE_CHECKING:
    from collections.abc import Generator

VARIABLE = "AGENTPLANE_SESSIONS"


@dataclass(frozen=True, slots=True)
class Kept:
    """A session with where it came from, and the organisation that was chosen."""

    session: Session
    auth_url: str
    publishable_key: str = ""
    organisation: str | None = None

    @property
    def sign_in(self) -> SignIn:
        """Where the session is refreshed and ended."""
        return SignIn(self.auth_url, self.publishable_key)


def sessions_file() -> Path:
    """Where sessions are kept: AGENTPLANE_SESSIONS, or `agentplane/sessions.json` in the user's configuration."""
    if given := os.environ.get(VARIABLE):
        return Path(given)
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "agentplane" / "sessions.json"


def read(plane_url: str) -> Kept | None:
    """Give the session of a plane."""
    found = _read_all().get(plane_url.rstrip("/"))
    if found is None:
        return None
    try:
        found["session"] = Session(**found["session"])
        return Kept(**found)
    except (TypeError, KeyError):
        return None


def keep(plane_url: str, kept: Kept | None) -> None:
    """Keep the session of a plane; None forgets it."""
    with _alone():
        _write(plane_url, kept)


def access_token(plane_url: str) -> str:
    """Give an access token that is still good for a minute, refreshed when it must be. Raises SignInRefused, KeyError.

    Two commands at once refresh once: a refresh token works only one time.
    """
    kept = read(plane_url)
    if kept is None:
        raise KeyError(plane_url)
    if not kept.session.needs_refresh:
        return kept.session.access_token
    with _alone():
        kept = read(plane_url) or kept
        if kept.session.needs_refresh:
            fresh = kept.sign_in.refresh(kept.session)
            kept = Kept(fresh, kept.auth_url, kept.publishable_key, kept.organisation)
            _write(plane_url, kept)
    return kept.session.access_token


def _read_all() -> dict[str, Any]:
    try:
        found = json.loads(sessions_file().read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(plane_url: str, kept: Kept | None) -> None:
    sessions = _read_all()
    sessions.pop(plane_url.rstrip("/"), None)
    if kept is not None:
        sessions[plane_url.rstrip("/")] = asdict(kept)
    path = sessions_file()
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with open(partial, "w", opener=_private) as file:
        json.dump(sessions, file)
    partial.replace(path)


@contextmanager
def _alone() -> Generator[None]:
    path = sessions_file()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(path.with_name(f".{path.name}.lock"), "w", opener=_private) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
