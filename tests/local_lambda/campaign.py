"""Many workflows over Lambda while processes are killed and messages come twice, late, in any order or not at all.

python -m tests.local_lambda.campaign [--workflows 40] [--steps 10] prints one line for each kind of day. What counts is
the last column: each step was recorded once, and everything ended.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg

from functions.local_lambda.faults import Faults
from functions.local_lambda.local_lambda import LocalLambda
from functions.shared.postgres.schema import load_schema
from functions.shared.postgres.server import EmbeddedPostgres
from functions.shared.postgres.urls import with_database
from tests.local_lambda.desk import Desk
from tests.local_lambda.running import client_at, setup_of
from tests.organisations import create_org

if TYPE_CHECKING:
    import httpx

DAYS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "killed 10 %, twice 20 %": {"killed": 0.1, "duplicate": 0.2},
    "and lost 10 %": {"killed": 0.1, "duplicate": 0.2, "lost": 0.1},
    "killed 30 %, twice 30 %, lost 10 %": {"killed": 0.3, "duplicate": 0.3, "lost": 0.1},
}
# A second counts for twenty minutes: what has been rung for, or not, is due.
CLOCK = "update plane.frames set due_at = due_at - interval '20 minutes' where status = 'ready'"
OPEN = "select count(*) from plane.executions where id = any($1::uuid[]) and status = 'running'"
SUCCEEDED = "select count(*) from plane.executions where id = any($1::uuid[]) and status = 'succeeded'"
RECORDED = """
select count(*) as n from plane.checkpoints
where execution_id = any($1::uuid[]) and status = 'succeeded'
group by execution_id, path
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a day came to. `steps`: those that succeeded; `twice`: steps that were recorded more than once."""

    succeeded: int
    steps: int
    twice: int
    calls: int
    keys: int
    invocations: int
    cold: int
    sweeps: int
    seconds: float
    faults: Counter[str] = field(default_factory=Counter[str])

    def is_right(self, workflows: int, steps: int) -> bool:
        """Whether everything ended well, each step once. A step may be called again, always with the same key."""
        return (self.succeeded, self.steps, self.twice, self.keys) == (
            workflows,
            workflows * steps,
            0,
            workflows * steps,
        )


def document(steps: int) -> str:
    """Give a workflow whose steps come one after the other, and two of which always hand over."""
    lines = ["name: many", "input: {url: string}", "defaults: {retry: {max_attempts: 5, first: 10ms}}", "steps:"]
    for step in range(steps):
        needs = f"needs: [s{step - 1}], " if step else ""
        # Half of them want more time than is left of 9 s once something has run: each execution is a chain of several.
        timeout = "timeout: 6s, " if step % 2 else ""
        lines.append(f"  s{step}: {{{needs}{timeout}http: {{method: POST, url: '${{{{ input.url }}}}/s{step}'}}}}")
    return "\n".join(lines) + "\n"


async def run(
    local: LocalLambda,
    database_url: str,
    secret: str,
    *,
    workflows: int,
    steps: int,
    chances: dict[str, Any],
    within_s: float,
) -> Outcome:
    """Start the workflows, let things go wrong, sweep every second as if it were minutes, and count."""
    connection = await asyncpg.connect(database_url)
    try:
        async with client_at(local.url, secret) as client:
            day = Day(local, connection, client, workflows, steps)
            return await day.run(chances, within_s)
    finally:
        await connection.close()


@dataclass(frozen=True, slots=True)
class Day:
    """One line of the table."""

    local: LocalLambda
    connection: asyncpg.Connection
    client: httpx.AsyncClient
    workflows: int
    steps: int

    async def run(self, chances: dict[str, Any], within_s: float) -> Outcome:
        """Have the day, and count."""
        local, desk = self.local, await Desk().start()
        seen, began, sweeps = len(local.ledger.invocations), time.monotonic(), 0
        await local.functions["runner"].change(timeout_s=9)
        _set(local.faults, {"is_reordering": True, "late": 0.2, "kill_within_s": 0.15, **chances})
        local.faults.done.clear()
        try:
            ids = await self._start(desk.url)
            until = time.monotonic() + within_s
            while await self._open(ids) and time.monotonic() < until:
                await asyncio.sleep(1.0)
                await self.connection.execute(CLOCK)
                await local.tick("sweeper")
                sweeps += 1
            seconds = time.monotonic() - began
        finally:
            _set(local.faults, dict.fromkeys(("killed", "duplicate", "lost", "late"), 0) | {"is_reordering": False})
            await local.functions["runner"].restore()
            await desk.stop()
        recorded = await self.connection.fetch(RECORDED, ids)
        ran = [one for one in local.ledger.invocations[seen:] if one.function == "runner"]
        return Outcome(
            succeeded=await self.connection.fetchval(SUCCEEDED, ids),
            steps=len(recorded),
            twice=sum(row["n"] > 1 for row in recorded),
            calls=sum(desk.calls.values()),
            keys=sum(len(keys) for keys in desk.keys.values()),
            invocations=len(ran),
            cold=sum(one.is_cold for one in ran),
            sweeps=sweeps,
            seconds=seconds,
            faults=Counter(local.faults.done),
        )

    async def _start(self, url: str) -> list[str]:
        stored = await self.client.post("/api/workflows", json={"definition": document(self.steps)})
        assert stored.is_success, stored.text
        ids: list[str] = []
        for number in range(self.workflows):
            body = {"workflow": "many", "input": {"url": f"{url}/{number}"}}
            started = await self.client.post("/api/executions", json=body)
            assert started.status_code == 202, started.text
            ids.append(started.json()["id"])
        return ids

    async def _open(self, ids: list[str]) -> int:
        return await self.connection.fetchval(OPEN, ids)


def _set(faults: Faults, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(faults, name, value)


def row(name: str, outcome: Outcome, workflows: int, steps: int) -> str:
    """Give a line of the table."""
    faults = ", ".join(f"{count} {kind}" for kind, count in sorted(outcome.faults.items())) or "none"
    verdict = "right" if outcome.is_right(workflows, steps) else "WRONG"
    return (
        f"| {name} | {outcome.succeeded}/{workflows} | {outcome.steps} | {outcome.calls} | {outcome.invocations} "
        f"({outcome.cold} cold) | {faults} | {outcome.sweeps} | {outcome.seconds:.1f} s | {verdict} |"
    )


HEAD = (
    "| what goes wrong | succeeded | steps recorded | steps called | invocations | faults | sweeps | took | all |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


async def main() -> int:
    """Run every day on a Postgres of its own, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workflows", type=int, default=40)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    is_right = True
    with tempfile.TemporaryDirectory() as folder:
        postgres = EmbeddedPostgres(Path(folder), settings={"fsync": "off", "max_connections": "200"})
        admin = await postgres.start()
        connection = await asyncpg.connect(admin)
        await connection.execute("create database campaign")
        await connection.close()
        url = with_database(admin, "campaign")
        await load_schema(url)
        connection = await asyncpg.connect(url)
        await connection.execute(f"alter role authenticator password '{postgres.login_password}'")
        login = with_database(postgres.url(login=True), "campaign")
        org = await create_org(connection)
        print(f"seed {options.seed}\n{HEAD}")  # noqa: T201  it is what the command is for
        async with LocalLambda(await setup_of(url, login, "http://127.0.0.1:9/none")) as local:
            local.faults.reseed(options.seed)
            for name, chances in DAYS.items():
                outcome = await run(
                    *(local, url, org.operator_secret),
                    workflows=options.workflows,
                    steps=options.steps,
                    chances=chances,
                    within_s=240,
                )
                print(row(name, outcome, options.workflows, options.steps), flush=True)  # noqa: T201  as above
                is_right = is_right and outcome.is_right(options.workflows, options.steps)
        await connection.close()
        await postgres.stop()
    return 0 if is_right else 1


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main()))
