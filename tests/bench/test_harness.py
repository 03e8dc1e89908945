"""The parts of the benchmark that decide whether its figures mean anything. Peers are not run here."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from bench.machine import describe
from bench.proxy import Proxy
from bench.systems import ALL, PACKAGES
from bench.tables import BEGIN, END, report, targets, write_into
from bench.targets import TARGETS, judge
from bench.wire import Counts, ServerStream

if TYPE_CHECKING:
    from collections.abc import Iterator

BENCH = Path(__file__).resolve().parents[2] / "bench"


@contextmanager
def echo_server() -> Iterator[int]:
    """Sends back whatever one client says."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        client, _ = listener.accept()
        with client:
            while chunk := client.recv(1000):
                client.sendall(chunk)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    thread.join(5)
    listener.close()


@pytest.mark.parametrize("round_trip_s", [0.005, 0.02])
def test_the_proxy_adds_one_round_trip_to_every_exchange(round_trip_s: float) -> None:
    with echo_server() as port, Proxy(port) as proxy, socket.create_connection(("127.0.0.1", proxy.port)) as client:

        def exchange() -> float:
            began = time.perf_counter()
            client.sendall(b"X")
            assert client.recv(10) == b"X"
            return time.perf_counter() - began

        without = min(exchange() for _ in range(5))
        proxy.round_trip_s = round_trip_s
        took = [exchange() for _ in range(5)]
    assert min(took) >= round_trip_s
    assert min(took) < round_trip_s + without + 0.01


def test_chunks_behind_each_other_wait_together() -> None:
    with (
        echo_server() as port,
        Proxy(port, round_trip_s=0.1) as proxy,
        socket.create_connection(("127.0.0.1", proxy.port)) as client,
    ):
        began = time.perf_counter()
        for _ in range(5):
            client.sendall(b"X")
            time.sleep(0.01)
        read = 0
        while read < 5:
            read += len(client.recv(10))
        took = time.perf_counter() - began
    assert 0.1 <= took < 0.3  # in turn it would be half a second


def message(kind: bytes, body: bytes = b"") -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


READY, IN_TRANSACTION = message(b"Z", b"I"), message(b"Z", b"T")


def done(tag: bytes) -> bytes:
    return message(b"C", tag + b"\0")


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
@pytest.mark.parametrize(
    ("stream", "statements", "round_trips", "commits"),
    [
        (done(b"INSERT 0 1") + READY, 1, 1, 1),
        (message(b"D", b"row") + message(b"s") + READY, 1, 1, 1),  # as many rows as were asked for
        (done(b"BEGIN") + IN_TRANSACTION + done(b"SELECT 1") + IN_TRANSACTION + done(b"COMMIT") + READY, 3, 3, 1),
        (done(b"BEGIN") + IN_TRANSACTION + done(b"SELECT 1") + IN_TRANSACTION + done(b"ROLLBACK") + READY, 3, 3, 0),
        (done(b"INSERT 0 1") * 3 + READY, 3, 1, 1),  # a pipeline
        (message(b"1") + message(b"t") + READY, 0, 1, 0),  # only prepared
        (message(b"E", b"broken") + READY, 0, 1, 0),
    ],
)
def test_statements_round_trips_and_commits_are_counted_however_the_stream_is_cut(
    stream: bytes, statements: int, round_trips: int, commits: int, size: int
) -> None:
    counts = Counts()
    server = ServerStream(counts)
    whole = b"N" + message(b"R", b"\0\0\0\0") + READY + stream  # TLS denied, logged in
    for at in range(0, len(whole), size):
        server.feed(whole[at : at + size])
    assert (counts.statements, counts.round_trips - 1, counts.commits) == (statements, round_trips, commits)
    assert counts.bytes_out == len(whole)


async def test_the_counts_agree_with_a_real_server(db_url: str) -> None:
    with Proxy(urlsplit(db_url).port or 0) as proxy:
        parts = urlsplit(db_url)
        through = parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{proxy.port}").geturl()
        connection = await asyncpg.connect(through)
        await connection.execute("create temporary table kept (id int)")
        statement = await connection.prepare("insert into kept values ($1) returning id")
        before = proxy.counts.copy()
        for at in range(10):
            await statement.fetchval(at)
        single = proxy.counts.since(before)
        before = proxy.counts.copy()
        async with connection.transaction():
            await statement.fetchval(10)
            await statement.fetchval(11)
        together = proxy.counts.since(before)
        await connection.close()
    assert (single["statements"], single["round_trips"], single["commits"]) == (10, 10, 10)
    assert (together["statements"], together["round_trips"], together["commits"]) == (4, 4, 1)


def results(**changes: Any) -> dict[str, Any]:
    """Rows that keep every target, as a JSON file holds them; `changes` by workload add rows in front."""
    rates = {"floor": 10_000, "agentplane": 5_000, "dbos": 500, "absurd": 1_000, "langgraph": 400}
    spread = {name: {"median": rate, "low": rate, "high": rate} for name, rate in rates.items()}
    step = {"statements": 1.01, "commits": 1.0, "round_trips": 1.0, "wal_bytes": 500, "bytes_in": 1, "bytes_out": 1}
    w1 = [
        {"system": name, "concurrency": at, "steps_per_s": spread[name], "client_us": 1.0, "server_us": 1.0}
        | ({"per_step": step, "per_execution": step} if at == 1 else {})
        for at in (1, 32)
        for name in rates
    ]
    ms = {"median": 7.0, "low": 7.0, "high": 7.0}
    http = dict.fromkeys(("p50_ms", "p95_ms", "per_s", "bare_per_s", "server_us", "bare_server_us"), 1.0)
    rows: dict[str, list[dict[str, Any]]] = {
        "w1": w1,
        "w2": [
            {"system": "floor", "round_trip_ms": 5, "ms_per_step": ms | {"median": 5.0}},
            {"system": "agentplane", "round_trip_ms": 5, "ms_per_step": ms},
        ],
        "w3": [{"system": "agentplane", "ms": ms, "statements": 12, "commits": 12, "wal_bytes": 1}],
        "w4": [{"system": "agentplane", "steps": 1000, "ms": ms, "statements": 1, "bytes": 1}],
        "w6": [{"system": "agentplane", "parked": 10, "ms": 1.0, "most_ms": 2.0, "buffers": 3}],
        "w8": [{"operation": "state get", "concurrency": 1, "ratio": 0.6, **http}],
    }
    return {name: [*changes.get(name, []), *found] for name, found in rows.items()}


def test_every_target_is_decided_by_the_rows() -> None:
    verdicts = judge(json.loads(json.dumps(results())))
    assert [verdict.target.claim for verdict in verdicts if not verdict.is_met] == []
    assert len(verdicts) == len(TARGETS)


def test_a_row_that_misses_its_target_is_called_not_met() -> None:
    slow = {"system": "agentplane", "steps": 1000, "ms": {"median": 31.0}, "statements": 2, "bytes": 1}
    rows = results(w4=[slow])
    missed = [verdict.target.claim for verdict in judge(rows) if verdict.is_met is False]
    assert missed == ["statements at 1,000 steps", "until the next step at 1,000 steps"]
    assert targets(rows).count("**not met**") == 2


def test_what_was_not_measured_is_not_called_met() -> None:
    assert {verdict.is_met for verdict in judge({})} == {None}
    without_a_peer = {"w1": [row for row in results()["w1"] if row["system"] != "dbos"]}
    said = {verdict.target.claim: verdict.is_met for verdict in judge(without_a_peer)}
    assert said["steps/s at 32 against DBOS"] is None
    assert said["steps/s at 32 against absurd"] is True


def test_the_report_replaces_only_what_is_between_the_markers(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    run = {"date": "2026-01-01", "quick": False, "repeats": 5}
    whole = {
        "run": run,
        "machine": describe() | {"postgres": "18"},
        "versions": {"asyncpg": "0"},
        "postgres_settings": {"fsync": "on"},
        "left_out": {"dbos": "not installed"},
        "workloads": results(),
    }
    write_into(page, report(whole))
    text = page.read_text()
    assert text.startswith(f"before\n{BEGIN}\n")
    assert text.endswith(f"{END}\nafter\n")
    assert "old" not in text
    assert "Left out: dbos (not installed)." in text
    assert "| 32 | agentplane | 5,000 (5,000 to 5,000) | 50.0% | 1 | 1 |" in text


def test_the_page_keeps_its_markers_and_names_every_system() -> None:
    page = (BENCH / "README.md").read_text()
    assert page.count(BEGIN) == page.count(END) == 1
    assert [name for name in ALL if f"| {name} |" not in page] == []
    assert set(PACKAGES) == set(ALL)


def test_results_that_are_kept_name_no_host() -> None:
    for path in (BENCH / "results").glob("*.json"):
        assert socket.gethostname() not in path.read_text(), path.name
