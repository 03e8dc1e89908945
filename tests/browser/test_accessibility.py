"""Every page has no violations that axe knows, in light and dark, and fits a narrow screen; whatever agents write."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.browser.plane import Site
    from tests.browser.visitor import Visitor

pytestmark = pytest.mark.xdist_group("browser")

NASTY = {
    "script": "<script>document.title = 'owned'</script><img src=x onerror=\"document.title='owned'\">",
    "word": "W" * 3000,
    "rtl": "\u202eשלום, האם אפשר לשנות את החשבונית?\u202c",  # noqa: RUF001  Hebrew
    "emoji": "👩🏽‍🚀" * 50,
    "nested": {"a": {"b": {"c": {"d": [1, {"e": None}]}}}},
    "table": [{"<b>column</b>": "<i>cell</i>", "other": 1}, {"<b>column</b>": None}],
    "list": ["</li></ul>", "", "x"],
    "</dt>": True,
    "empty": "",
}
FORM = {
    "</label><script>1</script>": {
        "type": "string",
        "default": '"><script>alert(1)</script>',
        "description": "<b>no</b>",
    },
    "pick": {"enum": ["</option></select>", "b"], "default": "b"},
    "object": {"properties": {"street": "string", "number": {"type": "integer", "default": 7}}},
    "anything": {"type": "object", "default": {"</textarea>": 1}},
}


class Look:
    """Looks at pages: by all rules in light, at contrasts in dark, and at 320 pixels, which is 400 % zoom."""

    def __init__(self, person: Visitor) -> None:
        self.person = person
        self.seen: list[str] = []

    def __call__(self, name: str) -> None:
        page = self.person.page
        found = self.person.violations()
        page.emulate_media(color_scheme="dark")
        found += self.person.violations("color-contrast")
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": 320, "height": 700})
        width = page.evaluate("document.documentElement.scrollWidth")
        page.set_viewport_size({"width": 1100, "height": 900})
        assert found == [], name
        assert width <= 320, name
        assert page.evaluate("document.title") != "owned", name
        self.seen.append(name)


@pytest.fixture
def look(visit: Callable[..., Visitor]) -> Look:
    return Look(visit(color_scheme="light", viewport={"width": 1100, "height": 900}))


def test_the_pages_of_the_sign_in_are_accessible(site: Site, look: Look) -> None:
    person, page, email = look.person, look.person.page, "axe@example.com"
    for org in ("Axe", "Another one"):
        site.member(site.org(org), email)
    page.goto("/sign-in?said=signed-out")
    look("sign in")
    person.ask_for_code("nothing")
    look("sign in, wrong")
    person.ask_for_code(email)
    look("code")
    page.get_by_label("Code").fill("1")
    page.get_by_role("button", name="Sign in").click()
    look("code, wrong")
    page.goto(person.link_of(email))
    look("confirm")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Which organisation?")).to_be_visible()
    look("organisations")
    page.goto("/second-factor")
    look("second factor")
    page.goto("/sign-out")
    look("sign out")
    page.goto("/dev/mail")
    look("mailbox")
    page.goto("/join?token=nothing")
    look("no invitation")
    invited = {"email": "new@example.com", "role": "viewer"}
    invitation = site.call(site.org("Axe"), "POST", "/api/invitations", invited, is_operator=True)
    page.goto(invitation["link"])
    look("join")


def test_the_pages_of_the_inbox_are_accessible(site: Site, look: Look) -> None:
    org = site.org("Accessible")
    member = site.member(org, "inbox@example.com", may_decide_by_mail=True)
    page = look.person.page
    two = site.ask(org, "Needs two", aal2=True, quorum=2, priority="urgent", timeout_seconds=600)
    site.ask(org, "Low", priority="low", context=["a", "b"])
    look.person.enter(member.email)
    expect(page.get_by_role("heading", name="Inbox", exact=True)).to_be_visible()
    look("inbox")
    page.goto("/inbox?show=mine")
    look("inbox, empty")
    page.goto(f"/inbox/{two}")
    expect(page.get_by_role("link", name="Use the second factor")).to_be_visible()
    look("second factor needed")
    page.goto("/inbox/nothing")
    look("not found")
    page.goto(f"/links/{'y' * 43}")
    look("no link")


def test_whatever_an_agent_writes_its_question_is_accessible_and_harmless(site: Site, look: Look) -> None:
    org = site.org("Harmless")
    member = site.member(org, "harmless@example.com", may_decide_by_mail=True)
    page = look.person.page
    reason = "<script>document.title='owned'</script> " + "Long reasons are read too. " * 300
    asked = site.ask(org, reason, context=NASTY, form=FORM, options=["<b>yes</b>", "no"], priority="high")
    look.person.enter(member.email, f"/inbox/{asked}")
    page.get_by_text("Add a comment").click()
    look("answer")
    page.get_by_label("Number").fill("seven")
    page.get_by_label("Anything").fill("{")
    page.get_by_role("button", name="<b>yes</b>").click()
    expect(page.get_by_role("alert")).to_be_visible()
    look("answer, wrong")
    page.get_by_label("Number").fill("8")
    page.get_by_label("Street").fill("Main Street")
    page.get_by_label("Anything").fill('{"</textarea>": 2}')
    page.get_by_role("button", name="<b>yes</b>").click()
    expect(page.get_by_text("Your answer is recorded.")).to_be_visible()
    look("decided")
    decided = site.call(org, "GET", f"/api/escalations/{asked}")
    assert decided["answer"] == {
        "</label><script>1</script>": '"><script>alert(1)</script>',
        "pick": "b",
        "object": {"street": "Main Street", "number": 8},
        "anything": {"</textarea>": 2},
    }
    again = site.ask(org, reason, context=NASTY, form=FORM, options=["<b>yes</b>", "no"])
    page.goto(f"/links/{site.link(org, again, member)}")
    look("link")
