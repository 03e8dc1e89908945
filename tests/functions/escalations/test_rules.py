"""Who may answer: people, those it is assigned to, several of them, not who asked, with a second factor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.functions.escalations.conftest import APPROVAL
from tests.people import OUR_ISSUER, SigningKey, new_user

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from tests.functions.conftest import Organisation
    from tests.functions.escalations.conftest import Somebody
    from tests.functions.running import Plane

Meet = "Callable[..., Awaitable[Somebody]]"


async def approval(plane: Plane, anna: Somebody, **fields: Any) -> dict[str, Any]:
    """Start a workflow that waits for a decision; gives its escalation."""
    lines = "".join(f"      {name}: {value}\n" for name, value in fields.items())
    await plane.store(APPROVAL + lines)
    started = await plane.start("refund", input={"amount": 250})
    await plane.until(started["id"], "waiting")
    (found,) = await anna.list(execution_id=started["id"])
    return found


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_a_key_never_answers_an_approval(org: Organisation, plane: Plane, anna: Somebody, meet: Meet) -> None:
    asked = await approval(plane, anna)
    signal = {"name": "approve", "payload": {"outcome": "approve"}}

    for who in ("agent", "operator_key"):
        key = await meet(org, who)
        assert code(await key.resolve(asked, "approve")) == (403, "people_only")
        assert code(await key.http.post(f"/api/executions/{asked['execution_id']}/signal", json=signal))[0] == 403
        patched = await key.http.patch(
            f"/api/escalations/{asked['id']}", json={"status": "resolved", "outcome": "approve"}
        )
        assert code(patched) == (403, "people_only")
    assert (await anna.read(asked))["status"] == "open"


async def test_a_viewer_reads_and_does_not_answer(org: Organisation, plane: Plane, anna: Somebody, meet: Meet) -> None:
    asked = await approval(plane, anna)
    viewer = await meet(org, "viewer")

    assert (await viewer.read(asked))["refusal"] == "missing_scope"
    assert code(await viewer.resolve(asked, "approve")) == (403, "missing_scope")
    assert code(await viewer.say(asked, "claim")) == (403, "missing_scope")
    assert code(await viewer.say(asked, "comment", text="hm")) == (403, "missing_scope")


async def test_another_organisations_member_sees_nothing(
    agent: Somebody, plane: Plane, anna: Somebody, meet: Meet, new_org: Callable[[], Awaitable[Organisation]]
) -> None:
    asked, question = await approval(plane, anna), await agent.ask()
    stranger = await meet(await new_org(), "owner")

    assert await stranger.list() == []
    for each in (asked, question):
        assert (await stranger.http.get(f"/api/escalations/{each['id']}")).status_code == 404
        for verb, body in (
            ("resolve", {"outcome": "approve"}),
            ("claim", {}),
            ("release", {}),
            ("dismiss", {}),
            ("assign", {"assign_to": None}),
            ("comment", {"text": "t"}),
        ):
            assert code(await stranger.say(each, verb, **body)) == (404, "escalation_not_found"), verb


async def test_an_expired_or_tampered_token_is_nobodys(
    org: Organisation, plane: Plane, anna: Somebody, client_of: Callable[..., Awaitable[httpx.AsyncClient]]
) -> None:
    from tests.functions.running import APP  # noqa: PLC0415

    asked = await approval(plane, anna)
    assert anna.user is not None
    good = anna.user.token()
    head, body, signature = good.split(".")
    forged = SigningKey("test-1").sign(anna.user.claims(aal="aal2"))
    for token in (
        anna.user.token(expires_in=-60),
        f"{head}.{body}.{signature[::-1]}",
        f"{head}.{body[:-2]}AA.{signature}",
        forged,
        OUR_ISSUER.key.sign(new_user().claims()),
    ):
        client = await client_of(APP, token)
        answer = await client.post(f"/api/escalations/{asked['id']}/resolve", json={"outcome": "approve"})
        assert answer.status_code in (401, 403), answer.text
    assert (await anna.read(asked))["status"] == "open"


async def test_only_whom_it_is_assigned_to_answers(
    org: Organisation, plane: Plane, anna: Somebody, bert: Somebody, meet: Meet
) -> None:
    asked = await approval(plane, anna, assignees="[bert@example.com]")
    owner = await meet(org, "owner")

    assert code(await anna.resolve(asked, "approve")) == (403, "assigned_to_another")
    assert code(await anna.say(asked, "assign", assign_to="anna@example.com")) == (403, "assigned_to_another")
    assert code(await owner.resolve(asked, "approve")) == (403, "assigned_to_another")
    assert [each["id"] for each in await bert.list(mine=True)] == [asked["id"]]
    assert await anna.list(answerable=True) == []
    moved = await owner.say(asked, "assign", assign_to=[{"user_id": anna.user.user_id}])
    assert moved.json()["assign_to"] == [{"user_id": anna.user.user_id}]
    assert code(await bert.resolve(asked, "approve")) == (403, "assigned_to_another")
    assert (await anna.resolve(asked, "approve")).status_code == 200


async def test_whoever_has_it_may_pass_it_on(agent: Somebody, anna: Somebody, bert: Somebody) -> None:
    asked = await agent.ask(assign_to="anna@example.com")

    assert (await anna.say(asked, "assign", assign_to="bert@example.com")).status_code == 200
    assert code(await anna.resolve(asked, "yes")) == (403, "assigned_to_another")
    assert (await agent.say(asked, "assign", assign_to=None)).json()["assign_to"] == []  # who asked
    assert (await anna.resolve(asked, "yes")).status_code == 200


async def test_a_role_means_it_and_those_above(org: Organisation, agent: Somebody, anna: Somebody, meet: Meet) -> None:
    asked = await agent.ask(assign_to="role:admin")

    assert code(await anna.resolve(asked, "yes")) == (403, "assigned_to_another")
    assert (await (await meet(org, "owner")).resolve(asked, "yes")).status_code == 200


async def test_a_wrong_assignee_is_found_when_the_workflow_is_stored(plane: Plane) -> None:
    refused = await plane.agent.post("/api/workflows", json={"definition": APPROVAL + "      assignees: [the-boss]\n"})

    assert refused.status_code == 422
    assert "the-boss" in refused.text


async def test_a_quorum_is_of_distinct_people_who_say_the_same(
    org: Organisation, plane: Plane, anna: Somebody, bert: Somebody, meet: Meet
) -> None:
    asked = await approval(plane, anna, quorum=2)
    cleo = await meet(org)

    first = await anna.resolve(asked, "approve", form={"amount": 1})
    again = await anna.resolve(asked, "approve", form={"amount": 2})
    other = await bert.resolve(asked, "reject")
    assert [answer.status_code for answer in (first, again, other)] == [202, 202, 202]
    assert [vote["outcome"] for vote in other.json()["votes"]] == ["approve", "reject"]
    last = await cleo.resolve(asked, "approve", form={"amount": 3})

    assert (last.status_code, last.json()["status"], last.json()["answer"]) == (200, "resolved", {"amount": 3})
    ended = await plane.until(asked["execution_id"], "succeeded")
    steps = await plane.get(f"/api/executions/{ended['id']}/steps")
    assert steps["data"][0]["output"]["decided_by"]["id"] == cleo.user.user_id


async def test_a_question_has_a_quorum_too(agent: Somebody, anna: Somebody, bert: Somebody) -> None:
    asked = await agent.ask(options=["yes", "no"], quorum=2)

    assert (await anna.resolve(asked, "yes")).status_code == 202
    assert (await anna.resolve(asked, "yes")).status_code == 202
    assert (await bert.resolve(asked, "yes")).status_code == 200


async def test_who_started_it_may_not_approve_it_while_others_could(
    org: Organisation, plane: Plane, anna: Somebody, meet: Meet
) -> None:
    await plane.store(APPROVAL)
    boss = await meet(org, "operator")
    started = await boss.http.post("/api/executions", json={"workflow": "refund", "input": {"amount": 9}})
    await plane.until(started.json()["id"], "waiting")
    (asked,) = await boss.list(execution_id=started.json()["id"])

    assert asked["refusal"] == "requester_may_not_decide"
    assert code(await boss.resolve(asked, "approve")) == (403, "requester_may_not_decide")
    assert (await anna.resolve(asked, "approve")).status_code == 200


async def test_the_only_person_of_an_organisation_may_approve_what_they_started(
    org: Organisation, plane: Plane, meet: Meet
) -> None:
    await org.connection.execute("delete from plane.members where org_id = $1", org.id)
    alone = await meet(org, "owner")
    await plane.store(APPROVAL)
    await plane.store(APPROVAL.replace("name: refund", "name: strict") + "      not_requester: true\n")

    async def started(workflow: str) -> dict[str, Any]:
        made = await alone.http.post("/api/executions", json={"workflow": workflow, "input": {"amount": 9}})
        await plane.until(made.json()["id"], "waiting")
        (found,) = await alone.list(execution_id=made.json()["id"])
        return found

    assert (await alone.resolve(await started("refund"), "approve")).status_code == 200
    assert code(await alone.resolve(await started("strict"), "approve")) == (403, "requester_may_not_decide")


async def test_who_asks_may_be_kept_from_answering(org: Organisation, anna: Somebody, bert: Somebody) -> None:
    asked = await anna.ask(not_requester=True)

    assert code(await anna.resolve(asked, "yes")) == (403, "requester_may_not_decide")
    assert (await anna.say(asked, "dismiss")).status_code == 200  # it is their question


async def test_a_second_factor_is_asked_for_where_it_is_needed(
    org: Organisation, plane: Plane, anna: Somebody, meet: Meet
) -> None:
    asked = await approval(plane, anna, aal2="true")
    careful = await meet(org, aal="aal2")

    assert (await anna.read(asked))["refusal"] == "aal2_required"
    assert code(await anna.resolve(asked, "approve")) == (403, "aal2_required")
    assert (await careful.resolve(asked, "approve")).status_code == 200


@pytest.mark.parametrize("answerable_by", ["people", "anyone"])
async def test_an_agent_answers_only_what_its_asker_left_to_anyone(
    org: Organisation, agent: Somebody, client_of: Callable[..., Awaitable[httpx.AsyncClient]], answerable_by: str
) -> None:
    from tests.functions.running import APP  # noqa: PLC0415

    asked = await agent.ask(answerable_by=answerable_by)
    other = await client_of(APP, await org.key(["escalations:read", "escalations:write"]))
    reader = await client_of(APP, await org.key(["escalations:read"]))
    url = f"/api/escalations/{asked['id']}/resolve"

    answer = await other.post(url, json={"outcome": "yes"})

    assert (await reader.post(url, json={"outcome": "no"})).status_code == 403
    if answerable_by == "anyone":
        assert (answer.status_code, answer.json()["decided_by"]["kind"]) == (200, "agent_key")
    else:
        assert code(answer) == (403, "people_only")
