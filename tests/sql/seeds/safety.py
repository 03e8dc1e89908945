"""Secrets, policies and the audit in the isolation matrix."""

from __future__ import annotations

SEEDS = {
    "audit_salts": (
        "insert into plane.audit_salts (org_id, salt) values ($1, convert_to($2, 'UTF8')) on conflict do nothing",
        lambda _: (),
    ),
    "audit_heads": (
        "insert into plane.audit_heads (org_id, seq, hash) values ($1, 1, $2)",
        lambda _: (),
    ),
    "audit_seals": (
        "insert into plane.audit_seals (org_id, seq, entry_id, text, hash) values ($1, 1, 0, $2, repeat('1', 64))",
        lambda _: (),
    ),
}

CALLS = {
    "export_audit": lambda _: {"limit": 10, "after": 0},
    "list_audit": lambda _: {"limit": 10, "cursor": None},
    "verify_audit": lambda _: {"limit": 10, "after": None, "known": None},
}

DEFINERS = {
    "record_audit": "select plane.record_audit('forged', 'agents', $2::text)",
}
