"""Every page has no violations that axe knows, in light and dark, and fits a narrow screen; whatever agents write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
    "rtl": "\u202eمرحبا، هل يمكن تغيير الفاتورة؟\u202c",
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


def test_no_page_has_violations_and_every_page_fits_320_pixels(site: Site, visit: Callable[..., Visitor]) -> None:
    org = site.org("Accessible")
    email = "axe@example.com"
    site.member(org, email)
    reason = "<script>document.title='owned'</script> " + "Long reasons are read too. " * 300
    asked = site.ask(org, reason, context=NASTY, form=FORM, options=["<b>yes</b>", "no"], priority="high")
    two_factors = site.ask(org, "Needs two", aal2=True, quorum=2, priority="urgent", timeout_seconds=600)
    person = visit(color_scheme="light", viewport={"width": 1100, "height": 900})
    page = person.page
    found: dict[str, Any] = {}

    def look(name: str) -> None:
        found[name] = person.violations()
        page.emulate_media(color_scheme="dark")
        found[name] += person.violations("color-contrast")
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": 320, "height": 700})
        if page.evaluate("document.documentElement.scrollWidth") > 320:
            found[name].append("wider than 320 px")
        page.set_viewport_size({"width": 1100, "height": 900})
        assert "owned" not in page.title().replace("document.title='owned'", ""), name
        assert page.evaluate("document.title") != "owned", name

    page.goto("/sign-in")
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
    expect(page.get_by_role("heading", name="Inbox", exact=True)).to_be_visible()
    look("inbox")
    page.goto("/inbox?show=mine")
    look("inbox, empty")
    page.goto(f"/inbox/{two_factors}")
    look("second factor needed")
    page.get_by_role("link", name="Use the second factor").click()
    look("second factor")
    page.goto(f"/inbox/{asked}")
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
    page.goto("/inbox/nothing")
    look("not found")
    page.goto("/sign-out")
    look("sign out")
    page.goto("/organisations")
    page.goto(f"/links/{'y' * 43}")
    look("no link")
    page.goto("/dev/mail")
    look("mailbox")
    assert {name: wrong for name, wrong in found.items() if wrong} == {}
    assert len(found) == 16

    decided = site.call(org, "GET", f"/api/escalations/{asked}")
    assert decided["answer"] == {
        "</label><script>1</script>": '"><script>alert(1)</script>',
        "pick": "b",
        "object": {"street": "Main Street", "number": 8},
        "anything": {"</textarea>": 2},
    }
