"""What policies decide about one subject."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from functions.shared.policies.globs import matches
from functions.shared.policies.policy import Effect, Policy
from functions.shared.policies.subjects import Subject

_STRICTER = {"deny": 2, "ask": 1, "allow": 0}


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to happen. `policy`: the one that decided; None when none fits, which allows."""

    effect: Effect
    policy: Policy | None = None


def decide(policies: Iterable[Policy], subject: Subject, *, workflow: str, agent: str | None) -> Decision:
    """Decide: of the policies that fit, the highest priority wins; of equal ones deny, then ask, then allow."""
    fitting = [policy for policy in policies if _fits(policy, subject, workflow, agent)]
    if not fitting:
        return Decision("allow")
    first = max(fitting, key=lambda policy: (policy.priority, _STRICTER[policy.effect]))
    return Decision(first.effect, first)


def _fits(policy: Policy, subject: Subject, workflow: str, agent: str | None) -> bool:
    return (
        policy.kind == subject.kind
        and any(matches(policy.pattern, name) for name in subject.names)
        and (not policy.workflows or any(matches(pattern, workflow) for pattern in policy.workflows))
        and (not policy.agents or (agent is not None and any(matches(pattern, agent) for pattern in policy.agents)))
    )
