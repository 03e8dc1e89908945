"""`agentplane deploy` looks before it changes, hands nothing secret to what it runs, and asks what it has deployed."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from functions.deploy.run import CannotDeploy, RefusedByCheck, address_of, osls, run, run_command, smoke
from functions.deploy.stage import read_stage

if TYPE_CHECKING:
    from tests.deploy.stages.conftest import Given

REPOSITORY = Path(__file__).parents[3]


async def test_nothing_is_begun_when_a_check_fails(given: Given) -> None:
    said: list[str] = []
    broken = replace(given.stage, public_url="http://plane.example.com")
    with pytest.raises(RefusedByCheck, match=r"nothing was changed: .*public-url") as raised:
        await run(broken, said.append)
    assert [line.split()[0] for line in said] == ["check"]
    assert {finding.name: finding.state for finding in raised.value.findings}["public-url"] == "fail"


async def test_what_it_runs_gets_the_settings_and_no_secret(
    given: Given, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SUPABASE_DB_URL", "AGENTPLANE_SMTP_URL", "AGENTPLANE_SUPABASE_PUBLISHABLE_KEY"):
        monkeypatch.setenv(name, "a-secret")
    out = tmp_path / "environment.json"
    program = f"import json, os; json.dump(dict(os.environ), open({str(out)!r}, 'w'))"
    await run_command(given.stage, [sys.executable, "-c", program], "a step", given.seen.stored or ())
    environment = json.loads(out.read_text())
    assert environment["AGENTPLANE_SMTP_URL_PARAMETER"] == given.stage.parameter("smtp-url")
    assert "AGENTPLANE_DATABASE_URL_PARAMETER" not in environment
    assert environment["AGENTPLANE_SUPABASE_URL"] == given.stage.supabase_url
    assert "a-secret" not in environment.values()
    with pytest.raises(CannotDeploy, match="a step failed with exit code 3"):
        await run_command(given.stage, [sys.executable, "-c", "raise SystemExit(3)"], "a step")


def test_osls_is_told_the_stage_the_region_and_what_was_added(given: Given) -> None:
    assert osls("deploy", given.stage, ["--param=runners=20"])[2:] == [
        *("deploy", "--stage", given.stage.name, "--region", "eu-central-1", "--param=runners=20"),
    ]


def test_the_address_comes_from_the_stack(given: Given) -> None:
    aws = given.seen.aws
    with pytest.raises(CannotDeploy, match="their address could not be read"):
        address_of(given.stage)
    for outputs, name in (({"HttpApiUrl": {"Value": "https://abc.example.com/"}}, "a"), ({}, "b")):
        stage = replace(given.stage, name=given.stage.name + name)
        template = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}, "Outputs": outputs}
        aws.call("cloudformation", "create_stack", StackName=stage.stack, TemplateBody=json.dumps(template))
        if outputs:
            assert address_of(stage) == "https://abc.example.com"
        else:
            with pytest.raises(CannotDeploy, match="has no output HttpApiUrl"):
                address_of(stage)


@pytest.mark.parametrize(("ready_at", "passes"), [(1, True), (3, True), (9, False)])
async def test_a_new_address_is_asked_until_it_is_ready(ready_at: int, passes: bool) -> None:
    asked: list[str] = []

    async def answer(request: Any) -> JSONResponse:
        asked.append(request.url.path)
        is_ready = len(asked) > 2 * (ready_at - 1)
        return JSONResponse({"paths": {"/": {}}, "status": "ready"}, 200 if is_ready else 503)

    app = Starlette(routes=[Route("/{path:path}", answer)])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical"))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  uvicorn has no event for it
        await asyncio.sleep(0.01)
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        if passes:
            await smoke(url, tries=4, pause_s=0)
        else:
            with pytest.raises(CannotDeploy, match="/api/health/ready 503"):
                await smoke(url, tries=4, pause_s=0)
    finally:
        server.should_exit = True
        await serving
    assert set(asked) == {"/api/health/ready", "/openapi.json"}


def test_a_stage_is_read_from_the_environment() -> None:
    stage = read_stage(
        "prod",
        None,
        {
            "AWS_REGION": "eu-west-1",
            "AGENTPLANE_SUPABASE_URL": "https://abc.supabase.co/",
            "AGENTPLANE_CORS_ORIGINS": '["https://app.example.com"]',
            "SUPABASE_DB_URL": "postgresql://postgres:s3cret@db.example.com/postgres",
        },
    )
    assert (stage.region, stage.supabase_url, stage.stack) == (
        "eu-west-1",
        "https://abc.supabase.co",
        "agentplane-prod",
    )
    assert stage.environment() == {
        "AGENTPLANE_SUPABASE_URL": "https://abc.supabase.co",
        "AGENTPLANE_CORS_ORIGINS": '["https://app.example.com"]',
        "AGENTPLANE_ARCH": "x86_64",
    }
    assert "s3cret" not in repr(stage)
    for name, given in (
        ("Prod!", {}),
        ("dev", {"AGENTPLANE_CORS_ORIGINS": "https://app.example.com"}),
        ("dev", {"AGENTPLANE_ARCH": "amd64"}),
    ):
        with pytest.raises(ValueError, match=r"is not the name of a stage|is a JSON list|is x86_64 or arm64"):
            read_stage(name, None, given)


@pytest.mark.parametrize("password", ["s3cret/x", "s3cret#x", "s3cret[x"])
def test_an_address_that_cannot_be_read_is_named_and_not_shown(password: str) -> None:
    given = {"SUPABASE_DB_URL": f"postgresql://postgres:{password}@db.test:5432/postgres"}
    with pytest.raises(ValueError, match=r"^SUPABASE_DB_URL cannot be read as an address") as raised:
        read_stage("dev", None, given)
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        ([], 1, "error: nothing was changed: "),
        (["--check"], 1, ""),
        (["--init"], 2, "error: no region is named"),
        (["--region=eu-central-1", "--init"], 1, "error: no address of the database's owner is given"),
        (["--finish"], 2, "error: --finish goes with --rotate"),
        (["--chek"], 2, "error: there is no --chek"),
        (["--param=runers=2"], 2, "error: there is no param runers; there are logRetentionDays, "),
        (["--param", "runners=many"], 2, "error: the param runners is a number, not 'many'"),
        (["--param", "runners=2", "--force", "prod"], 2, "error: there is no prod"),
        (["--invite=you@example.com"], 2, "error: --organisation, --invite and --open-founding go with --init"),
    ],
)
def test_the_command_says_what_it_misses(options: list[str], code: int, told: str) -> None:
    environment = {"PATH": os.defpath, "AWS_EC2_METADATA_DISABLED": "true", "COLUMNS": "200"}
    command = [sys.executable, "-m", "agentplane.cli.main", "deploy", "--stage", "dev", *options]
    done = subprocess.run(command, env=environment, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert done.stderr.startswith(told)
    assert len(done.stderr.splitlines()) == (2 if told else 0), (
        "a line that says what happened, and one with the way out"
    )
    if code == 1 and "--init" not in options:
        assert "no region is named" in done.stdout


def test_the_command_prints_findings_and_ends_with_1_when_one_fails(given: Given) -> None:
    environment = {
        **os.environ,
        "AWS_REGION": given.stage.region,
        "AGENTPLANE_SUPABASE_URL": given.stage.supabase_url,
        "SUPABASE_DB_URL": given.stage.database_url,
        "AGENTPLANE_PUBLIC_URL": "http://plane.example.com",
    }
    command = [sys.executable, "-m", "agentplane.cli.main", "deploy", "--stage", given.stage.name, "--check", "--json"]
    command += ["--param=runners=11", "--param", "llmRunners=11"]
    done = subprocess.run(command, env=environment, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    findings = {finding["name"]: finding for finding in json.loads(done.stdout)["findings"]}
    assert findings["public-url"]["state"] == "fail"
    assert findings["concurrency"]["found"].startswith("50 of ")
    assert findings["secrets"]["state"] == findings["runner-keys"]["state"] == "ok"
    values = [each.value for each in (given.seen.stored or {}).values()]
    assert [value for value in values if value in done.stdout + done.stderr] == []
