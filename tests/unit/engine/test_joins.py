"""Needs, requires, when, skip and join."""

import pytest

from tests.unit.engine.drive import WORK, Fails, after, done, play, reason, started, statuses, workflow

SKIPPED = {"when": "false", **WORK}
CONTINUES = {"on_error": "continue", **WORK}


def test_steps_without_needs_start_at_once_and_together() -> None:
    assert started(after(workflow({"a": WORK, "b": WORK}))) == ["a", "b"]


def test_a_reference_makes_a_need() -> None:
    compiled = workflow({"a": WORK, "b": {"transform": "${{ steps.a.output.x }}"}})
    assert started(after(compiled)) == ["a"]
    assert after(compiled, done("a", {"x": 1})).record[0].output == 1


def test_needs_add_order_without_data() -> None:
    compiled = workflow({"a": WORK, "b": {"needs": ["a"], **WORK}})
    assert started(after(compiled)) == ["a"]
    assert started(after(compiled, done("a"))) == ["b"]


def test_a_step_waits_for_all_of_its_needs() -> None:
    compiled = workflow({"a": WORK, "b": WORK, "c": {"needs": ["a", "b"], **WORK}})
    assert started(after(compiled, done("a"), running={"b": 1})) == []


def test_a_false_condition_skips_and_says_why() -> None:
    outcome = play({"a": SKIPPED})
    assert statuses(outcome) == {"a": "skipped"}
    assert reason(outcome.records["a"]) == "when_false"
    assert outcome.status == "succeeded"


def test_a_skipped_branch_skips_its_chain() -> None:
    outcome = play({"a": SKIPPED, "b": {"needs": ["a"], **WORK}, "c": {"needs": ["b"], **WORK}})
    assert statuses(outcome) == {"a": "skipped", "b": "skipped", "c": "skipped"}
    assert reason(outcome.records["c"]) == "needs_skipped"


def test_a_join_runs_when_one_of_its_branches_did() -> None:
    outcome = play({"a": SKIPPED, "b": WORK, "c": {"needs": ["a", "b"], **WORK}})
    assert statuses(outcome)["c"] == "succeeded"


def test_a_need_that_failed_under_continue_counts_for_some() -> None:
    outcome = play({"a": CONTINUES, "b": {"needs": ["a"], **WORK}}, {"a": Fails()})
    assert statuses(outcome) == {"a": "failed", "b": "succeeded"}
    assert outcome.status == "succeeded"


@pytest.mark.parametrize(("need", "code"), [(SKIPPED, "needs_skipped"), (CONTINUES, "needs_failed")])
def test_requires_all_runs_only_when_every_need_really_succeeded(need: dict[str, object], code: str) -> None:
    outcome = play({"a": need, "b": WORK, "c": {"needs": ["a", "b"], "requires": "all", **WORK}}, {"a": Fails()})
    assert reason(outcome.records["c"]) == code
    assert statuses(play({"a": WORK, "c": {"needs": ["a"], "requires": "all", **WORK}}))["c"] == "succeeded"


@pytest.mark.parametrize("need", [SKIPPED, CONTINUES, WORK])
def test_requires_ended_runs_whatever_happened(need: dict[str, object]) -> None:
    outcome = play({"a": need, "b": {"needs": ["a"], "requires": "ended", **WORK}}, {"a": Fails()})
    assert statuses(outcome)["b"] == "succeeded"


def test_what_happened_to_a_step_is_always_readable() -> None:
    fields = ("output", "skipped", "failed", "status")
    seen = {name: [f"${{{{ steps.{name}.{field} }}}}" for field in fields] for name in ("good", "bad", "unwanted")}
    steps = {
        "good": WORK,
        "bad": CONTINUES,
        "unwanted": SKIPPED,
        "seen": {"transform": {**seen, "why": "${{ steps.bad.error }}"}, "requires": "ended"},
    }
    assert play(steps, {"good": 1, "bad": Fails()}).records["seen"].output == {
        "good": [1, False, False, "succeeded"],
        "bad": [None, False, True, "failed"],
        "unwanted": [None, True, False, "skipped"],
        "why": {"code": "boom", "message": "bad broke"},
    }


def test_a_condition_on_a_skipped_step_decides_the_branch() -> None:
    steps = {
        "approve": {"when": "input.amount > 100", "approval": "placeholder"},
        "refund": {
            "when": "steps.approve.skipped or steps.approve.output.outcome == 'approve'",
            "requires": "ended",
            **WORK,
        },
    }
    steps["approve"]["approval"] = {"message": "ok?"}
    outcome = play(steps, given={"amount": 5}, top={"input": {"amount": "number"}})
    assert statuses(outcome) == {"approve": "skipped", "refund": "succeeded"}


def test_an_undefined_name_in_a_condition_fails_and_never_silently_skips() -> None:
    outcome = play({"a": WORK, "b": {"when": "steps.a.output.typo", **WORK}})
    assert outcome.status == "failed"
    assert outcome.error is not None
    assert outcome.error["code"] == "expression_undefined"
    assert outcome.error["path"] == "b"
    assert "when" in str(outcome.error["message"])


def test_a_condition_is_decided_before_for_each() -> None:
    outcome = play({"a": {"when": "false", "for_each": [1, 2], **WORK}})
    assert statuses(outcome) == {"a": "skipped"}


def test_a_skipped_approval_never_waits() -> None:
    planned = after(workflow({"a": {"when": "false", "approval": {"message": "sure?"}}}))
    assert planned.open == ()
    assert planned.finish is not None
