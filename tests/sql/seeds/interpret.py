"""Interpretations in the isolation matrix."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sql.isolation import Things

_HASH = hashlib.sha256(b"the same question").hexdigest()
SEEDS: dict[str, tuple[str, Callable[[Things], tuple[Any, ...]]]] = {
    "interpretations": (
        """
        insert into plane.interpretations (org_id, hash, answer, model, expires_at)
        values ($1, $3, to_jsonb($2::text), $2, now() + interval '1 day')
        """,
        lambda _: (bytes.fromhex(_HASH),),
    ),
}
CALLS: dict[str, Callable[[Things], dict[str, Any]]] = {
    "get_model_rules": lambda _: {},
    "find_interpretation": lambda _: {"hash": _HASH},
    "keep_interpretation": lambda _: {"hash": "00" * 32, "answer": {}, "model": "m", "cost_usd": None},
}
WRITES = {"interpretations": {"insert", "update"}}
DEFINERS = {
    "model_rules": "select plane.model_rules()",
    "note_spending": "select plane.note_spending(1)",
}
# Nothing of an execution: tests/functions/interpret.
ELSEWHERE = {"keep_interpretation"}
