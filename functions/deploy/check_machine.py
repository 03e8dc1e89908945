"""What this machine needs to deploy: Node, osls, packages that are built; and what the deployment is told."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from functions.deploy.finding import fail, ok, warn
from functions.deploy.node import find_node, tool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from functions.deploy.finding import Finding
    from functions.deploy.seen import Seen

SOURCES = ("functions/**/*.py", "templates/**/*", "functions/requirements/*.txt")
_NODE = re.compile(r"v(\d+)\.(\d+)")
_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_SECONDS = 30


def findings(seen: Seen) -> list[Finding]:
    """Give what was found on this machine and in the settings."""
    return [*_tools(seen), *_packages(seen), *_settings(seen)]


def _tools(seen: Seen) -> Iterator[Finding]:
    version = _version(find_node())
    if version is None:
        yield fail("node", "Node is not installed", "Run `make deploy`, which installs it beside Python.")
    elif not _is_new_enough(version):
        yield fail("node", f"Node {version} is too old for osls", "Use Node 22.13 or later.")
    else:
        yield ok("node", version)
    if not tool(seen.root, "osls").exists():
        yield fail("osls", "osls is not installed", "Run `make deploy`, or `npm ci` in functions/requirements/node.")
    else:
        yield ok("osls", "installed")


def _version(node: str | None) -> str | None:
    if node is None:
        return None
    try:
        told = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=_SECONDS, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    return told.stdout.strip()


def _is_new_enough(version: str) -> bool:
    match = _NODE.match(version)
    if match is None:
        return False
    major, minor = int(match[1]), int(match[2])
    return ((major, minor) >= (22, 13) and major % 2 == 0) or major >= 24  # noqa: PLR2004  what osls 4 asks for


def _packages(seen: Seen) -> Iterator[Finding]:
    artifacts = seen.artifacts()
    missing = sorted(name for name, path in artifacts.items() if not path.exists())
    if missing:
        yield fail(
            "packages", f"not built: {', '.join(missing)}", "Run `make package`; `agentplane deploy` does it too."
        )
        return
    oldest = min(path.stat().st_mtime for path in artifacts.values())
    newer = [path for pattern in SOURCES for path in seen.root.glob(pattern) if path.stat().st_mtime > oldest]
    shown = _below(newer[0], seen.root) if newer else ""
    if newer:
        yield warn("packages", f"older than {shown}", "`agentplane deploy` builds them again before it deploys.")
    else:
        yield ok("packages", f"{len(artifacts)} built")


def _below(path: Path, root: Path) -> str:
    return str(path.relative_to(root))


def _settings(seen: Seen) -> Iterator[Finding]:
    stage = seen.stage
    python = stage.python or "3.11"
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    if python != here:
        yield warn(
            "python",
            f"the functions run on {python}, this is {here}",
            "Tests of the packages ran on the one that is here.",
        )
    else:
        yield ok("python", python)
    yield _address("public-url", stage.public_url, "AGENTPLANE_PUBLIC_URL")
    if _MAIL.fullmatch(stage.mail_from.rpartition("<")[2].rstrip(">")):
        yield ok("mail-from", stage.mail_from)
    else:
        yield warn(
            "mail-from",
            f"the sender of mails is {stage.mail_from or 'not set'}",
            "Set AGENTPLANE_MAIL_FROM to an address that your mail server may send from.",
        )
    wrong = [origin for origin in stage.cors_origins if not _is_origin(origin)]
    if wrong:
        yield fail("cors-origins", f"not an origin: {', '.join(wrong)}", "Write https://host[:port], without a path.")
    elif "*" in stage.cors_origins:
        yield warn("cors-origins", "every site's pages may call the API", "Name the origins of your own pages.")
    else:
        yield ok("cors-origins", ", ".join(stage.cors_origins) or "none")
    if stage.alarm_email:
        yield ok("alarm-email", stage.alarm_email)
    else:
        yield warn("alarm-email", "alarms tell nobody", "Set AGENTPLANE_ALARM_EMAIL, then confirm AWS' mail.")


def _address(name: str, url: str, variable: str) -> Finding:
    parts = urlsplit(url)
    if not url:
        return warn(
            name, "API Gateway's own address is used", f"Set {variable} when a domain of your own points there."
        )
    if parts.scheme != "https" or not parts.hostname or parts.path not in {"", "/"} or parts.query:
        return fail(
            name, f"{url} is not https://host", f"Set {variable} to the address that people use, without a path."
        )
    return ok(name, url)


def _is_origin(text: str) -> bool:
    parts = urlsplit(text)
    return text == "*" or (
        parts.scheme in {"http", "https"} and bool(parts.hostname) and not parts.path and not parts.query
    )
