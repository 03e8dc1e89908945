"""One-time links: shown by GET, answered once by POST, good for nothing else."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.functions.escalations.test_rules import approval, code
from tests.links import mailed_links

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
    from tests.functions.conftest import Organisation
    from tests.functions.escalations.conftest import Somebody
    from tests.functions.running import Plane


async def link_to(database: AsyncpgDatabase, somebody: Somebody) -> str:
    assert somebody.user is not None
    return "/api/links/" + (await mailed_links(database))[somebody.user.email]


async def test_a_link_shows_and_answers_once_as_its_member(
    org: Organisation, plane: Plane, dora: Somebody, nobody: httpx.AsyncClient, database: AsyncpgDatabase
) -> None:
    asked = await approval(plane, dora)
    link = await link_to(database, dora)

    for _ in range(3):  # a mail scanner looks too
        shown = await nobody.get(link)
        assert (shown.status_code, shown.json()["escalation"]["id"]) == (200, asked["id"])
        assert shown.json()["escalation"]["may_answer"]
    assert (await dora.read(asked))["status"] == "open"
    wrong = await nobody.post(link, json={"outcome": "aprove"})
    answered = await nobody.post(link, json={"outcome": "approve", "form": {"amount": 5}})

    assert (wrong.status_code, wrong.json()["errors"][0]["did_you_mean"]) == (422, "approve")
    assert (answered.status_code, answered.json()["answer"]) == (200, {"amount": 5})
    assert answered.json()["decided_by"] == {"kind": "person", "id": dora.user.user_id, "label": dora.user.email}
    await plane.until(asked["execution_id"], "succeeded")
    assert code(await nobody.post(link, json={"outcome": "approve"})) == (410, "link_closed")
    assert code(await nobody.get(link)) == (410, "link_closed")
    details = await org.connection.fetchval(
        "select details from plane.audit_entries where resource_id = $1 and action = 'resolve_escalation'", asked["id"]
    )
    assert "link_id" in details


async def test_a_link_of_a_quorum_is_used_by_its_vote(
    plane: Plane, dora: Somebody, nobody: httpx.AsyncClient, database: AsyncpgDatabase
) -> None:
    asked = await approval(plane, dora, quorum=2)
    link = await link_to(database, dora)

    voted = await nobody.post(link, json={"outcome": "approve"})
    again = await nobody.post(link, json={"outcome": "reject"})

    assert voted.status_code == 202
    assert code(again) == (410, "link_used")
    assert [vote["outcome"] for vote in (await dora.read(asked))["votes"]] == ["approve"]


async def test_a_link_and_its_member_at_once_give_one_answer(
    agent: Somebody, dora: Somebody, nobody: httpx.AsyncClient, database: AsyncpgDatabase
) -> None:
    for _ in range(5):
        asked = await agent.ask(options=["a", "b"])
        link = await link_to(database, dora)

        answers = await asyncio.gather(nobody.post(link, json={"outcome": "a"}), dora.resolve(asked, "b"))

        winners = [answer for answer in answers if answer.status_code == 200]
        assert len(winners) == 1
        assert (await dora.read(asked))["outcome"] == winners[0].json()["outcome"]


async def test_a_tampered_or_made_up_link_is_not_there(
    agent: Somebody, dora: Somebody, nobody: httpx.AsyncClient, database: AsyncpgDatabase
) -> None:
    asked = await agent.ask()
    link = await link_to(database, dora)

    for wrong in (link[:-1] + ("A" if link[-1] != "A" else "B"), "/api/links/" + "x" * 43, link.lower()):
        assert code(await nobody.get(wrong)) == (404, "link_not_found")
        assert code(await nobody.post(wrong, json={"outcome": "yes"})) == (404, "link_not_found")
    assert (await nobody.get("/api/links/short")).status_code == 422
    assert (await dora.read(asked))["status"] == "open"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("update plane.escalation_links set expires_at = plane.clock() where org_id = $1", "link_expired"),
        ("update plane.members set removed_at = plane.clock() where org_id = $1", "link_revoked"),
        ("update plane.members set may_decide_by_mail = false where org_id = $1", "link_revoked"),
        ("update plane.escalation_links set used_at = plane.clock() where org_id = $1", "link_used"),
    ],
)
async def test_a_link_ends_with_what_it_stands_on(
    org: Organisation,
    agent: Somebody,
    dora: Somebody,
    nobody: httpx.AsyncClient,
    database: AsyncpgDatabase,
    change: str,
    expected: str,
) -> None:
    await agent.ask()
    link = await link_to(database, dora)
    await org.connection.execute(change, org.id)

    assert code(await nobody.get(link)) == (410, expected)
    assert code(await nobody.post(link, json={"outcome": "yes"})) == (410, expected)


async def test_a_link_opens_nothing_else(
    agent: Somebody, dora: Somebody, nobody: httpx.AsyncClient, database: AsyncpgDatabase
) -> None:
    asked, other = await agent.ask(assign_to=[{"user_id": dora.user.user_id}]), await agent.ask()
    link = await link_to(database, dora)
    token = link.rpartition("/")[2]

    body = {"outcome": "yes", "id": other["id"]}
    assert (await nobody.post(link, json=body)).status_code == 422
    headers = {"Authorization": f"Bearer {token}"}
    assert (await nobody.get("/api/escalations", headers=headers)).status_code == 401
    assert {(await dora.read(each))["status"] for each in (asked, other)} == {"open"}


async def test_who_lost_the_assignment_cannot_answer_by_the_old_link(
    agent: Somebody, dora: Somebody, anna: Somebody, nobody: httpx.AsyncClient, database: AsyncpgDatabase
) -> None:
    asked = await agent.ask()
    link = await link_to(database, dora)
    await agent.say(asked, "assign", assign_to="anna@example.com")

    shown = await nobody.get(link)
    assert shown.json()["escalation"]["refusal"] == "assigned_to_another"
    assert code(await nobody.post(link, json={"outcome": "yes"})) == (403, "assigned_to_another")


async def mails_about(org: Organisation, asked: dict[str, Any]) -> int:
    return await org.connection.fetchval(
        "select count(*) from plane.escalation_mails where escalation_id = $1", asked["id"]
    )


async def test_only_members_who_may_answer_by_mail_are_written_to(
    org: Organisation,
    agent: Somebody,
    anna: Somebody,
    dora: Somebody,
    plane: Plane,
    database: AsyncpgDatabase,
    meet: Callable[..., Awaitable[Somebody]],
) -> None:
    await meet(org, "viewer", may_decide_by_mail=True)
    plain = await agent.ask()
    assigned = await agent.ask(assign_to="anna@example.com")
    careful = await approval(plane, anna, aal2="true")

    links = await mailed_links(database)

    assert dora.user.email in links
    assert [await mails_about(org, each) for each in (plain, assigned, careful)] == [1, 0, 0]


async def test_an_admin_sends_another_mail_to_the_member_alone(
    org: Organisation,
    agent: Somebody,
    anna: Somebody,
    dora: Somebody,
    database: AsyncpgDatabase,
    meet: Callable[..., Awaitable[Somebody]],
) -> None:
    asked = await agent.ask()
    await mailed_links(database)
    admin = await meet(org, "admin")

    sent = await admin.say(asked, "mail", user_id=dora.user.user_id)

    assert sent.status_code == 200
    assert "/links/" not in sent.text
    assert dora.user.email in await mailed_links(database)
    assert code(await admin.say(asked, "mail", user_id=anna.user.user_id)) == (409, "not_by_mail")
    assert code(await anna.say(asked, "mail", user_id=dora.user.user_id)) == (403, "missing_scope")
    operator = await meet(org, "operator_key")
    by_key = await operator.say(asked, "mail", user_id=dora.user.user_id)
    assert (by_key.status_code, "/links/" in by_key.text) == (200, False)  # nobody but the member sees the link
