"""Escalations, their comments, mails and links in the isolation matrix. Calls are about a question for anyone."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sql.isolation import Things

SEEDS: dict[str, tuple[str, Callable[[Things], tuple[Any, ...]]]] = {
    "escalations": (
        """
        insert into plane.escalations
          (id, org_id, kind, reason, context, outcomes, answerable_by, created_by, execution_id, wait_token)
        values
          ($3, $1, 'question', $2, to_jsonb($2::text), '{yes,no}', 'anyone',
            jsonb_build_object('label', $2::text), null, null),
          ($4, $1, 'approval', $2, to_jsonb($2::text), '{approve}', 'people',
            jsonb_build_object('label', $2::text), $5, 'approval')
        """,
        lambda t: (t.id("question"), t.id("approval"), t.running),
    ),
    "escalation_comments": (
        """
        insert into plane.escalation_comments (org_id, escalation_id, author, text)
        values ($1, $3, jsonb_build_object('label', $2::text), $2)
        """,
        lambda t: (t.id("question"),),
    ),
    "escalation_mails": (
        """
        with member as (
          insert into plane.members (org_id, user_id, email, role, may_decide_by_mail)
          values ($1, $4, $2 || '@mail.example', 'approver', true)
        )
        insert into plane.escalation_mails (org_id, escalation_id, user_id, error, due_at)
        values ($1, $3, $4, $2, now() + interval '1 day')
        """,
        lambda t: (t.id("question"), t.id("mailed")),
    ),
    "escalation_links": (
        """
        insert into plane.escalation_links (org_id, escalation_id, user_id, token_hash, created_by, expires_at)
        values ($1, $3, $4, $5, jsonb_build_object('label', $2::text), now() + interval '1 day')
        """,
        lambda t: (t.id("question"), t.id("mailed"), hashlib.sha256(t.mark.encode()).digest()),
    ),
}

CALLS: dict[str, Callable[[Things], dict[str, Any]]] = {
    "create_escalation": lambda t: {"reason": "May I?", "execution_id": t.running, "agent_id": t.agent},
    "list_escalations": lambda t: {"limit": 50, "cursor": None, "execution_id": t.running},
    "get_escalation": lambda t: {"id": t.id("question")},
    "claim_escalation": lambda t: {"id": t.id("question")},
    "release_escalation": lambda t: {"id": t.id("question")},
    "update_escalation": lambda t: {"id": t.id("question"), "priority": "high", "status": "claimed"},
    "resolve_escalation": lambda t: {"id": t.id("question"), "outcome": "yes"},
    "dismiss_escalation": lambda t: {"id": t.id("question")},
    "comment_on_escalation": lambda t: {"id": t.id("question"), "text": "hm"},
    "mail_escalation": lambda t: {"id": t.id("question"), "user_id": t.id("mailed")},
}

DEFINERS = {
    "open_escalation": "select plane.open_escalation(jsonb_build_object('reason', 'r', 'execution_id', $2::text))",
    "claim_escalation": "select plane.claim_escalation(jsonb_build_object('id', $2::text))",
    "release_escalation": "select plane.release_escalation(jsonb_build_object('id', $2::text))",
    "update_escalation": "select plane.update_escalation(jsonb_build_object('id', $2::text, 'priority', 'low'))",
    "resolve_escalation": "select plane.resolve_escalation(jsonb_build_object('id', $2::text, 'outcome', 'yes'))",
    "dismiss_escalation": "select plane.dismiss_escalation(jsonb_build_object('id', $2::text))",
    "comment_on_escalation": "select plane.comment_on_escalation(jsonb_build_object('id', $2::text, 'text', 'hm'))",
    "mail_escalation": "select plane.mail_escalation(jsonb_build_object('id', $2::text, 'user_id', $2::text))",
    "use_link": "select plane.use_link()",
}

IDS = ("question", "approval", "mailed")
# Verbs that write, but nothing that an execution waits for.
ELSEWHERE = {
    *("create_escalation", "release_escalation", "dismiss_escalation", "comment_on_escalation", "mail_escalation"),
    *("time_out_escalation", "announce_escalations", "claim_mails", "note_mail"),
}
