"""limits.max_steps and budgets, inline and in shards."""

from decimal import Decimal

from functions.shared.engine.interpreter import Answer
from functions.shared.engine.planner import Wait
from tests.unit.engine.drive import WORK, after, cost, done, play, statuses, workflow

CLEAN_UP = {"requires": "ended", **WORK}


def test_one_step_too_many_fails_even_under_continue() -> None:
    steps = {"l": {"loop": {"max": 50}, "steps": {"x": {"on_error": "continue", **WORK}}, "on_error": "continue"}}
    outcome = play(steps, top={"limits": {"max_steps": 7}})
    assert outcome.error is not None
    assert outcome.error["code"] == "too_many_steps"
    assert len(outcome.started) == 7


def test_exactly_max_steps_are_allowed() -> None:
    steps = {"l": {"loop": {"max": 7}, "steps": {"x": WORK}}}
    assert play(steps, top={"limits": {"max_steps": 7}}).status == "succeeded"


def test_steps_of_ended_scopes_count_though_they_are_not_loaded() -> None:
    compiled = workflow({"l": {"loop": {"max": 9}, "steps": {"x": WORK}}}, limits={"max_steps": 7})
    rounds = [done(f"l[{index}]", parent="l", kind="round", details={"steps": 1, "until": False}) for index in range(7)]
    planned = after(compiled, *rounds)
    assert planned.finish is not None
    assert planned.finish.error is not None
    assert planned.finish.error["code"] == "too_many_steps"


# Budgets


def test_a_spent_budget_starts_nothing_new_lets_the_rest_end_and_then_fails() -> None:
    compiled = workflow({"a": WORK, "b": WORK, "c": {"needs": ["a"], **WORK}}, limits={"budget_usd": 1})
    waiting = after(compiled, done("a"), running={"b": 1}, budget_exhausted=True)
    assert (waiting.start, waiting.stop, waiting.finish) == ((), (), None)
    end = after(compiled, done("a"), done("b"), budget_exhausted=True)
    assert end.finish is not None
    assert end.finish.error is not None
    assert (end.finish.error["code"], end.finish.error["path"]) == ("budget_exceeded", "c")


def test_an_execution_that_spent_its_budget_with_its_last_step_succeeds() -> None:
    outcome = play({"a": WORK}, {"a": cost("2")}, top={"limits": {"budget_usd": 1}})
    assert outcome.status == "succeeded"


def test_on_budget_ask_waits_for_a_grant_and_goes_on() -> None:
    top = {"limits": {"budget_usd": 1, "on_budget": "ask"}}
    steps = {"a": WORK, "b": {"needs": ["a"], **WORK}}
    grant = {"": Answer("grant", {"form": {"usd": 5}})}
    assert play(steps, {"a": cost("2")}, top=top, answers=grant).status == "succeeded"
    refused = play(steps, {"a": cost("2")}, top=top, answers={"": Answer("stop", {})})
    assert refused.error is not None
    assert refused.error["code"] == "budget_exceeded"


def test_the_budget_is_asked_for_once_and_only_when_nothing_runs() -> None:
    compiled = workflow({"a": WORK, "b": WORK}, limits={"budget_usd": 1, "on_budget": "ask"})
    assert after(compiled, running={"a": 1}, budget_exhausted=True).open == ()
    asked = after(compiled, done("a"), budget_exhausted=True)
    assert [(wait.kind, wait.name, wait.path) for wait in asked.open] == [("budget", "budget", "")]
    again = after(compiled, done("a"), budget_exhausted=True, waits=(Wait("t", "budget", "", "budget"),))
    assert (again.open, again.finish) == ((), None)


def test_a_spent_budget_is_decided_on_when_what_runs_below_has_ended_too() -> None:
    compiled = workflow({"w": {"workflow": {"ref": "other"}}, "b": WORK}, limits={"budget_usd": 1})
    child = Wait("t", "child", "w", "w")
    planned = after(compiled, waits=(child,), budget_exhausted=True)
    assert (planned.record, planned.finish) == ((), None)


def test_a_spent_budget_decides_nothing_inside_of_what_a_failure_has_ended() -> None:
    compiled = workflow({"g": {"steps": {"x": WORK}}, "b": {"fail": "no"}}, limits={"budget_usd": 1})
    planned = after(compiled, budget_exhausted=True)
    assert {record.path: record.status for record in planned.record} == {"g": "skipped", "b": "failed"}
    assert planned.finish is not None
    assert planned.finish.error is not None
    assert planned.finish.error["path"] == "b"


def test_clean_up_and_on_error_run_on_a_spent_budget() -> None:
    top = {"limits": {"budget_usd": 1}, "on_error": {"steps": {"notify": WORK}}}
    steps = {"a": WORK, "b": {"needs": ["a"], **WORK}, "c": {"needs": ["b"], **CLEAN_UP}}
    outcome = play(steps, {"a": cost("2")}, top=top)
    assert outcome.started == ["a", "c", "on_error.notify"]


def test_the_budget_of_a_group_ends_the_group_only() -> None:
    body = {"x": WORK, "y": {"needs": ["x"], "on_error": "continue", **WORK}}
    steps = {"g": {"budget_usd": 1, "on_error": "continue", "steps": body}, "b": {"needs": ["g"], **WORK}}
    outcome = play(steps, {"g.x": cost("1.5")})
    assert statuses(outcome) == {"g.x": "succeeded", "g.y": "failed", "g": "failed", "b": "succeeded"}
    assert outcome.records["g"].error is not None
    assert outcome.records["g"].error["code"] == "budget_exceeded"


def test_the_budget_of_a_loop_counts_all_its_rounds() -> None:
    steps = {"l": {"budget_usd": 1, "loop": {"max": 10}, "steps": {"x": WORK}}}
    outcome = play(steps, {"l.x": cost("0.4")})
    assert outcome.error is not None
    assert outcome.error["code"] == "budget_exceeded"
    assert len(outcome.started) == 3
    assert Decimal(str(outcome.records["l"].details["spent_usd"])) == Decimal("1.2")


def test_a_start_says_what_is_left_of_the_tightest_budget_around_it() -> None:
    steps = {"g": {"budget_usd": 1, "steps": {"x": {"budget_usd": 5, **WORK}}}}
    assert after(workflow(steps)).start[0].budget_usd == "1.0"
