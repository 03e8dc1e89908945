"""From what was measured here to what Lambda would bill: pure arithmetic, every assumption named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench.cost.prices import Prices

WHOLE_CPU_MB = 1769  # the memory at which Lambda gives one whole vCPU
TARGET = 0.50
MINUTES_A_MONTH = 43_200


@dataclass(frozen=True, slots=True)
class Invoked:
    """The invocations of one function. `handler_ms` and `init_ms` are sums; `waited_ms`: of it, for others."""

    function: str
    memory_mb: int
    count: int
    cold: int
    handler_ms: float
    init_ms: float
    waited_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Measured:
    """What a number of workflows caused."""

    workflows: int
    invoked: tuple[Invoked, ...]
    sqs_requests: int
    http_requests: int
    database_requests: int
    log_bytes: int


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What a machine cannot tell about a cloud.

    `cold_share`: of all invocations; `round_trip_ms`: to the database and back; `secrets`: decrypted by a cold start;
    `traced_share`: of invocations that X-Ray keeps.
    """

    cold_share: float = 0.05
    round_trip_ms: float = 5.0
    secrets: int = 6
    traced_share: float = 0.05


@dataclass(frozen=True, slots=True)
class Part:
    """One line of the bill for 1,000 workflows."""

    name: str
    amount: float
    unit: str
    dollars: float


def bill(measured: Measured, prices: Prices, arch: str, given: Assumptions | None = None) -> list[Part]:
    """Give the bill for 1,000 workflows, part by part."""
    given = given or Assumptions()
    scale = 1000 / measured.workflows
    parts = [
        Part(
            f"Lambda {each.function}",
            scale * (seconds := gb_seconds(each, measured, given)),
            "GB-s",
            scale * seconds * prices.gb_second(arch),
        )
        for each in measured.invoked
    ]
    invocations = scale * sum(each.count for each in measured.invoked)
    cold_gb_s = scale * sum(cold_gb_seconds(each, given) for each in measured.invoked)
    colds = invocations * given.cold_share
    return [
        *parts,
        Part("cold starts", cold_gb_s, "GB-s", cold_gb_s * prices.gb_second(arch)),
        Part("Lambda requests", invocations, "requests", invocations / 1e6 * prices.lambda_million),
        _millions("SQS", scale * measured.sqs_requests, "requests", prices.sqs_million),
        _millions("HTTP API", scale * measured.http_requests, "requests", prices.http_api_million),
        Part("logs", scale * measured.log_bytes / 1e9, "GB", scale * measured.log_bytes / 1e9 * prices.log_gb),
        Part("secrets", colds * given.secrets, "decryptions", colds * given.secrets / 1e4 * prices.kms_10_thousand),
        _millions("traces", invocations * given.traced_share, "traces", prices.trace_million),
    ]


def total(parts: Iterable[Part]) -> float:
    """Give the sum in dollars."""
    return sum(part.dollars for part in parts)


def gb_seconds(each: Invoked, measured: Measured, given: Assumptions) -> float:
    """Give what a function is billed for its handler.

    What was waited for takes as long there. The rest was computed on a whole core; Lambda gives a share by memory.
    """
    share = min(1.0, each.memory_mb / WHOLE_CPU_MB)
    busy_ms = max(0.0, each.handler_ms - each.waited_ms)
    all_invocations = sum(one.count for one in measured.invoked) or 1
    trips_ms = measured.database_requests * given.round_trip_ms * each.count / all_invocations
    return (each.waited_ms + busy_ms / share + trips_ms) / 1000 * each.memory_mb / 1024


def cold_gb_seconds(each: Invoked, given: Assumptions) -> float:
    """Give what its cold starts are billed, at the assumed share; Lambda starts a process on a whole core."""
    if not each.cold:
        return 0.0
    return each.count * given.cold_share * each.init_ms / each.cold / 1000 * each.memory_mb / 1024


def with_model(measured: Measured, function: str, model_s: float) -> Measured:
    """Give the same with one model call a workflow that takes so long, in the function that waits for it."""
    more_ms = model_s * 1000 * measured.workflows
    invoked = tuple(
        Invoked(
            each.function,
            each.memory_mb,
            each.count,
            each.cold,
            each.handler_ms + (more_ms if each.function == function else 0),
            each.init_ms,
            each.waited_ms + (more_ms if each.function == function else 0),
        )
        for each in measured.invoked
    )
    return Measured(
        measured.workflows,
        invoked,
        measured.sqs_requests,
        measured.http_requests,
        measured.database_requests,
        measured.log_bytes,
    )


def idle_month(ticks: Sequence[Invoked], queues: int, alarms: int, prices: Prices, arch: str) -> list[Part]:
    """Give the bill of a month in which nothing runs: the minute's functions, Lambda's looks at queues, the alarms.

    Lambda looks at a queue with five long polls of 20 seconds.
    """
    seconds = sum(
        each.handler_ms / each.count / min(1.0, each.memory_mb / WHOLE_CPU_MB) / 1000 * each.memory_mb / 1024
        for each in ticks
        if each.count
    )
    functions = sum(1 for each in ticks if each.count)
    dollars = seconds * MINUTES_A_MONTH * prices.gb_second(arch)
    polls = queues * 5 * 3 * MINUTES_A_MONTH
    return [
        Part("the minute's functions", seconds * MINUTES_A_MONTH, "GB-s", dollars),
        _millions("Lambda requests", functions * MINUTES_A_MONTH, "requests", prices.lambda_million),
        _millions("looks at queues", polls, "requests", prices.sqs_million),
        Part("alarms", alarms, "alarms", alarms * prices.alarm_month),
    ]


def _millions(name: str, amount: float, unit: str, price: float) -> Part:
    return Part(name, amount, unit, amount / 1e6 * price)
