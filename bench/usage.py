"""What a Postgres has used so far, from the kernel's own books (Linux)."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_PPID, _UTIME, _STIME, _CUTIME, _CSTIME = 1, 11, 12, 13, 14  # fields of /proc/PID/stat after the name


def postgres_cpu_s(postmaster: int) -> float:
    """Give the CPU seconds of a postmaster, of its processes, and of those that have ended. 0 without /proc."""
    ticks = 0
    own = _stat(postmaster)
    if own is None:
        return 0.0
    ticks += sum(own[at] for at in (_UTIME, _STIME, _CUTIME, _CSTIME))
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            found = _stat(int(entry.name))
            if found is not None and found[_PPID] == postmaster:
                ticks += found[_UTIME] + found[_STIME]
    return ticks / os.sysconf("SC_CLK_TCK")


def _stat(pid: int) -> list[int] | None:
    with suppress(OSError, ValueError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return [0, *(int(field) for field in fields[1:20])]
    return None
