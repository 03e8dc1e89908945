"""What the plane answers, typed. Unknown members are kept, so that a newer plane does not break an older client."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, PlainSerializer

# As JSON it is what the plane sends: text with nine places, never 0E-9.
Money = Annotated[Decimal, PlainSerializer(lambda amount: f"{amount:.9f}", return_type=str, when_used="json")]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)


class Agent(_Answer):
    """A registered agent; `health` is active, late or lost."""

    id: str
    name: str
    framework: str | None = None
    status: str
    health: str | None = None
    description: str | None = None
    capabilities: Any = None
    last_seen_at: datetime | None = None


class State(_Answer):
    """A value by component and key. `version` rises with every write; send it as `if_version` to compare and set."""

    component: str
    key: str
    value: Any = None
    version: int
    expires_at: datetime | None = None


class Workflow(_Answer):
    """One immutable version of a workflow."""

    id: str
    name: str
    version: int
    format: str | None = None
    definition: Any = None
    description: str | None = None


class Execution(_Answer):
    """One run of one workflow version. Money is USD; `cost_usd` is None while unknown."""

    id: str
    workflow: str | None = None
    workflow_id: str | None = None
    version: int | None = None
    mode: str = "engine"
    status: str
    input: Any = None
    output: Any = None
    error: dict[str, Any] | None = None
    cost_usd: Money | None = None
    waiting_for: list[dict[str, Any]] = []
    created_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def has_ended(self) -> bool:
        """Whether the status is final."""
        return self.status in {"succeeded", "failed", "cancelled", "timed_out"}


class Step(_Answer):
    """One path of an execution, with its attempts inside."""

    path: str
    kind: str
    status: str
    output: Any = None
    error: dict[str, Any] | None = None
    attempts: Any = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    usage: dict[str, Any] | None = None
    cost_usd: Money | None = None
