"""The verbs of escalations, and of the one-time links that answer them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from functions.shared.db.caller_db import CallerDb
    from functions.shared.db.port import Database
    from functions.shared.jsonvalue import Json, JsonObject


async def create_escalation(db: CallerDb, question: JsonObject) -> Json:
    """Ask people. Answers the escalation. Raises NotFound, InvalidInput."""
    return await db.write("create_escalation", question)


async def list_escalations(db: CallerDb, page: JsonObject) -> Json:
    """List a page, the urgent first: `{data, next}`."""
    return await db.read("list_escalations", page)


async def get_escalation(db: CallerDb, escalation_id: UUID | str) -> Json:
    """Read one with its comments. Raises NotFound."""
    return await db.read("get_escalation", {"id": str(escalation_id)})


async def claim_escalation(db: CallerDb, escalation_id: UUID) -> Json:
    """Take one. Raises Forbidden, NotFound, Conflict."""
    return await db.write("claim_escalation", {"id": str(escalation_id)}, safe=True)


async def release_escalation(db: CallerDb, escalation_id: UUID) -> Json:
    """Give one back. Raises Forbidden, NotFound, Conflict."""
    return await db.write("release_escalation", {"id": str(escalation_id)}, safe=True)


async def update_escalation(db: CallerDb, escalation_id: UUID, changes: JsonObject) -> Json:
    """Assign one, change its priority, move it: `{escalation, due}`. Raises Forbidden, NotFound, Conflict."""
    return await db.write("update_escalation", {"id": str(escalation_id), **changes})


async def resolve_escalation(db: CallerDb, escalation_id: UUID | str, answer: JsonObject) -> Json:
    """Answer one: `{escalation, status: answered | voted, due}`. Raises Forbidden, NotFound, Conflict, InvalidInput."""
    return await db.write("resolve_escalation", {"id": str(escalation_id), **answer})


async def dismiss_escalation(db: CallerDb, escalation_id: UUID, comment: str | None) -> Json:
    """Dismiss a question: `{escalation, due}`. Raises Forbidden, NotFound, Conflict."""
    return await db.write("dismiss_escalation", {"id": str(escalation_id), "comment": comment})


async def comment_on_escalation(db: CallerDb, escalation_id: UUID, text: str) -> Json:
    """Say something about one. Raises NotFound."""
    return await db.write("comment_on_escalation", {"id": str(escalation_id), "text": text})


async def mail_escalation(db: CallerDb, escalation_id: UUID, user_id: UUID) -> Json:
    """Send a member a one-time link by mail. Raises Forbidden, NotFound, Conflict."""
    return await db.write("mail_escalation", {"id": str(escalation_id), "user_id": str(user_id)}, safe=True)


# One-time links


async def open_link(database: Database, token_hash: str) -> Json:
    """Show what a link is about: `{escalation, email, organisation, expires_at}`. Raises NotFound, Gone, Forbidden."""
    return await database.public("open_link", {"token_hash": token_hash}, safe=True)


async def answer_link(database: Database, token_hash: str, answer: JsonObject) -> Json:
    """Answer by a link, once: `{escalation, status, due}`. Raises NotFound, Gone, Forbidden, Conflict, InvalidInput."""
    return await database.public("answer_link", {"token_hash": token_hash, **answer})


# What the plane does by itself


async def time_out_escalation(database: Database) -> tuple[bool, Sequence[JsonObject]]:
    """Close the question that is due longest. Answers whether there was one, and the doorbells."""
    answer = cast("dict[str, Any]", await database.kernel("time_out_escalation", {}))
    return answer["id"] is not None, answer["due"]


async def announce_escalations(database: Database, *, limit: int = 100) -> int:
    """Queue the mails about new escalations. Answers how many escalations there were."""
    answer = cast("dict[str, Any]", await database.kernel("announce_escalations", {"limit": limit}))
    return answer["announced"]


async def claim_mails(database: Database, token_hashes: Sequence[str]) -> list[dict[str, Any]]:
    """Take at most so many mails that are due; each is given the link with one of the hashes."""
    answer = cast("dict[str, Any]", await database.kernel("claim_mails", {"token_hashes": list(token_hashes)}))
    return answer["mails"]


async def note_mail(database: Database, mail_id: str, error: str | None = None) -> None:
    """Note that a mail was sent, or why not."""
    await database.kernel("note_mail", {"id": mail_id, "error": error})
