"""What the code of a deployed function uses, by its sources: settings, queues, operations of AWS."""

from __future__ import annotations

import ast
import importlib
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from functions.deploy.closure import closure_of, imports_of, sources
from functions.deploy.needs import FOLDERS, need_of
from functions.shared.config import Settings
from tests.deploy.kernel_verbs import verbs_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI

MODULES = sources()
FIELDS = frozenset(Settings.model_fields)
# Properties of the settings, and what they are made of.
PROPERTIES: dict[str, set[str]] = {
    "auth_address": {"auth_url", "supabase_url"},
    "is_pooled": {"database_pooled", "database_url"},
}
HOLDERS = re.compile(r"settings|known|settings\(\)|plane\.settings|settings_of\(.+\)")

DOORBELLS = {"functions.shared.dispatch.signing", "functions.shared.dispatch.sqs", "functions.shared.web.connection"}
DOORBELL_FIELDS = {"doorbell_key", "queue_urls", "stage"}
DATABASE = {"functions.shared.db.opening", "functions.shared.web.connection", "functions.shared.auth.tokens"}
DATABASE_FIELDS = {
    "database_url",
    "database_connections",
    "key_pepper",
    "supabase_url",
    "supabase_publishable_key",
    "runner_key",
}
# Read from the environment by what calls models, which is told to those that hold the models' library.
MODEL_VARIABLE = re.compile(r"AGENTPLANE_([A-Z]+_MODEL)")
RINGS, WAKES = frozenset({"default", "llm"}), frozenset({"chores"})
SIGNALS = {"ring", "wake", "wake_chore"}
ASKING = {"invoke": "invoke", "read_parameters": "get_parameters"}
ACTIONS = {
    "send_message_batch": "sqs:SendMessage",
    "get_queue_attributes": "sqs:GetQueueAttributes",
    "get_parameters": "ssm:GetParameters",
    "invoke": "lambda:InvokeFunction",
}


@dataclass(frozen=True)
class Uses:
    """Names of settings; of queues that it sends to; actions of AWS that it calls."""

    settings: frozenset[str]
    queues: frozenset[str]
    actions: frozenset[str]


def folder_of(function: str) -> str:
    """Give the folder of a deployed function."""
    return FOLDERS.get(function, function)


def app_of(function: str) -> FastAPI | None:
    """Give the function's app; None for what answers no requests."""
    module = importlib.import_module(f"functions.{folder_of(function)}.app")
    return getattr(module, "app", None)


@cache
def uses_of(function: str, *, is_fed_by_queues: bool) -> Uses:
    """Find what a function uses.

    Everybody's library reads settings that only some need. What signs doorbells counts for those that send or take
    messages, what opens the database for those that do more than to describe the API, the runner key for those that
    call kernel verbs, the models of the plane for those that hold the library that calls models.
    """
    folder = folder_of(function)
    modules = closure_of(f"functions.{folder}.app", MODULES).ours
    own = {name for name in modules if not name.startswith(("functions.shared.dispatch", "functions.shared.web"))}
    signals = set[str]().union(*(_facts(name).signals for name in own))
    rings, wakes = "ring" in signals, bool(signals & {"wake", "wake_chore"})
    reads = {(field, name) for name in modules for field in _facts(name).reads}
    if not (rings or wakes or is_fed_by_queues):
        reads = {(field, name) for field, name in reads if not (field in DOORBELL_FIELDS and name in DOORBELLS)}
    if not opens_database(function):
        reads = {(field, name) for field, name in reads if not (field in DATABASE_FIELDS and name in DATABASE)}
    if "litellm" not in need_of(function, MODULES).modules:
        reads = {(field, name) for field, name in reads if field in FIELDS}
    if not verbs_of(f"functions.{folder}"):
        reads = {(field, name) for field, name in reads if field != "runner_key"}
    operations = {operation for name in modules for operation in _facts(name).operations}
    if not (rings or wakes):
        operations.discard("send_message_batch")
    settings = frozenset(field for field, _ in reads)
    if not settings & SECRET:
        operations.discard("get_parameters")
    return Uses(
        settings=settings,
        queues=(RINGS if rings else frozenset()) | (WAKES if wakes else frozenset()),
        actions=frozenset(ACTIONS[operation] for operation in operations),
    )


def opens_database(function: str) -> bool:
    """Tell whether a function needs the database: all but the sandbox, and what only describes the API."""
    folder = folder_of(function)
    app = app_of(function)
    if app is None:
        return "functions.shared.db.opening" in closure_of(f"functions.{folder}.app", MODULES).ours
    return bool(paths_of(function) - describing())


def paths_of(function: str) -> set[str]:
    """Give the paths that a function's app serves."""
    app = app_of(function)
    return set() if app is None else {getattr(route, "path", "") for route in app.router.routes}


@cache
def describing() -> frozenset[str]:
    """Give the paths by which every app describes itself: /, /docs, /openapi.json and their like."""
    return frozenset(paths_of("agents") & paths_of("audit") & paths_of("pages"))


def strange_reads() -> Iterator[str]:
    """Give where a secret setting is read of something that HOLDERS does not list: `uses_of` would not see it."""
    for module in MODULES:
        if not module.startswith(("functions.deploy", "functions.local_lambda", "functions.shared.config")):
            yield from _facts(module).strange


def _is_secret(field: str) -> bool:
    return "SecretStr" in str(Settings.model_fields[field].annotation) or field == "supabase_publishable_key"


SECRET = frozenset(field for field in FIELDS if _is_secret(field))


@dataclass(frozen=True)
class Facts:
    """What one module says: settings read, `ring` and its like called, operations of AWS, secrets read strangely."""

    reads: frozenset[str]
    signals: frozenset[str]
    operations: frozenset[str]
    strange: tuple[str, ...]


@cache
def _facts(module: str) -> Facts:
    path = MODULES[module]
    knows_aws = "functions.shared.aws" in imports_of(path)
    reads, signals, operations, strange = set[str](), set[str](), set[str](), list[str]()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Attribute) and (node.attr in FIELDS or node.attr in PROPERTIES):
            if HOLDERS.fullmatch(ast.unparse(node.value)):
                reads |= PROPERTIES.get(node.attr, {node.attr})
            elif node.attr in SECRET:
                strange.append(f"{module}:{node.lineno}: {ast.unparse(node)}")
        elif isinstance(node, ast.Constant) and (found := MODEL_VARIABLE.fullmatch(str(node.value))):
            reads.add(found[1].lower())
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            called = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            signals |= {called} & SIGNALS
            if knows_aws and called in {"ask", "ask_now"}:
                operations.add(str(ast.literal_eval(node.args[1])))
            elif knows_aws and called in ASKING:
                operations.add(ASKING[called])
    return Facts(frozenset(reads), frozenset(signals), frozenset(operations), tuple(strange))
