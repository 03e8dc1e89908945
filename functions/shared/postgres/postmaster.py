"""The running server process of a cluster, as its `postmaster.pid` and the machine tell."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Postmaster:
    """A live postmaster: its process id and its port."""

    pid: int
    port: int


def find_postmaster(cluster: Path) -> Postmaster | None:
    """Give the postmaster that serves `cluster` now; None for no file, or one that a dead process left."""
    try:
        lines = (cluster / "postmaster.pid").read_text().splitlines()
        pid, port = abs(int(lines[0])), int(lines[3])
    except (OSError, ValueError, IndexError):
        return None
    if has_ended(pid) or not _works_in(pid, cluster):
        return None
    return Postmaster(pid, port)


def has_ended(pid: int) -> bool:
    """Say whether a process is gone, or only waits to be reaped."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):  # it went while we looked
        return Path("/proc/self/stat").exists()
    return status.rpartition(")")[2].split()[0] == "Z"


def _works_in(pid: int, cluster: Path) -> bool:
    """Say whether the process is this cluster's: process ids are used again, above all in containers."""
    if not Path("/proc/self/cwd").exists():
        return True
    try:
        return Path(f"/proc/{pid}/cwd").samefile(cluster)
    except OSError:
        return False
