"""What surrounds the steps of a frame: its identity, its means, its secrets, and what they may cause."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from functions.shared.db import kernel
from functions.shared.steps.base import Origin

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Mapping, Sequence
    from decimal import Decimal

    from functions.shared.db.kernel import Claimed
    from functions.shared.engine.frame_secrets import FrameSecrets
    from functions.shared.engine.policy import Engine
    from functions.shared.jsonvalue import Json, JsonObject
    from functions.shared.steps.base import HttpPolicy, PersonAnswer


@dataclass(frozen=True, slots=True)
class StepScope:
    """What a step needs to know of the frame that runs it.

    `namespace`: the execution's id, of which idempotency keys are made. `left_usd`: of its budget; None: no limit.
    `at_most`: so many seconds, or what is left of them here.
    """

    engine: Engine
    execution_id: str
    frame: str
    epoch: int
    gen: int
    workflow: str
    models: Mapping[str, str]
    secrets: FrameSecrets
    effects: FrameEffects
    namespace: uuid.UUID
    left_usd: Callable[[], Decimal | None]
    time_for: Callable[[float], bool]
    at_most: Callable[[float], float]
    origin: Origin


@dataclass(frozen=True, slots=True)
class FrameEffects:
    """State and events on behalf of a frame's organisation; a frame that was taken over can cause none."""

    engine: Engine
    execution_id: str
    frame: str
    epoch: int

    async def act(self, verb: str, payload: JsonObject, *, idempotency_key: str) -> Json:
        """Run a tenant's verb exactly once for the key. Frames that it made due are rung."""
        answer = await kernel.act(
            self.engine.db,
            execution_id=self.execution_id,
            frame=self.frame,
            epoch=self.epoch,
            verb=verb,
            payload=payload,
            idempotency_key=idempotency_key,
        )
        if isinstance(answer, dict) and isinstance(due := answer.get("due"), list):
            await self.engine.ring(cast("list[JsonObject]", due))
            return {name: value for name, value in answer.items() if name != "due"}
        return answer


def origin_of(claim: Claimed) -> Origin:
    """Tell whose steps a frame's are."""
    return Origin(
        org_id=claim.org_id,
        execution_id=claim.execution_id,
        frame=claim.frame,
        epoch=claim.epoch,
        gen=claim.gen,
        workflow=claim.workflow,
        workflow_id=claim.workflow_id,
        agent_id=claim.agent_id,
        agent=claim.agent,
    )


def http_of(engine: Engine, origin: Origin, answers: Sequence[PersonAnswer]) -> HttpPolicy:
    """Give where a step may go: what the plane allows, and of that what the organisation's policies allow."""
    guard = engine.guard
    if guard is None:
        return engine.http

    async def check_host(host: str, port: int) -> None:
        await guard.check_host(host, port, origin, answers)

    return replace(engine.http, check_host=check_host)
