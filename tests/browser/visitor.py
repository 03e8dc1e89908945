"""A person at a browser."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
from axe_playwright_python.sync_playwright import Axe

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.plane import Site


@dataclass(slots=True)
class Visitor:
    """What a person does."""

    site: Site
    page: Page

    def code_of(self, email: str) -> str:
        """Look up the newest code of an address in the development mailbox."""
        return self._mail(email).locator(".mail-code").inner_text()

    def link_of(self, email: str) -> str:
        return str(self._mail(email).get_by_role("link").get_attribute("href"))

    def _mail(self, email: str) -> Any:
        mailbox = self.page.context.new_page()
        mailbox.goto("/dev/mail")
        return mailbox.locator(".mails > li", has_text=email).first

    def ask_for_code(self, email: str, start: str = "/sign-in") -> None:
        self.page.goto(start)
        self.page.get_by_label("E-mail address").fill(email)
        self.page.get_by_role("button", name="Send the code").click()

    def sign_in(self, email: str, start: str = "/inbox") -> None:
        self.ask_for_code(email, start)
        self.page.get_by_label("Code").fill(self.code_of(email))
        self.page.get_by_role("button", name="Sign in").click()

    def enter(self, email: str, start: str = "/inbox") -> None:
        """Be signed in already: what tests of other things begin with."""
        auth = f"{self.site.url}/auth/v1"
        httpx.post(f"{auth}/otp", json={"email": email}).raise_for_status()
        mails = httpx.get(f"{self.site.url}/dev/mail").text
        code = re.findall(rf"<bdi>{re.escape(email)}</bdi></p>\s*<p class=\"mail-code\">(\d+)", mails)[0]
        session = httpx.post(f"{auth}/verify", json={"type": "email", "email": email, "token": code}).json()
        self.page.context.add_cookies(
            [
                {
                    "name": f"__Host-agentplane-{name}",
                    "value": session[f"{name}_token"],
                    "domain": "localhost",
                    "path": "/",
                    "secure": True,
                    "httpOnly": True,
                    "sameSite": "Lax",
                }
                for name in ("access", "refresh")
            ]
        )
        self.page.goto(start)

    def violations(self, *rules: str) -> list[str]:
        """Give what axe finds wrong with the page as it is; by all rules, or by these."""
        options: dict[str, Any] = {"resultTypes": ["violations"]}
        if rules:
            options["runOnly"] = list(rules)
        found = Axe().run(self.page, options=options).response["violations"]
        return [
            f"{each['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
            for each in found
            for node in each["nodes"]
        ]
