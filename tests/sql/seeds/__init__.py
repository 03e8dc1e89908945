"""What each part of the plane adds to the isolation matrix: one module a part, found by its file.

A module may have SEEDS, CALLS, WRITES and DEFINERS, in the shapes of tests/sql/{isolation,test_isolation}.py, and IDS:
the names that it gives to `things.id(name)`, FIGURES: its tables that hold no text of anybody's, and ELSEWHERE:
its verbs that write nothing that belongs to an execution.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

_PARTS = [import_module(f"{__name__}.{path.stem}") for path in sorted(Path(__file__).parent.glob("[a-z]*.py"))]


def _merged(name: str) -> dict[str, Any]:
    return {key: value for part in _PARTS for key, value in getattr(part, name, {}).items()}


SEEDS = _merged("SEEDS")
CALLS = _merged("CALLS")
WRITES = _merged("WRITES")
DEFINERS = _merged("DEFINERS")
IDS: list[str] = [name for part in _PARTS for name in getattr(part, "IDS", ())]
ELSEWHERE: set[str] = {verb for part in _PARTS for verb in getattr(part, "ELSEWHERE", ())}
FIGURES: list[str] = [table for part in _PARTS for table in getattr(part, "FIGURES", ())]
# Tables that not even their organisation may read.
HIDDEN = {name for part in _PARTS for name in getattr(part, "HIDDEN", ())}
