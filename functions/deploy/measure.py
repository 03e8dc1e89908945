"""What a package costs at a start: imported in a process of its own that sees nothing but the unpacked package."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from functions.deploy.archive import unpack
from functions.deploy.needs import entry_of

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from functions.deploy.packages import Package

# First imports of the standard library: what a handler costs is told as a multiple of them, on any machine alike.
_PROBE = """
import sys, time
start = time.process_time()
import asyncio, dataclasses, datetime, decimal, email.message, http.client, json, logging, ssl, typing, uuid
calibrated = time.process_time()
sys.path.append(sys.argv[1])
before = time.perf_counter()
module = __import__(sys.argv[2], fromlist=["handler"])
after, imported = time.perf_counter(), time.process_time()
print(json.dumps({
    "handler": callable(module.handler),
    "import_ms": (after - before) * 1000,
    "ratio": (imported - calibrated) / (calibrated - start),
    "modules": sorted(sys.modules),
    "outside": sorted(
        file for one in list(sys.modules.values()) if (file := getattr(one, "__file__", None))
        and not file.startswith((sys.argv[1], sys.base_prefix))
    ),
}))
"""


@dataclass(frozen=True, slots=True)
class Start:
    """One start of a package.

    `ratio`: how many times the processor time of the calibration the handler's import took. `outside`: files that were
    loaded from neither the package nor Python itself.
    """

    has_handler: bool
    import_ms: float
    ratio: float
    modules: frozenset[str]
    outside: tuple[str, ...]

    def loaded(self, names: Collection[str]) -> list[str]:
        """Give which of `names` were loaded."""
        return sorted(set(names) & self.modules)


def start(folder: Path, name: str) -> Start:
    """Import a function's handler from its unpacked package, without any environment. Raises RuntimeError."""
    command = [sys.executable, "-I", "-S", "-B", "-c", _PROBE, str(folder), entry_of(name)]
    done = subprocess.run(command, cwd="/", env={}, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise RuntimeError(f"The package of {name} cannot be imported:\n{done.stderr.strip()}")
    said: dict[str, Any] = json.loads(done.stdout)
    modules = frozenset[str](said["modules"])
    return Start(said["handler"], said["import_ms"], said["ratio"], modules, tuple(said["outside"]))


def measured(package: Package, scratch: Path, *, times: int = 3) -> Start:
    """Unpack a package below `scratch` and give the quickest of some starts; what else runs here disturbs the rest."""
    folder = scratch / package.name
    unpack(package.path, folder, scratch / "files")
    return min((start(folder, package.name) for _ in range(times)), key=lambda one: one.ratio)
