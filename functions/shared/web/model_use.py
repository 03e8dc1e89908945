"""Whether a function may call a model for its caller, outside of an execution: policies and budgets hold there too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from functions.shared.dsl.catalogue import provider_of
from functions.shared.errors import Forbidden, NextStep, OverBudget
from functions.shared.policies import decide, model_subject, policy_of

if TYPE_CHECKING:
    from functions.shared.db.caller_db import CallerDb


async def require_model(db: CallerDb, model: str) -> str:
    """Let only a model pass that no policy of the organisation denies, while no budget of it is used up.

    Gives the organisation's id, as the database knows the caller. Nobody can be asked here, so a policy that asks
    refuses too. Raises Forbidden `policy_denied`, OverBudget.
    """
    rules: Any = await db.read("get_model_rules", {})
    subject = model_subject(model, provider_of(model) or "")
    decision = decide([policy_of(row) for row in rules["policies"]], subject, workflow="", agent=None)
    if decision.effect != "allow" and decision.policy is not None:
        name = decision.policy.name
        said = f" {decision.policy.reason}" if decision.policy.reason else ""
        if decision.effect == "deny":
            raise Forbidden(
                f"The model {subject.name} is denied by the policy {name}.{said}",
                code="policy_denied",
                hint="Name another model, or ask who manages the policies.",
            )
        raise Forbidden(
            f"The policy {name} has a person asked before {subject.name} is used, and nobody can be asked here.{said}",
            code="policy_denied",
            hint="Do it as a step of a workflow, which waits for the answer; or name another model.",
            next=[NextStep("run it as a workflow", "POST", "/api/executions")],
        )
    if rules["budgets"]:
        budget = rules["budgets"][0]
        raise OverBudget(
            f"The organisation's budget of {budget['limit_usd']} USD a {budget['period']} is used up.",
            extra={"budget_id": budget["id"], "resets_at": budget["resets_at"]},
            hint="Raise it, or wait until resets_at.",
            next=[NextStep("see the budgets", "GET", "/api/budgets")],
        )
    org_id: str = rules["org_id"]
    return org_id
