"""The `open` row of a checkpoint."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from functions.shared.db.kernel import Claimed
    from functions.shared.engine.plan import Open
    from functions.shared.jsonvalue import JsonObject


def open_row(wanted: Open, token: str, claim: Claimed) -> JsonObject:
    """Build the `open` row of a checkpoint. Ids of children come from the token, so a repeated call opens the same."""
    row: JsonObject = {
        "token": token,
        "kind": wanted.kind,
        "path": wanted.path,
        "name": wanted.name,
        "data": wanted.data,
    }
    if wanted.match is not None:
        row["match"] = wanted.match
    if wanted.deadline is not None and wanted.deadline.after_s is not None:
        row["deadline_ms"] = round(wanted.deadline.after_s * 1000)
    elif wanted.deadline is not None:
        row["deadline_at"] = wanted.deadline.at
    if wanted.child is not None:
        row["child"] = {
            "execution_id": str(uuid.uuid5(uuid.UUID(claim.execution_id), token)),
            "ref": wanted.child.ref,
            "input": wanted.child.input,
            "budget_usd": wanted.child.budget_usd,
        }
    if wanted.handoff is not None:
        handoff_id = str(uuid.uuid5(uuid.UUID(claim.execution_id), f"{token}/handoff"))
        row["handoff"] = {"id": handoff_id, **wanted.handoff}
        row["data"] = {**wanted.data, "handoff_id": handoff_id}
    if wanted.shards:
        suffix = f"~{claim.gen}" if claim.gen else ""
        row["shards"] = [
            {
                "frame": f"{shard.path}/{number}{suffix}",
                "path": shard.path,
                "from": shard.start,
                "to": shard.stop,
                "max_parallel": shard.max_parallel,
            }
            for number, shard in enumerate(wanted.shards)
        ]
    return row
