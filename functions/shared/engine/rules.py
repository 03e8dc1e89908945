"""What holds for the steps of an organisation: its policies, budgets and the names of its secrets, kept for seconds."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from functions.shared.db import safety
from functions.shared.policies import Policy, policy_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from functions.shared.db.port import Database
    from functions.shared.jsonvalue import Json

FRESH_S = 3.0
KEPT = 1_000


@dataclass(frozen=True, slots=True)
class Budget:
    """How a budget stands. `workflow_id`, `agent_id`: whose it is; None: not that one's alone."""

    scope: str
    workflow_id: str | None
    agent_id: str | None
    limit_usd: Decimal
    spent_usd: Decimal
    is_reached: bool
    on_reached: Literal["stop", "ask"]
    period: str
    resets_at: str | None
    id: Json = None

    def concerns(self, workflow_id: str, agent_id: str | None) -> bool:
        """Whether it counts what this workflow spends for this agent."""
        return self.workflow_id in (None, workflow_id) and self.agent_id in (None, agent_id)


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds now."""

    policies: tuple[Policy, ...]
    budgets: tuple[Budget, ...]
    secrets: frozenset[str]


class RulesCache:
    """Asks once an organisation every few seconds, however many steps there are; all that ask meanwhile wait for it."""

    def __init__(self, db: Database, *, fresh_s: float = FRESH_S) -> None:
        self._db = db
        self._fresh_s = fresh_s
        self._known: dict[str, tuple[float, Rules]] = {}
        self._asking: dict[str, asyncio.Task[Rules]] = {}

    async def of(self, org_id: str, execution_id: str) -> Rules:
        """Give the rules of an organisation, by any of its executions. Raises PlaneError: nothing is allowed unseen."""
        at, rules = self._known.get(org_id, (0.0, None))
        if rules is not None and time.monotonic() - at < self._fresh_s:
            return rules
        asking = self._asking.get(org_id)
        if asking is None:
            asking = self._asking[org_id] = asyncio.create_task(self._ask(org_id, execution_id), name="load rules")
            asking.add_done_callback(lambda _: self._asking.pop(org_id, None))
        return await asyncio.shield(asking)

    async def _ask(self, org_id: str, execution_id: str) -> Rules:
        at = time.monotonic()
        rules = _rules_of(await safety.load_guard(self._db, execution_id=execution_id))
        if len(self._known) >= KEPT:
            self._known.clear()
        self._known[org_id] = (at, rules)
        return rules


def _rules_of(answer: Mapping[str, Any]) -> Rules:
    return Rules(
        tuple(policy_of(row) for row in answer["policies"]),
        tuple(_budget_of(row) for row in answer["budgets"]),
        frozenset(answer["secrets"]),
    )


def _budget_of(row: Mapping[str, Any]) -> Budget:
    limit, spent = Decimal(str(row["limit_usd"])), Decimal(str(row["spent_usd"]))
    return Budget(
        scope=row["scope"],
        workflow_id=row.get("workflow_id"),
        agent_id=row.get("agent_id"),
        limit_usd=limit,
        spent_usd=spent,
        is_reached=bool(row.get("is_reached", spent >= limit)),
        on_reached=row["on_reached"],
        period=row.get("period") or "",
        resets_at=row.get("resets_at"),
        id=row.get("id"),
    )
