"""`agentplane dev --stack supabase`: a whole Supabase in Docker by its own CLI, for the plane to run on.

DATA/stack/supabase   the repository's settings and mails, with a signing key of its own; no migrations: we apply them
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from agentplane.cli.output import UNREACHABLE, USAGE, Failed
from functions.deploy.node import find_node, tool
from functions.shared.postgres.schema import ROOT, SUPABASE

START_SECONDS = 900  # the first start fetches gigabytes of images
_VARIABLE = re.compile(r"""^([A-Z0-9_]+)=(["']?)(.*)\2$""")
# What a developer's machine has otherwise than a hosted project: by the line of config.toml that says it there.
_SMTP = re.compile(r"(\[auth\.email\.smtp\]\nenabled = )true")
_KEYS = re.compile(r"^(jwt_expiry = .*)$", re.MULTILINE)
_SCHEMA = re.compile(r"^schema_paths = \[.*?^\]$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Stack:
    """A running stack: its API and what opens it, its database as the owner, and where its mails are kept."""

    api_url: str
    publishable_key: str
    db_url: str
    mail_url: str


def start_stack(data: Path, public_url: str) -> Stack:
    """Start the stack of this data directory, or find it running. Raises Failed when the CLI or Docker is missing."""
    command = supabase_command()
    folder = prepare_folder(data / "stack", command)
    where = ["--workdir", str(folder)]
    _run([*command, "start", *where], public_url, seconds=START_SECONDS)
    return read_status(_run([*command, "status", "-o", "env", *where], public_url, seconds=60))


def supabase_command() -> list[str]:
    """Give how the Supabase CLI is called: the repository's own, else the one on the PATH. Raises Failed."""
    own, node = tool(ROOT, "supabase"), find_node()
    if own.exists() and node:
        return [node, str(own)]
    if found := shutil.which("supabase"):
        return [found]
    raise Failed(
        "the Supabase CLI is not installed",
        hint=f"Run `make {own.parents[1].relative_to(ROOT)}/.ready`, or install it and put it on the PATH.",
        exit_code=USAGE,
    )


def prepare_folder(folder: Path, command: list[str]) -> Path:
    """Make the CLI's folder: the repository's settings, for one machine. Its signing key stays the same."""
    supabase = folder / "supabase"
    shutil.copytree(SUPABASE / "templates", supabase / "templates", dirs_exist_ok=True)
    keys = supabase / "signing_keys.json"
    if not keys.exists():
        key = _run([*command, "gen", "signing-key", "--algorithm", "ES256"], "", seconds=60).strip()
        text = key if key.startswith("[") else f"[{key}]"
        keys.touch(mode=0o600)
        keys.write_text(text + "\n")
    (supabase / "config.toml").write_text(local_config((SUPABASE / "config.toml").read_text()))
    return folder


def local_config(hosted: str) -> str:
    """Give the settings for one machine: mails are kept, tokens are signed with the own key, we migrate ourselves."""
    config = hosted
    for pattern, replacement in (
        (_SMTP, r"\1false"),
        (_KEYS, r'\1\nsigning_keys_path = "./signing_keys.json"'),
        (_SCHEMA, "schema_paths = []"),
    ):
        config, count = pattern.subn(replacement, config)
        if count != 1:
            raise Failed(f"supabase/config.toml has changed: {pattern.pattern!r} is not in it once")
    return config


def read_status(printed: str) -> Stack:
    """Read what `supabase status -o env` prints: NAME="value", a line each, among other lines. Raises Failed."""
    found = {match[1]: match[3] for line in printed.splitlines() if (match := _VARIABLE.match(line.strip()))}
    try:
        return Stack(
            api_url=found["API_URL"],
            publishable_key=found["PUBLISHABLE_KEY"],
            db_url=found["DB_URL"],
            mail_url=found.get("MAILPIT_URL", "the stack's mailbox"),
        )
    except KeyError as error:
        raise Failed(
            f"`supabase status` does not say {error.args[0]}",
            hint="See what it prints, and whether all services run; the CLI that the repository pins says it.",
            exit_code=UNREACHABLE,
        ) from error


def _run(command: list[str], public_url: str, *, seconds: float) -> str:
    """Run the CLI; give what it printed for programs. Raises Failed with its last words."""
    known = {"AGENTPLANE_PUBLIC_URL": public_url, "DO_NOT_TRACK": "1", "NO_COLOR": "1"}
    try:
        done = subprocess.run(  # noqa: S603  a program that we looked up, and arguments of our own
            command, env=os.environ | known, capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise Failed(f"`supabase` did not end within {seconds:.0f} s", exit_code=UNREACHABLE) from error
    if done.returncode == 0:
        return done.stdout
    said = [line for line in (done.stderr or done.stdout).splitlines() if line and "--debug" not in line]
    raise Failed(
        f"the Supabase stack does not run: {said[-1] if said else f'exit code {done.returncode}'}",
        hint="It needs Docker: start it (`docker info` must answer), or leave out --stack for the embedded Postgres.",
        exit_code=UNREACHABLE,
    )
