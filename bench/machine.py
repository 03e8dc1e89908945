"""What the figures belong to: machine and versions, without the names of hosts, users or folders."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.systems import PACKAGES

if TYPE_CHECKING:
    from collections.abc import Iterable


def describe() -> dict[str, Any]:
    """Give the processor, its cores, the memory, the system and the Python."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_gb": round(memory / 1e9),
        "system": f"{platform.system()} {platform.release().partition('-')[0]} {platform.machine()}",
        "python": platform.python_version(),
    }


def versions(systems: Iterable[str]) -> dict[str, str]:
    """Give the versions of the packages that these systems are made of."""
    names = dict.fromkeys(package for system in systems for package in PACKAGES[system])
    return {name: importlib.metadata.version(name) for name in names}


def _cpu_model() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
