"""The plane's own keys: which functions carry one, and the only kernel verbs that it opens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from functions.shared.auth.keys import hash_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.shared.postgres.connection import Connection

PREFIX_LENGTH = 14


@dataclass(frozen=True, slots=True)
class RunnerKey:
    """A key of kind runner. `parameter`: its name below /agentplane/<stage>/; `functions`: those that read it."""

    parameter: str
    functions: tuple[str, ...]
    verbs: tuple[str, ...]


RUNNER_KEYS: tuple[RunnerKey, ...] = (
    RunnerKey(
        "runner-key",
        ("runner", "runner-llm"),
        (
            "act",
            "checkpoint",
            "claim",
            "extend_lease",
            "load_guard",
            "load_records",
            "load_secrets",
            "move_together",
            "note_policy",
            "report_dead",
        ),
    ),
    RunnerKey("sweeper-key", ("sweeper",), ("report_dead", "sweep")),
    RunnerKey(
        "chores-key",
        ("chores",),
        (
            "announce_escalations",
            "claim_deliveries",
            "claim_mails",
            "claim_messages",
            "claim_schedules",
            "count_quotas",
            "drop_payloads",
            "erase_next",
            "expire_handoffs",
            "fan_out_triggers",
            "fan_out_webhooks",
            "finish_message",
            "forget_triggered",
            "meter_requests",
            "meter_usage",
            "note_agent_health",
            "note_chore",
            "note_mail",
            "record_delivery",
            "record_firings",
            "seal_audit",
            "start_queued",
            "time_out_escalation",
            "update_agent_records",
            "watch_budgets",
        ),
    ),
    RunnerKey("hooks-key", ("hooks",), ("find_hook", "receive_message")),
    RunnerKey("models-key", ("interpret", "memory"), ("load_provider_keys",)),
    RunnerKey("health-key", ("health",), ("get_plane_health", "get_violations")),
)


def key_of(function: str) -> RunnerKey | None:
    """Give the key that a function carries; None: it moves nothing by itself, only for who calls it."""
    return next((key for key in RUNNER_KEYS if function in key.functions), None)


async def register(connection: Connection, key: RunnerKey, secret: str, peppers: Sequence[str]) -> None:
    """Let a key in, for its verbs only; again: the same row, with the verbs of now.

    It is kept by the first pepper; if the database has it by a former one, that row stays the one, and is renewed.
    """
    presented = hash_key(secret, peppers).split()
    known = await connection.fetchval(
        "select h.hash from unnest($1::text[]) with ordinality as h (hash, place)"
        " join plane.api_keys as k on k.key_hash = sha256(decode(h.hash, 'hex')) order by h.place limit 1",
        presented,
    )
    await connection.execute(
        "select gateway.create_runner_key($1, $2, $3)", known or presented[0], secret[:PREFIX_LENGTH], [*key.verbs]
    )


async def keep_by_present(connection: Connection, secret: str, peppers: Sequence[str]) -> None:
    """Keep a key by the first pepper that is kept by a later one, as its next use would."""
    present, *former = hash_key(secret, peppers).split()
    await connection.execute(
        "update plane.api_keys as k set key_hash = sha256(decode($1, 'hex'))"
        " where k.kind = 'runner' and k.key_hash = any (select sha256(decode(h, 'hex')) from unnest($2::text[]) as h)"
        " and not exists (select from plane.api_keys as other where other.key_hash = sha256(decode($1, 'hex')))",
        present,
        former,
    )
