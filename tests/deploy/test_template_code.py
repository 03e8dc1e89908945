"""serverless.yml and the code say the same: functions, routes, settings, queues and rights."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from functions.deploy import runner_keys
from functions.deploy.manifest import ROOT, Unresolved, load
from functions.deploy.needs import function_names, need_of
from functions.deploy.wheels import Target
from functions.local_lambda.route_table import Route, RouteTable
from functions.shared.engine.verdicts import HOP_BUDGET
from tests.deploy.cloudformation import Template, text
from tests.deploy.uses import MODULES, app_of, describing, folder_of, opens_database, strange_reads, uses_of

if TYPE_CHECKING:
    from functions.deploy.manifest import Manifest

GIVEN = {"AGENTPLANE_SUPABASE_URL": "https://project.supabase.co"}
MANIFEST = load(environment=GIVEN)
NAMES = sorted(MANIFEST.functions)
TOLD_TO_ALL = {"stage", "log_level"}
# Settings whose defaults are right for a deployment, and that serverless.yml leaves to them.
LEFT_TO_DEFAULTS = {
    "agent_rate_limit",
    "allow_private_hosts",
    "auth_url",
    "concurrency",
    "database_pooled",
    "jwks_url",
    "lease_seconds",
    "local_data",
    "owner",
    "rate_limit",
    "stranger_rate_limit",
    "token_issuer",
    "webhook_retry_seconds",
}
ROUTES = [(method, path, name) for name, each in MANIFEST.functions.items() for method, path in each.routes]


def test_every_folder_with_an_app_is_deployed_and_nothing_else_is():
    assert sorted(function_names()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_function_has_its_own_package_and_a_handler_that_exists(name: str):
    function = MANIFEST.functions[name]
    assert function.artifact == ROOT / ".build/packages" / f"{name}.zip"
    assert function.handler == f"functions.{folder_of(name)}.app.handler"
    assert callable(importlib.import_module(function.handler.removesuffix(".handler")).handler)


def served(path: str) -> str:
    """Give a path that a route's pattern stands for."""
    return re.sub(r"\{[^}]+\}", "a-b_c", path)


def misrouted(routes: Iterable[tuple[str, str, str]]) -> list[str]:
    """Compare routes with what the apps serve, both ways."""
    routes = list(routes)
    table = RouteTable([Route(*route) for route in routes])
    apps = {name: app for name in NAMES if (app := app_of(name)) is not None}
    serving: dict[tuple[str, str], set[str]] = {}
    for name, app in apps.items():
        for route in app.router.routes:
            path: str = getattr(route, "path", "")
            if path in describing() and name != "discovery":
                continue  # each app can describe itself; deployed, one describes them all
            for method in {*getattr(route, "methods", ()), "HEAD", "OPTIONS"}:
                serving.setdefault((method, path), set()).add(name)
    faults: list[str] = []
    used: set[str] = set()
    for (method, path), names in serving.items():
        found = table.find(method, served(path))
        if found is None or found.route.function not in names:
            faults.append(f"{method} {path} is led to {found and found.route.function}, {sorted(names)} serve it")
        else:
            used.add(found.route.key)
    idle = [
        f"{path} leads to {name}, which serves nothing there"
        for method, path, name in routes
        if Route(method, path, name).key not in used
    ]
    return sorted([*faults, *idle])


def test_every_path_leads_to_the_function_that_serves_it_and_no_route_leads_elsewhere(template: Template):
    assert sorted(template.routes()) == sorted(ROUTES)
    assert misrouted(template.routes()) == []


def test_a_wrong_route_is_noticed():
    def without(path: str) -> list[tuple[str, str, str]]:
        return [route for route in ROUTES if route[1] != path]

    assert "GET /api/agents/{agent_id} is led to discovery, ['agents'] serve it" in misrouted(
        without("/api/agents/{proxy+}")
    )
    assert "/api/nowhere leads to agents, which serves nothing there" in misrouted(
        [*ROUTES, ("ANY", "/api/nowhere", "agents")]
    )
    assert any("is led to audit" in fault for fault in misrouted([*ROUTES, ("GET", "/api/agents/{id}", "audit")]))
    assert "GET / is led to None, ['discovery'] serve it" in misrouted(without("$default"))


def test_what_nobody_serves_is_answered_by_discovery(template: Template):
    table = RouteTable([Route(*route) for route in template.routes()])
    for path in (
        "/",
        "/docs",
        "/openapi.json",
        "/llms.txt",
        "/problems/not_found",
        "/robots.txt",
        "/api/nothing",
        "/favicon.ico",
    ):
        found = table.find("GET", path)
        assert found is not None
        assert found.route.function == "discovery", path
    assert not opens_database("discovery")
    assert opens_database("health")


def test_secret_settings_are_read_in_the_ways_that_are_looked_for():
    assert list(strange_reads()) == []


def differences(manifest: Manifest, name: str) -> list[str]:
    """Compare a function's environment with the settings that its code reads, both ways."""
    function = manifest.functions[name]
    told = {
        key.removeprefix("AGENTPLANE_").removesuffix("_PARAMETER").lower()
        for key in function.environment
        if key.startswith("AGENTPLANE_")
    }
    if not told and name == "sandbox":
        return [f"{name} reads {field}" for field in uses_of(name, is_fed_by_queues=False).settings]
    reads = uses_of(name, is_fed_by_queues=bool(function.queues)).settings
    missing = reads - told - LEFT_TO_DEFAULTS - TOLD_TO_ALL
    needless = told - reads - TOLD_TO_ALL
    return sorted(
        [
            *(f"{name} reads {field}, and is not told" for field in missing),
            *(f"{name} is told {field}, which it does not read" for field in needless),
        ]
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_function_is_told_the_settings_that_it_reads_and_no_others(name: str):
    assert differences(MANIFEST, name) == []


def test_a_setting_too_many_or_too_few_is_noticed(tmp_path: Path):
    written = (ROOT / "serverless.yml").read_text()
    changed = written.replace("AGENTPLANE_QUEUES: '[\"default\"]'", "AGENTPLANE_MASTER: x").replace(
        "    AGENTPLANE_PUBLIC_URL: &publicUrl", "    AGENTPLANE_SMTP_URL_PARAMETER: x\n    AGENTPLANE_X: &publicUrl"
    )
    (tmp_path / "serverless.yml").write_text(changed)
    manifest = load(tmp_path / "serverless.yml", environment=GIVEN)
    assert differences(manifest, "runner") == [
        "runner is told master, which it does not read",
        "runner reads queues, and is not told",
    ]
    assert "agents is told smtp_url, which it does not read" in differences(manifest, "agents")
    assert "agents reads public_url, and is not told" in differences(manifest, "agents")


@pytest.mark.parametrize("name", NAMES)
def test_the_models_library_is_told_about_where_it_is_packed(name: str):
    told = [key for key in MANIFEST.functions[name].environment if key.startswith("LITELLM_")]
    assert bool(told) == ("litellm" in need_of(name, MODULES).modules)


@pytest.mark.parametrize("name", NAMES)
def test_a_function_reads_the_runner_key_that_opens_its_verbs(name: str):
    key = runner_keys.key_of(name)
    told = MANIFEST.functions[name].environment.get("AGENTPLANE_RUNNER_KEY_PARAMETER")
    assert told == (f"/agentplane/dev/{key.parameter}" if key else None)


@pytest.mark.parametrize("name", NAMES)
def test_a_role_allows_the_calls_of_the_code_and_those_of_lambda_and_no_others(name: str, template: Template):
    logical = next(each for each in template.functions if template.short(each) == name)
    rights = template.rights_of(template.role_of(logical))
    by_lambda = {"logs:CreateLogStream", "logs:PutLogEvents"}
    if template.functions[logical].get("TracingConfig") == {"Mode": "Active"}:
        by_lambda |= {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
    if template.sources_of(logical):
        by_lambda |= {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
    uses = uses_of(name, is_fed_by_queues=bool(template.sources_of(logical)))
    by_ssm = {"kms:Decrypt"} if "ssm:GetParameters" in uses.actions else set()
    assert {right.action for right in rights} == uses.actions | by_lambda | by_ssm
    queues = {f"{queue.capitalize()}Queue" for queue in uses.queues}
    assert {r.resource for r in rights if r.action == "sqs:SendMessage"} == {f"${{{queue}.Arn}}" for queue in queues}
    fed = {text(source["EventSourceArn"]) for source in template.sources_of(logical)}
    asked = {right.resource for right in rights if right.action == "sqs:GetQueueAttributes"} - fed
    assert asked == ({f"${{{queue}.Arn}}" for queue in queues} if "sqs:GetQueueAttributes" in uses.actions else set())


def test_runtime_and_architecture_are_those_of_the_packages(templates: dict[str, Template]):
    target = Target("x86_64")
    for template in templates.values():
        for function in template.functions.values():
            assert function["Runtime"] == MANIFEST.runtime
            assert function["Architectures"] == [target.arch] == [MANIFEST.architecture]


def test_the_alarm_looks_for_what_the_runner_logs(template: Template):
    filters = template.of_type("AWS::Logs::MetricFilter").values()
    assert {each["FilterPattern"] for each in filters} == {f'"{HOP_BUDGET}"'}


def test_the_manifest_is_what_osls_generates(template: Template):
    for logical, generated in template.functions.items():
        function = MANIFEST.functions[template.short(logical)]
        assert generated["FunctionName"] == function.deployed_name
        assert generated["Handler"] == function.handler
        assert (generated["Timeout"], generated["MemorySize"]) == (function.timeout_s, function.memory_mb)
        assert generated.get("ReservedConcurrentExecutions") == function.reserved_concurrency
        told = template.environment_of(logical)
        assert told.keys() == function.environment.keys()
        literal = {key: value for key, value in function.environment.items() if not isinstance(value, Unresolved)}
        assert literal == {key: told[key] for key in literal}
        assert told.keys() - literal.keys() <= {"AGENTPLANE_PUBLIC_URL", "AGENTPLANE_QUEUE_URLS"}
    queues = {each["QueueName"]: each for each in template.queues.values()}
    assert queues.keys() == MANIFEST.queues.keys()
    for name, queue in MANIFEST.queues.items():
        assert queues[name]["VisibilityTimeout"] == queue.visibility_timeout_s
        assert queues[name]["MessageRetentionPeriod"] == queue.retention_s
