"""Random workflows, random schedules, crashes at any point."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from functions.shared.dsl.checker import check
from functions.shared.dsl.compiled import Compiled, CompiledStep, compile_document
from functions.shared.engine.joins import was_stopped
from functions.shared.engine.paths import address_of, ancestors, join, parent_of
from functions.shared.engine.planner import Facts, Finish, InFlight, Memo, Plan, Record, Start, plan
from tests.unit.engine.documents import Case, cases

Choose = Callable[[Sequence[str]], int]


def first(candidates: Sequence[str]) -> int:
    del candidates
    return 0


def drive(case: Case, choose: Choose = first, records: Sequence[Record] = ()) -> tuple[Finish, list[Record]]:
    """Run to the end and check what must hold at every plan. `records`: what a former owner recorded."""
    known = {record.path: record for record in records}
    finish = go_on(case, choose, known, {}, {}, 2_000)
    assert finish is not None, "the execution never ended"
    return finish, list(known.values())


def go_on(
    case: Case,
    choose: Choose,
    known: dict[str, Record],
    running: dict[str, Start],
    in_flight: dict[str, InFlight],
    most: int,
) -> Finish | None:
    """Plan at most so often; what ended, runs and was left behind is kept in the arguments."""
    compiled = compile_document(case.document)
    memo = Memo()
    for _ in range(most):
        facts = Facts(input={}, records=known, running=dict.fromkeys(running, 1), in_flight=dict(in_flight))
        planned = plan(compiled, facts, memo)
        assert planned == plan(compiled, facts), "the memo changes nothing, and the same facts give the same plan"
        check_plan(compiled, planned, known, running)
        for path in planned.stop:
            del running[path]
        known.update({record.path: record for record in planned.record})
        running.update({start.path: start for start in planned.start})
        for path in (*known, *running):
            in_flight.pop(path, None)
        if planned.finish is not None:
            assert not running
            return planned.finish
        candidates = list(running)
        assert candidates, "something runs until the end"
        start = running.pop(candidates[choose(candidates)])
        known[start.path] = result_of(case, start)
    return None


def result_of(case: Case, start: Start) -> Record:
    if address_of(start.path) in case.failing:
        error = {"code": "boom", "message": f"{start.path} broke"}
        return Record(start.path, start.parent, start.kind, "failed", error=error)
    return Record(start.path, start.parent, start.kind, "succeeded", output=start.path)


def check_plan(compiled: Compiled, planned: Plan, known: Mapping[str, Record], running: Mapping[str, Any]) -> None:
    new = {record.path for record in planned.record}
    assert len(new) == len(planned.record)
    assert not new & known.keys(), "nothing is recorded twice"
    assert set(planned.stop) <= running.keys()
    assert set(planned.stop) <= new
    for record in planned.record:
        assert record.parent == parent_of(record.path)
    for start in planned.start:
        assert start.path not in known
        assert start.path not in new
        assert start.path not in running
        for need in needs_of(compiled, start.path):
            assert need in known or need in new, f"{start.path} started before {need} ended"


def needs_of(compiled: Compiled, path: str) -> list[str]:
    """Give the needs of a step and of every group around it, as paths."""
    found: list[str] = []
    while path:
        whole = parent_of(path) if path.endswith("]") else path
        scope = parent_of(whole)
        found += [join(scope, need) for need in step_at(compiled, whole).needs]
        path = scope
        if path == "on_error":
            break
    return found


def step_at(compiled: Compiled, path: str) -> CompiledStep:
    names = address_of(path).split(".")
    steps = compiled.steps
    if names[0] == "on_error":
        steps, names = compiled.on_error, names[1:]
    for name in names[:-1]:
        steps = steps[name].steps
    return steps[names[-1]]


def outermost(records: Sequence[Record]) -> dict[str, tuple[str, Any, Any]]:
    """What became of the workflow's own steps; inside of one that failed, a crash may turn cancelled into skipped."""
    return {record.path: (record.status, record.output, record.error) for record in records if not record.parent}


def expected_to_run(step: CompiledStep, needs: Sequence[str]) -> bool:
    """The join, said a second time and differently. `needs`: how each ended, `tolerated` under `continue`."""
    if not needs or step.step.requires == "ended":
        return True
    if step.step.requires == "all":
        return set(needs) == {"succeeded"}
    return "failed" not in needs and bool({"succeeded", "tolerated"} & set(needs))


def ended_as(record: Record, step: CompiledStep) -> str:
    is_tolerated = record.status == "failed" and step.step.on_error == "continue"
    return "tolerated" if is_tolerated else record.status


def begins_too_late(compiled: Compiled, records: Sequence[Record]) -> list[str]:
    """Name the leaf steps that ran although something beside them, or beside what they are in, had failed for good."""
    failed: set[str] = set()
    late: list[str] = []
    for record in records:
        path = parent_of(record.path) if record.path.endswith("]") else record.path
        step = step_at(compiled, path)
        if record.status in {"succeeded", "failed"} and not step.steps and record.kind not in {"for_each", "loop"}:
            around = [path, *(above for above in ancestors(path) if not above.endswith("]") and above != "on_error")]
            is_clean_up = any(step_at(compiled, at).step.requires == "ended" for at in around)
            if not is_clean_up and failed & {parent_of(at) for at in around}:
                late.append(record.path)
        if not record.path.endswith("]") and ended_as(record, step) == "failed":
            failed.add(record.parent)
    return late


@settings(max_examples=50, deadline=None)
@given(cases())
def test_the_random_workflows_are_valid_documents(case: Case) -> None:
    assert [problem for problem in check(case.document).problems if problem.severity == "error"] == []


@settings(max_examples=150, deadline=None)
@given(cases(), st.randoms(use_true_random=False))
def test_every_execution_ends_under_every_schedule(case: Case, random: Random) -> None:
    finish, records = drive(case, lambda candidates: random.randrange(len(candidates)))
    assert finish.status in {"succeeded", "failed"}
    assert (finish.error is None) == (finish.status == "succeeded")
    top = [record for record in records if record.parent == ""]
    assert {record.path for record in top} == set(case.document["steps"])


@settings(max_examples=150, deadline=None)
@given(cases(), st.randoms(use_true_random=False))
def test_a_step_runs_exactly_when_its_join_says_so(case: Case, random: Random) -> None:
    _, records = drive(case, lambda candidates: random.randrange(len(candidates)))
    compiled = compile_document(case.document)
    known = {record.path: record for record in records}
    for record in records:
        if record.path.endswith("]") or was_stopped(record) or record.path.startswith("on_error"):
            continue
        step = step_at(compiled, record.path)
        paths = [join(record.parent, need) for need in step.needs]
        needs = [ended_as(known[path], step_at(compiled, path)) for path in paths]
        reason = record.details.get("reason")
        is_by_condition = isinstance(reason, dict) and reason["code"] == "when_false"
        assert (record.status != "skipped" or is_by_condition) == expected_to_run(step, needs)
    assert begins_too_late(compiled, records) == []


@settings(max_examples=150, deadline=None)
@given(cases(), st.data())
def test_after_a_crash_at_any_point_the_end_is_the_same(case: Case, data: st.DataObject) -> None:
    finish, records = drive(case)
    kept = records[: data.draw(st.integers(0, len(records)))]
    again, after = drive(case, records=kept)
    assert again.status == finish.status
    if finish.status == "succeeded":
        assert again == finish
        assert outermost(after) == outermost(records)


@settings(max_examples=80, deadline=None)
@given(cases(), st.randoms(use_true_random=False), st.lists(st.integers(1, 6), max_size=4))
def test_what_ran_in_a_crash_is_begun_again_and_the_end_is_the_same(
    case: Case, random: Random, crashes: list[int]
) -> None:
    """Owner after owner dies; each leaves the notes of what it had started."""
    expected, _ = drive(case)
    known: dict[str, Record] = {}
    in_flight: dict[str, InFlight] = {}
    finish = None
    for most in [*crashes, 2_000]:
        running: dict[str, Start] = {}
        finish = go_on(case, lambda these: random.randrange(len(these)), known, running, in_flight, most)
        if finish is not None:
            break
        in_flight.update({path: InFlight(start.attempt) for path, start in running.items()})
    assert finish is not None
    assert not in_flight
    assert finish.status == expected.status
    if finish.status == "succeeded":
        assert finish == expected


@settings(max_examples=80, deadline=None)
@given(cases(), st.data())
def test_records_that_ended_scopes_sum_up_need_not_be_loaded(case: Case, data: st.DataObject) -> None:
    """A claim brings only records whose parent has none; the end is the same without the others."""
    finish, records = drive(case)
    kept = records[: data.draw(st.integers(0, len(records)))]
    paths = {record.path for record in kept}
    live = [record for record in kept if record.parent not in paths]
    again, _ = drive(case, records=live)
    assert again.status == finish.status
    if finish.status == "succeeded":
        assert again.output == finish.output


@settings(max_examples=80, deadline=None)
@given(cases(), st.randoms(use_true_random=False))
def test_what_no_failure_can_stop_does_not_depend_on_the_schedule(case: Case, random: Random) -> None:
    calm = case.without_failures()
    finish, records = drive(calm)
    other, shuffled = drive(calm, lambda candidates: random.randrange(len(candidates)))
    assert other == finish
    assert {record.path: record for record in shuffled} == {record.path: record for record in records}
