"""Reads serverless.yml: what each function is given, which routes lead to it, and what else calls it. Needs no Node."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[2]
SERVERLESS = ROOT / "serverless.yml"
DEFAULT_STAGE = "dev"
ANY = "ANY"
DEFAULT_ROUTE = "$default"

_VARIABLE = re.compile(r"\$\{([^${}]+)\}")

Tree: TypeAlias = dict[str, Any]


class Unresolved(str):
    """A value that only a deployment knows, as it stands in the file: `!Sub …`, `!GetAtt …` or a variable."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class QueueSource:
    """A queue whose messages a function is invoked with. `name`: the queue's own, `agentplane-dev-default`."""

    name: str
    batch_size: int
    maximum_concurrency: int | None
    reports_batch_item_failures: bool


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue of the plane. `dead_letters`: the queue that gets what was received `max_receive_count` times."""

    name: str
    visibility_timeout_s: int
    retention_s: int
    dead_letters: str | None
    max_receive_count: int | None


@dataclass(frozen=True, slots=True)
class Function:
    """One deployed function. `routes`: (method or ANY, path or $default); `schedules`: `rate(1 minute)`."""

    name: str
    deployed_name: str
    handler: str
    artifact: Path
    timeout_s: int
    memory_mb: int
    environment: Mapping[str, str]
    routes: tuple[tuple[str, str], ...]
    queues: tuple[QueueSource, ...]
    schedules: tuple[str, ...]
    reserved_concurrency: int | None
    role: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """All functions and queues of one stage."""

    stage: str
    runtime: str
    architecture: str
    functions: Mapping[str, Function]
    queues: Mapping[str, Queue]


def load(
    path: Path = SERVERLESS,
    *,
    stage: str = DEFAULT_STAGE,
    environment: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
) -> Manifest:
    """Read the file for a stage. `environment`: where `${env:…}` is looked up, the process's own by default.

    `params`: those set by hand, as `--param` of osls sets them.

    Raises ValueError naming what is wrong in the file.
    """
    document = _read(path)
    known = _Variables(document, stage, os.environ if environment is None else environment, params)
    provider = document["provider"]
    queues = _queues(known, document)
    named = {logical: queue.name for logical, queue in queues.items()}
    functions = {
        name: _function(known, named, str(document["service"]), name, body)
        for name, body in cast("dict[str, Tree]", document["functions"]).items()
    }
    return Manifest(
        stage=stage,
        runtime=known.text(provider["runtime"]),
        architecture=known.text(provider["architecture"]),
        functions=functions,
        queues={queue.name: queue for queue in queues.values()},
    )


def _read(path: Path) -> Tree:
    return cast("Tree", yaml.load(path.read_text("utf-8"), Loader=_Loader))  # noqa: S506  a SafeLoader that keeps tags


def wrong_param(params: Mapping[str, str], path: Path = SERVERLESS) -> str | None:
    """Say which of the values set by hand the file does not know, or could not use; osls ignores such names."""
    document = _read(path)
    known: Tree = {}
    for of_stage in cast("Tree", document["params"]).values():
        known |= of_stage
    for name, value in params.items():
        if name not in known:
            return f"there is no param {name}; there are {', '.join(known)}"
        if type(known[name]) is int and not value.isdecimal():
            return f"the param {name} is a number, not {value!r}"
    return None


def _function(known: _Variables, queues: Mapping[str, str], service: str, name: str, body: Tree) -> Function:
    events = cast("list[Tree]", body.get("events") or [])
    return Function(
        name=name,
        deployed_name=f"{service}-{known.stage}-{name}",
        handler=body["handler"],
        artifact=ROOT / body["package"]["artifact"],
        timeout_s=known.number(body["timeout"]),
        memory_mb=known.number(body["memorySize"]),
        environment={key: known.text(value) for key, value in cast("Tree", body.get("environment") or {}).items()},
        routes=tuple(_route(str(event["httpApi"])) for event in events if "httpApi" in event),
        queues=tuple(_queue_source(known, queues, event["sqs"]) for event in events if "sqs" in event),
        schedules=tuple(known.text(event["schedule"]["rate"]) for event in events if "schedule" in event),
        reserved_concurrency=known.number(body["reservedConcurrency"]) if "reservedConcurrency" in body else None,
        role=body["role"],
    )


def _route(text: str) -> tuple[str, str]:
    if text == "*":
        return ANY, DEFAULT_ROUTE
    method, _, path = text.partition(" ")
    return (ANY if method == "*" else method.upper()), path


def _queue_source(known: _Variables, queues: Mapping[str, str], event: Tree) -> QueueSource:
    logical = str(event["arn"]).removeprefix("!GetAtt ").removesuffix(".Arn")
    if logical not in queues:
        raise ValueError(f"There is no queue {logical}, which {event['arn']} means.")
    return QueueSource(
        name=queues[logical],
        batch_size=known.number(event["batchSize"]),
        maximum_concurrency=known.number(event["maximumConcurrency"]) if "maximumConcurrency" in event else None,
        reports_batch_item_failures=event.get("functionResponseType") == "ReportBatchItemFailures",
    )


def _queues(known: _Variables, document: Tree) -> dict[str, Queue]:
    resources = cast("dict[str, Tree]", document.get("resources", {}).get("Resources", {}))
    found = {name: body["Properties"] for name, body in resources.items() if body["Type"] == "AWS::SQS::Queue"}
    names = {logical: known.text(properties["QueueName"]) for logical, properties in found.items()}
    return {logical: _queue(known, names, logical, properties) for logical, properties in found.items()}


def _queue(known: _Variables, names: Mapping[str, str], logical: str, properties: Tree) -> Queue:
    redrive = cast("Tree", properties.get("RedrivePolicy") or {})
    target = str(redrive.get("deadLetterTargetArn", "")).removeprefix("!GetAtt ").removesuffix(".Arn")
    return Queue(
        name=names[logical],
        visibility_timeout_s=known.number(properties.get("VisibilityTimeout", 30)),
        retention_s=known.number(properties.get("MessageRetentionPeriod", 345_600)),
        dead_letters=names[target] if target else None,
        max_receive_count=known.number(redrive["maxReceiveCount"]) if redrive else None,
    )


class _Variables:
    """Looks up `${source:address, 'otherwise'}` as osls does, as far as this file uses it."""

    def __init__(
        self, document: Tree, stage: str, environment: Mapping[str, str], set_by_hand: Mapping[str, str] | None = None
    ) -> None:
        self.stage = stage
        self._document = document
        self._environment = environment
        params = cast("dict[str, Tree]", document.get("params") or {})
        self._params = {**params.get("default", {}), **params.get(stage, {}), **(set_by_hand or {})}

    def text(self, value: object) -> str:
        """Give a value as text; an Unresolved one if a part of it is not to be known here."""
        if isinstance(value, Unresolved):
            return value
        text = str(value)
        for _ in range(10):
            found = _VARIABLE.search(text)
            if found is None:
                return text
            put = self._value(found[1])
            if put is None or isinstance(put, Unresolved):
                return put if put is not None and found[0] == text else Unresolved(text)
            text = text[: found.start()] + str(put) + text[found.end() :]
        raise ValueError(f"Variables of {value} go in circles.")

    def number(self, value: object) -> int:
        """Give a value as a number. Raises ValueError."""
        return int(self.text(value))

    def _value(self, expression: str) -> object | None:
        for source in (part.strip() for part in expression.split(",")):
            if source[:1] in "'\"":
                return source[1:-1]
            if (value := self._looked_up(*source.split(":", 1))) is not None:
                return value
        return None

    def _looked_up(self, source: str, address: str) -> object | None:
        match source, address:
            case "sls" | "opt", "stage":
                return self.stage
            case "param", _:
                return self._params.get(address)
            case "env", _:
                return self._environment.get(address)
            case "self", _:
                value: Any = self._document
                for part in address.split("."):
                    value = value.get(part) if isinstance(value, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
                return value  # pyright: ignore[reportUnknownVariableType]
            case _:
                return None


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's short tags as Unresolved text."""


def _tagged(loader: _Loader, suffix: str, node: yaml.Node) -> Unresolved:
    value: object
    match node:
        case yaml.ScalarNode():
            value = node.value
        case yaml.SequenceNode():
            value = loader.construct_sequence(node, deep=True)
        case _:
            value = loader.construct_mapping(cast("yaml.MappingNode", node), deep=True)
    return Unresolved(f"!{suffix} {value}")


_Loader.add_multi_constructor("!", _tagged)  # pyright: ignore[reportUnknownMemberType]
