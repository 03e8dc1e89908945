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
    "secrets": (
        """
        insert into plane.secrets (org_id, name, sealed, updated_by)
        values ($1, 'SEALED', jsonb_build_object('key', $2::text, 'text', $2::text), '{}')
        """,
        lambda _: (),
    ),
    "policies": (
        """
        insert into plane.policies (id, org_id, name, effect, kind, pattern, reason, created_by)
        values ($3, $1, $2, 'ask', 'host', 'nowhere.example', $2, '{}')
        """,
        lambda t: (t.id("policy"),),
    ),
    "erasures": (
        """
        insert into plane.erasures (id, org_id, kind, subject, label, requested_by, finished_at)
        values ($3, $1, 'person', $3, $2, '{}', now())
        """,
        lambda t: (t.id("erasure"),),
    ),
    "retention": (
        "insert into plane.retention (org_id, payload_days) select $1, 30 where $2 <> ''",
        lambda _: (),
    ),
}
IDS = ("policy", "erasure")
FIGURES = ("retention", "audit_salts")

CALLS = {
    "create_policy": lambda _: {"name": "one more", "effect": "deny", "kind": "tool", "pattern": "x"},
    "delete_policy": lambda t: {"id": t.id("policy")},
    "delete_secret": lambda _: {"name": "SEALED"},
    "get_policy": lambda t: {"id": t.id("policy")},
    "get_secret_version": lambda _: {"name": "SEALED"},
    "list_policies": lambda _: {"limit": 10, "cursor": None},
    "list_sealed_secrets": lambda _: {"master_key": "another", "limit": 10},
    "list_secrets": lambda _: {"limit": 10, "cursor": None},
    "put_secret": lambda _: {"name": "NEW", "version": 1, "sealed": {"key": "k"}},
    "reseal_secrets": lambda _: {"secrets": [{"name": "SEALED", "version": 1, "sealed": {"key": "k"}}]},
    "update_policy": lambda t: {"id": t.id("policy"), "changes": {"effect": "deny"}},
    "erase_organisation": lambda t: {"name": t.org.name},
    "erase_person": lambda t: {"user_id": t.id("mailed"), "email": f"{t.mark}@mail.example"},
    "export_data": lambda _: {"limit": 10_000, "after": None},
    "get_retention": lambda _: {},
    "list_erasures": lambda _: {"limit": 10, "cursor": None},
    "set_retention": lambda _: {"payload_days": 30},
    "export_audit": lambda _: {"limit": 10, "after": 0},
    "list_audit": lambda _: {"limit": 10, "cursor": None},
    "verify_audit": lambda _: {"limit": 10, "after": None, "known": None},
}

DEFINERS = {
    "record_audit": "select plane.record_audit('forged', 'agents', $2::text)",
}

WRITES = {
    "secrets": {"insert", "update", "delete"},
    "policies": {"insert", "update", "delete"},
    "retention": {"insert", "update"},
}
HIDDEN = {"audit_salts"}
ELSEWHERE = {
    "load_guard",  # reads
    *("create_policy", "update_policy", "delete_policy", "put_secret", "delete_secret", "reseal_secrets"),
    *("seal_audit", "load_secrets", "note_policy", "erase_person", "erase_organisation", "set_retention"),
    *("drop_payloads", "load_provider_keys"),
}
