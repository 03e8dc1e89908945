"""approval, wait, workflow, emit: how they open, and what an answer makes of them."""

from typing import Any

import pytest

from functions.shared.engine.interpreter import Answer
from functions.shared.engine.plan import Deadline
from functions.shared.engine.planner import Wait
from tests.unit.engine.drive import Fails, after, play, started, workflow

FORM = {"amount": {"type": "number", "default": "${{ input.amount }}"}, "note": {"type": "string", "optional": True}}
ASK = {"message": "Refund ${{ input.amount }}?", "form": FORM, "timeout": "24h", "on_timeout": "reject"}
TOP: dict[str, Any] = {"input": {"amount": "number"}}


def decided(outcome: str, given: dict[str, Any] | None = None, **approval: Any) -> Any:
    payload = {"outcome": outcome, "form": given or {}, "decided_by": "key-1"}
    answers = {"ok": Answer(outcome, payload)}
    return play({"ok": {"approval": {**ASK, **approval}}}, answers=answers, given={"amount": 5}, top=TOP)


def test_an_approval_shows_its_message_and_a_form_with_evaluated_defaults() -> None:
    wait = after(workflow({"ok": {"approval": {**ASK, "show": "${{ input }}"}}}, **TOP), input={"amount": 5}).open[0]
    assert (wait.kind, wait.path, wait.name, wait.deadline) == ("approval", "ok", "ok", Deadline(after_s=86400.0))
    assert wait.data["message"] == "Refund 5?"
    assert wait.data["show"] == {"amount": 5}
    assert wait.data["outcomes"] == ["approve", "reject"]
    form = wait.data["form"]
    assert isinstance(form, dict)
    assert form["amount"] == {"type": "number", "default": 5}


def test_a_default_that_does_not_fit_its_field_fails_when_it_is_shown() -> None:
    step = {"approval": {"message": "ok?", "form": {"amount": {"type": "number", "default": "${{ input.amount }}"}}}}
    planned = after(workflow({"ok": step}, input={"amount": "string"}), input={"amount": "many"})
    assert planned.open == ()
    assert planned.record[0].error is not None
    assert planned.record[0].error["code"] == "invalid_form"


def test_a_decision_gives_outcome_form_and_who_decided() -> None:
    outcome = decided("approve", {"amount": 4, "note": "less"})
    assert outcome.records["ok"].output == {
        "outcome": "approve",
        "form": {"amount": 4, "note": "less"},
        "decided_by": "key-1",
    }


def test_what_is_not_filled_in_has_its_default_or_is_null() -> None:
    assert decided("reject").records["ok"].output["form"] == {"amount": 5, "note": None}


@pytest.mark.parametrize("given", [{"amount": "five"}, {"typo": 1}])
def test_a_form_that_does_not_fit_fails(given: dict[str, Any]) -> None:
    assert decided("approve", given).error["code"] == "invalid_form"


def test_an_approval_that_times_out_takes_its_default_outcome_or_fails() -> None:
    answers = {"ok": Answer("timed_out")}
    rejected = play({"ok": {"approval": ASK}}, answers=answers, given={"amount": 5}, top=TOP)
    assert rejected.records["ok"].output == {
        "outcome": "reject",
        "form": {"amount": 5, "note": None},
        "decided_by": None,
    }
    failed = play({"ok": {"approval": {"message": "ok?", "timeout": "1h"}}}, answers=answers)
    assert failed.error is not None
    assert failed.error["code"] == "timed_out"


def test_an_open_wait_is_not_opened_again() -> None:
    compiled = workflow({"ok": {"approval": {"message": "ok?"}}})
    assert after(compiled, waits=(Wait("t", "approval", "ok", "ok"),)).open == ()


def test_a_wait_for_a_time_gives_an_empty_object() -> None:
    compiled = workflow({"w": {"wait": {"for": "${{ input.time }}"}}}, input={"time": "string"})
    wait = after(compiled, input={"time": "2h"}).open[0]
    assert (wait.kind, wait.deadline) == ("timer", Deadline(after_s=7200.0))
    fired = Wait("t", "timer", "w", "w", answered=True, outcome="timed_out")
    assert after(compiled, waits=(fired,), input={"time": "2h"}).record[0].output == {}


def test_a_wait_of_zero_seconds_is_over_at_once() -> None:
    planned = after(workflow({"w": {"wait": {"for": "0s"}}}))
    assert planned.open == ()
    assert planned.finish is not None


def test_a_wait_until_a_time_keeps_its_zone() -> None:
    compiled = workflow({"w": {"wait": {"until": "${{ input.at }}"}}}, input={"at": "string"})
    wait = after(compiled, input={"at": "2030-01-31T09:00:00+02:00"}).open[0]
    assert wait.deadline == Deadline(at="2030-01-31T09:00:00+02:00")
    assert after(compiled, input={"at": "2030-01-31T09:00:00Z"}).open[0].deadline == Deadline(
        at="2030-01-31T09:00:00+00:00"
    )


@pytest.mark.parametrize(
    ("wait", "code"), [({"for": "${{ input.x }}"}, "invalid_duration"), ({"until": "${{ input.x }}"}, "invalid_time")]
)
def test_a_time_that_is_none_fails_with_what_one_looks_like(wait: dict[str, str], code: str) -> None:
    planned = after(workflow({"w": {"wait": wait}}, input={"x": "string"}), input={"x": "soon"})
    assert planned.record[0].error is not None
    assert planned.record[0].error["code"] == code


def test_an_event_gives_its_payload_and_matches_evaluated_fields() -> None:
    step = {"wait": {"event": "paid", "match": {"order": "${{ input.amount }}"}, "timeout": "1h"}}
    wait = after(workflow({"w": step}, **TOP), input={"amount": 5}).open[0]
    assert (wait.kind, wait.name, wait.match, wait.deadline) == (
        "event",
        "paid",
        {"order": 5},
        Deadline(after_s=3600.0),
    )
    outcome = play({"w": step}, answers={"w": Answer("answered", {"order": 5})}, given={"amount": 5}, top=TOP)
    assert outcome.records["w"].output == {"order": 5}
    late = play({"w": step}, answers={"w": Answer("timed_out")}, given={"amount": 5}, top=TOP)
    assert late.error is not None
    assert late.error["code"] == "timed_out"


def test_a_workflow_step_opens_a_child_with_its_input_and_gives_its_output() -> None:
    step = {"workflow": {"ref": "other@2", "input": {"n": "${{ input.amount }}"}}, "budget_usd": 2, "timeout": "1h"}
    wait = after(workflow({"w": step}, **TOP), input={"amount": 5}).open[0]
    assert wait.kind == "child"
    assert wait.child is not None
    assert (wait.child.ref, wait.child.input, wait.child.budget_usd) == ("other@2", {"n": 5}, "2.0")
    assert wait.deadline == Deadline(after_s=3600.0)
    outcome = play({"w": step}, answers={"w": Answer("answered", {"x": 1})}, given={"amount": 5}, top=TOP)
    assert outcome.output == {"w": {"x": 1}}


def test_a_failed_child_fails_its_step_with_its_code_at_the_path_of_the_step() -> None:
    payload = {"code": "workflow_not_found", "message": "there is no other", "path": "inner.step"}
    outcome = play({"w": {"workflow": {"ref": "other"}}}, answers={"w": Answer("failed", payload)})
    assert outcome.error == {"code": "workflow_not_found", "message": "there is no other", "path": "w"}
    assert outcome.records["w"].details["child_error"] == payload


def test_a_child_that_is_late_is_asked_to_stop() -> None:
    compiled = workflow({"w": {"workflow": {"ref": "other"}, "timeout": "1h"}})
    planned = after(compiled, waits=(Wait("t", "child", "w", "w", answered=True, outcome="timed_out"),))
    assert planned.close == ("t",)
    assert planned.record[0].error is not None
    assert planned.record[0].error["code"] == "timed_out"


def test_an_emit_is_an_ordinary_start() -> None:
    planned = after(
        workflow({"e": {"emit": {"event": "paid", "payload": {"n": "${{ input.amount }}"}}}}, **TOP),
        input={"amount": 5},
    )
    assert started(planned) == ["e"]
    assert planned.start[0].config == {"event": "paid", "payload": {"n": 5}}


def test_waits_of_parallel_branches_are_answered_each_for_itself() -> None:
    compiled = workflow({"a": {"approval": {"message": "a?"}}, "b": {"approval": {"message": "b?"}}})
    waits = (
        Wait("ta", "approval", "a", "a", answered=True, outcome="approve", payload={}),
        Wait("tb", "approval", "b", "b"),
    )
    planned = after(compiled, waits=waits)
    assert [record.path for record in planned.record] == ["a"]
    assert planned.finish is None


def test_an_outcome_that_the_approval_does_not_have_fails() -> None:
    outcome = play({"ok": {"approval": {"message": "ok?"}}}, answers={"ok": Answer("maybe", {})})
    assert outcome.error is not None
    assert outcome.error["code"] == "invalid_outcome"


def test_prompts_are_rendered_as_prompts_and_schemas_never() -> None:
    llm = {"prompt": "${% for x in input.list %}[${{ x }}]${% endfor %}", "output": {"n": "number"}}
    code = {"python": "result = n", "inputs": {"n": "${{ input.list[0] }}"}}
    top = {"input": {"list": "array"}, "models": {"default": "openai/gpt-4o-mini"}}
    planned = after(workflow({"m": {"llm": llm}, "c": {"code": code}}, **top), input={"list": [1, 2]})
    configs = {start.path: start.config for start in planned.start}
    assert configs["m"] == {"prompt": "[1][2]", "output": {"n": "number"}}
    assert configs["c"] == {"python": "result = n", "inputs": {"n": 1}}


def test_what_a_model_says_is_data_and_never_evaluated() -> None:
    steps = {
        "a": {"tool": {"name": "json_query", "with": {"data": 1, "query": "@"}}},
        "b": {"transform": "got ${{ steps.a.output }}"},
    }
    outcome = play(steps, {"a": "${{ input.secret }}"})
    assert outcome.records["b"].output == "got ${{ input.secret }}"
    assert play(steps, {"a": Fails()}).status == "failed"
