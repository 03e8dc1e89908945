"""Puts an engine together from the settings of a process."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

from functions.shared.engine.guard import PolicyGuard
from functions.shared.engine.policy import Engine, Policy
from functions.shared.engine.rules import RulesCache
from functions.shared.sealing import Sealer
from functions.shared.steps import HttpPolicy
from functions.shared.steps.code import CodeStep
from functions.shared.steps.handlers import HANDLERS
from functions.shared.steps.redaction import Guarded
from functions.shared.steps.sandbox_function import SandboxFunction

if TYPE_CHECKING:
    from functions.shared.config import Settings
    from functions.shared.db.port import Database
    from functions.shared.dispatch.doorbell import Doorbell


def engine_of(settings: Settings, db: Database, doorbell: Doorbell) -> Engine:
    """Give an engine with every kind of step. Secrets and model keys are read when they are used."""
    rules = RulesCache(db)
    handlers = dict(HANDLERS)
    if settings.sandbox_function:
        handlers["code"] = Guarded(CodeStep(SandboxFunction(settings.sandbox_function).run))
    return Engine(
        db=db,
        doorbell=doorbell,
        handlers=handlers,
        policy=Policy(
            owner=settings.owner or f"runner:{secrets.token_hex(6)}",
            lease_s=settings.lease_seconds,
            extend_every_s=min(2.0, settings.lease_seconds / 4),
            lends_environment=settings.lend_environment,
        ),
        http=HttpPolicy(allow_private=frozenset(settings.allow_private_hosts)),
        environment=os.environ,
        guard=PolicyGuard(db, rules),
        rules=rules,
        sealer=Sealer.from_settings(settings),
    )
