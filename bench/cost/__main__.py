"""`python -m bench.cost`: measures, multiplies with list prices, prints the bill for 1,000 workflows."""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.cost.model import TARGET, Assumptions, Part, bill, idle_month, total, with_model
from bench.cost.prices import AS_OF, SOURCE, Prices
from bench.machine import describe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.cost.model import Invoked, Measured

MIXES = ("waits", "code", "model")
RESULTS = Path(__file__).parents[1] / "results"
ARCHES = ("x86_64", "arm64")
MODEL_S = 8.0
QUEUES = 6
ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/deploy.md"
BETWEEN = re.compile(r"(<!-- cost: [^\n]*-->\n).*?(<!-- end of cost -->)", re.DOTALL)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(prog="python -m bench cost", description=__doc__)
    parser.add_argument("mixes", nargs="*", metavar="waits, code, model", help="all without any")
    parser.add_argument("--workflows", type=int, default=40, help="how many of each are run (40)")
    parser.add_argument("--page", action="store_true", help="keep the tables in docs/deploy.md, and what was measured")
    given = parser.parse_args(arguments)
    if unknown := set(given.mixes) - set(MIXES):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(MIXES)}")
    from bench.cost.measure import measure  # noqa: PLC0415  the local Lambda needs the group `cloud`

    with tempfile.TemporaryDirectory(prefix="agentplane-cost-") as folder:
        found, ticks = asyncio.run(measure(given.mixes or MIXES, given.workflows, Path(folder)))
    text = report(found, ticks)
    print(text)
    if not given.page:
        return
    PAGE.write_text(BETWEEN.sub(lambda match: f"{match[1]}\n{text}\n\n{match[2]}", PAGE.read_text()))
    kept = {name: asdict(measured) for name, measured in found.items()} | {"ticks": [asdict(each) for each in ticks]}
    path = RESULTS / f"cost-{time.strftime('%Y-%m-%d')}.json"
    path.write_text(json.dumps({"machine": describe(), "measured": kept}, indent=1) + "\n")
    print(f"\nWritten to docs/deploy.md and bench/results/{path.name}")


def report(found: dict[str, Measured], ticks: Sequence[Invoked], prices: Prices | None = None) -> str:
    """Give the tables, in Markdown."""
    prices = prices or Prices()
    bills = {f"{name}, {arch}": bill(each, prices, arch) for name, each in _mixes(found) for arch in ARCHES}
    names = list(dict.fromkeys(part.name for parts in bills.values() for part in parts))
    rows = [[name, *(_dollars(name, parts) for parts in bills.values())] for name in names]
    sums = ["**per 1,000 workflows**", *(f"**${total(parts):.3f}**" for parts in bills.values())]
    alarms = (ROOT / "serverless.yml").read_text().count("AWS::CloudWatch::Alarm")
    machine = describe()
    idle = idle_month(ticks, QUEUES, alarms, prices, "x86_64")
    return "\n\n".join(
        (
            _table(["$", *bills], [*rows, sums]),
            _table(
                ["measured, for one workflow", *found],
                [[line, *(_figure(line, each) for each in found.values())] for line in _FIGURES],
            ),
            _table(["a month in which nothing runs", "$"], [[part.name, f"{part.dollars:.2f}"] for part in idle]),
            _remark(machine),
        )
    )


def _remark(machine: Mapping[str, Any]) -> str:
    given = Assumptions()
    return (
        f"Prices: {AS_OF}, {SOURCE}; no free tier. Target: under ${TARGET:.2f}. Assumed: {given.cold_share:.0%} cold"
        f" starts, {given.round_trip_ms:g} ms to the database, {given.traced_share:.0%} of invocations traced, a model"
        f" that takes {MODEL_S:g} s. Measured on {machine['cpu']}, {machine['cores']} cores, Python"
        f" {machine['python']}."
    )


def _mixes(found: dict[str, Measured]) -> list[tuple[str, Measured]]:
    return [
        (name, with_model(each, "runner-llm", MODEL_S) if name == "model" else each) for name, each in found.items()
    ]


def _dollars(name: str, parts: Sequence[Part]) -> str:
    return next((f"{part.dollars:.4f}" for part in parts if part.name == name), "")


_FIGURES: dict[str, Any] = {
    "invocations": lambda each: sum(one.count for one in each.invoked) / each.workflows,
    "handler ms": lambda each: sum(one.handler_ms for one in each.invoked) / each.workflows,
    "of it waited for others, ms": lambda each: sum(one.waited_ms for one in each.invoked) / each.workflows,
    "SQS requests": lambda each: each.sqs_requests / each.workflows,
    "HTTP requests": lambda each: each.http_requests / each.workflows,
    "database transactions": lambda each: each.database_requests / each.workflows,
    "log bytes": lambda each: each.log_bytes / each.workflows,
}


def _figure(line: str, each: Measured) -> str:
    return f"{_FIGURES[line](each):,.1f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
