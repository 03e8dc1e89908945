"""Writes to members who may decide by mail: each mail has a one-time link. Off without AGENTPLANE_SMTP_URL."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from email.message import EmailMessage
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from functions.shared.chores.chore import Chore, Plane
from functions.shared.db import escalations
from functions.shared.log import logger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from functions.shared.config import Settings
    from functions.shared.jsonvalue import JsonObject

log = logger("mails")

PAGE = 20
SEND_WITHIN_S = 20.0
_SMTP, _SMTPS = 25, 465


async def send_mails(plane: Plane) -> list[JsonObject]:
    """Queue the mails about new escalations and send what is due; what fails is tried again. Nobody is rung."""
    if plane.settings.smtp_url is None:
        return []
    await escalations.announce_escalations(plane.db)
    tokens = {sha256(token.encode()).hexdigest(): token for token in (secrets.token_urlsafe(32) for _ in range(PAGE))}
    for mail in await escalations.claim_mails(plane.db, list(tokens)):
        error = await _send(plane.settings, message_of(plane.settings, mail, tokens[mail["token_hash"]]))
        await escalations.note_mail(plane.db, mail["id"], error)
    return []


def message_of(settings: Settings, mail: Mapping[str, Any], token: str) -> EmailMessage:
    """Give the mail about an escalation, in plain text."""
    asked = mail["escalation"]
    urgent = "Urgent: " if asked["priority"] == "urgent" else ""
    outcomes = f"\nYou may choose: {', '.join(asked['outcomes'])}.\n" if asked["outcomes"] else ""
    until = f"It is open until {_moment(asked['deadline'])}.\n" if asked["deadline"] else ""
    message = EmailMessage()
    message["From"] = settings.mail_from
    message["To"] = mail["to"]
    message["Subject"] = f"{urgent}{mail['organisation']} asks: {' '.join(asked['reason'].split())[:120]}"
    message["Message-ID"] = f"<{mail['id']}.{mail['token_hash'][:16]}@agentplane>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(
        f"{asked['reason']}\n{outcomes}\n"
        f"Read it and answer here:\n{settings.public_url}/links/{token}\n\n"
        f"{until}The link works once, for you alone, until {_moment(mail['expires_at'])}. Do not pass it on.\n"
    )
    return message


def _moment(text: str) -> str:
    """Write a time of the database for people: `28 November 2026, 09:19 UTC`."""
    at = datetime.fromisoformat(text).astimezone(UTC)
    return f"{at.day} {at:%B %Y, %H:%M} UTC"


async def _send(settings: Settings, message: EmailMessage) -> str | None:
    """Hand a mail to the server; gives what went wrong."""
    import aiosmtplib  # noqa: PLC0415  only who sends mails loads it

    assert settings.smtp_url is not None  # noqa: S101  the chore is off without it
    address = urlsplit(settings.smtp_url.get_secret_value())
    is_tls = address.scheme == "smtps"
    try:
        await aiosmtplib.send(
            message,
            hostname=address.hostname or "localhost",
            port=address.port or (_SMTPS if is_tls else _SMTP),
            username=unquote(address.username) if address.username else None,
            password=unquote(address.password) if address.password else None,
            use_tls=is_tls,
            timeout=SEND_WITHIN_S,
        )
    except (aiosmtplib.SMTPException, OSError) as error:
        log.warning("a mail was not sent: %s", type(error).__name__)
        return f"{type(error).__name__}: {error}"[:500]
    return None


SEND_MAILS = Chore("mails", 5.0, send_mails)
