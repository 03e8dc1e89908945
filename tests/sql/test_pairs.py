"""A race for every pair of everything that changes an execution, each with itself too.

Each round has a tree of executions of its own. Two sessions make their calls at once, in a quarter of the rounds from
behind a lock that both need; then every answer must be what the tables say, no prize may have been given twice, no
invariant is broken, and the tree comes to its end when it is driven by owners that move only when they were told to.

`AGENTPLANE_RACE_ROUNDS` is the number of rounds of every pair (3 unless told: one for each state of a tree).
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING

import asyncpg
import pytest
import pytest_asyncio

from tests.people import create_member
from tests.sql import seeds
from tests.sql.actors import Plane, connect
from tests.sql.contenders import CONTENDERS, Call, Contender, code_of, finish_of, must_have_one_winner
from tests.sql.promises import Answer, Part, Refused
from tests.sql.scenes import DOCUMENT, Scene, Stage, scenes_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from functions.shared.db.port import Person
    from tests.conftest import Server
    from tests.sql.scenes import Tables

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROUNDS = int(os.environ.get("AGENTPLANE_RACE_ROUNDS", "3"))
AT_ONCE = 25  # trees that are set up, looked at and ended together
PAIRS = list(combinations_with_replacement(CONTENDERS, 2))
# Verbs of tenants that write, but nothing that belongs to an execution.
ELSEWHERE = {
    *("put_state", "merge_state", "increment_state", "append_state", "delete_state"),
    *("create_workflow", "create_key", "revoke_key", "check_access"),
    *("create_invitation", "revoke_invitation", "update_member", "remove_member", "update_organisation"),
    *("create_organisation", "accept_invitation"),
    *("register_agent", "update_agent", "delete_agent", "heartbeat_agent"),
    *seeds.ELSEWHERE,
}


@dataclass
class Session:
    """A connection that calls through the doors, as the deployed functions do."""

    db: asyncpg.Connection
    runner: str
    person: Person

    async def send(self, call: Call) -> Answer:
        """Make the call. An error of the plane is an answer, anything else is raised: a deadlock above all."""
        try:
            if call.door == "kernel":
                return await self.db.fetchval(
                    "select api.kernel_with_key($1, $2, $3)", self.runner, call.verb, call.payload
                )
            return await self.db.fetchval(
                "select api.call_with_token($1, $2, $3, $4, $5)",
                *(self.person.claims, call.verb, call.payload, self.person.organisation, call.idempotency),
            )
        except asyncpg.PostgresError as error:
            if not (error.sqlstate or "").startswith("PT4"):
                raise
            return Refused(code_of(error))


@dataclass
class Arena:
    """Where all pairs of a module meet: two sessions, a third one that holds both back, and what came out so far."""

    stage: Stage
    sessions: tuple[Session, Session]
    holder: asyncpg.Connection
    won: Counter[str] = field(default_factory=Counter[str])
    seen: Counter[str] = field(default_factory=Counter[str])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def arena(
    module_db_url: str, authenticator_url: Callable[[str], str], runner_key: str, postgres: Server
) -> AsyncIterator[Arena]:
    """One database for all pairs. At the end nothing has deadlocked, and every contender had its way at times."""
    login = authenticator_url(module_db_url)
    plane = Plane(await connect(module_db_url), module_db_url, login)
    tenant = await plane.tenant()
    version = await plane.version(tenant.org, DOCUMENT)
    stage = Stage(plane, await plane.runner(), tenant, version)
    secret = hashlib.sha256(runner_key.encode()).hexdigest()
    connections = [await connect(login) for _ in range(2)]
    # The only member, so that they may also decide what they have asked for.
    person = (await create_member(plane.db, tenant.org, "owner", user_id=tenant.id)).caller
    one, other = (Session(connection, secret, person) for connection in connections)
    arena = Arena(stage, (one, other), await connect(module_db_url))
    yield arena
    for connection in [*connections, arena.holder]:
        await connection.close()
    deadlocks = "select deadlocks from pg_stat_database where datname = current_database()"
    assert await plane.db.fetchval(deadlocks) == 0
    never = [name for name, count in arena.seen.items() if count >= 200 and not arena.won[name]]
    assert never == [], "what never happens cannot contend"
    await plane.close()


@pytest.mark.parametrize("one", CONTENDERS, ids=lambda one: one.name)
async def test_two_at_once_leave_nothing_broken(arena: Arena, one: Contender) -> None:
    rounds = [round_ for pair in PAIRS if pair[0] is one for round_ in _rounds_of(pair)]
    for at in range(0, len(rounds), AT_ONCE):
        batch = rounds[at : at + AT_ONCE]
        try:
            await _race(arena, batch)
        except AssertionError as error:  # what is broken may be found only after all of them
            error.add_note("\n".join(map(str, batch)))
            raise


@dataclass(frozen=True)
class Round:
    """A race of two contenders on a tree of its own."""

    pair: tuple[Contender, Contender]
    scene: Scene

    def __str__(self) -> str:
        one, other = self.pair
        return f"{one.name}-{other.name}: execution {self.scene.execution}, child {self.scene.child}"


def _rounds_of(pair: tuple[Contender, Contender]) -> list[Round]:
    one, other = pair
    states = [state for state in one.states if state in other.states]
    holds_root = {one.places, other.places} & {("root",)}
    return [Round(pair, scene) for scene in scenes_of(ROUNDS, states, may_park=not holds_root)]


async def _race(arena: Arena, batch: list[Round]) -> None:
    stage = arena.stage
    await stage.set_up([each.scene for each in batch])
    played: list[tuple[Round, tuple[Part, Part], list[Answer]]] = []
    for each in batch:
        parts = _cast(each.scene, *each.pair)
        played.append((each, parts, await _meet(arena, parts, each.pair)))
    assert await stage.plane.violations() == []
    tables = await stage.look()
    for each, parts, answers in played:
        _judge(arena, each.pair, parts, answers, tables)
    await stage.drive()
    assert await stage.plane.violations() == []
    tables = await stage.look()
    for each, parts, answers in played:
        _ended_as_told(each.pair, parts, answers, tables)
    await stage.strike()


def _cast(scene: Scene, one: Contender, other: Contender) -> tuple[Part, Part]:
    """Give both their frames: the same one if they can share it, and never two different checkpoints for one frame."""
    places = [name for name in one.places if name in scene.held]
    first = random.choice(places) if places else ""
    others = [name for name in other.places if name in scene.held]
    is_repeated = one is other and one.writes_frame
    if one.writes_frame and other.writes_frame and not is_repeated:
        others = [name for name in others if name != first]
    second = first if first in others and random.random() < 0.7 else random.choice(others or [""])
    is_same = is_repeated and first == second
    return (
        Part(scene, 0, scene.held.get(first)),
        Part(scene, 0 if is_same else 1, scene.held.get(second)),
    )


async def _meet(arena: Arena, parts: tuple[Part, Part], pair: tuple[Contender, Contender]) -> list[Answer]:
    """Make both calls at once. An answer is None where the scene had no frame to play with."""
    calls = [
        None if contender.places and part.held is None else contender.call(part)
        for contender, part in zip(pair, parts, strict=True)
    ]
    if parts[0].side == parts[1].side:
        calls[1] = calls[0]  # delivered twice
    for session, call in zip(arena.sessions, calls, strict=True):
        if call is not None and call.clock:
            await session.db.execute(f"set plane.clock_offset = '{call.clock}'")

    async def one(n: int) -> Answer:
        call = calls[n]
        if call is None:
            return None
        if random.random() < 0.4:
            await asyncio.sleep(random.random() * 0.001)
        return await asyncio.wait_for(arena.sessions[n].send(call), 20)

    if random.random() < 0.25:
        async with arena.holder.transaction():
            await arena.holder.execute(_lock_of(parts[0].scene))
            tasks = [asyncio.create_task(one(n)) for n in (0, 1)]
            await asyncio.sleep(0.002)
    else:
        tasks = [asyncio.create_task(one(n)) for n in (0, 1)]
    return await asyncio.gather(*tasks)


def _lock_of(scene: Scene) -> str:
    execution = random.choice((scene.execution, scene.child))
    return f"select from plane.frames where execution_id = '{execution}' for update"


def _judge(
    arena: Arena,
    pair: tuple[Contender, Contender],
    parts: tuple[Part, Part],
    answers: list[Answer],
    tables: Tables,
) -> None:
    """Compare both answers with the tables, and see that no prize was given twice."""
    prizes: list[tuple[object, ...]] = []
    winners = 0
    for contender, part, answer in zip(pair, parts, answers, strict=True):
        if answer is None:
            continue
        if isinstance(answer, Refused):
            assert answer.code in contender.refusals, (contender.name, answer)
        won = contender.promises(part, answer, tables)
        arena.seen[contender.name] += 1
        arena.won[contender.name] += won is not None
        winners += won is not None
        prizes += won or ()
    if parts[0].side != parts[1].side:
        assert len(prizes) == len(set(prizes)), prizes
    if must_have_one_winner(pair, parts):
        assert winners == 1, answers


def _ended_as_told(
    pair: tuple[Contender, Contender], parts: tuple[Part, Part], answers: list[Answer], tables: Tables
) -> None:
    """See that what was accepted is how it ended: the first end, else a cancel, else what its driver said."""
    scene = parts[0].scene
    accepted = {
        contender.name: (part, answer)
        for contender, part, answer in zip(pair, parts, answers, strict=True)
        if answer is not None and not isinstance(answer, Refused) and contender.name in ("end", "cancel", "retry")
    }
    expected = "failed" if scene.state == "ended" else "succeeded"
    if "retry" in accepted and scene.state == "ended":
        expected = "succeeded"
    if "cancel" in accepted and accepted["cancel"][1]["status"] != "cancelled":
        expected = "cancelled"
    if "end" in accepted and accepted["end"][1]["ok"]:
        expected = finish_of(accepted["end"][0])["status"]
    assert tables.executions[scene.execution]["status"] == expected, (accepted, tables.executions[scene.execution])


async def test_every_verb_that_writes_has_a_contender(arena: Arena) -> None:
    source = await arena.stage.plane.db.fetchval(
        "select prosrc from pg_proc where oid = 'api.kernel_with_key(text, text, jsonb)'::regprocedure"
    )
    kernel = set(re.findall(r"when '(\w+)' then return plane\.", source))
    writing = await arena.stage.plane.db.fetch("select fn from gateway.verbs where not is_read")
    expected = (kernel | {row["fn"] for row in writing}) - ELSEWHERE
    assert "checkpoint" in kernel
    assert expected == {contender.verb for contender in CONTENDERS}
