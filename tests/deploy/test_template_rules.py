"""The generated CloudFormation: cfn-lint accepts it, our rules hold in it, and each rule notices what breaks it."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.cloudformation import Template
from tests.deploy.conftest import STAGES
from tests.deploy.template_rules import faults

Resources = dict[str, dict[str, Any]]
QUEUE_ARN = "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}"


def lint(*templates: Path) -> tuple[int, str]:
    """Give the exit code of cfn-lint and what it says."""
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--regions", "eu-central-1"]
    # W3005: osls writes down dependencies that follow from references anyway.
    command += ["--ignore-checks", "W3005", "--template", *map(str, templates)]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    return told.returncode, told.stdout + told.stderr


def test_cfn_lint_accepts_the_templates_of_both_stages(template_file: Callable[[str], Path]):
    assert lint(*map(template_file, STAGES)) == (0, "")


@pytest.mark.parametrize("stage", STAGES)
def test_all_rules_hold(stage: str, templates: dict[str, Template]):
    assert faults(templates[stage]) == []


def test_stages_differ_in_sizes_and_names_only(templates: dict[str, Template]):
    dev, prod = (templates[stage] for stage in STAGES)
    assert dev.resources.keys() == prod.resources.keys()
    assert dev.functions["RunnerLambdaFunction"]["FunctionName"] == "agentplane-dev-runner"
    assert prod.functions["RunnerLambdaFunction"]["ReservedConcurrentExecutions"] == 50
    assert dev.resources["AgentsLogGroup"]["Properties"]["RetentionInDays"] == 14
    assert prod.resources["AgentsLogGroup"]["Properties"]["RetentionInDays"] == 90


def _own(resources: Resources, role: str) -> list[dict[str, Any]]:
    statements: list[dict[str, Any]] = resources[role]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    return statements


def _allow(role: str, action: str, resource: Any) -> Callable[[Resources], None]:
    return lambda r: _own(r, role).append({"Effect": "Allow", "Action": action, "Resource": resource})


def _set(resource: str, name: str, value: Any) -> Callable[[Resources], None]:
    return lambda r: r[resource]["Properties"].__setitem__(name, value)


def _unset(resource: str, name: str) -> Callable[[Resources], None]:
    return lambda r: r[resource]["Properties"].__delitem__(name)


def _without(resource: str) -> Callable[[Resources], None]:
    return lambda r: r.__delitem__(resource)


def _tell(function: str, name: str, value: Any) -> Callable[[Resources], None]:
    return lambda r: r[function]["Properties"]["Environment"]["Variables"].__setitem__(name, value)


def _not_told(function: str, name: str) -> Callable[[Resources], None]:
    return lambda r: r[function]["Properties"]["Environment"]["Variables"].__delitem__(name)


def _new_trust(resources: Resources) -> None:
    trust = copy.deepcopy(resources["AgentsRole"]["Properties"]["AssumeRolePolicyDocument"])
    trust["Statement"][0]["Principal"]["Service"] = ["lambda.amazonaws.com", "scheduler.amazonaws.com"]
    resources["AgentsRole"]["Properties"]["AssumeRolePolicyDocument"] = trust


def _forgotten_condition(resources: Resources) -> None:
    statements = resources["DatabasePolicy"]["Properties"]["PolicyDocument"]["Statement"]
    del next(each for each in statements if each["Action"] == "kms:Decrypt")["Condition"]


def _one_delivery(resources: Resources) -> None:
    resources["LlmQueue"]["Properties"]["RedrivePolicy"]["maxReceiveCount"] = 1


def _many(resources: Resources) -> None:
    resources.update({f"Copy{number}": copy.deepcopy(resources["AgentsLogGroup"]) for number in range(200)})


SHARED_ROLE = {"Fn::GetAtt": ["AuditRole", "Arn"]}
FOREIGN_ROLE = "arn:aws:iam::123456789012:role/admin"
BROKEN: dict[str, tuple[Callable[[Resources], None], str]] = {
    "a wildcard action": (_allow("AgentsRole", "ssm:*", "x"), "AgentsRole: the action ssm:* has a wildcard"),
    "all actions": (_allow("AgentsRole", "*", "x"), "AgentsRole: the action * has a wildcard"),
    "a wildcard resource": (_allow("RunnerRole", "dynamodb:GetItem", "*"), "RunnerRole: dynamodb:GetItem on *"),
    "every queue": (
        _allow("HooksRole", "sqs:SendMessage", {"Fn::Sub": f"{QUEUE_ARN}:*"}),
        f"HooksRole: sqs:SendMessage on {QUEUE_ARN}:*",
    ),
    "all but some actions": (
        lambda r: _own(r, "AgentsRole").append({"Effect": "Allow", "NotAction": "iam:PassRole", "Resource": "x"}),
        "AgentsRole: the action * has a wildcard",
    ),
    "keys that open anything": (_forgotten_condition, "AgentsRole: kms:Decrypt on arn:"),
    "another queue": (
        _allow("AgentsRole", "sqs:SendMessage", {"Fn::GetAtt": ["LlmQueue", "Arn"]}),
        "AgentsLambdaFunction: may send to ['${LlmQueue.Arn}'], is told of []",
    ),
    "another function": (
        _allow("AgentsRole", "lambda:InvokeFunction", {"Fn::GetAtt": ["RunnerLambdaFunction", "Arn"]}),
        "AgentsLambdaFunction: may invoke ['${RunnerLambdaFunction.Arn}'], is told of None",
    ),
    "a log of others": (
        _allow("AgentsRole", "logs:PutLogEvents", {"Fn::GetAtt": ["AuditLogGroup", "Arn"]}),
        "AgentsLambdaFunction: writes to other logs than AgentsLogGroup",
    ),
    "a parameter too many": (
        lambda r: r["AgentsRole"]["Properties"]["ManagedPolicyArns"].append({"Ref": "SealingPolicy"}),
        "AgentsLambdaFunction: may read /agentplane/dev/master-key, which its environment does not name",
    ),
    "a parameter too few": (
        lambda r: r["SecretsRole"]["Properties"]["ManagedPolicyArns"].remove({"Ref": "SealingPolicy"}),
        "SecretsLambdaFunction: may not read /agentplane/dev/master-key",
    ),
    "a queue that it cannot take from": (
        lambda r: _own(r, "RunnerRole").__delitem__(slice(2, None)),
        "RunnerLambdaFunction: takes from [], is fed by",
    ),
    "a policy of AWS": (
        lambda r: r["AgentsRole"]["Properties"]["ManagedPolicyArns"].append(
            "arn:aws:iam::aws:policy/AdministratorAccess"
        ),
        "AgentsRole: has the policy arn:aws:iam::aws:policy/AdministratorAccess from outside",
    ),
    "a role that others may take": (_new_trust, "AgentsRole: others than Lambda may take it"),
    "a shared role": (
        _set("AgentsLambdaFunction", "Role", SHARED_ROLE),
        "AgentsLambdaFunction: shares the role AuditRole",
    ),
    "a missing role": (
        _set("AgentsLambdaFunction", "Role", FOREIGN_ROLE),
        "AgentsLambdaFunction: its role is not in the template",
    ),
    "a secret in the environment": (
        _tell("RunnerLambdaFunction", "AGENTPLANE_RUNNER_KEY", "ap_run_1234"),
        "RunnerLambdaFunction: AGENTPLANE_RUNNER_KEY is in the environment",
    ),
    "a secret by another name": (
        _tell("AgentsLambdaFunction", "PGURL", "postgresql://plane:x@db/postgres"),
        "AgentsLambdaFunction: the value of PGURL looks like a secret",
    ),
    "a plain setting as a parameter": (
        _tell("AgentsLambdaFunction", "AGENTPLANE_STAGE_PARAMETER", "/agentplane/dev/stage"),
        "AgentsLambdaFunction: AGENTPLANE_STAGE_PARAMETER is the parameter of no secret setting",
    ),
    "no log group": (_without("AgentsLogGroup"), "AgentsLambdaFunction: has no log group"),
    "logs for ever": (_unset("AgentsLogGroup", "RetentionInDays"), "AgentsLogGroup: is kept for ever"),
    "a short visibility": (
        _set("DefaultQueue", "VisibilityTimeout", 180),
        "DefaultQueue: messages are hidden for less than six times 900 s",
    ),
    "no dead letters": (_unset("DefaultQueue", "RedrivePolicy"), "DefaultQueue: has no dead-letter queue"),
    "a single delivery": (_one_delivery, "LlmQueue: gives up after 1 deliveries"),
    "short dead letters": (
        _set("LlmDeadQueue", "MessageRetentionPeriod", 345_600),
        "LlmDeadQueue: keeps messages for less than 14 days",
    ),
    "a plain queue": (_set("ChoresQueue", "SqsManagedSseEnabled", False), "ChoresQueue: is not encrypted"),
    "queues without TLS": (_without("DefaultQueuePolicy"), "DefaultQueue: can be used without TLS"),
    "a queue for everybody": (
        lambda r: r["LlmQueuePolicy"]["Properties"]["PolicyDocument"]["Statement"].append(
            {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
        ),
        "LlmQueuePolicy: lets in *",
    ),
    "a queue that nobody reads": (
        _without("RunnerEventSourceMappingSQSDefaultQueue"),
        "DefaultQueue: nobody takes from it",
    ),
    "whole batches": (
        _unset("RunnerEventSourceMappingSQSDefaultQueue", "FunctionResponseTypes"),
        "RunnerLambdaFunction: one failed message of ${DefaultQueue.Arn} repeats its whole batch",
    ),
    "more deliveries than runs": (
        _set("RunnerLambdaFunction", "ReservedConcurrentExecutions", 6),
        "RunnerLambdaFunction: 10 deliveries at a time, 6 reserved",
    ),
    "AWS' limit of loops": (
        lambda r: r["RunnerLambdaFunction"]["Properties"].pop("RecursiveLoop"),
        "RunnerLambdaFunction: RecursiveLoop is None, it rings",
    ),
    "no alarm for errors": (_without("AgentsErrors"), "AgentsLambdaFunction: nobody watches Errors"),
    "no alarm for dead letters": (
        _without("LlmQueueDead"),
        "LlmDeadQueue: nobody watches ApproximateNumberOfMessagesVisible",
    ),
    "no alarm for waiting": (_without("LlmQueueOld"), "LlmQueue: nobody watches ApproximateAgeOfOldestMessage"),
    "no alarm for silence": (_without("SweeperSilent"), "SweeperLambdaFunction: nobody watches Invocations"),
    "silence that is taken for rest": (
        _set("ChoresSilent", "TreatMissingData", "notBreaching"),
        "ChoresSilent: silence of five minutes is not noticed",
    ),
    "no alarm for circles": (_without("HopBudgetSpent"), "HopBudgetSpent: has no alarm"),
    "a log that nobody reads": (
        _without("RunnerLlmHops"),
        "RunnerDashllmLambdaFunction: nobody reads hop_budget in its log",
    ),
    "an alarm for nobody": (_set("ApiFailing", "AlarmActions", []), "ApiFailing: tells nobody"),
    "no alarm for 5xx": (_without("ApiFailing"), "HttpApi: nobody watches 5xx"),
    "no alarm for throttling": (_without("RunnerThrottled"), "RunnerLambdaFunction: nobody watches Throttles"),
    "no throttling": (_unset("HttpApiStage", "DefaultRouteSettings"), "HttpApiStage: is not throttled"),
    "no access log": (_unset("HttpApiStage", "AccessLogSettings"), "HttpApiStage: has no access log"),
    "tokens in the access log": (
        _set("HttpApiStage", "AccessLogSettings", {"Format": "$context.status $context.path"}),
        "HttpApiStage: logs paths, which may hold the token of a link or of a hook",
    ),
    "CORS at the gateway": (
        _set("HttpApi", "CorsConfiguration", {"AllowOrigins": ["*"]}),
        "HttpApi: answers preflights, which the functions do",
    ),
    "an answer that comes too late": (
        _set("AgentsLambdaFunction", "Timeout", 60),
        "AgentsLambdaFunction: may take 60 s, the API waits for 30",
    ),
    "any API may invoke": (
        _unset("AgentsLambdaPermissionHttpApi", "SourceArn"),
        "AgentsLambdaPermissionHttpApi: apigateway.amazonaws.com may invoke it from *",
    ),
    "a sandbox with a right": (
        _allow("SandboxRole", "ssm:GetParameters", "x"),
        "SandboxLambdaFunction: may ['ssm:GetParameters']",
    ),
    "a sandbox that is told something": (
        _set("SandboxLambdaFunction", "Environment", {"Variables": {"A": "b"}}),
        "SandboxLambdaFunction: is told something",
    ),
    "a sandbox without limit": (
        _unset("SandboxLambdaFunction", "ReservedConcurrentExecutions"),
        "SandboxLambdaFunction: may use all of the account's concurrency",
    ),
    "a public bucket": (
        _unset("ServerlessDeploymentBucket", "PublicAccessBlockConfiguration"),
        "ServerlessDeploymentBucket: is public or not encrypted",
    ),
    "a broken dashboard": (
        _set("Dashboard", "DashboardBody", {"Fn::Sub": '{"widgets": [}'}),
        "Dashboard: is not JSON",
    ),
    "a dashboard of what is gone": (
        _set("Dashboard", "DashboardBody", {"Fn::Sub": '{"widgets": ["${Gone.QueueName}"]}'}),
        "Dashboard: shows ['Gone'], which are not there",
    ),
    "too much to tell": (
        _tell("AgentsLambdaFunction", "AGENTPLANE_RATE_LIMIT", "x" * 4096),
        "AgentsLambdaFunction: is told",
    ),
    "too many resources": (_many, "template: 489 resources, at most 400"),
}


@pytest.mark.parametrize("breaks", BROKEN)
def test_what_breaks_a_rule_is_named(breaks: str, template: Template):
    change, expected = BROKEN[breaks]
    broken = copy.deepcopy(template.body)
    change(broken["Resources"])
    found = faults(Template(broken))
    assert [fault for fault in found if fault.startswith(expected)], found


def test_cfn_lint_is_a_real_gate(template: Template, tmp_path: Path):
    few = ("RunnerEventSourceMappingSQSDefaultQueue", "RunnerLambdaFunction", "DefaultQueue")  # all would take long
    resources = {name: copy.deepcopy(template.resources[name]) for name in few}
    resources["RunnerEventSourceMappingSQSDefaultQueue"]["Properties"]["ScalingConfig"]["MaximumConcurrency"] = 1
    resources["RunnerLambdaFunction"]["Properties"]["RecursiveLoop"] = "Yes"
    resources["DefaultQueue"]["Properties"]["VisibilityTimeout"] = 60
    (tmp_path / "broken.json").write_text(json.dumps({"Resources": resources}))
    code, told = lint(tmp_path / "broken.json")
    assert code != 0
    assert [rule for rule in ("E3034", "E3030", "E3505") if rule not in told] == []
