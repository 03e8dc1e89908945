"""Deploys: looks first, packages, migrates, hands the functions to CloudFormation, then asks the deployed address."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from functions.deploy.aws import Aws, AwsProblem
from functions.deploy.check import check, has_failed, look
from functions.deploy.node import find_node, tool
from functions.deploy.seen import ROOT
from functions.deploy.stage import GIVEN_BY
from functions.shared.postgres.connection import CONNECT_ERRORS
from functions.shared.postgres.history import MigrationProblem
from functions.shared.postgres.migrate import apply

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from functions.deploy.finding import Finding
    from functions.deploy.stage import Stage

API_OUTPUT = "HttpApiUrl"  # osls names it so
TRIES, PAUSE_S = 10, 3.0
_OK = 200


class CannotDeploy(RuntimeError):
    """A step failed; the message says which, and what of the deployment stands."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """Where the plane answers."""

    url: str
    migrations: tuple[str, ...]


class RefusedByCheck(CannotDeploy):
    """Something would have broken; nothing was changed."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = findings
        failed = [finding.name for finding in findings if finding.state == "fail"]
        super().__init__(f"nothing was changed: {', '.join(failed)} {'is' if len(failed) == 1 else 'are'} not right")


async def run(stage: Stage, say: Callable[[str], None], options: Sequence[str] = ()) -> Deployed:
    """Deploy a stage. `options` go to osls as they are, such as `--param=runners=20`. Raises CannotDeploy."""
    say("check    settings, secrets, tools, migrations")
    with closing((seen := await look(stage)).aws):
        findings = [
            finding for finding in await check(stage, seen) if finding.name != "packages"
        ]  # they are built next
    if has_failed(findings):
        raise RefusedByCheck(findings)
    say("package  the functions")
    await run_command(
        stage, [sys.executable, "-m", "functions.deploy.package", "--arch", stage.arch, "--no-measure"], "the build"
    )
    say("migrate  the database")
    migrations = await _migrate(stage)
    for name in migrations:
        say(f"           {name}")
    say("deploy   the functions (osls, CloudFormation)")
    await run_command(stage, osls("deploy", stage, options), "osls deploy", seen.stored or ())
    url = await asyncio.to_thread(address_of, stage)
    say(f"ask      {url}")
    await smoke(url)
    return Deployed(url, migrations)


def osls(command: str, stage: Stage, options: Sequence[str] = ()) -> list[str]:
    """Give the command line of osls."""
    node = find_node()
    if node is None:
        raise CannotDeploy("Node is not installed; run `make deploy`, which installs it beside Python.")
    return [node, str(tool(ROOT, "osls")), command, "--stage", stage.name, "--region", stage.region, *options]


async def _migrate(stage: Stage) -> tuple[str, ...]:
    """Migrate before the functions come: they work with a newer schema, not with an older one."""
    try:
        return tuple(map(str, await apply(stage.database_url)))
    except MigrationProblem as problem:
        raise CannotDeploy(f"the migration failed, the functions were not touched: {problem}") from problem
    except CONNECT_ERRORS as error:
        raise CannotDeploy(f"the database cannot be reached: {type(error).__name__}") from error


async def run_command(stage: Stage, command: Sequence[str], what: str, stored: Collection[str] = ()) -> None:
    """Run a command of a step; it speaks for itself. The owner's address and keys are not in its environment."""
    environment = {name: value for name, value in os.environ.items() if name not in SECRET_VARIABLES}
    environment |= stage.environment(stored) | {"PATH": _path(), "PYTHONPATH": str(ROOT)}
    done = await asyncio.to_thread(subprocess.run, command, cwd=ROOT, env=environment, check=False)
    if done.returncode:
        raise CannotDeploy(f"{what} failed with exit code {done.returncode}; what it said stands above")


SECRET_VARIABLES = frozenset({"SUPABASE_DB_URL", *GIVEN_BY.values()})


def _path() -> str:
    """Let osls find the Node that runs it."""
    node = find_node()
    return os.pathsep.join([*([str(Path(node).parent)] if node else []), os.environ.get("PATH", os.defpath)])


def address_of(stage: Stage) -> str:
    """Give the address at which the stack answers. Raises CannotDeploy."""
    try:
        with closing(Aws(stage.region)) as aws:
            stack = aws.call("cloudformation", "describe_stacks", StackName=stage.stack)["Stacks"][0]
    except AwsProblem as problem:
        raise CannotDeploy(f"the functions are deployed; their address could not be read: {problem}") from problem
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", ())}
    if API_OUTPUT not in outputs:
        raise CannotDeploy(f"the functions are deployed; the stack {stage.stack} has no output {API_OUTPUT}")
    return str(outputs[API_OUTPUT]).rstrip("/")


async def smoke(url: str, *, tries: int = TRIES, pause_s: float = PAUSE_S) -> None:
    """Ask whether the plane is ready and what it offers; a new address may need a moment. Raises CannotDeploy."""
    told = ""
    async with httpx.AsyncClient(base_url=url, timeout=30) as http:
        for attempt in range(tries):
            if attempt:
                await asyncio.sleep(pause_s)
            try:
                ready = await http.get("/api/health/ready")
                offer = await http.get("/openapi.json")
            except httpx.HTTPError as error:
                told = type(error).__name__
                continue
            if ready.status_code == offer.status_code == _OK and offer.json().get("paths"):
                return
            told = f"/api/health/ready {ready.status_code}, /openapi.json {offer.status_code}: {ready.text[:300]}"
    raise CannotDeploy(f"the functions are deployed, but {url} does not work: {told}")
