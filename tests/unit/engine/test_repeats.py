"""for_each, loop, shards, groups and their time limits."""

from functions.shared.engine.planner import Wait
from tests.unit.engine.drive import WORK, Fails, after, done, play, started, statuses, workflow

LIST = {"input": {"list": "array"}}
MANY = list(range(450))


def each(items: object = "input.list", **more: object) -> dict[str, object]:
    return {"for_each": items, **WORK, **more}


# for_each


def test_for_each_keeps_the_order_whatever_ends_first() -> None:
    outcome = play(
        {"a": each([1, 2, 3])}, {"a": lambda start: start.path}, choose=lambda candidates: len(candidates) - 1
    )
    assert outcome.records["a"].output == ["a[0]", "a[1]", "a[2]"]
    assert outcome.started == ["a[2]", "a[1]", "a[0]"]


def test_for_each_sees_item_and_index_and_its_own_list() -> None:
    step = {"for_each": ["x", "${{ input.list[0] }}"], "transform": "${{ index }}:${{ item }}"}
    assert play({"a": step}, given={"list": ["y"]}, top=LIST).records["a"].output == ["0:x", "1:y"]


def test_an_empty_list_succeeds_with_an_empty_list() -> None:
    outcome = play({"a": each()}, given={"list": []}, top=LIST)
    assert outcome.records["a"].output == []
    assert statuses(outcome)["a"] == "succeeded"


def test_what_is_no_list_fails() -> None:
    outcome = play({"a": each("input.list[0]")}, given={"list": [{"not": "a list"}]}, top=LIST)
    assert outcome.error is not None
    assert outcome.error["code"] == "expression_type_error"


def test_more_than_ten_thousand_items_are_refused() -> None:
    outcome = play({"a": each()}, given={"list": [0] * 10_001}, top=LIST)
    assert outcome.error is not None
    assert outcome.error["code"] == "too_many_items"


def test_at_most_max_parallel_items_go_on_at_a_time() -> None:
    compiled = workflow({"a": each([1, 2, 3, 4, 5], max_parallel=2)})
    assert started(after(compiled)) == ["a[0]", "a[1]"]
    assert started(after(compiled, running={"a[0]": 1, "a[1]": 1})) == []
    assert started(after(compiled, done("a[1]", parent="a"), running={"a[0]": 1})) == ["a[2]"]


def test_a_waiting_item_counts_as_going_on() -> None:
    compiled = workflow({"a": {"for_each": [1, 2, 3], "max_parallel": 2, "approval": {"message": "${{ item }}?"}}})
    planned = after(compiled)
    assert [(wait.path, wait.data["message"]) for wait in planned.open] == [("a[0]", "1?"), ("a[1]", "2?")]
    waits = tuple(Wait(path, "approval", path, path) for path in ("a[0]", "a[1]"))
    assert after(compiled, waits=waits).open == ()


def test_a_failed_item_fails_the_step_and_stops_the_others() -> None:
    compiled = workflow({"a": each([1, 2, 3], max_parallel=2)})
    broken = done("a[0]", parent="a", status="failed", error={"code": "boom", "message": "no"})
    planned = after(compiled, broken, running={"a[1]": 1})
    assert planned.stop == ("a[1]",)
    assert {record.path: record.status for record in planned.record} == {"a[1]": "cancelled", "a": "failed"}
    assert planned.finish is not None
    assert planned.finish.error == {"code": "boom", "message": "no", "path": "a[0]"}


def test_on_item_error_continue_leaves_null_at_its_place() -> None:
    outcome = play({"a": each([1, 2, 3], on_item_error="continue")}, {"a": lambda s: s.path, "a[1]": Fails()})
    assert outcome.records["a"].output == ["a[0]", None, "a[2]"]
    assert outcome.records["a"].details["failed"] == 1
    assert outcome.status == "succeeded"


def test_a_step_with_for_each_can_fail_under_continue() -> None:
    outcome = play({"a": each([1], on_error="continue")}, {"a": Fails()})
    assert outcome.status == "succeeded"
    assert statuses(outcome)["a"] == "failed"


def test_items_of_a_group_have_their_own_scope() -> None:
    body = {"x": {"transform": "${{ item }}"}, "y": {"transform": "${{ steps.x.output * 10 + index }}"}}
    outcome = play({"g": {"for_each": [1, 2], "steps": body, "output": "${{ steps.y.output }}"}})
    assert outcome.records["g"].output == [10, 21]
    assert (outcome.records["g[0]"].kind, outcome.records["g[0]"].parent) == ("item", "g")
    assert outcome.records["g[1].y"].parent == "g[1]"


def test_the_innermost_item_wins_and_the_steps_around_stay_visible() -> None:
    inner = {"for_each": ["a", "b"], "transform": "${{ steps.top.output }}${{ item }}${{ index }}"}
    steps = {"top": {"transform": "t"}, "g": {"for_each": [1, 2], "steps": {"i": inner}}}
    assert play(steps).records["g"].output == [{"i": ["ta0", "tb1"]}, {"i": ["ta0", "tb1"]}]


def test_a_list_of_transforms_is_decided_at_once() -> None:
    planned = after(
        workflow({"a": {"for_each": "input.list", "transform": "${{ item + 1 }}"}}, **LIST), input={"list": MANY}
    )
    assert planned.open == ()
    assert planned.finish is not None
    assert planned.finish.output == {"a": [item + 1 for item in MANY]}


# loop


def looped(until: str | None = None, most: int = 5, **more: object) -> dict[str, object]:
    loop = {"max": most} if until is None else {"max": most, "until": until}
    return {"loop": loop, "steps": {"x": WORK}, "output": "${{ steps.x.output }}", **more}


def test_a_loop_runs_at_least_once_and_ends_when_its_condition_holds() -> None:
    once = play({"l": looped("true")})
    assert once.started == ["l[0].x"]
    outcome = play({"l": looped("loop.output >= 3")}, {"l.x": lambda start: int(start.path[2]) + 1})
    assert outcome.started == ["l[0].x", "l[1].x", "l[2].x"]
    assert outcome.records["l"].output == 3
    assert outcome.records["l"].details["exhausted"] is False


def test_a_loop_that_ends_by_max_still_succeeds_and_tells() -> None:
    steps = {"l": looped("false", 2), "after": {"transform": "${{ steps.l.exhausted }}"}}
    outcome = play(steps)
    assert statuses(outcome)["l"] == "succeeded"
    assert outcome.records["after"].output is True


def test_a_round_sees_its_index_and_the_output_of_the_one_before() -> None:
    step = {
        "loop": {"max": 3},
        "steps": {"x": {"transform": "${{ loop.previous | default('none') }}/${{ loop.index }}"}},
    }
    outcome = play({"l": {**step, "output": "${{ steps.x.output }}"}})
    assert outcome.records["l"].output == "none/0/1/2"


def test_until_sees_the_steps_of_the_round() -> None:
    outcome = play({"l": looped("steps.x.output == 'l[1].x'")}, {"l.x": lambda start: start.path})
    assert outcome.records["l"].details["rounds"] == 2


def test_the_condition_of_a_recorded_round_is_not_asked_again() -> None:
    compiled = workflow({"l": looped("steps.x.output == 1", 2)})
    ended = done("l[0]", 1, parent="l", kind="round", details={"steps": 1, "until": True})
    assert after(compiled, ended).finish is not None
    goes_on = done("l[0]", 1, parent="l", kind="round", details={"steps": 1, "until": False})
    assert started(after(compiled, goes_on)) == ["l[1].x"]


def test_a_failed_round_ends_the_loop_with_its_error() -> None:
    outcome = play({"l": looped(most=3)}, {"l[1].x": Fails()})
    assert outcome.started == ["l[0].x", "l[1].x"]
    assert outcome.error == {"code": "boom", "message": "l[1].x broke", "path": "l[1].x"}


def test_a_leaf_can_be_repeated_too() -> None:
    step = {"loop": {"max": 9, "until": "loop.output == 'l[2]'"}, **WORK}
    outcome = play({"l": step}, {"l": lambda start: start.path})
    assert outcome.started == ["l[0]", "l[1]", "l[2]"]
    assert outcome.records["l"].output == "l[2]"


def test_a_condition_that_cannot_be_decided_fails_the_loop() -> None:
    outcome = play({"l": looped("steps.x.output.typo")})
    assert outcome.error is not None
    assert outcome.error["code"] == "expression_undefined"


# Groups


def test_a_group_gives_its_output_or_the_outputs_by_name() -> None:
    named = {"x": WORK, "y": {"when": "false", **WORK}}
    outcome = play({"g": {"steps": named}, "h": {"steps": {"z": WORK}, "output": "${{ steps.z.output.at }}"}})
    assert outcome.output == {"g": {"x": {"at": "g.x"}, "y": None}, "h": "h.z"}


def test_groups_nest_and_see_the_steps_around_them() -> None:
    inner = {"steps": {"deep": {"transform": "${{ steps.a.output }}-${{ steps.b.output }}"}}}
    steps = {"a": WORK, "g": {"steps": {"b": WORK, "h": inner}}}
    outcome = play(steps, {"a": 1, "g.b": 2})
    assert outcome.records["g.h.deep"].output == "1-2"
    assert outcome.records["g"].output == {"b": 2, "h": {"deep": "1-2"}}


def test_a_reference_inside_a_group_makes_the_group_wait() -> None:
    compiled = workflow({"a": WORK, "g": {"steps": {"x": WORK, "y": {"transform": "${{ steps.a.output }}"}}}})
    assert started(after(compiled)) == ["a"]


def test_a_scope_that_ended_is_not_looked_into_again() -> None:
    compiled = workflow({"g": {"steps": {"x": WORK}}, "b": {"transform": "${{ steps.g.output.x }}"}})
    ended = done("g", {"x": 7}, kind="group", details={"steps": 1})
    assert after(compiled, ended).record[0].output == 7


# The time limit of a group

TIMED = {"g": {"timeout": "10s", "steps": {"x": WORK, "ok": {"needs": ["x"], "approval": {"message": "ok?"}}}}}


def timer(*, answered: bool = False) -> Wait:
    outcome = "timed_out" if answered else None
    return Wait("t", "timer", "g", "g", {"timeout_of": "g"}, answered=answered, outcome=outcome)


def test_a_group_with_a_timeout_opens_a_timer_while_it_works() -> None:
    planned = after(workflow(TIMED))
    assert [(wait.kind, wait.path, wait.deadline and wait.deadline.after_s) for wait in planned.open] == [
        ("timer", "g", 10.0)
    ]
    assert after(workflow(TIMED), running={"g.x": 1}, waits=(timer(),)).open == ()


def test_waiting_for_somebody_does_not_count_against_the_timeout_around_it() -> None:
    planned = after(workflow(TIMED), done("g.x", parent="g"), waits=(timer(),))
    assert planned.close == ("t",)
    assert [wait.kind for wait in planned.open] == ["approval"]


def test_a_group_out_of_time_stops_and_fails() -> None:
    planned = after(workflow(TIMED), running={"g.x": 1}, waits=(timer(answered=True),))
    assert planned.stop == ("g.x",)
    assert planned.finish is not None
    assert planned.finish.error is not None
    assert (planned.finish.error["code"], planned.finish.error["path"]) == ("timed_out", "g")


def test_the_timer_of_a_group_is_closed_with_it() -> None:
    compiled = workflow({"g": {"timeout": "10s", "steps": {"x": WORK}}, "b": WORK})
    assert after(compiled, done("g.x", parent="g"), waits=(timer(),), running={"b": 1}).close == ("t",)
