"""Failure, clean-up, on_error, cancellation, time-out and what happens at most once."""

import pytest

from functions.shared.engine.planner import InFlight, Record, Wait
from tests.unit.engine.drive import WORK, Fails, after, done, play, reason, started, statuses, workflow

CLEAN_UP = {"requires": "ended", **WORK}
BOOM = {"code": "boom", "message": "a broke"}
NOTIFY = {"steps": {"notify": {"transform": "${{ error.path }}: ${{ error.code }}"}}}


def failed(path: str, **more: object) -> Record:
    return done(path, status="failed", error={"code": "boom", "message": f"{path} broke"}, **more)


def test_a_failed_step_fails_the_execution_with_its_code_message_and_path() -> None:
    outcome = play({"a": WORK}, {"a": Fails()})
    assert outcome.status == "failed"
    assert outcome.error == {"code": "boom", "message": "a broke", "path": "a"}


def test_what_runs_beside_a_failure_is_stopped_and_recorded_as_cancelled() -> None:
    planned = after(workflow({"a": WORK, "b": WORK}), failed("a"), running={"b": 1})
    assert planned.stop == ("b",)
    assert [(record.path, record.status) for record in planned.record] == [("b", "cancelled")]
    assert planned.finish is not None
    assert planned.finish.status == "failed"


def test_open_waits_beside_a_failure_are_closed() -> None:
    compiled = workflow({"a": WORK, "b": {"approval": {"message": "ok?"}}})
    planned = after(compiled, failed("a"), waits=(Wait("t1", "approval", "b", "b"),))
    assert planned.close == ("t1",)
    assert planned.record[0].status == "cancelled"


def test_what_never_began_is_skipped_after_a_failure() -> None:
    outcome = play({"a": WORK, "b": {"needs": ["a"], **WORK}}, {"a": Fails()})
    assert reason(outcome.records["b"]) == "stopped"
    assert outcome.started == ["a"]


def test_a_start_of_the_same_plan_is_taken_back_when_a_later_step_fails_at_once() -> None:
    planned = after(workflow({"a": WORK, "b": {"fail": "no"}}))
    assert planned.start == ()
    assert planned.stop == ()
    assert {record.path: record.status for record in planned.record} == {"a": "skipped", "b": "failed"}


@pytest.mark.parametrize(
    "broken",
    [
        {"fail": {"message": "no"}},
        {"transform": "${{ 1 / 0 }}"},
        {"for_each": [1, 0], "transform": "${{ 1 / item }}"},
        {"steps": {"x": {"fail": "no"}}},
        {"loop": {"max": 2}, "fail": "no"},
        {"when": "1 / 0 > 1", "transform": 1},
    ],
)
@pytest.mark.parametrize(
    "late",
    [
        {"transform": 1},
        {"for_each": [1], "transform": 1},
        {"loop": {"max": 2}, "steps": {"x": {"transform": 1}}},
        {"steps": {"x": {"transform": 1}}},
        {"fail": "too late"},
    ],
)
def test_nothing_but_clean_up_begins_after_a_failure_that_is_decided_at_once(
    broken: dict[str, object], late: dict[str, object]
) -> None:
    clean = {"requires": "ended", "needs": ["hard"], "transform": "${{ steps.hard.status }}"}
    outcome = play({"hard": broken, "dead": {"needs": ["hard"], **late}, "aside": late, "clean": clean})
    later = {path: status for path, status in statuses(outcome).items() if path in {"hard", "dead", "clean"}}
    assert later == {"hard": "failed", "dead": "skipped", "clean": "succeeded"}
    assert reason(outcome.records["dead"]) == "stopped"
    assert outcome.error is not None
    assert str(outcome.error["path"]).startswith("hard")


def test_what_stands_after_a_failure_without_needing_it_does_not_begin_either() -> None:
    outcome = play({"hard": {"fail": "no"}, "other": {"transform": 1}, "worse": {"fail": "worse"}})
    assert statuses(outcome) == {"hard": "failed", "other": "skipped", "worse": "skipped"}


def test_clean_up_still_starts_after_a_failure_and_what_cleans_up_is_not_stopped() -> None:
    compiled = workflow({"a": WORK, "b": WORK, "c": {"needs": ["b"], **CLEAN_UP}, "d": CLEAN_UP})
    planned = after(compiled, failed("a"), running={"b": 1, "d": 1})
    assert planned.stop == ("b",)
    assert started(planned) == ["c"]
    assert planned.finish is None


def test_the_first_error_stays_when_clean_up_fails_too() -> None:
    outcome = play({"a": WORK, "c": {"needs": ["a"], **CLEAN_UP}}, {"a": Fails("first"), "c": Fails("second")})
    assert outcome.error is not None
    assert outcome.error["code"] == "first"


def test_clean_up_that_fails_alone_fails_the_execution() -> None:
    assert play({"c": CLEAN_UP}, {"c": Fails()}).status == "failed"


def test_continue_lets_the_execution_go_on() -> None:
    outcome = play({"a": {"on_error": "continue", **WORK}, "b": WORK}, {"a": Fails()})
    assert outcome.status == "succeeded"
    assert statuses(outcome) == {"a": "failed", "b": "succeeded"}


def test_a_group_fails_with_the_path_of_the_step_inside() -> None:
    outcome = play({"g": {"steps": {"x": WORK, "y": WORK}}}, {"g.x": Fails()})
    assert statuses(outcome) == {"g.x": "failed", "g.y": "cancelled", "g": "failed"}
    assert outcome.error == {"code": "boom", "message": "g.x broke", "path": "g.x"}


def test_continue_on_a_group_contains_what_fails_inside() -> None:
    outcome = play(
        {"g": {"on_error": "continue", "steps": {"x": WORK}}, "b": {"needs": ["g"], **WORK}}, {"g.x": Fails()}
    )
    assert outcome.status == "succeeded"
    assert statuses(outcome)["b"] == "succeeded"


def test_a_group_that_began_is_wound_down_with_its_clean_up() -> None:
    compiled = workflow(
        {"a": WORK, "g": {"steps": {"x": WORK, "y": {"needs": ["x"], **WORK}, "z": {"needs": ["x"], **CLEAN_UP}}}}
    )
    planned = after(compiled, failed("a"), running={"g.x": 1})
    assert planned.stop == ("g.x",)
    assert started(planned) == ["g.z"]
    assert planned.finish is None
    records = [failed("a"), *planned.record, done("g.z", parent="g")]
    end = after(compiled, *records)
    assert [(record.path, record.status) for record in end.record] == [("g", "cancelled")]
    assert end.finish is not None


def test_a_group_that_never_began_is_skipped_as_a_whole() -> None:
    compiled = workflow({"a": WORK, "g": {"needs": ["a"], "steps": {"x": WORK, "z": CLEAN_UP}}})
    planned = after(compiled, failed("a"))
    assert [(record.path, record.status) for record in planned.record] == [("g", "skipped")]


def test_on_error_steps_see_the_error_and_the_execution_still_fails() -> None:
    outcome = play({"a": WORK}, {"a": Fails()}, top={"on_error": NOTIFY})
    assert outcome.records["on_error.notify"].output == "a: boom"
    assert outcome.records["on_error.notify"].parent == "on_error"
    assert outcome.status == "failed"
    assert outcome.error is not None
    assert outcome.error["path"] == "a"


def test_on_error_steps_run_after_clean_up() -> None:
    steps = {"a": WORK, "c": CLEAN_UP}
    compiled = workflow(steps, on_error={"steps": {"notify": WORK}})
    assert started(after(compiled, failed("a"), running={"c": 1})) == []
    assert started(after(compiled, failed("a"), done("c"))) == ["on_error.notify"]


def test_on_error_steps_see_the_steps_and_may_fail_themselves() -> None:
    top = {"on_error": {"steps": {"notify": {"transform": "${{ steps.b.status }}"}, "call": WORK}}}
    outcome = play({"b": WORK, "a": {"needs": ["b"], **WORK}}, {"a": Fails(), "on_error.call": Fails("late")}, top=top)
    assert outcome.records["on_error.notify"].output == "succeeded"
    assert outcome.error is not None
    assert outcome.error["code"] == "boom"


def test_on_error_steps_do_not_run_after_a_success() -> None:
    assert "on_error.notify" not in play({"a": WORK}, top={"on_error": NOTIFY}).records


def test_an_output_that_cannot_be_evaluated_fails_and_runs_on_error() -> None:
    outcome = play({"a": WORK}, top={"output": "${{ steps.a.output.typo }}", "on_error": NOTIFY})
    assert outcome.error is not None
    assert (outcome.error["code"], outcome.error["path"]) == ("expression_undefined", "output")
    assert outcome.records["on_error.notify"].output == "output: expression_undefined"


def test_an_output_over_the_limit_is_a_typed_failure() -> None:
    double = {"transform": "${{ input.text + input.text }}"}
    outcome = play({"a": double}, given={"text": "x" * 2_600_000}, top={"input": {"text": "string"}})
    assert outcome.error is not None
    assert outcome.error["code"] in {"output_too_large", "expression_too_large"}
    assert outcome.error["path"] == "a"


def test_fail_ends_with_its_message_and_code() -> None:
    step = {"fail": {"message": "no ${{ input.what }}", "code": "refused"}}
    outcome = play({"a": step}, given={"what": "way"}, top={"input": {"what": "string"}})
    assert outcome.error == {"code": "refused", "message": "no way", "path": "a"}


@pytest.mark.parametrize("cancel", ["cancelled", "timed_out"])
def test_ending_stops_everything_but_clean_up(cancel: str) -> None:
    compiled = workflow(
        {
            "a": WORK,
            "b": {"approval": {"message": "ok?"}},
            "c": {"needs": ["a"], **CLEAN_UP},
            "d": {"needs": ["c"], **WORK},
        },
        on_error=NOTIFY,
    )
    planned = after(compiled, running={"a": 1}, waits=(Wait("t", "approval", "b", "b"),), cancel=cancel)
    assert planned.stop == ("a",)
    assert planned.close == ("t",)
    assert started(planned) == ["c"]
    end = after(compiled, *planned.record, done("c"), cancel=cancel)
    assert end.finish is not None
    assert end.finish.status == cancel
    assert end.finish.error is not None
    assert end.finish.error["code"] == cancel


def test_an_ending_execution_opens_no_wait_not_even_in_clean_up() -> None:
    compiled = workflow({"a": WORK, "c": {"requires": "ended", "needs": ["a"], "approval": {"message": "ok?"}}})
    planned = after(compiled, running={"a": 1}, cancel="cancelled")
    assert planned.open == ()
    assert planned.finish is not None


def test_a_limit_of_the_engine_fails_the_execution_with_its_code() -> None:
    planned = after(workflow({"a": WORK}, on_error=NOTIFY), running={"a": 1}, cancel="too_many_checkpoints")
    assert planned.finish is not None
    assert planned.finish.status == "failed"
    assert planned.finish.error is not None
    assert planned.finish.error["code"] == "too_many_checkpoints"
    assert "on_error.notify" in {record.path for record in planned.record}


# At most once


AT_MOST_ONCE = {"effect": "at_most_once", "http": {"method": "POST", "url": "https://api.example.com"}}
LOST = {"a": InFlight(1, at_most_once=True)}


def test_a_lost_step_is_started_again_with_the_attempt_it_had() -> None:
    planned = after(workflow({"a": WORK}), in_flight={"a": InFlight(2)})
    assert planned.start[0].attempt == 2


def test_what_happens_at_most_once_has_one_attempt() -> None:
    assert after(workflow({"a": AT_MOST_ONCE})).start[0].retry.max_attempts == 1


def test_a_lost_at_most_once_step_fails_by_default() -> None:
    planned = after(workflow({"a": AT_MOST_ONCE}), in_flight=LOST)
    assert planned.start == ()
    assert planned.record[0].error is not None
    assert planned.record[0].error["code"] == "outcome_unknown"


def test_a_lost_at_most_once_step_can_ask() -> None:
    compiled = workflow({"a": {"on_unknown": "ask", **AT_MOST_ONCE}})
    asked = after(compiled, in_flight=LOST).open[0]
    assert (asked.kind, asked.name, asked.data["outcomes"]) == ("unknown", "a", ["succeeded", "failed", "retry"])

    def told(outcome: str, **payload: object) -> Wait:
        return Wait("t", "unknown", "a", "a", {"attempt": 1}, answered=True, outcome=outcome, payload=payload)

    succeeded = after(compiled, waits=(told("succeeded", output={"status": 201}),))
    assert succeeded.record[0].output == {"status": 201}
    refused = after(compiled, waits=(told("failed"),))
    assert refused.record[0].status == "failed"
    again = after(compiled, waits=(told("retry"),), in_flight=LOST)
    assert again.start[0].attempt == 2
    lost_again = after(compiled, waits=(told("retry"),), in_flight={"a": InFlight(2, at_most_once=True)})
    assert lost_again.start == ()
    assert lost_again.open[0].data["attempt"] == 2


def test_a_lost_at_most_once_step_can_be_looked_up() -> None:
    look_up = {"name": "json_query", "with": {"data": {"found": True}, "query": "@"}}
    start = after(workflow({"a": {"on_unknown": "verify", "verify": look_up, **AT_MOST_ONCE}}), in_flight=LOST).start[0]
    assert (start.kind, start.config["name"], start.effect) == ("tool", "json_query", "at_most_once")
    assert start.verifies is not None
    assert (start.verifies.kind, start.verifies.attempt) == ("http", 2)


# Retries


def test_a_back_off_becomes_the_next_attempt_when_its_time_has_come() -> None:
    data = {"attempt": 2, "error": BOOM}
    compiled = workflow({"a": WORK})
    waiting = after(compiled, waits=(Wait("t", "retry", "a", "a", data),))
    assert (waiting.start, waiting.record) == ((), ())
    due = after(compiled, waits=(Wait("t", "retry", "a", "a", data, answered=True, outcome="timed_out"),))
    assert due.start[0].attempt == 2
    assert (
        after(compiled, waits=(Wait("t", "retry", "a", "a", data, answered=True, outcome="cancelled"),)).record[0].error
        == BOOM
    )


def test_a_start_carries_retry_timeout_cache_and_key_with_durations_in_seconds() -> None:
    step = {
        "retry": {"max_attempts": 5, "backoff": "constant", "first": "500ms", "longest": "2m"},
        "timeout": "${{ input.limit }}",
        "cache": {"key": "k-${{ input.limit }}", "ttl": "1h"},
        "idempotency_key": "once-${{ input.limit }}",
        **WORK,
    }
    start = after(workflow({"a": step}, input={"limit": "string"}), input={"limit": "90s"}).start[0]
    assert (start.retry.max_attempts, start.retry.first_s, start.retry.longest_s) == (5, 0.5, 120.0)
    assert (start.timeout_s, start.cache, start.idempotency_key) == (
        90.0,
        {"key": "k-90s", "ttl_s": 3600.0},
        "once-90s",
    )


def test_without_defaults_there_are_three_attempts_and_sixty_seconds() -> None:
    start = after(workflow({"a": WORK})).start[0]
    assert (start.retry.max_attempts, start.retry.first_s, start.timeout_s) == (3, 1.0, 60.0)
