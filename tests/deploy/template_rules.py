"""What must hold in the template that CloudFormation gets. `faults` names each thing that does not."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from tests.deploy.cloudformation import Template, text
from tests.deploy.template_rights import RIGHTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST_RESOURCES = 400  # CloudFormation takes 500
MOST_BYTES = 1_000_000
API_SECONDS = 30
TWO_WEEKS_S = 14 * 86400


def faults(template: Template) -> list[str]:
    """Check everything; each fault begins with the name of what has it."""
    return [fault for rule in RULES for fault in rule(template)]


def _size(template: Template) -> Iterator[str]:
    if (count := len(template.resources)) > MOST_RESOURCES:
        yield f"template: {count} resources, at most {MOST_RESOURCES}"
    if (size := len(json.dumps(template.body))) > MOST_BYTES:
        yield f"template: {size} bytes, at most {MOST_BYTES}"


def _queues(template: Template) -> Iterator[str]:
    """Encrypted, by TLS only, long enough hidden, with somewhere to go for what nobody can handle."""
    consumers = {
        text(source["EventSourceArn"]): function
        for function in template.functions
        for source in template.sources_of(function)
    }
    dead = {_redrive(queue)[0] for queue in template.queues.values()} - {""}
    for name, queue in template.queues.items():
        target, count = _redrive(queue)
        consumer = template.functions.get(consumers.get(f"${{{name}.Arn}}", ""))
        if consumer is None:
            yield f"{name}: nobody takes from it"
        elif queue.get("VisibilityTimeout", 30) < 6 * consumer["Timeout"]:
            yield f"{name}: messages are hidden for less than six times {consumer['Timeout']} s"
        if not queue.get("SqsManagedSseEnabled"):
            yield f"{name}: is not encrypted"
        if queue.get("MessageRetentionPeriod", 345_600) < TWO_WEEKS_S:
            yield f"{name}: keeps messages for less than 14 days"
        if name not in dead and target not in template.queues:
            yield f"{name}: has no dead-letter queue"
        if name not in dead and count < 5:
            yield f"{name}: gives up after {count} deliveries, and throttled ones count"
        if not any(_wants_tls(policy, name) for policy in template.of_type("AWS::SQS::QueuePolicy").values()):
            yield f"{name}: can be used without TLS"


def _redrive(queue: dict[str, Any]) -> tuple[str, int]:
    policy = queue.get("RedrivePolicy", {})
    return text(policy.get("deadLetterTargetArn", "")).removeprefix("${").removesuffix(".Arn}"), policy.get(
        "maxReceiveCount", 0
    )


def _wants_tls(policy: dict[str, Any], queue: str) -> bool:
    denied = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sqs:*",
        "Resource": {"Fn::GetAtt": [queue, "Arn"]},
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return {"Ref": queue} in policy["Queues"] and denied in policy["PolicyDocument"]["Statement"]


def _sources(template: Template) -> Iterator[str]:
    """Partial batches; never more deliveries at a time than may run; loops only where they are meant."""
    for function, properties in template.functions.items():
        sources = template.sources_of(function)
        for source in sources:
            if source.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
                yield f"{function}: one failed message of {text(source['EventSourceArn'])} repeats its whole batch"
        most = sum(source.get("ScalingConfig", {}).get("MaximumConcurrency", 1000) for source in sources)
        reserved = properties.get("ReservedConcurrentExecutions", 0)
        if sources and reserved < max(most, 5):
            yield f"{function}: {most} deliveries at a time, {reserved} reserved"
        rings = "AGENTPLANE_QUEUE_URLS" in template.environment_of(function)
        if (properties.get("RecursiveLoop") == "Allow") != bool(sources and rings):
            yield f"{function}: RecursiveLoop is {properties.get('RecursiveLoop')}, it {'' if rings else 'never '}rings"


def _alarms(template: Template) -> Iterator[str]:
    """Somebody is told: of errors of each function, of dead and of waiting messages, of silence, of circles, of 5xx."""
    alarms = template.of_type("AWS::CloudWatch::Alarm")
    watched = {key for alarm in alarms.values() for key in _watched(alarm)}
    for name, alarm in alarms.items():
        if [text(each) for each in alarm.get("AlarmActions", ())] != ["${AlarmTopic}"]:
            yield f"{name}: tells nobody"
    dead = {_redrive(queue)[0] for queue in template.queues.values()} - {""}
    wanted = {("Errors", f"${{{function}}}") for function in template.functions}
    for queue in template.queues:
        metrics = ["NumberOfMessagesReceived", "ApproximateNumberOfMessagesVisible"]
        wanted |= {
            (m, f"${{{queue}.QueueName}}") for m in (metrics if queue in dead else ["ApproximateAgeOfOldestMessage"])
        }
    wanted |= {("Invocations", f"${{{function}}}") for function in _scheduled(template)}
    wanted |= {
        ("Throttles", f"${{{name}}}") for name in template.functions if template.short(name).startswith("runner")
    }
    wanted |= {("5xx", "${HttpApi}")}
    for metric, whose in sorted(wanted - watched):
        yield f"{whose.strip('${}').removesuffix('.QueueName')}: nobody watches {metric}"
    for name, alarm in alarms.items():
        if alarm.get("MetricName") == "Invocations" and (
            alarm["TreatMissingData"] != "breaching" or alarm["Period"] * alarm["EvaluationPeriods"] > 300
        ):
            yield f"{name}: silence of five minutes is not noticed"


def _watched(alarm: dict[str, Any]) -> Iterator[tuple[str, str]]:
    single = [alarm] if "MetricName" in alarm else []
    for metric in [
        *single,
        *(each["MetricStat"]["Metric"] for each in alarm.get("Metrics", ()) if "MetricStat" in each),
    ]:
        for dimension in metric.get("Dimensions", [{"Value": ""}]):
            yield metric["MetricName"], text(dimension["Value"])


def _scheduled(template: Template) -> set[str]:
    return {
        text(target["Arn"]).removeprefix("${").removesuffix(".Arn}")
        for rule in template.of_type("AWS::Events::Rule").values()
        for target in rule["Targets"]
    }


def _hops(template: Template) -> Iterator[str]:
    """In place of AWS's limit of loops, an alarm on our own."""
    filters = template.of_type("AWS::Logs::MetricFilter").values()
    read = {text(each["LogGroupName"]) for each in filters if each["FilterPattern"] == '"hop_budget"'}
    made = {each["MetricTransformations"][0]["MetricName"] for each in filters}
    alarms = {alarm.get("MetricName") for alarm in template.of_type("AWS::CloudWatch::Alarm").values()}
    for function in template.functions:
        if (
            template.short(function).startswith("runner")
            and f"${{{function.removesuffix('LambdaFunction')}LogGroup}}" not in read
        ):
            yield f"{function}: nobody reads hop_budget in its log"
    for metric in made - alarms:
        yield f"{metric}: has no alarm"


def _api(template: Template) -> Iterator[str]:
    """One HTTP API: throttled, logged, without CORS of its own; functions answer before it gives up."""
    for name, stage in template.of_type("AWS::ApiGatewayV2::Stage").items():
        rates = stage.get("DefaultRouteSettings", {})
        if not (rates.get("ThrottlingRateLimit") and rates.get("ThrottlingBurstLimit")):
            yield f"{name}: is not throttled"
        logged = stage.get("AccessLogSettings", {}).get("Format", "")
        if "$context.status" not in logged:
            yield f"{name}: has no access log"
        if re.search(r"\$context\.(path|authorizer|http\.path)\b", logged):
            yield f"{name}: logs paths, which may hold the token of a link or of a hook"
    for name, api in template.of_type("AWS::ApiGatewayV2::Api").items():
        if "CorsConfiguration" in api:
            yield f"{name}: answers preflights, which the functions do"
    answering = {function for _, _, function in template.routes()}
    for function, properties in template.functions.items():
        if template.short(function) in answering and properties["Timeout"] >= API_SECONDS:
            yield f"{function}: may take {properties['Timeout']} s, the API waits for {API_SECONDS}"


def _permissions(template: Template) -> Iterator[str]:
    """Only this API, and these rules, may invoke."""
    mine = {
        "apigateway.amazonaws.com": {"arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${HttpApi}/*"},
        "events.amazonaws.com": {f"${{{rule}.Arn}}" for rule in template.of_type("AWS::Events::Rule")},
    }
    for name, permission in template.of_type("AWS::Lambda::Permission").items():
        source = text(permission.get("SourceArn", "*"))
        if permission["Action"] != "lambda:InvokeFunction" or source not in mine.get(permission["Principal"], set()):
            yield f"{name}: {permission['Principal']} may invoke it from {source}"


def _storage(template: Template) -> Iterator[str]:
    """What was deployed is nobody else's."""
    for name, bucket in template.of_type("AWS::S3::Bucket").items():
        blocked = bucket.get("PublicAccessBlockConfiguration", {})
        if not bucket.get("BucketEncryption") or len(blocked) != 4 or not all(blocked.values()):
            yield f"{name}: is public or not encrypted"
    for kind in ("AWS::Lambda::Version", "AWS::Lambda::Url", "AWS::Lambda::LayerVersion"):
        for name in template.of_type(kind):
            yield f"{name}: is a {kind}"
    for name, properties in template.functions.items():
        for attribute in ("FileSystemConfigs", "VpcConfig", "ImageConfig"):
            if attribute in properties:
                yield f"{name}: has {attribute}"


def _dashboard(template: Template) -> Iterator[str]:
    """It is JSON, and shows only metrics of what is there."""
    named = {*template.functions, *template.queues, "HttpApi"}
    boards = template.of_type("AWS::CloudWatch::Dashboard")
    if not boards:
        yield "template: has no dashboard"
    for name, board in boards.items():
        body = text(board["DashboardBody"])
        shown = {each.partition(".")[0] for each in re.findall(r"\$\{([\w.]+)\}", body)}
        if missing := shown - named:
            yield f"{name}: shows {sorted(missing)}, which are not there"
        try:
            if not json.loads(body)["widgets"]:
                yield f"{name}: is empty"
        except ValueError as error:
            yield f"{name}: is not JSON: {error}"


def _policies(template: Template) -> Iterator[str]:
    """Resources let in nobody but the alarms, which tell the topic."""
    for kind in ("AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy", "AWS::S3::BucketPolicy"):
        for name, policy in template.of_type(kind).items():
            for statement in policy["PolicyDocument"]["Statement"]:
                if statement["Effect"] != "Deny" and statement["Principal"] != {"Service": "cloudwatch.amazonaws.com"}:
                    yield f"{name}: lets in {text(statement['Principal'])}"


RULES: tuple[Callable[[Template], Iterator[str]], ...] = (
    *RIGHTS,
    _size,
    _queues,
    _sources,
    _alarms,
    _hops,
    _api,
    _permissions,
    _storage,
    _policies,
    _dashboard,
)
