"""Ends that the engine itself decides: nothing that goes wrong is tried for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.shared.engine.outbox import size_of
from functions.shared.engine.plan import Finish

if TYPE_CHECKING:
    from functions.shared.db.kernel import Claimed

CRASHES_FATAL = 5  # for a step that is noted as the only one running
CLAIMS = 50_000  # of one frame: some times what its 10,000 records can need; as invocations less than a dollar
IDLE_CLAIMS = 500  # in a row that recorded nothing: invocations that only hand on, or are waked for nothing
CRASHES_HOPELESS = 20  # whatever runs: so many restarts of a plane do not come together by chance
HOP_BUDGET = "hop_budget"
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
    """Give up a frame that kills every runner, and no single step of which was found to be the cause.

    Or one that goes from runner to runner and gets nowhere: on AWS nothing else would end that.
    """
    if claim.claims > CLAIMS or claim.idle_claims > IDLE_CLAIMS:
        return Finish("failed", None, {"code": HOP_BUDGET, "message": _message_on_hops(claim)})
    if claim.stall < CRASHES_HOPELESS:
        return None
    ran = sorted(ran_when_it_died(claim))
    when = f"while {', '.join(ran[:5])} ran" if ran else "before it could start anything"
    message = f"The runner died {claim.stall} times in a row, the last time {when}; its log says why."
    return Finish("failed", None, {"code": "crash_loop", "message": message})


def _message_on_hops(claim: Claimed) -> str:
    """Tell of a frame that goes from runner to runner."""
    if claim.idle_claims > IDLE_CLAIMS:
        return (
            f"Runners took this up {claim.idle_claims} times in a row without one step that ended; the limit is "
            f"{IDLE_CLAIMS}. A step may need more time than an invocation has."
        )
    return f"Runners took this up {claim.claims:,} times; the limit is {CLAIMS:,}. Wait longer in between, or split it."
