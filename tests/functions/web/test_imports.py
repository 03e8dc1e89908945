"""What an app loads when it is imported: cold starts are paid by whoever calls first."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
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
# Every app is made by `create_app`: what that needs is imported once, then each app in a process forked from there.
SCRIPT = """
import functions.shared.web
import importlib, json, os, sys
for name in sys.argv[1:]:
    sys.stdout.flush()
    if not os.fork():
        importlib.import_module(f"functions.{name}.app")
        print(json.dumps([name, sorted(sys.modules)]))
        sys.exit()
    if os.wait()[1]:
        sys.exit(f"functions.{name}.app cannot be imported alone")
"""


@cache
def loaded() -> dict[str, list[str]]:
    """The modules of each app, imported without the others and without any environment."""
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT, *NAMES],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return dict(json.loads(line) for line in result.stdout.splitlines())


@pytest.fixture(params=NAMES)
def modules(request: pytest.FixtureRequest) -> list[str]:
    return loaded()[request.param]


def test_an_app_loads_nothing_heavy(modules: list[str]) -> None:
    assert FORBIDDEN & {module.split(".")[0] for module in modules} == set()


def test_an_app_loads_few_modules(modules: list[str]) -> None:
    assert len(modules) < MAX_MODULES
