"""Every template is the page of one dataclass, uses no other name, escapes everything, and runs no script."""

from __future__ import annotations

import dataclasses
import re
from html.parser import HTMLParser

import pytest
from jinja2 import meta

from functions.pages import pages
from functions.pages.forms import Field, Option
from functions.pages.shown import Shown
from functions.pages.words import Moment
from functions.shared.devauth.mailbox import MailboxPage, ShownMail
from functions.shared.web.html import TEMPLATES, Page, environment, render

EVIL = (
    "</title></textarea></select></script><script>alert(1)</script>\"'><img src=x onerror=alert(1)> 🚀 مرحبا "
    + "W" * 90
)
LONG = EVIL + " and so on" * 2000
LAYOUTS = {"base.html", "macros.html"}

MOMENT = Moment(EVIL, "2026-11-21T10:00:00Z", EVIL, "soon")
PROBLEM = pages.Problem(EVIL, "field-0")
VIEWER = pages.Viewer(EVIL, "token", EVIL, EVIL, has_others=True)
SHOWN = [
    Shown(EVIL, "text", text=LONG),
    Shown(EVIL, "long", text=LONG),
    Shown(EVIL, "list", items=[EVIL], cut=EVIL),
    Shown(EVIL, "table", columns=[EVIL], cells=[[EVIL]]),
    Shown(EVIL, "rows", rows=[Shown(EVIL, "json", text=EVIL), Shown("", "nothing", text=EVIL)]),
]
FIELDS = [
    Field(f"field:/{EVIL}", f"field-{number}", EVIL, EVIL, control, EVIL, EVIL, [Option(EVIL, EVIL, True)], True, EVIL)
    for number, control in enumerate(("text", "long", "number", "integer", "check", "choice", "list", "json"))
]
FACT = pages.Fact(EVIL, EVIL, MOMENT, "good", is_code=True)
QUESTION = pages.Question(EVIL, "urgent", EVIL, MOMENT, EVIL, LONG, SHOWN, [FACT])
ANSWERING = pages.Answering(
    "/inbox/x", "token", FIELDS, [pages.Outcome(EVIL, EVIL, "danger")], False, LONG, [PROBLEM, PROBLEM], EVIL
)
DECISION = pages.Decision(EVIL, "good", EVIL, MOMENT, LONG, SHOWN)
SAID = pages.Said(EVIL, EVIL, MOMENT, LONG, "danger")
TAB = pages.TabLink(EVIL, "/inbox", True)
ROW = pages.InboxRow("/inbox/x", EVIL, "high", EVIL, EVIL, EVIL, MOMENT, MOMENT, EVIL, EVIL)

PAGES: list[Page] = [
    pages.SignInPage(None, "token", EVIL, EVIL, "/dev/mail", True, [PROBLEM]),
    pages.SignInPage(None, "token", "/inbox", "", "", False),
    pages.CodePage(None, "token", EVIL, EVIL, "/dev/mail", [PROBLEM]),
    pages.CodePage(None, "token", EVIL, EVIL, ""),
    pages.ConfirmPage(None, "token", EVIL, EVIL, EVIL),
    pages.SecondFactorPage(VIEWER, "token", EVIL, EVIL, EVIL, "/inbox", "/dev/mail", [PROBLEM]),
    pages.SecondFactorPage(VIEWER, "token", "", "", "", "/inbox", ""),
    pages.SignOutPage(None, "token"),
    pages.OrganisationsPage(VIEWER, "token", [pages.Membership(EVIL, EVIL, EVIL, True)], EVIL),
    pages.OrganisationsPage(VIEWER, "token", [], EVIL),
    pages.JoinPage(VIEWER, "token", EVIL, EVIL, EVIL, EVIL, EVIL, MOMENT, "/sign-in"),
    pages.JoinPage(None, "token", EVIL, EVIL, EVIL, EVIL, "", MOMENT, "/sign-in"),
    pages.InboxPage(VIEWER, [TAB], [ROW], "/inbox?after=x", True, EVIL, EVIL),
    pages.InboxPage(VIEWER, [TAB], [], "", True, EVIL, EVIL),
    pages.InboxPage(VIEWER, [TAB], [], "", False, EVIL, EVIL),
    pages.EscalationPage(
        *(VIEWER, "x", QUESTION, ANSWERING, EVIL, True, DECISION, [FACT], [SAID, SAID], EVIL, "/inbox/x/claim", True),
        *("token", EVIL, EVIL),
    ),
    pages.EscalationPage(VIEWER, "x", QUESTION, None, EVIL, False, None, [], [SAID], "", "", False, "token"),
    pages.LinkPage(None, QUESTION, ANSWERING, EVIL, MOMENT),
    pages.NoticePage(None, EVIL, LONG, "danger", EVIL, "/inbox", EVIL, EVIL),
    pages.NoticePage(None, EVIL, EVIL, ""),
    MailboxPage([ShownMail(EVIL, EVIL, "/auth/confirm", EVIL), ShownMail(EVIL, EVIL, "", EVIL)], True),
    MailboxPage([], False),
]


KINDS = sorted(
    (each for each in (*vars(pages).values(), MailboxPage) if isinstance(each, type) and hasattr(each, "template")),
    key=lambda kind: kind.__name__,
)


class Reader(HTMLParser):
    """Collects elements, ids, and which are referred to; balances tags."""

    VOID = frozenset({"meta", "link", "input", "br", "img"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, _attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, tag
        assert self.open.pop() == tag


@pytest.mark.parametrize("page", PAGES, ids=lambda page: type(page).__name__)
def test_a_page_renders_escaped_balanced_and_without_scripts(page: Page) -> None:
    text = bytes(render(page).body).decode()
    read = Reader(text)
    assert read.open == []
    assert not {"script", "img", "style", "iframe"} & set(read.tags)
    assert not [name for _, name, _ in read.attributes if name.startswith("on") or name == "style"]
    ids = [value for _, name, value in read.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    for _, name, value in read.attributes:
        if name in ("for", "aria-labelledby"):
            assert value in ids
        if name == "aria-describedby":
            assert set(str(value).split()) <= set(ids)
    assert read.tags.count("h1") == 1
    assert all(value and not value.startswith("javascript") for _, name, value in read.attributes if name == "href")


def test_every_page_is_rendered_here() -> None:
    assert {type(page) for page in PAGES} == set(KINDS)


def test_every_template_says_whose_page_it_is() -> None:
    kinds = {kind.template: kind.__name__ for kind in KINDS}
    for path in TEMPLATES.glob("*.html"):
        if path.name not in LAYOUTS:
            said = re.match(r"\{# page: (\w+) #\}", path.read_text())
            assert said, path.name
            assert kinds.pop(path.name, said[1]) == said[1]
    assert not kinds


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_template_uses_only_what_its_dataclass_has(kind: type[Page]) -> None:
    def used(name: str) -> set[str]:
        return meta.find_undeclared_variables(environment().parse((TEMPLATES / name).read_text()))

    known = {field.name for field in dataclasses.fields(kind)}
    assert used(kind.template) - {"m"} <= known, "m is the imported macros"
    assert used("base.html") - environment().globals.keys() <= known
    assert used("macros.html") == set()
