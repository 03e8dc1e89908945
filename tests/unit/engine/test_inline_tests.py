"""The tests inside a document: mocks, expectations, coverage."""

from typing import Any

import pytest

from functions.shared.dsl.compiled import compile_document
from functions.shared.engine.inline_tests import TestReport, run_tests
from functions.shared.engine.interpreter import LeafResult
from functions.shared.engine.plan import Start
from tests.unit.engine.drive import WORK, workflow

STEPS: dict[str, Any] = {
    "fetch": {"http": {"url": "https://api.example.com"}},
    "pages": {"for_each": ["a", "b"], "on_item_error": "continue", "http": {"url": "https://example.com/${{ item }}"}},
    "ok": {"when": "steps.fetch.output.status == 200", "approval": {"message": "ok?", "outcomes": ["yes", "no"]}},
    "pause": {"wait": {"for": "7d"}},
    "polish": {
        "needs": ["pages"],
        "loop": {"max": 2, "until": "steps.score.output.body >= 8"},
        "steps": {"score": {"http": {"url": "https://example.com"}}},
        "output": "${{ steps.score.output.body }}",
    },
}
MOCK: dict[str, Any] = {
    "fetch": {"status": 200},
    "pages": [{"status": 1}, {"status": 2}],
    "ok": {"outcome": "yes"},
    "polish.score": [{"body": 5}, {"body": 9}],
}


def run(*tests: dict[str, Any], steps: dict[str, Any] | None = None, real: Any = None, **top: Any) -> TestReport:
    named = [{"name": f"test {index}", **test} for index, test in enumerate(tests)]
    return run_tests(workflow(steps or STEPS, tests=named, **top), real)


def run_unchecked(test: dict[str, Any], steps: dict[str, Any] | None = None, **top: Any) -> TestReport:
    """The checker finds most of what can be wrong with a test; a stored document may be older than the checker."""
    return run_tests(
        compile_document({"name": "t", "steps": steps or STEPS, "tests": [{"name": "one", **test}], **top})
    )


def only_failure(report: TestReport) -> str:
    assert len(report.tests[0].failures) == 1, report.tests[0].failures
    return report.tests[0].failures[0]


def test_everything_mocked_passes_and_waits_pass_at_once() -> None:
    report = run({"mock": MOCK, "expect": {"status": "succeeded"}})
    assert report.passed
    assert report.tests[0].records["pause"].output == {}


def test_a_key_without_index_serves_every_item_and_round() -> None:
    report = run({"mock": {**MOCK, "pages": {"status": 7}, "polish.score": {"body": 1}}})
    records = report.tests[0].records
    assert records["pages"].output == [{"status": 7}, {"status": 7}]
    assert records["polish"].details["rounds"] == 2


def test_a_list_is_per_item_and_round() -> None:
    records = run({"mock": MOCK}).tests[0].records
    assert records["pages"].output == [{"status": 1}, {"status": 2}]
    assert [records[f"polish[{index}]"].output for index in (0, 1)] == [5, 9]


def test_a_key_with_index_wins() -> None:
    mock = {**MOCK, "pages": {"status": 0}, "pages[1]": {"status": 9}, "polish[0].score": {"body": 8}}
    records = run({"mock": mock}).tests[0].records
    assert records["pages"].output == [{"status": 0}, {"status": 9}]
    assert records["polish"].output == 8


def test_a_list_that_is_too_short_says_so() -> None:
    message = only_failure(run({"mock": {**MOCK, "pages": [{"status": 1}]}}))
    assert message == "mock `pages` has 1 entry, and pages[1] needs entry 2"


def test_a_mocked_error_makes_the_step_fail() -> None:
    mock = {**MOCK, "fetch": {"error": {"code": "http_503"}}}
    report = run({"mock": mock, "expect": {"failed": ["fetch"], "status": "failed"}})
    assert report.passed
    assert report.tests[0].error == {"code": "http_503", "message": "a mocked failure", "path": "fetch"}
    partly = {**MOCK, "pages": [{"status": 1}, {"error": {"code": "http_404"}}]}
    report = run({"mock": partly, "expect": {"status": "succeeded", "failed": ["pages[1]"]}})
    assert report.passed
    assert report.tests[0].records["pages"].output == [{"status": 1}, None]


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("fetch", "add `fetch: its output`"),
        ("polish.score", "add `polish.score: its output`"),
        ("ok", "add `ok: {outcome: approve}`"),
    ],
)
def test_a_missing_mock_fails_the_test_and_says_which_one_to_add(missing: str, said: str) -> None:
    report = run({"mock": {key: value for key, value in MOCK.items() if key != missing}})
    assert said in only_failure(report)


@pytest.mark.parametrize(
    ("mock", "said"),
    [
        ({"fetsh": 1}, "did you mean `fetch`"),
        ({"polish": "x"}, "a group is evaluated for real; mock its steps, such as `polish.score`"),
        ({"ok": {"outcome": "maybe"}}, "one of the outcomes yes, no"),
    ],
)
def test_a_mock_that_makes_no_sense_fails_the_test(mock: dict[str, Any], said: str) -> None:
    assert said in only_failure(run_unchecked({"mock": {**MOCK, **mock}}))


def test_a_transform_is_never_mocked() -> None:
    assert "evaluated for real" in only_failure(run_unchecked({"mock": {"t": 2}}, {"t": {"transform": 1}}))


def test_a_model_cannot_answer_what_its_schema_does_not_allow() -> None:
    steps = {"m": {"llm": {"prompt": "hi", "output": {"label": {"enum": ["a", "b"]}}}}}
    models = {"default": "openai/gpt-4o-mini"}
    message = only_failure(run({"mock": {"m": {"label": "c"}}}, steps=steps, models=models))
    assert "does not fit the step's `output` schema at /label" in message
    assert run({"mock": {"m": {"label": "a"}}}, steps=steps, models=models).passed


def test_an_input_that_does_not_fit_fails_the_test_with_the_field() -> None:
    assert "text" in only_failure(run_unchecked({"mock": MOCK}, input={"text": "string"}))


def test_defaults_of_the_input_are_filled_in() -> None:
    report = run(
        {"expect": {"output": {"t": "en"}}},
        steps={"t": {"transform": "${{ input.locale }}"}},
        input={"locale": {"type": "string", "default": "en"}},
    )
    assert report.passed


def test_differences_name_the_place_and_both_values() -> None:
    steps = {"t": {"transform": {"a": {"b": [1, 2]}, "extra": 0}}}
    report = run({"expect": {"output": {"a": {"b": [1, 3]}, "c": 4}}}, steps=steps, output="${{ steps.t.output }}")
    assert report.tests[0].failures == (
        "output.a.b[1]: expected 3, got 2",
        "output.c: expected 4, and it is missing",
        "output.extra: not expected, got 0",
    )


def test_an_execution_that_fails_unexpectedly_says_why() -> None:
    message = only_failure(run({"mock": {**MOCK, "fetch": {"error": {"code": "http_503", "message": "busy"}}}}))
    assert message == "status: expected succeeded, got failed: fetch: busy (http_503)"


def test_skipped_must_be_complete_and_right() -> None:
    report = run({"mock": {**MOCK, "fetch": {"status": 500}}, "expect": {"skipped": []}})
    assert "ok is not listed, and was skipped: its condition was false" in only_failure(report)
    report = run({"mock": MOCK, "expect": {"skipped": ["ok"]}})
    assert only_failure(report) == "skipped: expected ok, which succeeded"
    assert run({"mock": {**MOCK, "fetch": {"status": 500}}, "expect": {"skipped": ["ok"]}}).passed


def test_a_group_that_fails_by_a_step_inside_need_not_be_listed() -> None:
    mock = {**MOCK, "polish.score": {"error": {"code": "boom"}}}
    assert run({"mock": mock, "expect": {"failed": ["polish.score"]}}).passed


def test_an_approval_can_time_out() -> None:
    steps = {"ok": {"approval": {"message": "ok?", "timeout": "1h", "on_timeout": "reject"}}}
    report = run({"mock": {"ok": {"error": {"code": "timed_out"}}}}, steps=steps)
    assert report.tests[0].records["ok"].output == {"outcome": "reject", "form": {}, "decided_by": None}


def test_an_event_and_a_called_workflow_give_what_is_mocked() -> None:
    steps = {"e": {"wait": {"event": "paid"}}, "w": {"workflow": {"ref": "other"}}}
    assert run(
        {"mock": {"e": {"n": 1}, "w": {"m": 2}}, "expect": {"output": {"e": {"n": 1}, "w": {"m": 2}}}}, steps=steps
    ).passed
    failed = run({"mock": {"w": {"error": {"code": "no"}}}, "expect": {"failed": ["w"]}}, steps=steps)
    assert failed.passed


def test_code_and_pure_tools_run_for_real_when_they_can() -> None:
    ran: list[str] = []

    def real(start: Start) -> LeafResult:
        ran.append(start.path)
        return LeafResult(42)

    steps = {
        "c": WORK,
        "q": {"tool": {"name": "json_query", "with": {"data": 1, "query": "@"}}},
        "f": {"tool": {"name": "web_fetch", "with": {"url": "https://example.com"}}},
    }
    report = run({"mock": {"f": {}}, "expect": {"status": "succeeded"}}, steps=steps, real=real)
    assert report.passed
    assert ran == ["c", "q"]
    assert "c is a step of kind code and has no mock" in only_failure(run({"mock": {"f": {}, "q": 1}}, steps=steps))
    assert "f is a step of kind tool and has no mock" in only_failure(run({}, steps=steps, real=real))


def test_coverage_names_every_branch_that_no_test_has_taken() -> None:
    report = run({"mock": MOCK})
    assert report.coverage.uncovered == ["pages: failed", "ok: when false", "polish: max reached"]
    assert report.coverage.percent == 70.0
    both = run(
        {"mock": MOCK},
        {"mock": {**MOCK, "fetch": {"status": 1}, "polish.score": {"body": 1}, "pages": {"error": {"code": "x"}}}},
    )
    assert both.coverage.uncovered == []
    assert both.coverage.percent == 100.0


def test_coverage_counts_items_and_rounds() -> None:
    steps = {step.path: step for step in run({"mock": MOCK}).coverage.steps}
    assert (steps["pages"].ran, steps["polish.score"].ran, steps["polish"].ran) == (2, 2, 2)


def test_a_document_without_tests_covers_nothing() -> None:
    report = run()
    assert report.passed
    assert report.coverage.percent == 0.0


def test_the_report_is_json() -> None:
    answer = run({"mock": MOCK}).as_json()
    assert answer["passed"] is True
    assert isinstance(answer["tests"], list)
    assert answer["tests"][0] == {
        "name": "test 0",
        "passed": True,
        "failures": [],
        "status": "succeeded",
        "error": None,
    }
