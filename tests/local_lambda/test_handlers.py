"""Every handler of serverless.yml, cold and warm, from its package and from nowhere else."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from functions.deploy.manifest import load
from functions.local_lambda.function import Request
from functions.local_lambda.gateway_event import HttpRequest, event_of
from functions.local_lambda.queue_source import scheduled_event
from functions.local_lambda.route_table import Found, Route

if TYPE_CHECKING:
    from functions.deploy.manifest import Function
    from functions.shared.jsonvalue import Json
    from tests.local_lambda.running import Lambda

FUNCTIONS = load(environment={}).functions
ABSENT = ["litellm", "moto", "pytest", "setuptools", "uvicorn"]  # they are in the virtual environment
PROGRAM = {"python": "result = 6 * 7", "inputs": {}, "timeout": 5, "memory_mb": 64, "seed": "0"}

PROBE = """
import importlib, sys

def handle(event, context):
    found, missing = {}, []
    for name in event["modules"]:
        try:
            found[name] = importlib.import_module(name).__file__
        except ModuleNotFoundError:
            missing.append(name)
    loaded = {name: module.__file__ for name, module in sys.modules.items() if getattr(module, "__file__", None)}
    return {"found": found, "missing": missing, "loaded": loaded}
"""


def event_for(function: Function) -> Json:
    if function.routes:
        method, path = function.routes[0]
        asked = "/" if path == "$default" else path.replace("{proxy+}", "x")
        route = Route(method, path, function.name)
        request = HttpRequest("GET", asked, "", [("host", "plane"), ("user-agent", "tests")], b"", "127.0.0.1")
        return event_of(request, Found(route, {}), "Root=1-00000000-000000000000000000000000")
    return dict(PROGRAM) if function.name == "sandbox" else {"Records": []}


def answers(function: Function, answer: Any) -> bool:
    if function.routes:
        return 200 <= answer["statusCode"] < 500
    return (
        answer == {"ok": True, "value": 42, "printed": ""}
        if function.name == "sandbox"
        else answer == {"batchItemFailures": []}
    )


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
async def test_each_handler_answers_cold_and_warm_in_one_process(lambda_: Lambda, name: str):
    function = FUNCTIONS[name]

    async def twice() -> list[Any]:
        return [await lambda_.local.functions[name].invoke(Request(event_for(function))) for _ in range(2)]

    for answer in await lambda_.do(twice()):
        assert not answer.error, answer.body
        assert answers(function, json.loads(answer.body)), answer.body
    pid = answer.invocation.pid
    cold, *warm = [one for one in lambda_.local.ledger.of(name) if one.pid == pid]
    assert (cold.is_cold, cold.error) == (True, "")  # now, or in a test before
    assert warm
    assert not any(one.is_cold or one.error for one in warm)


@pytest.mark.parametrize("name", ["sweeper", "chores"])
async def test_what_comes_every_minute_does_its_work_with_the_few_rights_of_its_key(lambda_: Lambda, name: str):
    answer = await lambda_.do(lambda_.local.invoke(name, scheduled_event(name)))

    assert not answer.error, answer.body
    said = json.loads(answer.body)
    assert "rung" in said if name == "sweeper" else said["failed"] == []


async def test_code_and_libraries_come_from_the_package_alone(lambda_: Lambda, tmp_path: Path):
    (tmp_path / "probe.py").write_text(PROBE)
    function = lambda_.local.functions["executions"]
    started = await asyncio.to_thread(function.started)
    path = f"{started.variables['PYTHONPATH']}:{tmp_path}"

    async def probe() -> Any:
        await function.change(handler="probe.handle", variables={**started.variables, "PYTHONPATH": path})
        modules = ["functions", "functions.executions.app", "asyncpg", "botocore", "fastapi", "mangum", "pydantic_core"]
        try:
            return await function.invoke(Request({"modules": [*modules, *ABSENT]}))
        finally:
            await function.restore()

    said = json.loads((await lambda_.do(probe())).body)
    assert said["missing"] == ABSENT
    for file in said["found"].values():
        assert Path(file).is_relative_to(started.folder)
    elsewhere = {
        name
        for name, file in said["loaded"].items()
        if not Path(file).is_relative_to(started.folder) and "/lib/python3" not in file
    }
    own = {"awslambdaric", "runtime_client", "simplejson", "snapshot_restore_py", "probe", "__main__"}
    assert {name.partition(".")[0] for name in elsewhere} <= own
    assert not [
        name for name, file in said["loaded"].items() if "site-packages" in file and name.partition(".")[0] not in own
    ]
