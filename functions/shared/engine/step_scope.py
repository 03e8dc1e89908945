"""What surrounds the steps of a frame: its identity, its means, its secrets, and what they may cause."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from functions.shared.db import kernel
from functions.shared.steps.base import StepFailed

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Mapping
    from decimal import Decimal

    from functions.shared.engine.policy import Engine
    from functions.shared.jsonvalue import Json, JsonObject

SECRET_PREFIX = "AGENTPLANE_SECRET_"  # noqa: S105  a variable's name, not a secret


@dataclass(frozen=True, slots=True)
class StepScope:
    """What a step needs to know of the frame that runs it.

    `namespace`: the execution's id, of which idempotency keys are made. `left_usd`: of its budget; None: no limit.
    """

    engine: Engine
    execution_id: str
    frame: str
    epoch: int
    gen: int
    workflow: str
    models: Mapping[str, str]
    secrets: EnvironmentSecrets
    effects: FrameEffects
    namespace: uuid.UUID
    left_usd: Callable[[], Decimal | None]
    time_for: Callable[[float], bool]


@dataclass(frozen=True, slots=True)
class EnvironmentSecrets:
    """Secrets from the runner's environment, but only those that the workflow declares."""

    environment: Mapping[str, str]
    declared: frozenset[str]

    def __call__(self, name: str) -> str:
        """Give a secret; raises StepFailed `secret_not_declared` or `secret_missing`."""
        if name not in self.declared:
            raise StepFailed("secret_not_declared", f"The workflow does not declare {name[:80]} in `secrets`.")
        value = self.environment.get(SECRET_PREFIX + name)
        if value is None:
            raise StepFailed(
                "secret_missing",
                f"The secret {name} is not set. Set the runner's environment variable {SECRET_PREFIX}{name}.",
            )
        return value


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
