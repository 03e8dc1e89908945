"""People answer what waits for them, and what waited goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.browser.plane import Site
    from tests.browser.visitor import Visitor

pytestmark = pytest.mark.xdist_group("browser")

REFUND: dict[str, Any] = {
    "name": "refund",
    "input": {"amount": "number"},
    "steps": {
        "review": {
            "approval": {
                "message": "Refund ${{ input.amount }} euros to Ada?",
                "show": {"order": "A-1188", "lines": [{"article": "Desk", "price": 210}]},
                "form": {
                    "amount": {"type": "number", "default": "${{ input.amount }}", "min": 0, "max": 500},
                    "method": {"enum": ["card", "bank"], "default": "card"},
                    "note": {"type": "string", "default": "Sorry!"},
                    "notify": {"type": "boolean", "default": True},
                    "tags": {"type": "array", "items": "string", "default": ["late"]},
                },
            }
        }
    },
    "output": "${{ steps.review.output }}",
}


def test_an_edited_form_goes_on_with_the_execution(site: Site, visit: Callable[..., Visitor]) -> None:
    org = site.org("refunds")
    site.member(org, "ada@example.com")
    execution = site.start(org, REFUND, {"amount": 240})
    site.waiting(org, execution)
    person = visit()
    person.enter("ada@example.com")
    person.page.get_by_role("link", name="Refund 240 euros to Ada?").click()
    page = person.page
    expect(page.get_by_role("cell", name="Desk")).to_be_visible()
    page.get_by_label("Amount").fill("120.5")
    page.get_by_label("Method").select_option("bank")
    page.get_by_label("Note").fill("")
    page.get_by_label("Notify").uncheck()
    page.get_by_label("Tags").fill("late\n\n carrier ")
    page.get_by_label("Comment (optional)").fill("Half of it: she keeps the desk.")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("Your answer is recorded.")).to_be_visible()
    expect(page.get_by_role("heading", name="Answered: Approve")).to_be_visible()
    ended = site.execution(org, execution, "succeeded")
    assert ended["output"]["outcome"] == "approve"
    assert ended["output"]["form"] == {
        "amount": 120.5,
        "method": "bank",
        "note": "",
        "notify": False,
        "tags": ["late", "carrier"],
    }
    assert ended["output"]["decided_by"]["label"] == "ada@example.com"


def test_what_does_not_fit_is_said_at_its_field_and_nothing_is_lost(site: Site, visit: Callable[..., Visitor]) -> None:
    org = site.org("refunds")
    site.member(org, "careful@example.com")
    execution = site.start(org, REFUND, {"amount": 10})
    person = visit()
    person.enter("careful@example.com", start=f"/inbox/{site.waiting(org, execution)}")
    page = person.page
    page.get_by_label("Amount").fill("1e6")
    page.get_by_label("Note").fill("typed in vain?")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("alert").get_by_role("link", name="Amount: ")).to_be_visible()
    expect(page.get_by_label("Amount")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Note")).to_have_value("typed in vain?")
    page.get_by_label("Amount").fill("many")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("alert")).to_contain_text("Write a number, such as 12.5.")
    page.get_by_role("alert").get_by_role("link").click()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("10")
    page.keyboard.press("Enter")  # must not press the first button
    expect(page.get_by_role("button", name="Approve")).to_be_visible()
    page.get_by_role("button", name="Reject").click()
    expect(page.get_by_role("heading", name="Answered: Reject")).to_be_visible()
    assert site.execution(org, execution, "succeeded")["output"]["form"]["note"] == "typed in vain?"


def test_of_two_people_who_race_the_second_sees_whose_answer_counts(site: Site, visit: Callable[..., Visitor]) -> None:
    org = site.org("refunds")
    site.member(org, "fast@example.com")
    site.member(org, "slow@example.com")
    execution = site.start(org, REFUND, {"amount": 77})
    asked = site.waiting(org, execution)
    fast, slow = visit(), visit()
    fast.enter("fast@example.com", start=f"/inbox/{asked}")
    slow.enter("slow@example.com", start=f"/inbox/{asked}")
    fast.page.get_by_role("button", name="Reject").click()
    expect(fast.page.get_by_text("Your answer is recorded.")).to_be_visible()
    slow.page.get_by_role("button", name="Approve").click()
    expect(slow.page.get_by_role("alert")).to_contain_text("Somebody was faster: your answer was not taken.")
    expect(slow.page.get_by_role("heading", name="Answered: Reject")).to_be_visible()
    expect(slow.page.get_by_text("fast@example.com").first).to_be_visible()
    assert site.execution(org, execution, "succeeded")["output"]["outcome"] == "reject"
    entries = "select count(*) from plane.audit_entries where action = 'resolve_escalation' and resource_id = $1"
    assert site.sql(entries, asked) == 1


def test_a_viewer_reads_and_cannot_answer(site: Site, visit: Callable[..., Visitor]) -> None:
    org = site.org("viewing")
    site.member(org, "viewer@example.com", "viewer")
    asked = site.ask(org, "May a viewer decide?", options=["yes", "no"])
    person = visit()
    person.enter("viewer@example.com")
    expect(person.page.get_by_text("Your role, viewer, reads everything")).to_be_visible()
    person.page.get_by_role("link", name="All open").click()
    person.page.get_by_role("link", name="May a viewer decide?").click()
    expect(person.page.get_by_text("Your role lets you read this, but not answer it.")).to_be_visible()
    expect(person.page.get_by_role("button", name="Yes")).to_have_count(0)
    expect(person.page.get_by_text("Add a comment")).to_have_count(0)
    # One who makes the form themselves is refused all the same.
    person.page.evaluate(
        """([path, token]) => {
          const form = Object.assign(document.createElement("form"), { method: "post", action: path });
          for (const [name, value] of [["form_token", token], ["outcome", "yes"]])
            form.append(Object.assign(document.createElement("input"), { name, value }));
          document.body.append(form);
          form.submit();
        }""",
        [f"/inbox/{asked}", person.page.locator("input[name=form_token]").first.get_attribute("value")],
    )
    expect(person.page.get_by_role("alert")).to_contain_text("Your answer was not taken.")
    assert site.sql("select status from plane.escalations where id = $1::text::uuid", asked) == "open"


def test_a_quorum_shows_who_voted_and_waits_for_the_others(site: Site, visit: Callable[..., Visitor]) -> None:
    org = site.org("voting")
    site.member(org, "one@example.com")
    site.member(org, "two@example.com")
    asked = site.ask(org, "Delete the old backups?", options=["delete", "keep"], quorum=2)
    first, second = visit(), visit()
    first.enter("one@example.com", start=f"/inbox/{asked}")
    first.page.get_by_role("button", name="Delete").click()
    expect(first.page.get_by_text("Your vote is recorded.")).to_be_visible()
    expect(first.page.get_by_text("You have voted. Answer again to change your vote.")).to_be_visible()
    second.enter("two@example.com", start=f"/inbox/{asked}")
    votes = second.page.get_by_label("Facts")
    expect(votes.get_by_text("one@example.com")).to_be_visible()
    second.page.get_by_role("button", name="Delete").click()
    expect(second.page.get_by_role("heading", name="Answered: Delete")).to_be_visible()


def test_the_inbox_shows_the_urgent_first_and_goes_on_page_by_page(site: Site, visit: Callable[..., Visitor]) -> None:
    org = site.org("busy")
    site.member(org, "busy@example.com")
    for number in range(27):
        site.ask(org, f"Question {number}")
    site.ask(org, "The house burns", priority="urgent")
    site.ask(org, "For Bea", assign_to="bea@example.com")
    person = visit()
    person.enter("busy@example.com")
    titles = person.page.locator(".row h2")
    expect(titles.first).to_have_text("The house burns")
    expect(titles).to_have_count(25)
    person.page.get_by_role("link", name="Show more").click()
    expect(titles).to_have_count(3)
    expect(person.page.get_by_text("For Bea")).to_have_count(0)
    person.page.get_by_role("link", name="Assigned").click()
    expect(person.page.get_by_text("Nothing is assigned to you")).to_be_visible()


def test_taking_commenting_and_giving_back_are_seen_by_others(site: Site, visit: Callable[..., Visitor]) -> None:
    org = site.org("team")
    site.member(org, "anna@example.com")
    site.member(org, "ben@example.com")
    asked = site.ask(org, "Who looks at this?", options=["me", "you"])
    anna, ben = visit(), visit()
    anna.enter("anna@example.com", start=f"/inbox/{asked}")
    anna.page.get_by_role("button", name="Take it").click()
    expect(anna.page.get_by_text("It is marked as yours")).to_be_visible()
    anna.page.get_by_text("Add a comment").click()
    anna.page.get_by_label("Comment for those").fill("I have asked the carrier.\nThey answer tomorrow.")
    anna.page.get_by_role("button", name="Add the comment").click()
    expect(anna.page.get_by_text("Your comment is added.")).to_be_visible()
    ben.enter("ben@example.com")
    expect(ben.page.get_by_text("looked at by anna@example.com")).to_be_visible()
    ben.page.goto(f"/inbox/{asked}")
    expect(ben.page.get_by_text("They answer tomorrow.")).to_be_visible()
    expect(ben.page.get_by_role("button", name="Take it")).to_have_count(0)
    anna.page.get_by_role("button", name="Give it back").click()
    expect(anna.page.get_by_text("It is free again.")).to_be_visible()


def test_a_second_factor_is_asked_for_where_the_question_needs_one(site: Site, visit: Callable[..., Visitor]) -> None:
    org = site.org("careful")
    site.member(org, "factor@example.com")
    asked = site.ask(org, "Transfer a million?", options=["yes", "no"], aal2=True)
    person = visit()
    person.enter("factor@example.com", start=f"/inbox/{asked}")
    expect(person.page.get_by_role("button", name="Yes")).to_have_count(0)
    person.page.get_by_role("link", name="Use the second factor").click()
    person.page.get_by_label("Code").fill("1")
    person.page.get_by_role("button", name="Go on").click()
    expect(person.page.get_by_role("alert")).to_contain_text("That code is wrong")
    person.page.get_by_label("Code").fill(person.code_of("factor@example.com"))
    person.page.get_by_role("button", name="Go on").click()
    expect(person.page).to_have_url(f"{site.url}/inbox/{asked}")
    person.page.get_by_role("button", name="Yes").click()
    expect(person.page.get_by_role("heading", name="Answered: Yes")).to_be_visible()


def test_a_one_time_link_answers_once(site: Site, visit: Callable[..., Visitor]) -> None:
    org = site.org("by-mail")
    member = site.member(org, "mail@example.com", may_decide_by_mail=True)
    asked = site.ask(
        org, "Ship it?", options=["ship", "wait"], form={"day": {"enum": ["Monday", "Friday"], "default": "Friday"}}
    )
    other = site.ask(org, "Something else", options=["ship", "wait"])
    token, unused = site.link(org, asked, member), site.link(org, other, member)
    scanner, person = visit(), visit()
    for _ in range(2):
        scanner.page.goto(f"/links/{token}")
        expect(scanner.page.get_by_text("You answer as mail@example.com")).to_be_visible()
    person.page.goto(f"/links/{token}")
    person.page.get_by_label("Day").select_option("Monday")
    person.page.get_by_role("button", name="Ship").click()
    expect(person.page.get_by_role("heading", name="Your answer is recorded")).to_be_visible()
    decided = site.call(org, "GET", f"/api/escalations/{asked}")
    assert (decided["outcome"], decided["answer"]) == ("ship", {"day": "Monday"})
    assert decided["decided_by"]["label"] == "mail@example.com"

    scanner.page.get_by_role("button", name="Wait").click()
    expect(scanner.page.get_by_role("heading", name="This link does not answer anything")).to_be_visible()
    person.page.goto(f"/links/{'x' * 43}")
    expect(person.page.get_by_text("There is no such link.")).to_be_visible()
    site.sql("update plane.members set may_decide_by_mail = false where user_id = $1::text::uuid", member.user_id)
    person.page.goto(f"/links/{unused}")
    expect(person.page.get_by_text("may not decide by mail any more")).to_be_visible()
