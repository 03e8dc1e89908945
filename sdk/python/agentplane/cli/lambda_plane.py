"""`agentplane dev --lambda`: the packages under Lambda's runtime client instead of one process; the rest stays.

DATA/lambda.json  the plane's own keys, each for the verbs of its functions; 0600
Supabase Auth is a service of its own in the cloud: here the development sign-in is served beside the functions.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

from rich.markup import escape

from agentplane.cli import operator
from agentplane.cli.output import Failed, console
from functions.deploy.manifest import load
from functions.deploy.runner_keys import RUNNER_KEYS
from functions.local_lambda.invocation import Invocation
from functions.local_lambda.local_lambda import LocalLambda, Setup, unavailable
from functions.local_lambda.secret_values import parameters_of
from functions.shared import devauth
from functions.shared.config import Settings
from functions.shared.web import create_app

MAILS = "smtp://127.0.0.1:1025"  # where mail catchers listen
PASSED_ON = ("AGENTPLANE_ALLOW_PRIVATE_HOSTS", "AGENTPLANE_LOG_LEVEL")
MODELS = ("OPENAI_", "ANTHROPIC_", "GEMINI_", "OLLAMA_")
SIGN_IN = ("/auth/v1/", "/dev/mail")


async def setup_of(settings: Settings, listener: socket.socket, owner_url: str, data: Path) -> Setup:
    """Build what is not there yet, let the keys in, and say what the functions are told. Raises Failed."""
    if settings.database_url is None or settings.master_key is None:
        raise Failed("a local Lambda needs the database and the master key")
    if why := unavailable():
        message = f"there is no local Lambda here: {why}"
        raise Failed(message, hint="`make package` installs what it needs.")
    await _build()
    url = settings.public_url
    manifest = load(environment={"AGENTPLANE_SUPABASE_URL": url, "AGENTPLANE_PUBLIC_URL": url})
    async with operator.owner_of(owner_url) as connection:
        parameters = await parameters_of(
            connection,
            stage=manifest.stage,
            database_url=settings.database_url.get_secret_value(),
            key_pepper=settings.key_pepper.get_secret_value(),
            master_key=settings.master_key.get_secret_value(),
            smtp_url=settings.smtp_url.get_secret_value() if settings.smtp_url else MAILS,
            known=_kept(data / "lambda.json"),
        )
    _keep(data / "lambda.json", parameters, manifest.stage)
    told = {
        "AGENTPLANE_AUTH_URL": f"{url}/auth/v1",
        "AGENTPLANE_LOG_LEVEL": settings.log_level,
        **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
        # A developer's own model keys are lent, as `dev` does; in the cloud organisations bring theirs.
        "AGENTPLANE_LEND_ENVIRONMENT": "true",
        **{name: value for name, value in os.environ.items() if name.startswith(MODELS)},
    }
    accounts = devauth.Accounts(settings)
    sign_in = create_app("sign-in", devauth.auth_router(accounts), devauth.mailbox_router(accounts))
    sign_in.state.settings = settings
    return Setup(
        manifest,
        parameters,
        variables=told,
        listener=listener,
        is_ticking=True,
        beside=dict.fromkeys(SIGN_IN, sign_in),
        on_line=lambda who, line: console.print(f"[dim]{escape(who)}[/] {escape(line)}", soft_wrap=True),
    )


async def serve(setup: Setup, announce: Callable[[], None]) -> None:
    """Serve until a signal, and print a line for each invocation."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for known in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(known, stop.set)
    async with LocalLambda(setup) as local:
        local.ledger.listeners.append(_print)
        announce()
        await stop.wait()
        console.print("stopping …")


def _print(invocation: Invocation) -> None:
    colour = "red" if invocation.error else "yellow" if invocation.is_cold else "dim"
    console.print(f"[{colour}]{escape(invocation.report())}[/]", soft_wrap=True)


async def _build() -> None:
    from functions.deploy.packages import build  # noqa: PLC0415  it needs uv, of the group `cloud`

    began = time.monotonic()
    try:
        packages = await asyncio.to_thread(build)
    except (LookupError, RuntimeError) as error:
        raise Failed(str(error), hint="`make package` says more.") from error
    console.print(f"  packages  {len(packages)} in .build/packages, after {time.monotonic() - began:.1f} s")


def _kept(path: Path) -> dict[str, str]:
    return json.loads(path.read_text()) if path.exists() else {}


def _keep(path: Path, parameters: dict[str, str], stage: str) -> None:
    from agentplane.cli.local_plane import write_private  # noqa: PLC0415  it imports this module

    names = [key.parameter for key in RUNNER_KEYS]
    write_private(path, {name: parameters[f"/agentplane/{stage}/{name}"] for name in names})
