"""The checker finds what it looks for: each rule has evidence that breaks it, and good evidence breaks none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.chaos.checker import RULES, problems_in, zombies_in
from tests.chaos.evidence import UNKNOWN, Claim, Decision, Disturbance, Effect, Evidence, Execution, Line, Step

ONE, TWO = Claim("w1", "x", "", 1), Claim("w2", "x", "", 2)
DRAFT, PAY, SEND = Step("x", "draft"), Step("x", "pay"), Step("x", "send")


def claimed(claim: Claim, at: float) -> Line:
    return Line(claim.worker, "claimed", at, _frame(claim) | {"sent_at": at - 0.1})


def acknowledged(
    claim: Claim, at: float, *paths: str, status: str = "running", conflicts: list[str] | None = None
) -> Line:
    told = {"sent_at": at - 0.1, "succeeded": list(paths), "status": status, "conflicts": conflicts or []}
    return Line(claim.worker, "acknowledged", at, _frame(claim) | told)


def refused(claim: Claim, at: float) -> Line:
    return Line(claim.worker, "refused", at, _frame(claim) | {"sent_at": at - 0.1, "verb": "checkpoint"})


def _frame(claim: Claim) -> dict[str, Any]:
    return {"execution": claim.execution, "frame": claim.frame, "epoch": claim.epoch}


RECORDS = {"draft": "succeeded", "pay": "succeeded", "send": "succeeded"}
GOOD = Execution(
    id="x",
    workflow="letter",
    status="succeeded",
    output="sent",
    error_code=None,
    expected_status="succeeded",
    expected_output="sent",
    expected_records=RECORDS,
    records=tuple(RECORDS.items()),
    orders=((DRAFT, SEND),),
    at_most_once=frozenset({"pay"}),
    effects=frozenset(RECORDS),
)
# w1 drafts, is frozen while it drafts, and refused when it goes on; w2 drafts again, pays and sends.
EVIDENCE = Evidence(
    executions=(GOOD,),
    effects=(Effect(1.0, DRAFT, ONE), Effect(3.1, DRAFT, TWO), Effect(3.3, PAY, TWO), Effect(3.5, SEND, TWO)),
    journal=(
        claimed(ONE, 0.5),
        claimed(TWO, 3.0),
        acknowledged(TWO, 3.2, "draft"),
        acknowledged(TWO, 3.4, "pay"),
        acknowledged(TWO, 3.6, "send", status="done"),
        refused(ONE, 5.0),
    ),
    disturbances=(Disturbance("frozen", "w1", 1.1, 4.5),),
    decisions=(Decision(DRAFT, ("approve",), "approve"),),
    counters={"spoken": 1},
)


def executed(**changes: Any) -> Evidence:
    return replace(EVIDENCE, executions=(replace(GOOD, **changes),))


def done(*more: Effect) -> Evidence:
    return replace(EVIDENCE, effects=(*EVIDENCE.effects, *more))


def told(*more: Line) -> Evidence:
    return replace(EVIDENCE, journal=(*EVIDENCE.journal, *more))


def without_refusal(**changes: Any) -> Evidence:
    return replace(EVIDENCE, journal=EVIDENCE.journal[:-1], **changes)


BAD: dict[str, list[Evidence]] = {
    "nothing is unfinished": [executed(status="running"), replace(EVIDENCE, unfinished_frames=1)],
    "no record appears twice": [
        executed(records=(*RECORDS.items(), ("draft", "succeeded"))),
        told(acknowledged(TWO, 3.7, conflicts=["draft"])),
    ],
    "records are those of a run in memory": [
        executed(records=tuple((RECORDS | {"send": "skipped"}).items())),
        executed(records=(*RECORDS.items(), ("more", "succeeded"))),
    ],
    "ends are those of a run in memory": [executed(status="failed"), executed(output="lost")],
    "cancelled ones end cancelled": [executed(is_cancelled=True)],
    "only what crashed five times is given up": [executed(status="failed", error_code="crash_loop")],
    "what was acknowledged is there": [executed(records=(("draft", "succeeded"), ("pay", "succeeded")))],
    "each approval has one winner": [
        replace(EVIDENCE, decisions=(Decision(DRAFT, (), "approve"),)),
        replace(EVIDENCE, decisions=(Decision(DRAFT, ("approve", "reject"), "approve"),)),
        replace(EVIDENCE, decisions=(Decision(DRAFT, ("reject",), "approve"),)),
    ],
    "what counts exactly once is one": [replace(EVIDENCE, counters={"spoken": 2})],
    "what succeeded was done": [replace(EVIDENCE, effects=EVIDENCE.effects[:-1])],
    "at most once is never twice": [done(Effect(3.35, PAY, ONE))],
    "only what was cut off is unknown": [
        replace(
            EVIDENCE,
            executions=(replace(GOOD, unknown=frozenset({"pay"})),),
            journal=(claimed(ONE, 0.5), acknowledged(ONE, 3.6, *RECORDS, status="done")),
        )
    ],
    "nothing runs again after it was recorded": [
        done(Effect(3.7, SEND, TWO)),
        done(Effect(3.9, SEND, Claim("w3", "x", "", 3))),
        replace(told(claimed(Claim("w3", "x", "", 3), 3.8)), effects=(Effect(3.9, SEND, Claim("w3", "x", "", 3)),)),
    ],
    "what is done again was cut off": [
        done(Effect(3.15, DRAFT, TWO)),
        without_refusal(disturbances=()),
    ],
    "nothing joins early": [
        replace(EVIDENCE, effects=(Effect(0.9, SEND, ONE), *EVIDENCE.effects)),
        replace(EVIDENCE, effects=EVIDENCE.effects[2:]),
    ],
    "no zombie records": [told(acknowledged(ONE, 4.9, "draft"))],
    "every zombie is refused": [without_refusal()],
    "the list of violations is empty": [replace(EVIDENCE, violations=("a live frame has a live parent",))],
    "what was done is a step's": [done(Effect(4.0, Step(UNKNOWN, "some key"), TWO))],
    "no caller is surprised": [replace(EVIDENCE, surprises=("NotFound: There is no such execution.",))],
    "the server saw no deadlock": [
        replace(EVIDENCE, server_log="LOG: ready\nERROR:  deadlock detected\n"),
    ],
}  # fmt: skip


def test_good_evidence_breaks_no_rule() -> None:
    assert problems_in(EVIDENCE) == []


def test_every_rule_has_evidence_that_breaks_it() -> None:
    assert set(BAD) == set(RULES)


@pytest.mark.parametrize(
    ("rule", "evidence"), [(rule, each) for rule, all_of in BAD.items() for each in all_of]
)  # fmt: skip
def test_a_broken_rule_is_reported(rule: str, evidence: Evidence) -> None:
    assert any(problem.startswith(f"{rule}: ") for problem in problems_in(evidence)), problems_in(evidence)


def test_a_worker_that_died_need_not_be_refused() -> None:
    killed = Disturbance("killed", "w1", 4.6, 4.6)
    assert problems_in(without_refusal(disturbances=(*EVIDENCE.disturbances, killed))) == []


def test_who_had_no_answer_need_not_be_refused() -> None:
    away = Line(ONE.worker, "away", 5.0, _frame(ONE) | {"verb": "checkpoint"})
    assert problems_in(replace(without_refusal(), journal=(*without_refusal().journal, away))) == []


def test_what_crashed_five_times_may_be_given_up() -> None:
    crashes = (claimed(Claim(f"w{number}", "x", "", number), 10 + number) for number in range(3, 8))
    evidence = replace(told(*crashes), executions=(replace(GOOD, status="failed", error_code="crash_loop"),))
    assert problems_in(evidence) == []


@pytest.mark.parametrize(("sent_at", "is_zombie"), [(1.05, False), (4.4, True)])
def test_who_asked_to_park_before_it_was_frozen_is_no_zombie(sent_at: float, is_zombie: bool) -> None:
    parked = Line("w1", "acknowledged", 4.5, acknowledged(ONE, 4.5, status="waiting").details | {"sent_at": sent_at})
    evidence = without_refusal()
    evidence = replace(evidence, journal=(*evidence.journal, parked))
    assert (ONE in zombies_in(evidence)) is is_zombie
