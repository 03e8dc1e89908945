"""State's history and locks in the isolation matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sql.isolation import Things

SEEDS: dict[str, tuple[str, Callable[[Things], tuple[Any, ...]]]] = {
    "state_history": (
        """
        insert into plane.state_history
          (org_id, component, key, version, value, created_at, updated_at, ended_at, ended_by)
        values ($1, 'old', 'k', 1, to_jsonb($2::text), now(), now(), now(), 'replaced')
        """,
        lambda _: (),
    ),
    "locks": (
        """
        insert into plane.locks (org_id, component, key, token, holder, acquired_at, lease_until)
        values ($1, $3, 'k', nextval('plane.fencing_token'), $2, now(), now() + interval '1 day')
        """,
        lambda t: (t.id("lock"),),
    ),
}
CALLS: dict[str, Callable[[Things], dict[str, Any]]] = {
    "get_state_version": lambda _: {"component": "old", "key": "k", "version": 1},
    "list_state_history": lambda _: {"component": "old", "key": "k", "limit": 50, "cursor": None},
    "lock_state": lambda _: {"component": "c", "key": "free", "lease_seconds": 30},
    "unlock_state": lambda t: {"component": t.id("lock"), "key": "k", "fencing_token": 9_000_000_000},
}
IDS = ("lock",)
WRITES = {"state_history": {"insert", "delete"}, "locks": {"insert", "update"}}
# Nothing of an execution: tests/functions/state.
ELSEWHERE = {"lock_state", "unlock_state"}
