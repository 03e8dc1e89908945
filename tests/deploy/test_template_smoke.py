"""Smoke test of the way a deployment goes: `osls deploy`, `info` and `remove` against moto.

It shows that osls takes the packages, uploads them, makes the stack and updates it, and that functions, roles, queues,
mappings, log groups and rules come out as written. It shows nothing of what moto skips while it says UPDATE_COMPLETE:
the HTTP API with its routes and stage, alarms, metric filters, policies of queues, topics and buckets, the limits of
asynchronous invocations; nor tracing, shared policies of roles and the stack's outputs, which it drops; nor whether a
right is enough, because moto enforces none. Those are compared in the template (`test_template_rules`).
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from functions.deploy.manifest import Manifest, load
from tests.deploy.osls import GIVEN, checkout, osls

pytestmark = pytest.mark.xdist_group("osls against moto")
REGION = "eu-central-1"
ACCOUNT = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "not-a-key", "AWS_REGION": REGION}
# The address would be the API's, which moto does not make.
TOLD = {
    **GIVEN,
    **ACCOUNT,
    "AGENTPLANE_PUBLIC_URL": "https://plane.example",
    "AGENTPLANE_ALARM_EMAIL": "ops@plane.example",
    "SLS_AWS_MONITORING_FREQUENCY": "200",
}


@dataclass(frozen=True)
class Deployment:
    """A checkout that was deployed, where moto is, and its clients."""

    folder: Path
    endpoint: str
    clients: dict[str, Any]

    def osls(self, command: str) -> str:
        """Run osls for stage dev; gives what it says."""
        told = osls(self.folder, command, "--stage", "dev", environment={**TOLD, "AWS_ENDPOINT_URL": self.endpoint})
        assert told.returncode == 0, told.stdout + told.stderr
        return told.stdout + told.stderr


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return load(environment=TOLD)


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Deploy once for the module."""
    server = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("moto_server.py"))],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with server, ExitStack() as stack:
        stack.callback(server.kill)
        assert server.stdout is not None
        endpoint = f"http://127.0.0.1:{server.stdout.readline().strip()}"
        clients: dict[str, Any] = {}
        for name in ("cloudformation", "events", "iam", "lambda", "logs", "s3", "sqs"):
            client = boto3.client(
                name,
                endpoint_url=endpoint,
                region_name=REGION,
                aws_access_key_id=ACCOUNT["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=ACCOUNT["AWS_SECRET_ACCESS_KEY"],
            )
            clients[name] = stack.enter_context(closing(client))
        deployment = Deployment(checkout(tmp_path_factory.mktemp("checkout")), endpoint, clients)
        assert "Service deployed to stack agentplane-dev" in deployment.osls("deploy")
        yield deployment


def test_smoke_functions_are_made_as_written(deployed: Deployment, manifest: Manifest):
    lambdas = deployed.clients["lambda"]
    made = {each["FunctionName"]: each for each in lambdas.list_functions(MaxItems=1000)["Functions"]}
    assert made.keys() == {each.deployed_name for each in manifest.functions.values()}
    for function in manifest.functions.values():
        there = made[function.deployed_name]
        assert (there["Handler"], there["Runtime"]) == (function.handler, manifest.runtime)
        assert (there["Timeout"], there["MemorySize"]) == (function.timeout_s, function.memory_mb)
        assert there["Role"].rpartition("/")[2].startswith(f"agentplane-dev-{function.role}-")
        limit = lambdas.get_function_concurrency(FunctionName=function.deployed_name)
        assert limit.get("ReservedConcurrentExecutions") == function.reserved_concurrency
    told = made["agentplane-dev-runner"]["Environment"]["Variables"]
    assert {name: url.rpartition("/")[2] for name, url in json.loads(told["AGENTPLANE_QUEUE_URLS"]).items()} == {
        "default": "agentplane-dev-default",
        "llm": "agentplane-dev-llm",
    }


def test_smoke_each_function_has_its_archive_in_the_bucket(deployed: Deployment, manifest: Manifest):
    (bucket,) = deployed.clients["s3"].list_buckets()["Buckets"]
    there = deployed.clients["s3"].list_objects_v2(Bucket=bucket["Name"])["Contents"]
    archives = {each["Key"].rpartition("/")[2] for each in there if each["Key"].endswith(".zip")}
    assert archives == {function.artifact.name for function in manifest.functions.values()}


def test_smoke_roles_allow_what_is_written(deployed: Deployment, manifest: Manifest):
    iam = deployed.clients["iam"]
    names = [role["RoleName"] for role in iam.list_roles(MaxItems=1000)["Roles"]]
    assert len(names) == len(manifest.functions)
    (runner,) = (name for name in names if name.startswith("agentplane-dev-RunnerRole-"))
    trust = iam.get_role(RoleName=runner)["Role"]["AssumeRolePolicyDocument"]["Statement"]
    assert [each["Principal"] for each in trust] == [{"Service": "lambda.amazonaws.com"}]
    # moto keeps what CloudFormation gave it in Python's spelling.
    policy = ast.literal_eval(iam.get_role_policy(RoleName=runner, PolicyName="own")["PolicyDocument"])
    invokes = [each["Resource"] for each in policy["Statement"] if each["Action"] == "lambda:InvokeFunction"]
    assert [arn.rpartition(":")[2] for arn in invokes] == ["agentplane-dev-sandbox"]


def test_smoke_queues_hide_and_give_up_messages_as_written(deployed: Deployment, manifest: Manifest):
    sqs = deployed.clients["sqs"]
    urls = {url.rpartition("/")[2]: url for url in sqs.list_queues()["QueueUrls"]}
    assert urls.keys() == manifest.queues.keys()
    for name, queue in manifest.queues.items():
        there = sqs.get_queue_attributes(QueueUrl=urls[name], AttributeNames=["All"])["Attributes"]
        assert int(there["VisibilityTimeout"]) == queue.visibility_timeout_s
        assert int(there["MessageRetentionPeriod"]) == queue.retention_s
        assert there["SqsManagedSseEnabled"] == "true"
        redrive = json.loads(there.get("RedrivePolicy", "{}"))
        assert redrive.get("maxReceiveCount") == queue.max_receive_count
        assert (redrive.get("deadLetterTargetArn") or "").rpartition(":")[2] == (queue.dead_letters or "")


def test_smoke_queues_invoke_their_functions_with_partial_batches(deployed: Deployment, manifest: Manifest):
    made = {
        (each["EventSourceArn"].rpartition(":")[2], each["FunctionArn"].rpartition(":")[2]): each
        for each in deployed.clients["lambda"].list_event_source_mappings()["EventSourceMappings"]
    }
    wanted = {(queue.name, each.deployed_name): queue for each in manifest.functions.values() for queue in each.queues}
    assert made.keys() == wanted.keys()
    for key, source in wanted.items():
        assert made[key]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert made[key]["BatchSize"] == source.batch_size
        assert made[key]["ScalingConfig"] == {"MaximumConcurrency": source.maximum_concurrency}


def test_smoke_logs_end_and_schedules_tick(deployed: Deployment, manifest: Manifest):
    groups = {each["logGroupName"]: each for each in deployed.clients["logs"].describe_log_groups()["logGroups"]}
    assert groups.keys() == {
        *(f"/aws/lambda/{function.deployed_name}" for function in manifest.functions.values()),
        "/aws/http-api/agentplane-dev",
    }
    assert {each["retentionInDays"] for each in groups.values()} == {14}
    rules = deployed.clients["events"].list_rules()["Rules"]
    assert sorted(rule["ScheduleExpression"] for rule in rules) == ["rate(1 minute)", "rate(1 minute)"]


def test_smoke_the_stack_knows_whom_to_tell_of_alarms(deployed: Deployment):
    (stack,) = deployed.clients["cloudformation"].describe_stacks(StackName="agentplane-dev")["Stacks"]
    assert stack["Parameters"] == [{"ParameterKey": "AlarmEmail", "ParameterValue": "ops@plane.example"}]


def test_smoke_a_deployment_can_be_asked_and_removed(deployed: Deployment):
    assert "stack: agentplane-dev" in deployed.osls("info")
    assert "successfully removed" in deployed.osls("remove")
    with pytest.raises(ClientError, match="does not exist"):
        deployed.clients["cloudformation"].describe_stacks(StackName="agentplane-dev")
    assert deployed.clients["lambda"].list_functions()["Functions"] == []
    assert "QueueUrls" not in deployed.clients["sqs"].list_queues()
