"""Asks the organisation's policies and budgets before a step: whether its tool, hosts and models may be used."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from functions.shared.db import safety
from functions.shared.policies import Decision, Subject, decide, host_subject, model_subject, tool_subject
from functions.shared.steps.base import NeedsPerson, StepFailed
from functions.shared.steps.embedding import MODEL_VARIABLE
from functions.shared.steps.fetch import parse_url
from functions.shared.steps.providers import is_local, provider_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from functions.shared.db.port import Database
    from functions.shared.engine.rules import Budget, Rules, RulesCache
    from functions.shared.jsonvalue import JsonObject
    from functions.shared.steps.base import Context, Origin, PersonAnswer

PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class PolicyGuard:
    """Refuses with StepFailed `policy_denied` or `budget_exhausted`, which no retry changes, or asks with NeedsPerson.

    A step that uses neither a tool, a host nor a model is none of its business and costs nothing.
    """

    db: Database
    rules: RulesCache

    async def check(self, kind: str, config: JsonObject, context: Context) -> None:
        """Decide about one attempt of a step."""
        subjects = list(subjects_of(kind, config, context))
        if not subjects or context.origin is None:
            return
        origin = context.origin
        rules = await self.rules.of(origin.org_id, origin.execution_id)
        asked: list[tuple[Subject, Decision]] = []
        for subject in subjects:
            decision = decide(rules.policies, subject, workflow=origin.workflow, agent=origin.agent)
            if decision.effect == "deny":
                await self._denied(subject, decision, context, origin)
            if decision.effect == "ask":
                asked.append((subject, decision))
        budget = _reached(rules, subjects, origin)
        if budget is not None and budget.on_reached == "stop":
            await self._over_budget(budget, context, origin)
        await self._ask(asked, budget, context, origin)

    async def check_host(self, host: str, port: int, origin: Origin, answers: Sequence[PersonAnswer]) -> None:
        """Decide about a host as it is requested. Nobody is asked half-way, about a redirect: that is refused."""
        subject = host_subject(host, port)
        rules = await self.rules.of(origin.org_id, origin.execution_id)
        decision = decide(rules.policies, subject, workflow=origin.workflow, agent=origin.agent)
        if decision.effect == "deny":
            raise StepFailed("policy_denied", _why(subject, decision), details=_details(subject, decision))
        if decision.effect == "ask" and _line(subject) not in _approved(answers):
            message = (
                f"A redirect leads to {subject.name}, for which a person has to be asked. Name that address itself."
            )
            raise StepFailed("policy_denied", message, details=_details(subject, decision))

    async def _denied(self, subject: Subject, decision: Decision, context: Context, origin: Origin) -> None:
        await self._note("denied", subject.name, _details(subject, decision), context, origin)
        raise StepFailed("policy_denied", _why(subject, decision), details=_details(subject, decision))

    async def _over_budget(self, budget: Budget, context: Context, origin: Origin) -> None:
        details: JsonObject = {"budget": budget.id, "scope": budget.scope}
        await self._note("denied", f"budget {budget.scope}", details, context, origin)
        raise StepFailed("budget_exhausted", _spent(budget), details=details)

    async def _ask(
        self, asked: list[tuple[Subject, Decision]], budget: Budget | None, context: Context, origin: Origin
    ) -> None:
        """Ask once about all that has to be asked; what was approved before is not asked again."""
        answer = context.answer_to("policy")
        wanted = [_line(subject) for subject, _ in asked]
        if budget is not None:
            wanted.append(f"budget {budget.id} {budget.limit_usd}")
        if not wanted:
            return
        if answer is not None and answer.outcome != "approve":
            details: JsonObject = {"asked": [*wanted]}
            raise StepFailed("policy_denied", "A person was asked and has not allowed this step.", details=details)
        approved = _approved(context.answers)
        if all(one in approved for one in wanted):
            return
        reasons = [_asks(subject, decision) for subject, decision in asked]
        if budget is not None:
            reasons.append(_spent(budget))
        for subject, decision in asked:
            await self._note("asked", subject.name, _details(subject, decision), context, origin)
        raise NeedsPerson(
            " ".join(reasons),
            show={"step": context.path, "workflow": origin.workflow, "agent": origin.agent, "uses": [*wanted]},
            kind="policy",
            kept=[*approved, *wanted],
        )

    async def _note(self, effect: str, subject: str, details: JsonObject, context: Context, origin: Origin) -> None:
        told: JsonObject = {"gen": origin.gen, "path": context.path, "effect": effect, "subject": subject, **details}
        await safety.note_policy(
            self.db, execution_id=origin.execution_id, frame=origin.frame, epoch=origin.epoch, told=told
        )


def subjects_of(kind: str, config: JsonObject, context: Context) -> Iterator[Subject]:
    """Name what a step will use: its tool, the host of its address, its model and those that stand in for it."""
    given = config.get("with") if kind == "tool" else config
    if kind == "tool":
        yield tool_subject(str(config.get("name")))
    if kind in ("http", "tool") and isinstance(given, dict) and isinstance(url := given.get("url"), str):
        with suppress(StepFailed):  # the step itself says what is wrong with it
            read = parse_url(url)
            yield host_subject(read.raw_host.decode("ascii"), read.port or PORTS[read.scheme])
    for model in _models_of(kind, config, context):
        yield model_subject(model, provider_of(model))


def _models_of(kind: str, config: JsonObject, context: Context) -> Iterator[str]:
    if kind in ("llm", "interpret"):
        fallback = config.get("fallback")
        named = [config.get("model") or "default", *(fallback if isinstance(fallback, list) else [fallback])]
        for name in named:
            if isinstance(name, str) and (model := context.models.get(name, name)) != "default":
                yield model
    if kind == "memory" and (model := context.environment.get(MODEL_VARIABLE)):
        yield model


def _reached(rules: Rules, subjects: list[Subject], origin: Origin) -> Budget | None:
    """Give the budget that holds a paid step back, one that stops before one that asks."""
    if not any(subject.kind == "model" and not is_local(subject.name) for subject in subjects):
        return None
    reached = [b for b in rules.budgets if b.is_reached and b.concerns(origin.workflow_id, origin.agent_id)]
    return min(reached, key=lambda budget: budget.on_reached != "stop", default=None)


def _line(subject: Subject) -> str:
    return f"{subject.kind} {subject.name}"


def _approved(answers: Sequence[PersonAnswer]) -> list[str]:
    """Give what people have allowed this step: each answer is about what its question has named."""
    approving = [one for one in answers if one.kind == "policy" and one.outcome == "approve"]
    return [line for one in approving if isinstance(one.kept, list) for line in one.kept if isinstance(line, str)]


def _why(subject: Subject, decision: Decision) -> str:
    policy = decision.policy
    assert policy is not None  # noqa: S101  only a policy denies
    said = f" {policy.reason.rstrip('.')}." if policy.reason else ""
    return f"The {subject.kind} {subject.name} is denied by the policy {policy.name}.{said}"


def _asks(subject: Subject, decision: Decision) -> str:
    policy = decision.policy
    assert policy is not None  # noqa: S101  only a policy asks
    said = f" {policy.reason.rstrip('.')}." if policy.reason else ""
    return f"The policy {policy.name} wants a person to allow the {subject.kind} {subject.name}.{said}"


def _spent(budget: Budget) -> str:
    until = f" It begins anew at {budget.resets_at}." if budget.resets_at else ""
    return f"The {budget.scope}'s budget of {budget.limit_usd} USD a {budget.period or 'period'} is spent.{until}"


def _details(subject: Subject, decision: Decision) -> JsonObject:
    details: JsonObject = {"kind": subject.kind, "name": subject.name}
    if decision.policy is not None:
        details |= {"policy_id": decision.policy.id, "policy": decision.policy.name}
    return details
