"""Functions that answer requests, as they are deployed: they ring by queue, before they answer."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from functions.shared import aws
from functions.shared.config import settings
from functions.shared.web import lambda_handler
from tests.dispatch.conftest import SIGNER, Context
from tests.functions.apps import app_of
from tests.functions.conftest import app_state
from tests.functions.web.test_lambda import event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import asyncpg

    from functions.shared.web.app import LambdaHandler
    from tests.dispatch.conftest import Queues
    from tests.e2e.tenant import Tenant

ROOT = Path(__file__).resolve().parents[2]
UNTOUCHED = {"database": None, "doorbell": None, "settings": None, "rates": None, "wake": None}


@pytest.fixture
def handler_of(deployed: pytest.MonkeyPatch) -> Iterator[Callable[[str], LambdaHandler]]:
    """Gives a function that nothing was called of yet."""
    del deployed
    with ExitStack() as stack:

        def make(name: str) -> LambdaHandler:
            app = app_of(name)
            stack.enter_context(app_state(app, **UNTOUCHED))
            handler = lambda_handler(app)
            stack.callback(handler.close)
            return handler

        yield make


@pytest.fixture
def with_queues(deployed: pytest.MonkeyPatch, queues: Queues) -> Queues:
    """The queues, and their addresses in the environment."""
    deployed.setenv("AGENTPLANE_QUEUE_URLS", json.dumps(queues.urls))
    settings.cache_clear()
    return queues


def said(answer: dict[str, Any]) -> dict[str, Any]:
    return json.loads(answer["body"]) if answer["body"] else {}


async def test_a_start_is_in_the_queue_before_it_is_answered_cold_and_warm(
    tenant: Tenant, handler_of: Callable[[str], LambdaHandler], with_queues: Queues
) -> None:
    await tenant.define("name: one\nsteps: {a: {transform: 1}}")
    handler = handler_of("executions")
    for _ in range(3):
        started = await call(handler, tenant, "POST", "/api/executions", {"workflow": "one"})
        assert started["statusCode"] == 202, started
        [message] = with_queues.taken("default")
        body = json.loads(message["Body"])
        assert SIGNER.is_signed(body)
        assert body["execution_id"] == said(started)["id"]
        assert message["Attributes"]["MessageGroupId"] == tenant.org.id


async def test_what_a_chore_has_to_do_is_in_its_queue_before_it_is_answered(
    tenant: Tenant, handler_of: Callable[[str], LambdaHandler], with_queues: Queues
) -> None:
    await tenant.define("name: one\nsteps: {a: {transform: 1}}")
    body = {"name": "nightly", "workflow": "one", "cron": "0 3 * * *"}
    made = await call(handler_of("schedules"), tenant, "POST", "/api/schedules", body)
    assert made["statusCode"] == 201, made
    [message] = with_queues.taken("chores")
    assert json.loads(message["Body"])["chore"] == "schedules"


async def test_a_missing_parameter_is_a_problem_that_names_it_until_it_is_there(
    tenant: Tenant,
    handler_of: Callable[[str], LambdaHandler],
    deployed: pytest.MonkeyPatch,
    moto_address: str,
    aws_at: Callable[[str], None],
) -> None:
    aws_at(moto_address)
    name = f"/agentplane/{uuid4().hex}/runner-key"
    deployed.delenv("AGENTPLANE_RUNNER_KEY")
    deployed.setenv("AGENTPLANE_RUNNER_KEY_PARAMETER", name)
    settings.cache_clear()
    handler = handler_of("me")
    for _ in range(2):
        refused = await call(handler, tenant, "GET", "/api/me")
        assert (refused["statusCode"], said(refused)["code"]) == (503, "parameter_missing")
        assert name in said(refused)["detail"]
    aws.ask_now("ssm", "put_parameter", Name=name, Value="ap_runner_x", Type="SecureString")
    assert (await call(handler, tenant, "GET", "/api/me"))["statusCode"] == 200


async def test_what_may_not_be_repeated_works_after_connections_died_in_a_frozen_process(
    tenant: Tenant, handler_of: Callable[[str], LambdaHandler], superuser: asyncpg.Connection
) -> None:
    handler = handler_of("state")
    for n in range(4):
        body = {"component": "c", "key": f"k{n}", "value": n}
        assert (await call(handler, tenant, "POST", "/api/state", body))["statusCode"] == 201
        await superuser.execute(
            "select pg_terminate_backend(pid, 1000) from pg_stat_activity"
            " where datname = current_database() and usename = 'authenticator'"
        )
        await asyncio.sleep(0.1)  # frozen


async def call(
    handler: LambdaHandler, tenant: Tenant, method: str, path: str, body: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Call a handler in a thread, which has no event loop of its own."""
    return await asyncio.to_thread(
        handler, event(method, path, secret=tenant.org.operator_secret, body=body), Context()
    )


@pytest.mark.parametrize("name", ["runner", "sweeper", "chores"])
def test_what_has_no_routes_loads_no_web_framework_no_aws_and_no_models(name: str) -> None:
    script = f"import sys, json; import functions.{name}.app; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {module.split(".")[0] for module in json.loads(done.stdout)}
    heavy = {
        "fastapi",
        "mangum",
        "botocore",
        "boto3",
        "litellm",
        "asyncpg",
        "postgrest",
        "aiosmtplib",
        "pydantic_monty",
    }
    assert loaded & heavy == set()
