"""Results as tables in markdown, and the part of bench/README.md between its markers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bench.targets import FLOOR, Rows, find, judge

if TYPE_CHECKING:
    from pathlib import Path

BEGIN, END = "<!-- results: `make bench` writes what is between these lines -->", "<!-- end of results -->"
_KB = 1_000


def report(results: Mapping[str, Any]) -> str:
    """Give all tables of a result, the targets first."""
    workloads: Mapping[str, Rows] = results["workloads"]
    parts = [_machine(results), "### Targets", targets(workloads)]
    for name, (title, table) in TABLES.items():
        if workloads.get(name):
            parts += [f"### {name.upper()}. {title}", table(workloads[name])]
    if workloads.get("imports"):
        parts += ["### Cold imports", _imports(workloads["imports"])]
    return "\n\n".join(parts) + "\n"


def targets(workloads: Mapping[str, Rows]) -> str:
    """Give the table of targets, met and not met."""
    said = {True: "met", False: "**not met**", None: "not measured"}
    return _table(
        ("", "target", "measured", "wanted", ""),
        (
            (
                verdict.target.workload.upper(),
                verdict.target.claim,
                "" if verdict.value is None else _with_unit(verdict.value, verdict.target.unit),
                ("≤ " if verdict.target.is_most else "≥ ") + _with_unit(verdict.target.limit, verdict.target.unit),
                said[verdict.is_met],
            )
            for verdict in judge(workloads)
        ),
    )


def write_into(page: Path, text: str) -> None:
    """Replace what stands between the markers; raises ValueError when they are not there."""
    before, found, rest = page.read_text().partition(BEGIN)
    _, found_end, after = rest.partition(END)
    if not found or not found_end:
        message = f"{page.name} has lost its markers"
        raise ValueError(message)
    page.write_text(f"{before}{BEGIN}\n\n{text.strip()}\n\n{END}{after}")


def _machine(results: Mapping[str, Any]) -> str:
    machine, run = results["machine"], results["run"]
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    settings = ", ".join(f"`{name}={value}`" for name, value in results["postgres_settings"].items())
    left_out = "".join(f"\n\nLeft out: {name} ({why})." for name, why in results["left_out"].items())
    return (
        f"{run['date']}, {'a quick run: rough figures' if run['quick'] else 'a full run'}, {run['repeats']} repeats. "
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB, {machine['system']}, "
        f"Python {machine['python']}, Postgres {machine['postgres']}.\n\n"
        f"{versions}.\n\nPostgres: {settings}.{left_out}"
    )


def _w1(rows: Rows) -> str:
    body: list[Sequence[str]] = []
    for row in rows:
        floor = _optional(rows, "steps_per_s", system=FLOOR, concurrency=row["concurrency"])
        rate = row["steps_per_s"]
        ratio = "" if floor is None else f"{rate['median'] / floor['median']:.1%}"
        client, server = f"{row['client_us']:.0f}", f"{row['server_us']:.0f}"
        body.append((str(row["concurrency"]), row["system"], _rate(rate), ratio, client, server))
    per_step = [(row["system"], row["per_step"], row["per_execution"]) for row in rows if "per_step" in row]
    counted = (
        (
            system,
            *(f"{step[name]:.2f}" for name in ("statements", "round_trips", "commits")),
            f"{step['wal_bytes']:,.0f}",
            f"{step['bytes_in'] + step['bytes_out']:,.0f}",
            f"{fixed['statements']:.1f}",
        )
        for system, step, fixed in per_step
    )
    throughput = _table(("at a time", "system", "steps/s (range)", "of floor", "client CPU us", "server CPU us"), body)
    costs = _table(
        (
            "one more step",
            "statements",
            "round trips",
            "commits",
            "WAL bytes",
            "bytes on the wire",
            "statements per execution besides",
        ),
        counted,
    )
    return f"{throughput}\n\n{costs}"


def _w2(rows: Rows) -> str:
    delays = sorted({row["round_trip_ms"] for row in rows})
    body: list[Sequence[str]] = []
    for system in dict.fromkeys(row["system"] for row in rows):
        cells = [system]
        for delay in delays:
            floor = _optional(rows, "ms_per_step", system=FLOOR, round_trip_ms=delay)
            took = _optional(rows, "ms_per_step", system=system, round_trip_ms=delay)
            cells.append("" if took is None else _ms(took) + ("" if floor is None else _times(took, floor)))
        body.append(cells)
    return _table(("ms per step (x floor)", *(f"+{delay} ms" for delay in delays)), body)


def _w3(rows: Rows) -> str:
    return _table(
        ("system", "ms (range)", "statements", "commits", "WAL kB"),
        (
            (
                row["system"],
                _range(row["ms"]),
                str(row["statements"]),
                str(row["commits"]),
                f"{row['wal_bytes'] / _KB:.0f}",
            )
            for row in rows
        ),
    )


def _w4(rows: Rows) -> str:
    return _table(
        ("system", "finished steps", "ms until the next step (range)", "statements", "kB read"),
        (
            (
                row["system"],
                f"{row['steps']:,}",
                _range(row["ms"]),
                f"{row['statements']:.0f}",
                f"{row['bytes'] / _KB:.0f}",
            )
            for row in rows
        ),
    )


def _w5(rows: Rows) -> str:
    return _table(
        ("system", "kB stored", "kB of WAL", "ms of a first turn", "ms of a last turn"),
        (
            (
                row["system"],
                f"{row['bytes'] / _KB:,.0f}",
                f"{row['wal_bytes'] / _KB:,.0f}",
                _ms(row["first_ms"]),
                _ms(row["last_ms"]),
            )
            for row in rows
        ),
    )


def _w6(rows: Rows) -> str:
    return _table(
        ("system", "parked", "ms of a sweep (most)", "buffers"),
        (
            (row["system"], f"{row['parked']:,}", f"{row['ms']:.2f} ({row['most_ms']:.2f})", str(row["buffers"]))
            for row in rows
        ),
    )


def _w7(rows: Rows) -> str:
    return _table(
        ("system", "doorbell", "p50 ms", "p95 ms", "most ms"),
        (
            (
                row["system"],
                "" if row["doorbell"] else f"lost; a sweep every {row['sweep_every_s']:.0f} s",
                *(f"{row[name]:.1f}" for name in ("p50_ms", "p95_ms", "most_ms")),
            )
            for row in rows
        ),
    )


def _w8(rows: Rows) -> str:
    return _table(
        ("operation", "at a time", "p50 ms", "p95 ms", "requests/s", "bare/s", "ratio", "server CPU us (bare)"),
        (
            (
                row["operation"],
                str(row["concurrency"]),
                f"{row['p50_ms']:.2f}",
                f"{row['p95_ms']:.2f}",
                f"{row['per_s']:,.0f}",
                f"{row['bare_per_s']:,.0f}",
                f"{row['ratio']:.0%}",
                f"{row['server_us']:.0f} ({row['bare_server_us']:.0f})",
            )
            for row in rows
        ),
    )


def _imports(rows: Rows) -> str:
    return _table(
        ("function", "import ms", "x calibration", "modules", "heavy"),
        (
            (
                row["function"],
                f"{row['ms']:.0f}",
                f"{row['ratio']:.1f}",
                str(row["modules"]),
                ", ".join(row["heavy"]) or "none",
            )
            for row in rows
        ),
    )


TABLES = {
    "w1": ("Ten sequential steps", _w1),
    "w2": ("The same, far from the database", _w2),
    "w3": ("100 parallel steps and a join", _w3),
    "w4": ("Resume", _w4),
    "w5": ("A conversation of 200 turns of 1 kB", _w5),
    "w6": ("A sweep over parked executions", _w6),
    "w7": ("From an approval to the next step", _w7),
    "w8": ("HTTP through the whole stack, against one insert", _w8),
}


def _table(head: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    head = tuple(head)
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _optional(rows: Rows, name: str, **wanted: Any) -> Any:
    try:
        return find(rows, **wanted)[name]
    except LookupError:
        return None


def _rate(value: Mapping[str, float]) -> str:
    return f"{value['median']:,.0f} ({value['low']:,.0f} to {value['high']:,.0f})"


def _range(value: Mapping[str, float]) -> str:
    return f"{value['median']:.1f} ({value['low']:.1f} to {value['high']:.1f})"


def _ms(value: Mapping[str, float]) -> str:
    return f"{value['median']:.2f}"


def _times(value: Mapping[str, float], floor: Mapping[str, float]) -> str:
    return f" ({value['median'] / floor['median']:.1f})"


def _with_unit(value: float, unit: str) -> str:
    text = re.sub(r"\.0+$", "", f"{value:.2f}")
    return f"{text} {unit}".strip()
