"""handoff and agent: the work that a step hands over, and what comes back."""

from typing import Any

import pytest

from functions.shared.engine.inline_tests import run_tests
from functions.shared.engine.interpreter import Answer
from functions.shared.engine.plan import Deadline, Open
from tests.unit.engine.drive import after, play, workflow

OUTPUT: dict[str, Any] = {"verdict": {"enum": ["ok", "changes"]}, "notes": {"type": "string", "default": "none"}}
REVIEW: dict[str, Any] = {
    "review": {
        "handoff": {
            "to": "reviewer-${{ input.team }}",
            "packet": {
                "goal": "Review ${{ input.draft }}",
                "done": ["draft"],
                "next": "${{ input.steps }}",
                "decisions": [{"what": "no tables"}],
                "criteria": ["cites a source"],
                "budget": {"usd": 0.5, "deadline": "2027-01-31T09:00:00Z"},
            },
            "context": {"draft": "${{ input.draft }}"},
            "reason": "a second look",
            "output": OUTPUT,
            "timeout": "2h",
        }
    }
}
TOP: dict[str, Any] = {"input": {"team": "string", "draft": "string", "steps": "array"}}
GIVEN: dict[str, Any] = {"team": "eu", "draft": "d1", "steps": ["read", "judge"]}


def opened(steps: dict[str, Any] | None = None, **given: Any) -> Open:
    planned = after(workflow(steps or REVIEW, **TOP), input={**GIVEN, **given})
    assert not planned.record, planned.record[0].error
    return planned.open[0]


def refused(**given: Any) -> dict[str, Any]:
    [record] = after(workflow(REVIEW, **TOP), input={**GIVEN, **given}).record
    assert record.error is not None
    return record.error


def test_a_hand_off_takes_along_what_the_document_says() -> None:
    wait = opened()
    assert (wait.kind, wait.path, wait.name, wait.deadline) == ("handoff", "review", "review", Deadline(after_s=7200.0))
    assert wait.handoff == {
        "to": "reviewer-eu",
        "match": None,
        "packet": {
            "goal": "Review d1",
            "done": ["draft"],
            "next": ["read", "judge"],
            "decisions": [{"what": "no tables"}],
            "acceptance": {"schema": OUTPUT, "criteria": ["cites a source"]},
            "budget": {"usd": 0.5, "deadline": "2027-01-31T09:00:00+00:00"},
        },
        "context": {"draft": "d1"},
        "reason": "a second look",
        "max_attempts": 3,
    }
    assert wait.data == {"goal": "Review d1", "on_timeout": "fail", "to": "reviewer-eu"}


def test_an_agent_step_is_a_hand_off_to_it() -> None:
    step = {"help": {"note": "Translate it", "agent": {"ref": "translator", "input": {"text": "${{ input.draft }}"}}}}
    wait = opened(step)
    assert wait.handoff is not None
    wanted = (wait.handoff["to"], wait.handoff["context"], wait.handoff["packet"])
    assert wanted == ("translator", {"text": "d1"}, {"goal": "Translate it"})
    goal = opened({"help": {"agent": {"ref": "translator", "goal": "Put ${{ input.draft }} into French"}}})
    assert goal.data["goal"] == "Put d1 into French"


def test_whoever_fits_may_take_an_open_call() -> None:
    wait = opened({"r": {"handoff": {"match": {"skills": ["review"], "tags": ["eu"]}, "packet": {"goal": "Review"}}}})
    assert wait.handoff is not None
    assert (wait.handoff["to"], wait.handoff["match"]) == (None, {"skills": ["review"], "tags": ["eu"]})


@pytest.mark.parametrize(
    "given", [{"steps": [""]}, {"steps": [3]}, {"draft": "x" * 3_000}, {"steps": ["x" * 2_000] * 50}]
)
def test_a_packet_that_does_not_fit_fails_the_step(given: dict[str, Any]) -> None:
    assert refused(**given)["code"] == "invalid_packet"


def came_back(answer: Answer, **handoff: Any) -> Any:
    steps = {"review": {"handoff": {**REVIEW["review"]["handoff"], **handoff}}}
    return play(steps, answers={"review": answer}, given=GIVEN, top=TOP)


def test_what_came_back_is_the_output_with_its_defaults() -> None:
    outcome = came_back(Answer("answered", {"verdict": "ok"}))
    assert outcome.records["review"].output == {"verdict": "ok", "notes": "none"}
    free = play({"r": {"agent": {"ref": "a"}}}, answers={"r": Answer("answered", 0)})
    assert free.records["r"].output == 0


def test_what_does_not_fit_fails_the_step() -> None:
    assert came_back(Answer("answered", {"verdict": "maybe"})).error["code"] == "output_does_not_fit"


@pytest.mark.parametrize("code", ["handoff_rejected", "handoff_dead", "agent_not_found"])
def test_work_that_is_not_done_fails_the_step_and_says_why(code: str) -> None:
    error = came_back(Answer("failed", {"code": code, "message": "no time"})).error
    assert (error["code"], error["message"]) == (code, "no time")


def test_work_that_comes_too_late_fails_the_step_or_gives_what_is_said_otherwise() -> None:
    assert came_back(Answer("timed_out")).error["code"] == "timed_out"
    otherwise = {"output": {"verdict": "changes", "notes": "${{ input.draft }} was not read"}}
    late = came_back(Answer("timed_out"), on_timeout=otherwise)
    assert late.records["review"].output == {"verdict": "changes", "notes": "d1 was not read"}
    wrong = came_back(Answer("timed_out"), on_timeout={"output": {"verdict": "none"}})
    assert wrong.error["code"] == "output_does_not_fit"


def test_waiting_for_another_agent_does_not_take_the_time_of_the_group_around_it() -> None:
    group = {"g": {"timeout": "5s", "steps": {"help": {"agent": {"ref": "a"}}}}}
    assert [wait.kind for wait in after(workflow(group)).open] == ["handoff"]


def run(mock: Any, **expect: Any) -> list[str]:
    test: dict[str, Any] = {"name": "one", "input": GIVEN, "mock": {"review": mock} if mock else {}, "expect": expect}
    return [*run_tests(workflow(REVIEW, tests=[test], **TOP)).tests[0].failures]


def test_mocks_stand_for_the_other_agent() -> None:
    assert run({"verdict": "ok", "notes": "n"}, output={"review": {"verdict": "ok", "notes": "n"}}) == []
    assert run({"error": {"code": "handoff_rejected"}}, status="failed", failed=["review"]) == []
    assert run({"error": {"code": "timed_out"}}, status="failed", failed=["review"]) == []
    assert "handoff_dead" in run({"error": {"code": "boom"}})[0]
    assert "has no mock" in run(None)[0]
