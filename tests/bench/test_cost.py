"""The bill for 1,000 workflows is arithmetic that a hand can repeat."""

from __future__ import annotations

import pytest

from bench.cost.__main__ import report
from bench.cost.model import (
    Assumptions,
    Invoked,
    Measured,
    bill,
    cold_gb_seconds,
    gb_seconds,
    idle_month,
    total,
    with_model,
)
from bench.cost.prices import Prices

NOTHING = Assumptions(cold_share=0, round_trip_ms=0, secrets=0, traced_share=0)


def measured(*invoked: Invoked, workflows: int = 1000, **counts: int) -> Measured:
    zero = {"sqs_requests": 0, "http_requests": 0, "database_requests": 0, "log_bytes": 0}
    return Measured(workflows, invoked, **(zero | counts))


def test_a_workflow_that_only_waits_is_billed_for_its_memory_and_time() -> None:
    # 1,000 x 2 s at 512 MB are 1,000 GB-seconds.
    waits = measured(Invoked("runner", 512, 1000, 0, 2_000_000, 0, waited_ms=2_000_000))
    parts = {part.name: part for part in bill(waits, Prices(), "arm64", NOTHING)}
    assert parts["Lambda runner"].amount == 1000
    assert parts["Lambda runner"].dollars == pytest.approx(0.0133334)
    assert parts["Lambda requests"].dollars == pytest.approx(0.0002)
    assert total(parts.values()) == pytest.approx(0.0133334 + 0.0002)


def test_what_is_computed_is_stretched_by_the_share_of_a_cpu_and_what_is_waited_for_is_not() -> None:
    half = Invoked("runner", 884, 1, 0, 1_300, 0, waited_ms=300)  # half of 1,769 MB
    assert gb_seconds(half, measured(half), NOTHING) == pytest.approx((0.3 + 1.0 * 1769 / 884) * 884 / 1024)
    whole = Invoked("runner", 3008, 1, 0, 1_000, 0)
    assert gb_seconds(whole, measured(whole), NOTHING) == pytest.approx(3008 / 1024)


def test_round_trips_to_the_database_are_shared_out_among_the_invocations() -> None:
    two = [Invoked(name, 1024, 1, 0, 0, 0) for name in ("executions", "runner")]
    found = measured(*two, database_requests=20)
    given = Assumptions(round_trip_ms=5)
    assert [gb_seconds(each, found, given) for each in two] == [pytest.approx(0.05)] * 2


def test_cold_starts_are_billed_at_their_share_and_bring_their_secrets() -> None:
    one = Invoked("runner", 1024, 1000, 4, 0, 2_000)  # 500 ms each
    given = Assumptions(cold_share=0.1, secrets=5, traced_share=0, round_trip_ms=0)
    assert cold_gb_seconds(one, given) == pytest.approx(1000 * 0.1 * 0.5)
    parts = {part.name: part for part in bill(measured(one), Prices(), "x86_64", given)}
    assert (parts["cold starts"].amount, parts["secrets"].amount) == (pytest.approx(50), 500)


def test_requests_and_logs_are_scaled_to_a_thousand_workflows() -> None:
    found = measured(workflows=10, sqs_requests=30, http_requests=20, log_bytes=10_000_000)
    parts = {part.name: part for part in bill(found, Prices(), "x86_64", NOTHING)}
    assert (parts["SQS"].amount, parts["HTTP API"].amount, parts["logs"].amount) == (3000, 2000, 1)
    assert total(parts.values()) == pytest.approx(0.0012 + 0.002 + 0.5)


def test_a_model_that_takes_eight_seconds_is_waited_for_in_one_function_only() -> None:
    found = measured(Invoked("runner", 512, 1, 0, 10, 0), Invoked("runner-llm", 512, 1, 0, 10, 0), workflows=1)
    runner, models = with_model(found, "runner-llm", 8).invoked
    assert (runner.handler_ms, models.handler_ms, models.waited_ms) == (10, 8010, 8000)


def test_a_month_without_work_costs_what_looks_cost() -> None:
    parts = idle_month([Invoked("sweeper", 1769, 2, 0, 200, 0)], queues=6, alarms=10, prices=Prices(), arch="x86_64")
    assert [part.amount for part in parts] == [
        pytest.approx(0.1 * 1769 / 1024 * 43_200),
        43_200,
        6 * 648_000,
        10,
    ]


def test_the_report_shows_every_part_and_the_sum() -> None:
    text = report({"waits": measured(Invoked("runner", 512, 1, 1, 2_000, 300), workflows=1)}, [])
    assert "| Lambda runner |" in text
    assert "**per 1,000 workflows**" in text
