"""One dataclass a page: exactly what its template may use."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from functions.shared.web.html import Page

if TYPE_CHECKING:
    from functions.pages.forms import Field
    from functions.pages.shown import Shown
    from functions.pages.words import Moment


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks at the page. `organisation`, `role`: empty when they are no member of any."""

    email: str
    form_token: str
    organisation: str = ""
    role: str = ""
    has_others: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """A line of an error summary; `target` is the id of the field that it links to, or empty."""

    message: str
    target: str = ""


@dataclass(frozen=True, slots=True)
class SitePage(Page):
    """What every page has: its head shows the viewer, if somebody has signed in."""

    viewer: Viewer | None


@dataclass(frozen=True, slots=True)
class SignInPage(SitePage):
    """Asks for an e-mail address. `mailbox`: where a development plane shows its mails, or empty."""

    template: ClassVar[str] = "sign_in.html"
    form_token: str
    next: str
    email: str
    mailbox: str
    is_signed_out: bool
    problems: list[Problem] = field(default_factory=list[Problem])


@dataclass(frozen=True, slots=True)
class CodePage(SitePage):
    """Asks for the code that was sent."""

    template: ClassVar[str] = "sign_in_code.html"
    form_token: str
    next: str
    email: str
    mailbox: str
    problems: list[Problem] = field(default_factory=list[Problem])


@dataclass(frozen=True, slots=True)
class ConfirmPage(SitePage):
    """What a mailed link opens: a button, because mail scanners open links and press no buttons."""

    template: ClassVar[str] = "confirm.html"
    form_token: str
    token_hash: str
    kind: str
    next: str


@dataclass(frozen=True, slots=True)
class SecondFactorPage(SitePage):
    """Asks for the code of a second factor. `factor`: its name; empty: the person has none."""

    template: ClassVar[str] = "second_factor.html"
    form_token: str
    factor: str
    factor_id: str
    challenge_id: str
    next: str
    mailbox: str
    problems: list[Problem] = field(default_factory=list[Problem])


@dataclass(frozen=True, slots=True)
class SignOutPage(SitePage):
    """Asks whether to sign out."""

    template: ClassVar[str] = "sign_out.html"
    form_token: str


@dataclass(frozen=True, slots=True)
class Membership:
    """An organisation to choose."""

    id: str
    name: str
    role: str
    is_current: bool = False


@dataclass(frozen=True, slots=True)
class OrganisationsPage(SitePage):
    """Asks which organisation is meant. Without any it says what to do about that."""

    template: ClassVar[str] = "organisations.html"
    form_token: str
    memberships: list[Membership]
    next: str


@dataclass(frozen=True, slots=True)
class JoinPage(SitePage):
    """What an invitation offers. Without a viewer it leads to the sign-in first."""

    template: ClassVar[str] = "join.html"
    form_token: str
    token: str
    organisation: str
    email: str
    role: str
    invited_by: str
    expires: Moment | None
    sign_in: str


Tab = Literal["answerable", "mine", "all"]


@dataclass(frozen=True, slots=True)
class TabLink:
    """One of the ways to look at the inbox."""

    label: str
    href: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class InboxRow:
    """One thing that waits for an answer. `priority`: empty when it is normal."""

    href: str
    title: str
    priority: str
    mark: str
    kind: str
    source: str
    opened: Moment
    due: Moment | None
    claimed_by: str
    votes: str


@dataclass(frozen=True, slots=True)
class InboxPage(SitePage):
    """What waits for people, the urgent first. `more`: the address of the following page, or empty."""

    template: ClassVar[str] = "inbox.html"
    tabs: list[TabLink]
    rows: list[InboxRow]
    more: str
    is_first: bool
    empty_title: str
    empty_text: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """A button."""

    value: str
    label: str
    look: Literal["primary", "danger", ""]


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of the facts. `moment` stands before `text`, which may be empty."""

    label: str
    text: str
    moment: Moment | None = None
    mood: str = ""
    is_code: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """Something that happened or was said. `mood`: good, danger or empty."""

    who: str
    what: str
    when: Moment | None
    text: str = ""
    mood: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, as both answer pages show it."""

    kind: str
    priority: str
    mark: str
    due: Moment | None
    title: str
    text: str
    context: list[Shown]
    facts: list[Fact]


@dataclass(frozen=True, slots=True)
class Answering:
    """The form of an answer. `wants_text`: there are no outcomes to choose from, so the answer is a text."""

    action: str
    form_token: str
    fields: list[Field]
    outcomes: list[Outcome]
    wants_text: bool
    comment: str
    problems: list[Problem]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """How it ended."""

    heading: str
    mood: Literal["good", "danger", ""]
    who: str
    when: Moment | None
    comment: str
    answer: list[Shown]


@dataclass(frozen=True, slots=True)
class EscalationPage(SitePage):
    """One escalation. `answering`: the viewer may answer; `refusal`: why not; `decision`: it is over.

    `flash` and `warning`: what the viewer's own click did. `claim`: what the button to take it or give it back says.
    """

    template: ClassVar[str] = "escalation.html"
    id: str
    question: Question
    answering: Answering | None
    refusal: str
    needs_second_factor: bool
    decision: Decision | None
    votes: list[Fact]
    history: list[Said]
    claim: str
    claim_action: str
    may_comment: bool
    form_token: str
    flash: str = ""
    warning: str = ""


@dataclass(frozen=True, slots=True)
class LinkPage(SitePage):
    """What a one-time link opens: the question and its answers, as the member that the link was sent to."""

    template: ClassVar[str] = "link.html"
    question: Question
    answering: Answering
    member: str
    expires: Moment | None


@dataclass(frozen=True, slots=True)
class NoticePage(SitePage):
    """One thing to say, with one way on."""

    template: ClassVar[str] = "notice.html"
    heading: str
    text: str
    mood: Literal["good", "danger", "warn", ""]
    hint: str = ""
    href: str = ""
    action: str = ""
    trace_id: str = ""
