"""What must hold in the template that CloudFormation gets. `faults` names each thing that does not."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from functions.shared.config import Settings
from tests.deploy.cloudformation import Right, Template, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST_RESOURCES = 400  # CloudFormation takes 500
MOST_BYTES = 1_000_000
API_SECONDS = 30
TWO_WEEKS_S = 14 * 86400

# Actions that know no resource. https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html
ON_EVERYTHING = {"xray:PutTelemetryRecords", "xray:PutTraceSegments"}
LOGGING = {"logs:CreateLogStream", "logs:PutLogEvents"}
CONSUMING = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
OPTIONAL = {"database-url", "smtp-url"}  # parameters that a deployment may do without
SECRETS = {
    name
    for name, field in Settings.model_fields.items()
    if "SecretStr" in str(field.annotation) or name == "supabase_publishable_key"
}
LOOKS_SECRET = re.compile(
    r"ap_(live|test|run)_|sb_(secret|publishable)_|eyJ|postgres(ql)?://|smtps?://|-----BEGIN|password", re.IGNORECASE
)
LINKS = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter"


def faults(template: Template) -> list[str]:
    """Check everything; each fault begins with the name of what has it."""
    return [fault for rule in RULES for fault in rule(template)]


def _size(template: Template) -> Iterator[str]:
    if (count := len(template.resources)) > MOST_RESOURCES:
        yield f"template: {count} resources, at most {MOST_RESOURCES}"
    if (size := len(json.dumps(template.body))) > MOST_BYTES:
        yield f"template: {size} bytes, at most {MOST_BYTES}"


def _roles(template: Template) -> Iterator[str]:
    """Each function has its own role, which only Lambda may take."""
    roles = template.of_type("AWS::IAM::Role")
    used = Counter(template.role_of(function) for function in template.functions)
    for function in template.functions:
        role = template.role_of(function)
        if not role:
            yield f"{function}: its role is not in the template"
        elif used[role] > 1:
            yield f"{function}: shares the role {role}"
    for role, properties in roles.items():
        if role not in used:
            yield f"{role}: is no function's role"
        trusted = properties["AssumeRolePolicyDocument"]["Statement"]
        wanted = [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]
        if trusted != wanted:
            yield f"{role}: others than Lambda may take it"
        for arn in properties.get("ManagedPolicyArns", ()):
            if text(arn).strip("${}") not in template.of_type("AWS::IAM::ManagedPolicy"):
                yield f"{role}: has the policy {text(arn)} from outside"


def _rights(template: Template) -> Iterator[str]:
    """No right is wider than what it is for."""
    for function in template.functions:
        role = template.role_of(function)
        for right in template.rights_of(role) if role else ():
            if "*" in right.action:
                yield f"{role}: the action {right.action} has a wildcard"
            elif "*" in right.resource and not _is_known_wildcard(right):
                yield f"{role}: {right.action} on {right.resource}"


def _is_known_wildcard(right: Right) -> bool:
    if right.resource == "*":
        return right.action in ON_EVERYTHING
    # Which key sealed a parameter is the operator's affair: of any key, but through SSM only, and for this stage.
    return (
        right.action == "kms:Decrypt"
        and right.resource.endswith(":kms:${AWS::Region}:${AWS::AccountId}:key/*")
        and right.conditions.get(("StringEquals", "kms:ViaService")) == "ssm.${AWS::Region}.amazonaws.com"
        and right.conditions.get(("StringLike", "kms:EncryptionContext:PARAMETER_ARN"), "*").startswith(
            f"{LINKS}/agentplane/"
        )
    )


def _logs(template: Template) -> Iterator[str]:
    """A function writes to its own log group, which is there beforehand and does not grow for ever."""
    groups = {
        text(each["LogGroupName"]): (name, each) for name, each in template.of_type("AWS::Logs::LogGroup").items()
    }
    for function, properties in template.functions.items():
        name, group = groups.get(f"/aws/lambda/{properties['FunctionName']}", ("", {}))
        if not name:
            yield f"{function}: has no log group"
            continue
        if not template.role_of(function):
            continue
        own = {(action, f"${{{name}.Arn}}") for action in LOGGING}
        granted = {
            (right.action, right.resource)
            for right in template.rights_of(template.role_of(function))
            if right.action.startswith("logs:")
        }
        if granted != own:
            yield f"{function}: writes to other logs than {name}: {sorted(granted ^ own)}"
    for name, group in groups.values():
        if not group.get("RetentionInDays"):
            yield f"{name}: is kept for ever"


def _environment(template: Template) -> Iterator[str]:
    """Secrets are named, never given."""
    for function in template.functions:
        for name, value in template.environment_of(function).items():
            setting = name.removeprefix("AGENTPLANE_").lower()
            if setting in SECRETS:
                yield f"{function}: {name} is in the environment; only the name of its parameter may be"
            elif LOOKS_SECRET.search(value):
                yield f"{function}: the value of {name} looks like a secret"
            elif name.endswith("_PARAMETER") and setting.removesuffix("_parameter") not in SECRETS:
                yield f"{function}: {name} is the parameter of no secret setting"


def _parameters(template: Template) -> Iterator[str]:
    """A function may read the parameters that its environment names, and no others."""
    for function in template.functions:
        if not (role := template.role_of(function)):
            continue
        named = {
            f"{LINKS}{value}"
            for name, value in template.environment_of(function).items()
            if name.endswith("_PARAMETER") and value
        }
        may = {right.resource for right in template.rights_of(role) if right.action == "ssm:GetParameters"}
        for parameter in sorted(named - may):
            yield f"{function}: may not read {parameter.removeprefix(LINKS)}"
        for parameter in sorted(may - named):
            if parameter.rpartition("/")[2] not in OPTIONAL:
                yield f"{function}: may read {parameter.removeprefix(LINKS)}, which its environment does not name"
        if others := {r.action for r in template.rights_of(role) if r.action.startswith("ssm:")} - {
            "ssm:GetParameters"
        }:
            yield f"{function}: has {sorted(others)} on parameters"


def _sending(template: Template) -> Iterator[str]:
    """A function may send to the queues whose addresses it is told, and take from those that invoke it."""
    for function in template.functions:
        if not (role := template.role_of(function)):
            continue
        rights = template.rights_of(role)
        told = json.loads(template.environment_of(function).get("AGENTPLANE_QUEUE_URLS", "{}"))
        sends = {right.resource for right in rights if right.action == "sqs:SendMessage"}
        if sends != (wanted := {f"{address[:-1]}.Arn}}" for address in told.values()}):
            yield f"{function}: may send to {sorted(sends)}, is told of {sorted(wanted)}"
        takes = {(right.action, right.resource) for right in rights if right.action.startswith("sqs:")}
        fed = {text(source["EventSourceArn"]) for source in template.sources_of(function)}
        takes -= {("sqs:SendMessage", queue) for queue in sends}
        takes -= {("sqs:GetQueueAttributes", queue) for queue in sends - fed}  # to see how deep they are
        if takes != (wanted := {(action, queue) for queue in fed for action in CONSUMING}):
            yield f"{function}: takes from {sorted(takes)}, is fed by {sorted(wanted)}"


def _invoking(template: Template) -> Iterator[str]:
    """A function may invoke the one that it is told of: the sandbox."""
    by_name = {each["FunctionName"]: f"${{{name}.Arn}}" for name, each in template.functions.items()}
    for function in template.functions:
        if not (role := template.role_of(function)):
            continue
        told = template.environment_of(function).get("AGENTPLANE_SANDBOX_FUNCTION")
        may = {right.resource for right in template.rights_of(role) if right.action.startswith("lambda:")}
        if may != ({by_name[told]} if told else set()):
            yield f"{function}: may invoke {sorted(may)}, is told of {told}"


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


def _sandbox(template: Template) -> Iterator[str]:
    """It runs programs of strangers: nothing is told to it, and it may write its log, nothing else."""
    for function, properties in template.functions.items():
        if template.short(function) != "sandbox":
            continue
        if more := {right.action for right in template.rights_of(template.role_of(function))} - LOGGING:
            yield f"{function}: may {sorted(more)}"
        if template.environment_of(function) or "VpcConfig" in properties or "Layers" in properties:
            yield f"{function}: is told something, or stands in a network"
        if not properties.get("ReservedConcurrentExecutions"):
            yield f"{function}: may use all of the account's concurrency"
        if properties["Timeout"] < 60:
            yield f"{function}: a program may take 60 s"


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


def _policies(template: Template) -> Iterator[str]:
    """Resources let in nobody but the alarms, which tell the topic."""
    for kind in ("AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy", "AWS::S3::BucketPolicy"):
        for name, policy in template.of_type(kind).items():
            for statement in policy["PolicyDocument"]["Statement"]:
                if statement["Effect"] != "Deny" and statement["Principal"] != {"Service": "cloudwatch.amazonaws.com"}:
                    yield f"{name}: lets in {text(statement['Principal'])}"


RULES: tuple[Callable[[Template], Iterator[str]], ...] = (
    _size,
    _roles,
    _rights,
    _logs,
    _environment,
    _parameters,
    _sending,
    _invoking,
    _queues,
    _sources,
    _alarms,
    _hops,
    _api,
    _permissions,
    _sandbox,
    _storage,
    _policies,
)
