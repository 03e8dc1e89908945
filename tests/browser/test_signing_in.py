"""People sign in by a code or a link, and out again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.browser.plane import Site
    from tests.browser.visitor import Visitor

pytestmark = pytest.mark.xdist_group("browser")


def test_a_code_signs_in_and_leads_to_the_page_that_was_asked_for(site: Site, visit: Callable[..., Visitor]) -> None:
    org = site.org("signing-in")
    site.member(org, "code@example.com")
    person = visit()
    person.sign_in("code@example.com", start="/inbox?show=all")
    expect(person.page).to_have_url(f"{site.url}/inbox?show=all")
    expect(person.page.get_by_role("heading", name="Inbox", exact=True)).to_be_visible()
    expect(person.page.get_by_text("signing-in · approver")).to_be_visible()
    cookies = {each["name"]: each for each in person.page.context.cookies()}
    kept = [name for name in cookies if name.startswith("__Host-agentplane-")]
    assert {"__Host-agentplane-access", "__Host-agentplane-refresh", "__Host-agentplane-form"} <= set(kept)
    assert kept == list(cookies)
    assert all(each["httpOnly"] and each["secure"] and each["sameSite"] == "Lax" for each in cookies.values())


def test_opening_a_link_uses_nothing_up_and_its_button_signs_in_once(site: Site, visit: Callable[..., Visitor]) -> None:
    site.member(site.org("signing-in"), "link@example.com")
    person = visit()
    person.ask_for_code("link@example.com", start="/sign-in?next=/inbox?show=mine")
    link = person.link_of("link@example.com")

    scanner = visit()
    for _ in range(3):
        assert scanner.page.request.get(link).status == 200
        scanner.page.goto(link)
    assert not [each for each in scanner.page.context.cookies() if "access" in each["name"]]

    another = visit()  # the link works in another browser than the one that asked for it
    another.page.goto(link)
    another.page.get_by_role("button", name="Sign in").click()
    expect(another.page).to_have_url(f"{site.url}/inbox?show=mine")

    person.page.goto(link)
    person.page.get_by_role("button", name="Sign in").click()
    expect(person.page.get_by_role("heading", name="This link does not work any more")).to_be_visible()


def test_a_wrong_code_is_said_at_the_field_and_the_right_one_still_works(
    site: Site, visit: Callable[..., Visitor]
) -> None:
    site.member(site.org("signing-in"), "wrong@example.com")
    person = visit()
    person.ask_for_code("wrong@example.com")
    right = person.code_of("wrong@example.com")
    person.page.get_by_label("Code").fill("000000" if right != "000000" else "111111")
    person.page.get_by_role("button", name="Sign in").click()
    summary = person.page.get_by_role("alert")
    expect(summary.get_by_role("link", name="That code is wrong")).to_be_visible()
    expect(summary).to_be_focused()
    summary.get_by_role("link").click()
    expect(person.page.get_by_label("Code")).to_be_focused()
    person.page.keyboard.type(f" {right[:3]} {right[3:]} ")
    person.page.keyboard.press("Enter")
    expect(person.page.get_by_role("heading", name="Inbox", exact=True)).to_be_visible()


def test_what_is_no_address_is_said_and_kept(visit: Callable[..., Visitor]) -> None:
    person = visit()
    for address in ("ada", "ada@", '"><script>alert(1)</script>@example.com'):
        person.ask_for_code(address)
        expect(person.page.get_by_role("alert").get_by_text("not an e-mail address")).to_be_visible()
        expect(person.page.get_by_label("E-mail address")).to_have_value(address)


def test_signing_in_never_leads_to_another_site(site: Site, visit: Callable[..., Visitor]) -> None:
    site.member(site.org("signing-in"), "next@example.com")
    person = visit()
    for elsewhere in ("//evil.example", "/\\evil.example"):
        person.sign_in("next@example.com", start=f"/sign-in?next={elsewhere}")
        expect(person.page).to_have_url(f"{site.url}/inbox")


def test_a_session_goes_on_when_its_access_token_is_gone(site: Site, visit: Callable[..., Visitor]) -> None:
    site.member(site.org("signing-in"), "refresh@example.com")
    person = visit()
    person.enter("refresh@example.com")
    before = _cookie(person, "refresh")
    person.page.context.clear_cookies(name="__Host-agentplane-access")
    person.page.goto("/inbox")
    expect(person.page.get_by_role("heading", name="Inbox", exact=True)).to_be_visible()
    assert _cookie(person, "access")
    assert _cookie(person, "refresh") != before, "refresh tokens are replaced"


def test_signing_out_ends_the_session_here_and_at_the_issuer(site: Site, visit: Callable[..., Visitor]) -> None:
    site.member(site.org("signing-in"), "out@example.com")
    person = visit()
    person.enter("out@example.com")
    access, refresh = _cookie(person, "access"), _cookie(person, "refresh")
    person.page.get_by_role("button", name="Sign out").click()
    expect(person.page.get_by_text("You have signed out.")).to_be_visible()
    assert not _cookie(person, "access")
    person.page.goto("/inbox")
    expect(person.page).to_have_url(f"{site.url}/sign-in?next=/inbox")
    user = person.page.request.get("/auth/v1/user", headers={"Authorization": f"Bearer {access}"})
    assert user.json()["error_code"] == "session_not_found"
    again = person.page.request.post("/auth/v1/token?grant_type=refresh_token", data={"refresh_token": refresh})
    assert again.status == 400


def test_a_form_of_another_site_is_refused(site: Site, visit: Callable[..., Visitor]) -> None:
    org = site.org("signing-in")
    site.member(org, "csrf@example.com")
    asked = site.ask(org, "Send the money?", options=["yes", "no"])
    person = visit()
    person.enter("csrf@example.com", start=f"/inbox/{asked}")
    token = person.page.locator("input[name=form_token]").first.get_attribute("value")
    # Another origin on this machine: SameSite=Lax alone would let its forms through.
    elsewhere = site.url.replace("localhost", "127.0.0.1")
    form = (
        f'<form method="post" action="{site.url}/inbox/{asked}"><input name="outcome" value="yes">'
        f'<input name="form_token" value="{token}"><button>Win a prize</button></form>'
    )
    person.page.route(f"{elsewhere}/prize", lambda route: route.fulfill(body=form, content_type="text/html"))
    person.page.goto(f"{elsewhere}/prize")
    person.page.get_by_role("button", name="Win a prize").click()
    expect(person.page.get_by_text("This form was not sent from a page of this plane.")).to_be_visible()

    person.page.goto(f"/inbox/{asked}")
    person.page.locator("#answer input[name=form_token]").evaluate("each => each.value = 'x'.repeat(64)")
    person.page.get_by_role("button", name="Yes").click()
    expect(person.page.get_by_text("This form is out of date")).to_be_visible()
    assert site.sql("select status from plane.escalations where id = $1::text::uuid", asked) == "open"


def test_a_form_from_before_another_person_signed_in_is_refused(site: Site, visit: Callable[..., Visitor]) -> None:
    org = site.org("signing-in")
    site.member(org, "first@example.com")
    site.member(org, "second@example.com")
    asked = site.ask(org, "Whose answer is it?", options=["yes", "no"])
    person = visit()
    person.sign_in("first@example.com", start=f"/inbox/{asked}")
    old_tab = person.page
    person.page = person.page.context.new_page()
    person.page.goto("/sign-out")
    person.page.get_by_role("button", name="Sign out").first.click()
    person.sign_in("second@example.com")
    old_tab.get_by_role("button", name="Yes").click()
    expect(old_tab.get_by_text("This form is out of date")).to_be_visible()
    assert site.sql("select status from plane.escalations where id = $1::text::uuid", asked) == "open"


def test_a_member_of_several_organisations_chooses_one(site: Site, visit: Callable[..., Visitor]) -> None:
    north, south = site.org("North"), site.org("South & <b>Co</b>")
    for org in (north, south):
        site.member(org, "both@example.com", "operator")
    asked = site.ask(south, "Only the south asks this.")
    person = visit()
    person.enter("both@example.com", start=f"/inbox/{asked}")
    expect(person.page.get_by_role("heading", name="Which organisation?")).to_be_visible()
    person.page.get_by_role("button", name="South & <b>Co</b>").click()
    expect(person.page.get_by_role("heading", name="Only the south asks this.")).to_be_visible()
    person.page.get_by_role("link", name="South & <b>Co</b>").click()
    person.page.get_by_role("button", name="North").click()
    expect(person.page.get_by_text("Nothing waits for you")).to_be_visible()
    person.page.goto(f"/inbox/{asked}")
    expect(person.page.get_by_role("heading", name="There is no such page")).to_be_visible()


def test_who_is_no_member_is_told_so(visit: Callable[..., Visitor]) -> None:
    person = visit()
    person.enter("nobody@example.com")
    expect(person.page.get_by_role("heading", name="You are not a member yet")).to_be_visible()


def test_who_was_removed_sees_nothing_any_more(site: Site, visit: Callable[..., Visitor]) -> None:
    org = site.org("signing-in")
    removed = site.member(org, "removed@example.com")
    person = visit()
    person.enter("removed@example.com")
    expect(person.page.get_by_role("heading", name="Inbox", exact=True)).to_be_visible()
    site.sql("update plane.members set removed_at = now() where user_id = $1::text::uuid", removed.user_id)
    person.page.goto("/inbox?show=all")
    expect(person.page.get_by_role("heading", name="You are not a member yet")).to_be_visible()


def test_everything_works_without_scripts(site: Site, visit: Callable[..., Visitor]) -> None:
    org = site.org("signing-in")
    site.member(org, "plain@example.com")
    asked = site.ask(org, "Does it work without scripts?", options=["yes", "no"])
    person = visit(has_scripts=False)
    person.sign_in("plain@example.com", start=f"/inbox/{asked}")
    person.page.get_by_role("button", name="Yes").click()
    expect(person.page.get_by_text("Your answer is recorded.")).to_be_visible()
    person.page.get_by_role("button", name="Sign out").click()
    expect(person.page.get_by_text("You have signed out.")).to_be_visible()


def test_browsers_are_led_from_the_root_to_the_inbox(site: Site, visit: Callable[..., Visitor]) -> None:
    person = visit()
    person.page.goto("/")
    expect(person.page).to_have_url(f"{site.url}/sign-in?next=/inbox")
    assert person.page.request.get("/", headers={"Accept": "application/json"}).json()["name"] == "AgentPlane"


def _cookie(person: Visitor, name: str) -> str:
    found = [each for each in person.page.context.cookies() if each["name"] == f"__Host-agentplane-{name}"]
    return str(found[0]["value"]) if found else ""
