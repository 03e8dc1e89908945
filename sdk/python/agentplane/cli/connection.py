"""Which plane the commands talk to: the environment first, then the one that runs from the data directory here."""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path
from typing import Any

from agentplane.cli import session
from agentplane.cli.output import FAILED, UNREACHABLE, Failed, program
from agentplane.client import AgentPlane

DATA_VARIABLE = "AGENTPLANE_DATA"
DEFAULT_DATA = Path(".agentplane")


def data_directory() -> Path:
    """Where `dev` keeps its data: AGENTPLANE_DATA, or `.agentplane` in this directory."""
    return Path(os.environ.get(DATA_VARIABLE, DEFAULT_DATA))


def running_plane() -> dict[str, Any] | None:
    """What the plane that runs here wrote when it was ready: `{url, api_key, db_url, pid}`."""
    path = data_directory() / "ready.json"
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


def plane_url() -> str:
    """Give the address of the plane that commands talk to. Raises Failed."""
    here = None if os.environ.get("AGENTPLANE_URL") else running_plane()
    url = os.environ.get("AGENTPLANE_URL") or (here["url"] if here else None)
    if not url:
        message = "no plane runs from this directory, and AGENTPLANE_URL is not set"
        raise Failed(message, hint="Start one with `agentplane dev`, or set AGENTPLANE_URL.", exit_code=UNREACHABLE)
    return url.rstrip("/")


def connect_as_person() -> AgentPlane:
    """Connect as who has signed in: AGENTPLANE_TOKEN, or the session that `agentplane login` keeps. Raises Failed."""
    url = plane_url()
    if token := os.environ.get("AGENTPLANE_TOKEN"):
        return AgentPlane(url, token=token)
    kept = session.read(url)
    if kept is None:
        message = f"you have not signed in to {url}"
        raise Failed(message, hint=f"Sign in: {program()} login", exit_code=FAILED)
    return AgentPlane(url, token=partial(session.access_token, url), organisation=kept.organisation)


def connect() -> AgentPlane:
    """Connect by key as the environment says, or to the plane of this directory."""
    url, key = os.environ.get("AGENTPLANE_URL"), os.environ.get("AGENTPLANE_API_KEY")
    here = None if url else running_plane()
    if here is not None:
        return AgentPlane(here["url"], key or here["api_key"])
    if url is None and key is None:
        message = "no plane runs from this directory, and AGENTPLANE_URL is not set"
        raise Failed(
            message,
            hint="Start one with `agentplane dev`, or set AGENTPLANE_URL and AGENTPLANE_API_KEY.",
            exit_code=UNREACHABLE,
        )
    if not key:
        message = "AGENTPLANE_API_KEY is not set"
        raise Failed(message, hint="Set it to a key of your organisation (`agentplane keys create`).", exit_code=FAILED)
    return AgentPlane(url, key)
