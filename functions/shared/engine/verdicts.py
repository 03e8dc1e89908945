"""Ends that the engine itself decides: nothing that goes wrong is tried for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.shared.engine.outbox import size_of
from functions.shared.engine.plan import Finish

if TYPE_CHECKING:
    from functions.shared.db.kernel import Claimed

CRASHES_FATAL = 5  # for a step that is noted as the only one running
CRASHES_HOPELESS = 20  # whatever runs: so many restarts of a plane do not come together by chance
STUCK = Finish(
    "failed",
    None,
    {
        "code": "internal",
        "message": "The plane found nothing left to run, and no result. This is a defect of the plane.",
    },
)


def message_on_crashes(number: int) -> str:
    """Tell of a step that takes its runner with it."""
    return (
        f"The runner died {number} times in a row while this step was the only one running. "
        "Make the step smaller; the runner's log may say more."
    )


def of_bounded_size(finish: Finish, limit_bytes: int) -> Finish:
    """Give the end of an execution, or of one whose output is too large."""
    if (size := size_of(finish.output)) <= limit_bytes:
        return finish
    message = (
        f"The output of the workflow is {size:,} bytes, the limit is {limit_bytes:,}. Return less, or a reference."
    )
    return Finish("failed", None, {"code": "output_too_large", "message": message})


def ran_when_it_died(claim: Claimed) -> set[str]:
    """Name the steps that the former owner ran; those whose earlier notes it only passed on are not among them."""
    return {path for path, noted in claim.in_flight.items() if not noted.is_held}


def verdict_on(claim: Claimed) -> Finish | None:
    """Give up a frame that kills every runner, and no single step of which was found to be the cause."""
    if claim.stall < CRASHES_HOPELESS:
        return None
    ran = sorted(ran_when_it_died(claim))
    when = f"while {', '.join(ran[:5])} ran" if ran else "before it could start anything"
    message = f"The runner died {claim.stall} times in a row, the last time {when}; its log says why."
    return Finish("failed", None, {"code": "crash_loop", "message": message})
