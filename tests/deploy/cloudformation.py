"""A generated template, read: what stands for what, and what each role may do. `!GetAtt Q.Arn` becomes `${Q.Arn}`."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True)
class Right:
    """One action on one resource that a role allows. `conditions`: operator and key to value."""

    action: str
    resource: str
    conditions: Mapping[tuple[str, str], str]


class Template:
    """A CloudFormation template, as osls generates it."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body
        self.resources: dict[str, dict[str, Any]] = body["Resources"]

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """Give the properties of all resources of a type, by logical id."""
        return {name: each.get("Properties", {}) for name, each in self.resources.items() if each["Type"] == kind}

    @cached_property
    def functions(self) -> dict[str, dict[str, Any]]:
        """Give the functions by their logical ids."""
        return self.of_type("AWS::Lambda::Function")

    @cached_property
    def queues(self) -> dict[str, dict[str, Any]]:
        """Give the queues by their logical ids."""
        return self.of_type("AWS::SQS::Queue")

    def short(self, function: str) -> str:
        """Give the name of a function without service and stage."""
        return str(self.functions[function]["FunctionName"]).split("-", 2)[2]

    def role_of(self, function: str) -> str:
        """Give the logical id of a function's role; empty when it is not one of the template's."""
        role = re.fullmatch(r"\$\{(\w+)\.Arn\}", text(self.functions[function].get("Role", "")))
        return role[1] if role and role[1] in self.of_type("AWS::IAM::Role") else ""

    def rights_of(self, role: str) -> list[Right]:
        """Give all that a role allows, by its own policies and by those that it shares with others."""
        return [right for document in self.documents_of(role) for right in _allowed(document)]

    def documents_of(self, role: str) -> Iterator[dict[str, Any]]:
        """Give the policy documents of a role, but for those from outside of the template."""
        properties = self.of_type("AWS::IAM::Role")[role]
        yield from (policy["PolicyDocument"] for policy in properties.get("Policies", ()))
        shared = self.of_type("AWS::IAM::ManagedPolicy")
        for arn in properties.get("ManagedPolicyArns", ()):
            if (name := text(arn).strip("${}")) in shared:
                yield shared[name]["PolicyDocument"]

    def environment_of(self, function: str) -> dict[str, str]:
        """Give what a function is told."""
        variables = self.functions[function].get("Environment", {}).get("Variables", {})
        return {name: text(value) for name, value in variables.items()}

    def sources_of(self, function: str) -> list[dict[str, Any]]:
        """Give the event source mappings that invoke a function."""
        mappings = self.of_type("AWS::Lambda::EventSourceMapping").values()
        return [each for each in mappings if text(each["FunctionName"]) == f"${{{function}.Arn}}"]

    def routes(self) -> Iterator[tuple[str, str, str]]:
        """Give method (or ANY), path (or $default) and the function of each route."""
        integrations = {
            name: text(each["IntegrationUri"]).removeprefix("${").removesuffix(".Arn}")
            for name, each in self.of_type("AWS::ApiGatewayV2::Integration").items()
        }
        for route in self.of_type("AWS::ApiGatewayV2::Route").values():
            method, _, path = str(route["RouteKey"]).partition(" ")
            function = integrations[text(route["Target"]).removeprefix("integrations/${").removesuffix("}")]
            yield (method, path, self.short(function)) if path else ("ANY", method, self.short(function))


def text(value: Any) -> str:
    """Give a value in one spelling, whichever intrinsic it uses."""
    match value:
        case {"Ref": name}:
            return f"${{{name}}}"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"${{{name}.{attribute}}}"
        case {"Fn::Sub": str(pattern)}:
            return pattern
        case {"Fn::Join": [glue, parts]}:
            return str(glue).join(text(part) for part in parts)
        case str():
            return value
        case _:
            return json.dumps(value, sort_keys=True)


def as_list(value: Any) -> list[Any]:
    """Give a list of what may be one thing alone."""
    return value if isinstance(value, list) else [value]


def _allowed(document: dict[str, Any]) -> Iterator[Right]:
    for statement in as_list(document["Statement"]):
        if statement["Effect"] != "Allow":
            continue
        conditions = {
            (operator, key): text(value)
            for operator, pairs in statement.get("Condition", {}).items()
            for key, value in pairs.items()
        }
        # What a statement leaves out of "all but these" is everything else.
        for action in as_list(statement.get("Action", "*")):
            for resource in as_list(statement.get("Resource", "*")):
                yield Right(action, text(resource), conditions)
