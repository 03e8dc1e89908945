"""How times, names and codes read on a page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from functions.shared.jsonvalue import Json, JsonObject

_SOON = timedelta(hours=1)
_TITLE_LENGTH = 140
KINDS = {
    "question": "Question",
    "approval": "Approval",
    "budget": "Budget",
    "unknown": "Uncertain step",
    "policy": "Policy",
}
REFUSALS = {
    "people_only": "Only a person can answer this.",
    "missing_scope": "Your role lets you read this, but not answer it. An owner or an admin can change your role.",
    "assigned_to_another": "This is assigned to somebody else.",
    "requester_may_not_decide": "You asked for this yourself, so somebody else has to decide.",
    "aal2_required": "This needs a second factor.",
}


@dataclass(frozen=True, slots=True)
class Moment:
    """A time: for the reader, for the `datetime` attribute and in full. `mood`: of a deadline: soon, late or empty."""

    text: str
    iso: str
    full: str
    mood: str = ""


def moment(value: Json, now: datetime) -> Moment | None:
    """Say when something was, or will be, as seen from now; None for null."""
    if value is None:
        return None
    at = datetime.fromisoformat(str(value)).astimezone(UTC)
    away = at - now
    length = duration(abs(away))
    text = "just now" if not length else f"in {length}" if away > timedelta() else f"{length} ago"
    return Moment(text, at.strftime("%Y-%m-%dT%H:%M:%SZ"), f"{at.day} {at.strftime('%B %Y, %H:%M')} UTC")


def deadline(value: Json, now: datetime) -> Moment | None:
    """Say when something is due, and whether that is within the hour, or over."""
    said = moment(value, now)
    if said is None:
        return None
    left = datetime.fromisoformat(said.iso) - now
    mood = "late" if left <= timedelta() else "soon" if left <= _SOON else ""
    return Moment(said.text, said.iso, said.full, mood)


def duration(length: timedelta) -> str:
    """Give a length in its largest unit, rounded; empty below half a minute."""
    minutes = round(length.total_seconds() / 60)
    hours = round(minutes / 60)
    if minutes < 60:  # noqa: PLR2004  of an hour
        return _counted(minutes, "minute") if minutes else ""
    return _counted(hours, "hour") if hours < 24 else _counted(round(hours / 24), "day")  # noqa: PLR2004


def actor_name(actor: Json) -> str:
    """Give the name of who did something."""
    if not isinstance(actor, dict):
        return "The plane"
    label = actor.get("label")
    match actor.get("kind"):
        case "person":
            return str(label or "A person")
        case "agent_key" | "operator_key":
            return f"Key {label}" if label else "A key"
        case _:
            return f"Workflow {label}" if label else "The plane"


def assignee_name(assignee: Json) -> str:
    """Give the name of whom something is assigned to."""
    said: JsonObject = assignee if isinstance(assignee, dict) else {}
    if role := said.get("role"):
        return f"Role {role}"
    return str(said.get("email") or said.get("user_id") or "")


def label_of(name: str) -> str:
    """Give a name of a program as words: `needs_more-work` is `Needs more work`."""
    words = name.replace("_", " ").replace("-", " ").strip()
    return words[:1].upper() + words[1:] if words else name


def title_of(reason: str) -> tuple[str, str]:
    """Part a reason into a heading and the text below it; empty when the heading says it all."""
    first, _, rest = reason.strip().partition("\n")
    first = first.strip()
    if len(first) <= _TITLE_LENGTH:
        return first or "Needs a decision", rest.strip()
    cut = first[:_TITLE_LENGTH]
    at_word = cut.rpartition(" ")[0]
    return (at_word if len(at_word) > _TITLE_LENGTH // 2 else cut) + " …", reason.strip()


def _counted(count: int, name: str) -> str:
    return f"{count} {name}{'s' * (count != 1)}"
