"""Cold import of each function: milliseconds, the ratio to a calibration import, modules, and heavy ones loaded."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
REPEATS = 5
HEAVY = ("litellm", "openai", "boto3", "supabase", "mcp", "pydantic_monty")
CALIBRATION = "email.mime.multipart, http.client, asyncio, json, decimal, urllib.request"
SCRIPT = """
import json, sys, time
began = time.perf_counter()
import {target}
took = (time.perf_counter() - began) * 1000
print(json.dumps([took, len(sys.modules), [name for name in {heavy!r} if name in sys.modules]]))
"""


def measure(target: str) -> dict[str, Any]:
    """Import a module in fresh processes; the median counts."""
    runs: list[list[Any]] = []
    for _ in range(REPEATS):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT.format(target=target, heavy=HEAVY)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        runs.append(json.loads(done.stdout))
    return {"ms": statistics.median(run[0] for run in runs), "modules": runs[0][1], "heavy": runs[0][2]}


def run() -> list[dict[str, Any]]:
    """Measure every function that has an app."""
    calibration = measure(CALIBRATION)["ms"]
    rows: list[dict[str, Any]] = []
    for path in sorted((ROOT / "functions").glob("*/app.py")):
        row = measure(f"functions.{path.parent.name}.app")
        rows.append({"function": path.parent.name, **row, "ratio": row["ms"] / calibration})
    return rows
