"""What the manifest reads of serverless.yml without Node."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from functions.deploy.manifest import SERVERLESS, QueueSource, Unresolved, load

GIVEN = {"AGENTPLANE_SUPABASE_URL": "https://project.supabase.co"}
SMALL = """
service: plane
params:
  default: {runners: 5, level: INFO}
  prod: {runners: 50}
provider: {runtime: "python${env:PY, '3.11'}", architecture: x86_64}
custom:
  address: !GetAtt Api.Endpoint
  told: &told {LEVEL: "${param:level}", STAGE: "is ${sls:stage}"}
functions:
  one:
    handler: a.b
    package: {artifact: .build/one.zip}
    role: OneRole
    timeout: 5
    memorySize: 128
    reservedConcurrency: ${param:runners}
    environment: {<<: *told, URL: "${env:URL, self:custom.address}", GONE: "${env:NOWHERE}/x"}
    events:
      - httpApi: "*"
      - httpApi: "get /a/{b}"
      - schedule: {rate: rate(1 minute)}
      - sqs: {arn: !GetAtt Line.Arn, batchSize: 2, maximumConcurrency: "${param:runners}"}
resources:
  Resources:
    Line: {Type: AWS::SQS::Queue, Properties: {QueueName: "line-${sls:stage}"}}
    Other: {Type: AWS::SNS::Topic, Properties: {}}
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "serverless.yml"
    path.write_text(SMALL)
    return path


def test_variables_are_looked_up_for_the_stage(small: Path):
    dev = load(small, environment={"URL": "https://plane.example"}).functions["one"]
    prod = load(small, stage="prod", environment={"PY": "3.13"})
    assert dev.environment["LEVEL"] == "INFO"
    assert dev.environment["STAGE"] == "is dev"
    assert dev.environment["URL"] == "https://plane.example"
    assert (dev.reserved_concurrency, prod.functions["one"].reserved_concurrency) == (5, 50)
    assert prod.runtime == "python3.13"
    assert prod.functions["one"].deployed_name == "plane-prod-one"
    assert prod.queues.keys() == {"line-prod"}


def test_what_only_a_deployment_knows_stays_unresolved(small: Path):
    told = load(small, environment={}).functions["one"].environment
    assert told["URL"] == "!GetAtt Api.Endpoint"
    assert told["GONE"] == "${env:NOWHERE}/x"
    assert [name for name, value in told.items() if isinstance(value, Unresolved)] == ["URL", "GONE"]


def test_events_are_routes_queues_and_schedules(small: Path):
    function = load(small, environment={}).functions["one"]
    assert function.routes == (("ANY", "$default"), ("GET", "/a/{b}"))
    assert function.schedules == ("rate(1 minute)",)
    assert function.queues == (
        QueueSource(name="line-dev", batch_size=2, maximum_concurrency=5, reports_batch_item_failures=False),
    )


def test_a_queue_that_is_not_there_is_named(small: Path):
    small.write_text(SMALL.replace("Line.Arn", "Lime.Arn"))
    with pytest.raises(ValueError, match="There is no queue Lime"):
        load(small, environment={})


def test_variables_in_a_circle_end(small: Path):
    small.write_text(SMALL.replace("!GetAtt Api.Endpoint", '"x${self:custom.address}"'))
    with pytest.raises(ValueError, match="go in circles"):
        load(small, environment={})


def test_every_variable_of_the_file_is_one_that_the_manifest_knows():
    manifest = load(environment=GIVEN)
    unresolved = {
        name
        for function in manifest.functions.values()
        for name, value in function.environment.items()
        if isinstance(value, Unresolved)
    }
    assert unresolved == {"AGENTPLANE_PUBLIC_URL", "AGENTPLANE_QUEUE_URLS"}
    assert not [
        value
        for each in manifest.functions.values()
        for value in each.environment.values()
        if "${" in value and not isinstance(value, Unresolved)
    ]


def test_packages_for_another_python_and_processor_can_be_deployed():
    manifest = load(environment={**GIVEN, "AGENTPLANE_PYTHON": "3.13", "AGENTPLANE_ARCH": "arm64"})
    assert (manifest.runtime, manifest.architecture) == ("python3.13", "arm64")


def test_the_file_has_one_of_each_key():
    class Loader(yaml.SafeLoader):
        """Takes no key twice: the second would win without a word."""

    def mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[object, object]:
        keys = [key.value for key, _ in node.value if key.value != "<<"]
        assert len(keys) == len(set(keys)), f"line {node.start_mark.line + 1}: {sorted(keys)}"
        loader.flatten_mapping(node)
        return {loader.construct_object(key): loader.construct_object(value, deep=True) for key, value in node.value}

    Loader.add_constructor("tag:yaml.org,2002:map", mapping)
    Loader.add_multi_constructor("!", lambda _loader, suffix, _node: suffix)
    assert yaml.load(SERVERLESS.read_text(), Loader=Loader)["service"] == "agentplane"
