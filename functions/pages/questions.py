"""An escalation as the API gives it, as the parts of the pages that show it and take its answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from functions.pages import forms
from functions.pages.pages import Answering, Decision, Fact, InboxRow, Outcome, Problem, Question, Said
from functions.pages.shown import shown
from functions.pages.words import KINDS, actor_name, assignee_name, deadline, label_of, moment, title_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from functions.pages.words import Moment
    from functions.shared.errors import FieldProblem
    from functions.shared.jsonvalue import Json, JsonObject

Escalation = dict[str, Any]

MAX_COMMENT = 10_000
ANSWERED = "answered"
_REFUSING = frozenset({"reject", "rejected", "deny", "denied", "decline", "no", "stop", "cancel", "abort", "failed"})
_STATUS = {
    "dismissed": "Dismissed: it needs no answer",
    "timed_out": "Nobody answered in time",
    "cancelled": "Cancelled: what waited for the answer has ended",
}
_BUDGET_FORM: JsonObject = {
    "usd": {"type": "number", "min": 0, "optional": True, "description": "US dollars to add. Only needed to grant."}
}
_UNKNOWN_FORM: JsonObject = {
    "output": {"optional": True, "description": "What the step gave, if it succeeded."},
    "message": {"type": "string", "optional": True, "description": "Why it failed, if it failed."},
}


@dataclass(frozen=True, slots=True)
class Sent:
    """An answer that did not fit, to be shown again."""

    posted: Mapping[str, str]
    filled: forms.Filled
    problems: list[Problem]


def row_of(escalation: Escalation, now: datetime) -> InboxRow:
    """Give the line of the inbox."""
    quorum, votes = escalation["quorum"], len(escalation["votes"])
    priority = _priority(escalation)
    return InboxRow(
        href=f"/inbox/{escalation['id']}",
        title=title_of(escalation["reason"])[0],
        priority=priority,
        mark=label_of(priority),
        kind=_kind(escalation),
        source=actor_name(escalation["created_by"]),
        opened=cast("Moment", moment(escalation["created_at"], now)),
        due=deadline(escalation["deadline"], now),
        claimed_by=actor_name(escalation["claimed_by"]) if escalation["claimed_by"] else "",
        votes=f"{votes} of {quorum} votes" if quorum > 1 else "",
    )


def question_of(escalation: Escalation, now: datetime) -> Question:
    """Give what is asked."""
    title, text = title_of(escalation["reason"])
    priority = _priority(escalation)
    return Question(
        kind=_kind(escalation),
        priority=priority,
        mark=label_of(priority),
        due=_due(escalation, now),
        title=title,
        text=text,
        context=shown(escalation["context"]),
        facts=_facts(escalation, now),
    )


def form_of(escalation: Escalation) -> JsonObject:
    """Give the schema of what may be filled in; what the plane itself asks has one that it does not write down."""
    match escalation["kind"]:
        case "budget":
            return escalation["form"] or _BUDGET_FORM
        case "unknown":
            return escalation["form"] or _UNKNOWN_FORM
        case _:
            return cast("JsonObject", escalation["form"] or {})


def answering_of(
    escalation: Escalation, action: str, form_token: str, sent: Sent | None, *, note: str = ""
) -> Answering:
    """Give the form of an answer, as it was sent when it did not fit."""
    fields = forms.fields_of(form_of(escalation), sent.posted if sent else None, sent.filled if sent else None)
    problems: list[Problem] = []
    if sent:
        general = sent.filled.errors.get("")
        problems = [Problem(f"{each.label}: {each.error}", each.id) for each in fields if each.error]
        problems += [Problem(general)] if general else []
        problems += sent.problems
    return Answering(
        action=action,
        form_token=form_token,
        fields=fields,
        outcomes=_outcomes(escalation),
        wants_text=not escalation["outcomes"] and not fields,
        comment=sent.posted.get("comment", "") if sent else "",
        problems=problems,
        note=note,
    )


def answer_of(escalation: Escalation, posted: Mapping[str, str]) -> tuple[JsonObject, forms.Filled, list[Problem]]:
    """Read an answer: what to send, what was filled in, and what is wrong beside the fields."""
    outcomes: list[str] = escalation["outcomes"]
    outcome = posted.get("outcome", "")
    problems: list[Problem] = []
    if outcome not in (outcomes or [ANSWERED]):
        problems.append(Problem("Choose one of the buttons to answer.", "answer"))
    comment = posted.get("comment", "").replace("\r\n", "\n").strip()
    if len(comment) > MAX_COMMENT:
        problems.append(Problem(f"At most {MAX_COMMENT} characters; this has {len(comment)}.", "comment"))
    # The first outcome is the one that goes on with what was filled in; another one need not fill in anything.
    is_first = not outcomes or outcome == outcomes[0]
    form = form_of(escalation)
    filled = forms.read(form, posted, is_whole=is_first)
    if not form and not outcomes and not comment:
        problems.append(Problem("Write an answer.", "comment"))
    answer: JsonObject = {"outcome": outcome}
    if comment:
        answer["comment"] = comment
    if escalation["kind"] == "unknown" and not escalation["form"]:
        return answer | filled.values, filled, problems
    if form:
        answer["form"] = filled.values
    return answer, filled, problems


def refused_fields(escalation: Escalation, found: list[FieldProblem], message: str) -> list[Problem]:
    """Give what the plane found wrong with an answer, at the fields where they are."""
    ids = {each.name: each.id for each in forms.fields_of(form_of(escalation))}
    return [
        Problem(each.message, ids.get(forms.PREFIX + each.pointer.removeprefix("/form"), "")) for each in found
    ] or [Problem(message)]


def decision_of(escalation: Escalation, now: datetime, me: str) -> Decision | None:
    """Give how it ended; None while it is open."""
    if escalation["decided_at"] is None:
        return None
    outcome = escalation["outcome"]
    by = escalation["decided_by"]
    if escalation["status"] == "resolved":
        heading = "Answered" if outcome == ANSWERED else f"Answered: {label_of(str(outcome))}"
    else:
        heading = _STATUS.get(escalation["status"], label_of(escalation["status"]))
        heading += f". Taken as: {label_of(str(outcome))}" if outcome else ""
    return Decision(
        heading=heading,
        mood=_mood(escalation),
        who=_name(by, me) if by else "",
        when=moment(escalation["decided_at"], now),
        comment=escalation["comment"] or "",
        answer=shown(escalation["answer"]),
    )


def history_of(escalation: Escalation, now: datetime, me: str) -> list[Said]:
    """Give what happened and what was said, in order."""
    events: list[tuple[str, Said]] = [
        (escalation["created_at"], Said(actor_name(escalation["created_by"]), "asked", None))
    ]
    events += [
        (each["created_at"], Said(_name(each["author"], me), "said", None, text=each["text"]))
        for each in escalation.get("comments", [])
    ]
    if escalation["decided_at"] is not None:
        by = escalation["decided_by"]
        what = f"answered: {label_of(str(escalation['outcome']))}" if escalation["outcome"] else escalation["status"]
        said = Said(
            _name(by, me) if by else "The plane",
            what.replace("_", " ") if by or not escalation["outcome"] else "closed it: nobody answered in time",
            None,
            text=escalation["comment"] or "",
            mood=_mood(escalation),
        )
        events.append((escalation["decided_at"], said))
    return [
        Said(said.who, said.what, moment(at, now), said.text, said.mood)
        for at, said in sorted(events, key=lambda each: each[0])
    ]


def votes_of(escalation: Escalation, me: str) -> list[Fact]:
    """Give who voted, where more than one has to."""
    return [
        Fact(_name(each["by"], me), label_of(str(each["outcome"])), mood=_outcome_mood(str(each["outcome"])))
        for each in escalation["votes"]
    ]


def _facts(escalation: Escalation, now: datetime) -> list[Fact]:
    on_timeout = escalation["on_timeout"]
    due = _due(escalation, now)
    assigned = ", ".join(filter(None, map(assignee_name, escalation["assign_to"] or [])))
    quorum = escalation["quorum"]
    facts = [
        Fact("Asked by", actor_name(escalation["created_by"])),
        Fact("Asked", "", moment(escalation["created_at"], now)),
        Fact("Due", f"then it counts as: {label_of(on_timeout)}" if on_timeout else "", due) if due else None,
        Fact("Assigned to", assigned) if assigned else None,
        Fact("Looked at by", actor_name(escalation["claimed_by"]))
        if escalation["claimed_by"] and escalation["decided_at"] is None
        else None,
        Fact("Needs", f"{quorum} people who say the same") if quorum > 1 else None,
        Fact("Second factor", "needed") if escalation["aal2"] else None,
        Fact("Step", escalation["path"], is_code=True) if escalation["path"] else None,
        Fact("Execution", escalation["execution_id"], is_code=True) if escalation["execution_id"] else None,
    ]
    return [each for each in facts if each is not None]


def _due(escalation: Escalation, now: datetime) -> Moment | None:
    return deadline(escalation["deadline"], now) if escalation["decided_at"] is None else None


def _outcomes(escalation: Escalation) -> list[Outcome]:
    outcomes: list[str] = escalation["outcomes"]
    if not outcomes:
        return [Outcome(ANSWERED, "Send the answer", "primary")]
    return [
        Outcome(each, label_of(each), "danger" if _is_refusal(each) else "primary" if number == 0 else "")
        for number, each in enumerate(outcomes)
    ]


def _mood(escalation: Escalation) -> Literal["good", "danger", ""]:
    if escalation["status"] != "resolved":
        return ""
    return _outcome_mood(str(escalation["outcome"]))


def _outcome_mood(outcome: str) -> Literal["good", "danger"]:
    return "danger" if _is_refusal(outcome) else "good"


def _is_refusal(outcome: str) -> bool:
    return outcome.lower().partition("_")[0] in _REFUSING


def _priority(escalation: Escalation) -> str:
    return "" if escalation["priority"] == "normal" else str(escalation["priority"])


def _kind(escalation: Escalation) -> str:
    return KINDS.get(escalation["kind"], label_of(escalation["kind"]))


def _name(actor: Json, me: str) -> str:
    is_me = isinstance(actor, dict) and actor.get("id") == me
    return "You" if is_me else actor_name(actor)
