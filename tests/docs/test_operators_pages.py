"""docs/deploy.md and docs/operate.md name what there is: checks, secrets, alarms, settings, options; their SQL runs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest
import typer
from agentplane.cli.main import app

from functions.deploy.manifest import load
from functions.deploy.parameters import PARAMETERS

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parents[2]
DEPLOY = (ROOT / "docs/deploy.md").read_text()
OPERATE = (ROOT / "docs/operate.md").read_text()
SQL = re.compile(r"^```sql\n(.*?)^```", re.MULTILINE | re.DOTALL)
SETTINGS = {"AGENTPLANE_SUPABASE_URL": "https://project.test", "AGENTPLANE_PUBLIC_URL": ""}


def first_cells(page: str, heading: str) -> list[str]:
    """Give the code spans in the first cells of the table that stands under a heading or a header row."""
    _, _, rest = page.partition(heading)
    table = rest.partition("\n| ")[2].partition("\n\n")[0]
    return [span for line in table.splitlines()[2:] for span in re.findall(r"`([^`]+)`", line.split(" | ")[0])]


def test_every_check_is_on_the_page_and_no_other() -> None:
    source = "".join(path.read_text() for path in (ROOT / "functions/deploy").glob("check_*.py"))
    given = set(re.findall(r'(?:\bok|warn|fail|_unseen|_address)\(\s*"([a-z-]+)"', source))
    assert set(first_cells(DEPLOY, "for programs.")) == given | {"secret <name>"}


def test_every_secret_is_on_the_page_with_the_way_to_replace_it() -> None:
    table = first_cells(OPERATE, "## Rotate keys")
    assert set(table) == {parameter.name for parameter in PARAMETERS}


def test_every_alarm_is_on_the_page_and_no_other() -> None:
    text = (ROOT / "serverless.yml").read_text()
    alarms = set(re.findall(r'AlarmName: "?agentplane-\$\{sls:stage\}-([a-z0-9-]+)', text))
    functions = load(environment=SETTINGS).functions
    families = {"errors-<function>" if name.removeprefix("errors-") in functions else name for name in alarms}
    assert set(first_cells(OPERATE, "## Alarms")) == families


def test_every_setting_on_the_page_is_read_by_somebody() -> None:
    readers = (
        "functions/deploy/stage.py",
        "serverless.yml",
        "supabase/config.toml",
        "functions/shared/postgres/login.py",
        "sdk/python/agentplane/cli/connection.py",
    )
    source = "".join((ROOT / path).read_text() for path in readers)
    named = set(re.findall(r"\b(?:AGENTPLANE|SUPABASE)_[A-Z_]+\b", DEPLOY + OPERATE))
    assert {name for name in named if name not in source} == set()


def test_every_option_of_the_command_on_the_pages_exists() -> None:
    command = typer.main.get_command(app).commands["deploy"]  # type: ignore[attr-defined]
    known = {option for parameter in command.params for option in parameter.opts}
    used = set(_options(re.findall(r"(?:agentplane deploy|make deploy ARGS=\")([^\n`\"]*)", DEPLOY + OPERATE)))
    assert used - {"--param", "--force"} <= known  # those two are osls's
    assert {"--stage", "--init", "--check", "--organisation", "--invite", "--rotate"} <= used


def _options(commands: Iterable[str]) -> Iterable[str]:
    for command in commands:
        yield from re.findall(r"--[a-z-]+", command)


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_the_concurrency_on_the_page_is_what_the_template_reserves(stage: str) -> None:
    functions = load(stage=stage, environment=SETTINGS).functions.values()
    reserved = sum(function.reserved_concurrency or 0 for function in functions)
    assert re.search(rf"`{stage}` reserves {reserved}\b", DEPLOY)


async def test_the_queries_on_the_page_run(admin: asyncpg.Connection) -> None:
    queries = SQL.findall(OPERATE)
    assert len(queries) == 3
    for query in queries:
        assert await admin.fetch(query) == []


def test_the_cost_on_the_page_is_under_the_target() -> None:
    sums = re.search(r"\*\*per 1,000 workflows\*\* \|(.*)", DEPLOY)
    assert sums is not None
    dollars = [float(each) for each in re.findall(r"\$([0-9.]+)", sums[1])]
    assert len(dollars) == 6
    assert max(dollars) < 0.50


def test_each_variable_of_who_deploys_is_on_the_page() -> None:
    head = (ROOT / "serverless.yml").read_text().partition("service: agentplane")[0]
    told = set(re.findall(r"AGENTPLANE_[A-Z_]+", head))
    assert {"AGENTPLANE_INTERPRET_MODEL", "AGENTPLANE_EMBEDDING_MODEL"} <= told
    # What ends so is set by `agentplane deploy` itself, when the secret is stored.
    wanted = {name for name in told if not name.endswith("_PARAMETER")}
    assert wanted <= set(first_cells(DEPLOY, "## 3. Tell it where"))


def test_the_line_that_finds_the_tools_finds_them() -> None:
    assert "$(.venv/bin/python -m functions.deploy.node)" in DEPLOY
    done = subprocess.run(
        [sys.executable, "-m", "functions.deploy.node"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for tool in ("agentplane", "osls", "supabase", "node", "npm"):
        assert shutil.which(tool, path=done.stdout.strip()) is not None, tool
