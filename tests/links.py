"""One-time links for tests, made the only way that there is: as the plane's mail chore does."""

from __future__ import annotations

import secrets
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from functions.shared.db import escalations

if TYPE_CHECKING:
    from functions.shared.db.port import Database


async def mailed_links(database: Database) -> dict[str, str]:
    """Give the token of every mail that is due now, by the address that it goes to."""
    await escalations.announce_escalations(database)
    tokens: dict[str, str] = {}
    for _ in range(50):
        token = secrets.token_urlsafe(32)
        tokens[sha256(token.encode()).hexdigest()] = token
    mails: list[dict[str, Any]] = await escalations.claim_mails(database, list(tokens))
    for mail in mails:
        await escalations.note_mail(database, mail["id"])
    return {mail["to"]: tokens[mail["token_hash"]] for mail in mails}
