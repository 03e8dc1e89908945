"""Mails, by a real SMTP server: each is sent at least once, and its link works."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import pytest
from aiosmtpd.smtp import SMTP
from pydantic import SecretStr

from functions.shared.chores import Plane as ChorePlane
from functions.shared.chores.mails import send_mails
from functions.shared.config import Settings
from tests.functions.escalations.test_links import mails_about

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
    from tests.functions.conftest import Organisation
    from tests.functions.escalations.conftest import Somebody


class Mailbox:
    """Keeps what it is sent; refuses the first `refusals` mails."""

    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.refusals = self.port = 0

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802  the library's name
        if self.refusals > 0:
            self.refusals -= 1
            return "451 Come back later"
        self.mails.append(envelope)
        return "250 OK"


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    box = Mailbox()
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(box), "127.0.0.1", 0)
    box.port = server.sockets[0].getsockname()[1]
    yield box
    server.close()


@pytest.fixture
def chore_plane(database: AsyncpgDatabase, mailbox: Mailbox) -> ChorePlane:
    url = SecretStr(f"smtp://127.0.0.1:{mailbox.port}")
    settings = Settings(_env_file=None, smtp_url=url, mail_from="plane@acme.example", public_url="http://plane")
    return ChorePlane(database, settings)


async def again(org: Organisation) -> None:
    """Let the pause of every mail be over."""
    await org.connection.execute("update plane.escalation_mails set due_at = plane.clock() where org_id = $1", org.id)


def mails_to(mailbox: Mailbox, somebody: Somebody) -> list[str]:
    assert somebody.user is not None
    return [mail.content.decode() for mail in mailbox.mails if mail.rcpt_tos == [somebody.user.email]]


async def test_a_mail_brings_a_link_that_answers(
    org: Organisation,
    agent: Somebody,
    dora: Somebody,
    nobody: httpx.AsyncClient,
    mailbox: Mailbox,
    chore_plane: ChorePlane,
) -> None:
    asked = await agent.ask(reason="Refund\n250 USD?", options=["refund", "refuse"], priority="urgent")

    await send_mails(chore_plane)
    await send_mails(chore_plane)

    (mail,) = mails_to(mailbox, dora)
    assert "From: plane@acme.example" in mail
    assert "Refund 250 USD?" in mail.split("\r\n\r\n")[0].replace("\r\n ", " ")
    assert re.search(r"until \d+ [A-Z][a-z]+ \d{4}, \d\d:\d\d UTC", mail.replace("=\r\n", "")), mail
    link = re.search(r"http://plane/links/(\S+)", mail)
    assert link is not None
    answered = await nobody.post(f"/api/links/{link[1]}", json={"outcome": "refuse"})
    assert (answered.status_code, answered.json()["outcome"]) == (200, "refuse")
    assert asked["id"] == answered.json()["id"]


async def test_a_mail_that_is_refused_is_sent_later(
    org: Organisation,
    agent: Somebody,
    dora: Somebody,
    mailbox: Mailbox,
    chore_plane: ChorePlane,
) -> None:
    asked = await agent.ask()
    mailbox.refusals = 100
    await send_mails(chore_plane)
    error = await org.connection.fetchval(
        "select error from plane.escalation_mails where escalation_id = $1", asked["id"]
    )
    assert "451" in error
    mailbox.refusals = 0

    await send_mails(chore_plane)
    assert mails_to(mailbox, dora) == []  # its pause is not over
    await again(org)
    await send_mails(chore_plane)

    assert len(mails_to(mailbox, dora)) == 1


async def test_a_mail_whose_sender_died_is_sent_again(
    org: Organisation,
    agent: Somebody,
    dora: Somebody,
    mailbox: Mailbox,
    chore_plane: ChorePlane,
    database: AsyncpgDatabase,
) -> None:
    from functions.shared.db import escalations  # noqa: PLC0415

    await agent.ask()
    await escalations.announce_escalations(database)
    assert await escalations.claim_mails(database, ["0" * 64, "1" * 64])  # and then nothing more is heard of it
    await again(org)

    await send_mails(chore_plane)

    assert len(mails_to(mailbox, dora)) == 1


async def test_nobody_is_written_to_about_what_is_closed(
    org: Organisation,
    agent: Somebody,
    anna: Somebody,
    dora: Somebody,
    mailbox: Mailbox,
    chore_plane: ChorePlane,
) -> None:
    asked = await agent.ask()
    mailbox.refusals = 100
    await send_mails(chore_plane)
    await anna.resolve(asked, "yes")
    mailbox.refusals = 0
    await again(org)

    await send_mails(chore_plane)

    assert mails_to(mailbox, dora) == []
    assert await org.connection.fetchval(
        "select given_up_at is not null from plane.escalation_mails where escalation_id = $1", asked["id"]
    )


async def test_without_a_server_nothing_is_queued(
    org: Organisation, agent: Somebody, dora: Somebody, database: AsyncpgDatabase
) -> None:
    asked = await agent.ask()

    await send_mails(ChorePlane(database, Settings(_env_file=None)))

    assert await mails_about(org, asked) == 0
