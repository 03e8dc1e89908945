"""What becomes of a step that needs a person first: the approval to open, and the answer as the handler sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from functions.shared.engine.excerpts import excerpt, short
from functions.shared.engine.forms import check_defaults
from functions.shared.engine.outbox import size_of
from functions.shared.engine.questions import ASKS, CARRIED
from functions.shared.engine.rendering import RenderError
from functions.shared.engine.results import Asked
from functions.shared.steps.base import PersonAnswer, StepFailed
from functions.shared.steps.storable import clean_text, storable

if TYPE_CHECKING:
    from functions.shared.engine.plan import Start
    from functions.shared.engine.results import Spent
    from functions.shared.jsonvalue import Json, JsonObject
    from functions.shared.steps.base import NeedsPerson

MAX_SHOWN_BYTES = 64_000
MAX_KEPT_BYTES = 256_000


def asked(needs: NeedsPerson, start: Start, attempt: int, *, attempts: list[Json], spent: Spent) -> Asked:
    """Give the approval that a step asks for. Raises StepFailed `invalid_question`.

    `attempts`: those that failed before, `spent`: what all of them have used.
    """
    kept = storable(needs.kept)
    if (size := size_of(kept)) > MAX_KEPT_BYTES:
        raise StepFailed("invalid_question", f"It would keep {size:,} bytes; {MAX_KEPT_BYTES:,} may be kept.")
    try:
        check_defaults(needs.form)
    except RenderError as error:
        raise StepFailed("invalid_question", error.message) from error
    shown = storable(needs.show)
    data: JsonObject = {
        "quorum": 1,
        "assignees": [],
        **cast("JsonObject", storable(needs.rules)),
        "message": short(clean_text(needs.reason)),
        "show": shown if size_of(shown) <= MAX_SHOWN_BYTES else excerpt({"show": shown}),
        "form": storable(needs.form),
        "outcomes": [*needs.outcomes],
        "on_timeout": needs.on_timeout,
        "attempt": attempt,
        ASKS: needs.kind,
        CARRIED: {
            "attempts": attempts,
            "usage": spent.as_json(),
            "kept": kept,
            "is_look_up": start.verifies is not None,
        },
    }
    return Asked(start, attempt, needs.timeout_s, data)


def answers_of(start: Start) -> tuple[PersonAnswer, ...]:
    """Give what people have answered to the step, as its handler sees it."""
    return tuple(
        PersonAnswer(
            kind=str(answer["kind"]),
            outcome=str(answer["outcome"]),
            form=cast("JsonObject", answer["form"]),
            decided_by=answer["decided_by"],
            kept=answer["kept"],
        )
        for answer in start.answers
    )


def noted(start: Start) -> JsonObject:
    """Give what a step's record says of the people whom it asked; nothing when it asked nobody."""
    if not start.answers:
        return {}
    seen = ("kind", "reason", "outcome", "form", "decided_by")
    return {"asked": [{name: answer[name] for name in seen} for answer in start.answers]}
