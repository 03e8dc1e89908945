"""The kernel verbs behind steps and calls of models: policies, budgets and secrets of an organisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from functions.shared.db.kernel_answers import Stale, row_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.shared.db.port import Database
    from functions.shared.jsonvalue import JsonObject


@dataclass(frozen=True, slots=True)
class SealedSecret:
    """A secret as it is stored."""

    version: int
    sealed: JsonObject


async def load_guard(db: Database, *, execution_id: str) -> dict[str, Any]:
    """Read `{policies, budgets, secrets}` of the execution's organisation; secrets are names."""
    return row_of(await db.kernel("load_guard", {"execution_id": execution_id}))


async def load_secrets(
    db: Database, *, execution_id: str, frame: str, epoch: int, names: Sequence[str]
) -> tuple[str, dict[str, SealedSecret]]:
    """Read the organisation and those of its secrets that the frame may have; raises Stale."""
    payload: JsonObject = {"execution_id": execution_id, "frame": frame, "epoch": epoch, "names": [*names]}
    answer = row_of(await db.kernel("load_secrets", payload))
    if not answer["ok"]:
        raise Stale(answer.get("reason", "stale"))
    found = {name: SealedSecret(row["version"], row["sealed"]) for name, row in answer["secrets"].items()}
    return answer["org_id"], found


async def load_provider_keys(db: Database, *, org_id: str, names: Sequence[str]) -> dict[str, SealedSecret]:
    """Read those of an organisation's secrets that are keys of model providers: for calls outside of frames."""
    answer = row_of(await db.kernel("load_provider_keys", {"org_id": org_id, "names": [*names]}))
    return {name: SealedSecret(row["version"], row["sealed"]) for name, row in answer["secrets"].items()}


async def note_policy(db: Database, *, execution_id: str, frame: str, epoch: int, told: JsonObject) -> None:
    """Note what a policy did to a step: `{gen, path, effect, subject, policy_id?, policy?, reason?}`; raises Stale."""
    payload: JsonObject = {"execution_id": execution_id, "frame": frame, "epoch": epoch, **told}
    answer = row_of(await db.kernel("note_policy", payload))
    if not answer["ok"]:
        raise Stale(answer.get("reason", "stale"))
