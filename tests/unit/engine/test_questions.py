"""A working step that asks a person before it goes on: planner, interpreter, mocks."""

from typing import Any

import pytest

from functions.shared.engine.explain import explain
from functions.shared.engine.inline_tests import run_tests
from functions.shared.engine.interpreter import Answer, LeafResult
from functions.shared.engine.plan import Start
from functions.shared.engine.planner import InFlight, Wait
from functions.shared.steps import NeedsPerson
from tests.unit.engine.drive import WORK, after, play, started, workflow

PAY: dict[str, Any] = {"pay": {"http": {"url": "https://bank.example", "method": "POST"}}}
DATA: dict[str, Any] = {
    "message": "Pay?",
    "outcomes": ["approve", "reject"],
    "on_timeout": "fail",
    "attempt": 2,
    "asks": "policy",
    "carried": {"attempts": [{"attempt": 1}], "kept": {"draft": 1}},
}


def question(outcome: str | None = None, payload: Any = None, **data: Any) -> Wait:
    return Wait("t", "approval", "pay", "pay", {**DATA, **data}, outcome is not None, outcome, payload)


def test_a_step_whose_question_is_open_does_nothing() -> None:
    planned = after(workflow(PAY), waits=(question(),))
    assert (planned.start, planned.open, planned.record) == ((), (), ())


def test_an_answered_step_starts_again_in_the_same_attempt_with_the_answer_and_what_it_kept() -> None:
    wait = question("approve", {"outcome": "approve", "decided_by": "ann"})
    [start] = after(workflow(PAY), waits=(wait,)).start
    assert start.attempt == 2
    assert start.answers == (
        {
            "kind": "policy",
            "reason": "Pay?",
            "outcome": "approve",
            "form": {},
            "decided_by": "ann",
            "kept": {"draft": 1},
        },
    )


def test_a_rejection_is_an_answer_too() -> None:
    [start] = after(workflow(PAY), waits=(question("reject", {"outcome": "reject"}),)).start
    assert start.answers[0]["outcome"] == "reject"


def test_no_answer_in_time_fails_the_step_or_takes_the_default() -> None:
    failed = after(workflow(PAY), waits=(question("timed_out"),)).record[0]
    assert failed.error is not None
    assert failed.error["code"] == "timed_out"
    [start] = after(workflow(PAY), waits=(question("timed_out", on_timeout="reject"),)).start
    assert (start.answers[0]["outcome"], start.answers[0]["decided_by"]) == ("reject", None)


def test_a_cancelled_question_and_an_outcome_that_was_not_offered_fail_the_step() -> None:
    cancelled = after(workflow(PAY), waits=(question("cancelled"),)).record[0]
    assert cancelled.error is not None
    assert cancelled.error["code"] == "cancelled"
    odd = after(workflow(PAY), waits=(question("maybe", {"outcome": "maybe"}),)).record[0]
    assert odd.error is not None
    assert odd.error["code"] == "invalid_outcome"


def test_a_form_is_filled_with_its_defaults_and_checked() -> None:
    form: dict[str, Any] = {"usd": {"type": "number", "default": 5}}
    [start] = after(workflow(PAY), waits=(question("approve", {"outcome": "approve"}, form=form),)).start
    assert start.answers[0]["form"] == {"usd": 5}
    wrong = {"outcome": "approve", "form": {"usd": "five"}}
    failed = after(workflow(PAY), waits=(question("approve", wrong, form=form),)).record[0]
    assert failed.error is not None
    assert failed.error["code"] == "invalid_form"


def test_the_answer_stays_when_the_step_is_tried_again_later() -> None:
    retry = Wait("r", "retry", "pay", "pay", {"attempt": 3}, answered=True, outcome="timed_out")
    [start] = after(workflow(PAY), waits=(question("approve", {"outcome": "approve"}), retry)).start
    assert (start.attempt, start.answers[0]["outcome"]) == (3, "approve")


def test_what_was_lost_after_an_answer_is_settled_like_everything_that_happens_at_most_once() -> None:
    step = {"pay": {**PAY["pay"], "effect": "at_most_once", "on_unknown": "ask"}}
    lost = {"pay": InFlight(2, at_most_once=True)}
    planned = after(workflow(step), waits=(question("approve", {"outcome": "approve"}),), in_flight=lost)
    assert [wait.kind for wait in planned.open] == ["unknown"]


def test_the_approval_of_a_look_up_is_not_that_of_the_step() -> None:
    verify = {"name": "json_query", "with": {"data": {}, "query": "@"}}
    step = {"pay": {**PAY["pay"], "effect": "at_most_once", "on_unknown": "verify", "verify": verify}}
    asked = question("approve", {"outcome": "approve"}, carried={"is_look_up": True})
    [start] = after(workflow(step), waits=(asked,), in_flight={"pay": InFlight(1, at_most_once=True)}).start
    assert len(start.answers) == 1
    assert start.verifies is not None
    assert start.verifies.answers == ()


def test_a_question_does_not_keep_the_time_of_the_group_around_it() -> None:
    group = {"g": {"timeout": "5s", "steps": {"pay": WORK}}}
    timer = Wait("t", "timer", "g", "g", {"timeout_of": "g"})
    ask = Wait("a", "approval", "g.pay", "g.pay", DATA)
    assert after(workflow(group), waits=(timer, ask)).close == ("t",)


def test_a_step_beside_it_goes_on() -> None:
    assert started(after(workflow({**PAY, "other": WORK}), waits=(question(),))) == ["other"]


def test_the_interpreter_asks_and_runs_the_step_again() -> None:
    def pay(start: Start) -> LeafResult:
        if not start.answers:
            return LeafResult(asks={"message": "Pay?", "kind": "policy"})
        return LeafResult(start.answers[0]["outcome"])

    outcome = play(PAY, {"pay": pay}, answers={"pay": Answer("approve", {"outcome": "approve"})})
    assert outcome.records["pay"].output == "approve"
    assert outcome.started == ["pay", "pay"]


def run(mock: Any, **expect: Any) -> list[str]:
    test: dict[str, Any] = {"name": "one", "mock": {"pay": mock}, "expect": expect}
    return [*run_tests(workflow(PAY, tests=[test])).tests[0].failures]


def test_a_mock_may_ask_first() -> None:
    mock = {"ask": {"message": "Over the limit"}, "answer": {"outcome": "approve"}, "then": {"status": 200}}
    assert run(mock, status="succeeded", output={"pay": {"status": 200}}) == []


def test_a_mock_that_is_rejected_fails_as_it_says() -> None:
    refused = {"error": {"code": "policy_denied"}}
    assert run({"ask": {}, "answer": {"outcome": "reject"}, "then": refused}, status="failed", failed=["pay"]) == []


def test_a_mock_that_nobody_answers_times_out() -> None:
    mock = {"ask": {}, "answer": {"error": {"code": "timed_out"}}, "then": 1}
    assert run(mock, status="failed", failed=["pay"]) == []


@pytest.mark.parametrize(
    ("mock", "said"),
    [
        ({"ask": {}, "answer": {"outcome": "maybe"}}, "one of the outcomes approve, reject"),
        ({"ask": {}, "answer": {"outcome": "approve"}}, "`then` is missing"),
    ],
)
def test_a_mock_that_makes_no_sense_is_named(mock: Any, said: str) -> None:
    [failure] = run(mock)
    assert said in failure


def test_the_explanation_says_who_was_asked() -> None:
    step = {
        "path": "pay",
        "kind": "http",
        "status": "succeeded",
        "details": {"asked": [{"kind": "policy", "reason": "Pay?", "outcome": "approve", "decided_by": "ann"}]},
    }
    decisions = explain(workflow(PAY), [step])["decisions"]
    assert {
        "path": "pay",
        "decision": "asked",
        "code": "policy",
        "message": "Pay?: a person decided approve",
    } in decisions  # type: ignore[operator]


def test_a_question_has_outcomes_and_a_default_among_them() -> None:
    with pytest.raises(ValueError, match="on_timeout"):
        NeedsPerson("Pay?", on_timeout="maybe")
    with pytest.raises(ValueError, match="on_timeout"):
        NeedsPerson("Pay?", outcomes=())
