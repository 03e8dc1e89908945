"""What an app loads when it is imported: cold starts are paid by whoever calls first."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.functions.apps import NAMES

ROOT = Path(__file__).resolve().parents[3]
FORBIDDEN = {
    "litellm",
    "supabase",
    "openai",
    "mcp",
    "boto3",
    "botocore",
    "asyncpg",
    "typer",
    "rich",
    "jsonschema",
    "numpy",
}
MAX_MODULES = 620
SCRIPT = "import sys, json; import functions.{name}.app; print(json.dumps(sorted(sys.modules)))"


@pytest.fixture(scope="module", params=NAMES)
def modules(request: pytest.FixtureRequest) -> list[str]:
    """The modules of one app, imported alone and without any environment."""
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(name=request.param)],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded: list[str] = json.loads(result.stdout)
    return loaded


def test_an_app_loads_nothing_heavy(modules: list[str]) -> None:
    assert FORBIDDEN & {module.split(".")[0] for module in modules} == set()


def test_an_app_loads_few_modules(modules: list[str]) -> None:
    assert len(modules) < MAX_MODULES
