"""The rules of roles, rights and secrets: what a function may do and what it is told. Each fault names what has it."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING

from functions.shared.config import Settings
from tests.deploy.cloudformation import Right, Template, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST_TOLD = 3000  # characters, with room for the names and addresses that a deployment puts in

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
PARAMETERS = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter"


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
            f"{PARAMETERS}/agentplane/"
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
        size = sum(len(name) + len(value) for name, value in template.environment_of(function).items())
        if size > MOST_TOLD:
            yield f"{function}: is told {size} characters, Lambda takes 4096 bytes"


def _parameters(template: Template) -> Iterator[str]:
    """A function may read the parameters that its environment names, and no others."""
    for function in template.functions:
        if not (role := template.role_of(function)):
            continue
        named = {
            f"{PARAMETERS}{value}"
            for name, value in template.environment_of(function).items()
            if name.endswith("_PARAMETER") and value
        }
        may = {right.resource for right in template.rights_of(role) if right.action == "ssm:GetParameters"}
        for parameter in sorted(named - may):
            yield f"{function}: may not read {parameter.removeprefix(PARAMETERS)}"
        for parameter in sorted(may - named):
            if parameter.rpartition("/")[2] not in OPTIONAL:
                yield f"{function}: may read {parameter.removeprefix(PARAMETERS)}, which its environment does not name"
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


RIGHTS: tuple[Callable[[Template], Iterator[str]], ...] = (
    _roles,
    _rights,
    _logs,
    _environment,
    _parameters,
    _sending,
    _invoking,
    _sandbox,
)
