"""Replaces a secret of a running deployment without losing a message or refusing a key.

What several functions must agree on changes in two moves: first all of them learn the new value beside the present one,
then they use it. `finish` forgets the former one. A function learns a secret when its process starts, so each move
ends all processes that read it: a new description makes Lambda begin new ones.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import closing
from typing import TYPE_CHECKING

from functions.deploy.aws import Aws, AwsProblem
from functions.deploy.parameters import BY_NAME, read_all, write
from functions.deploy.resealing import count_others, reseal_all
from functions.deploy.runner_keys import RUNNER_KEYS, keep_by_present, register
from functions.deploy.seen import manifest_of
from functions.deploy.stage import GIVEN_BY
from functions.shared.auth.keys import MAX_PEPPERS, hash_key, new_key, read_peppers
from functions.shared.errors import PlaneError
from functions.shared.postgres.connection import CONNECT_ERRORS, PostgresError, connected
from functions.shared.sealing import MasterKey, Sealer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from functions.deploy.parameters import Stored
    from functions.deploy.stage import Stage

SHARED = ("doorbell-key", "key-pepper", "master-key")
SETTLE_S = 5.0
# What invocations of before the first move must not meet: keys kept, or secrets sealed, by what they do not know.
OUTLASTED = ("key-pepper", "master-key")
OUTLAST_S = 15 * 60.0  # Lambda ends each invocation by then
LONGEST_INVOCATION_MIN = 20  # the same, and some time to spare
_WAIT_S = 60.0


class CannotRotate(RuntimeError):
    """It was not done; `way_out` says what to do."""

    def __init__(self, message: str, way_out: str) -> None:
        self.way_out = way_out
        super().__init__(message)


async def rotate(
    stage: Stage, name: str, say: Callable[[str], None], *, settle_s: float = SETTLE_S, outlast_s: float = OUTLAST_S
) -> None:
    """Replace a secret by a new one. Raises CannotRotate, AwsProblem.

    `outlast_s`: how long what began before may still work; waited for where it would meet what it does not know.
    """
    learns_s = max(settle_s, outlast_s) if name in OUTLASTED else settle_s
    with closing(Aws(stage.region)) as aws:
        await _rotate(aws, stage, name, say, (learns_s, settle_s))


async def _rotate(aws: Aws, stage: Stage, name: str, say: Callable[[str], None], pauses: tuple[float, float]) -> None:
    stored = _stored(aws, stage, name)
    if name in GIVEN_BY:
        await _replace(aws, stage, name, say)
        return
    if name not in SHARED:
        await _rotate_runner_key(aws, stage, name, stored, say)
        return
    parts = [part.strip() for part in stored[name].value.split(",")]
    if name == "key-pepper" and len(parts) >= MAX_PEPPERS:
        raise CannotRotate(f"key-pepper has {len(parts)} values already", "Run --finish for it first.")
    make = BY_NAME[name].make
    assert make is not None  # noqa: S101  all of SHARED are made here
    new, present, former = make(), parts[0], parts[1:]
    for value, pause_s, line in (
        (",".join([present, new, *former]), pauses[0], f"{name}: the new one is known beside the present one"),
        (",".join([new, present, *former]), pauses[1], f"{name}: the new one is used, the former one still known"),
    ):
        await asyncio.to_thread(write, aws, stage, name, value, overwrite=True)
        await asyncio.to_thread(_begin_anew, aws, stage, name)
        if pause_s > SETTLE_S:
            say(f"{name}: waiting {pause_s / 60:.0f} minutes for invocations that began before to end")
        await asyncio.sleep(pause_s)
        say(line)
    if name == "master-key":
        say(f"{name}: {await _reseal(stage, ','.join([new, present, *former]))} secrets are sealed again")
    say(_AFTERWARDS[name])


async def finish(stage: Stage, name: str, say: Callable[[str], None]) -> None:
    """Forget the former values of a secret. Raises CannotRotate while something still needs them."""
    with closing(Aws(stage.region)) as aws:
        await _finish(aws, stage, name, say)


async def _finish(aws: Aws, stage: Stage, name: str, say: Callable[[str], None]) -> None:
    stored = _stored(aws, stage, name)
    if name not in SHARED:
        raise CannotRotate(f"{name} has no former value", "The former key expires by itself.")
    present, comma, _ = stored[name].value.partition(",")
    if not comma:  # `new,` has one too: keys without a pepper
        say(f"{name}: there was no former value")
        return
    if name == "master-key":
        await _reseal(stage, stored[name].value)
        if left := await _reseal(stage, present, is_counting=True):
            raise CannotRotate(f"{left} secrets are still sealed with a former master key", "Run it again.")
    if name == "key-pepper":
        await _keep_own_keys(stage, stored)
    await asyncio.to_thread(write, aws, stage, name, present.strip(), overwrite=True)
    await asyncio.to_thread(_begin_anew, aws, stage, name)
    say(f"{name}: the former value is forgotten")


_AFTERWARDS = {
    "doorbell-key": "messages of the last minutes carry the former signature: run --finish after an hour",
    "key-pepper": "each key is kept by the new pepper from its next use: run --finish when all that matter were used",
    "master-key": "backups hold what the former one sealed: keep it with them, then run --finish",
}


def _stored(aws: Aws, stage: Stage, name: str) -> Mapping[str, Stored]:
    if name not in BY_NAME:
        raise CannotRotate(f"there is no secret {name}", f"There are {', '.join(BY_NAME)}.")
    if not stage.database_url and name not in GIVEN_BY:
        raise CannotRotate("no address of the database's owner is given", "Set SUPABASE_DB_URL, as for --check.")
    stored = read_all(aws, stage)
    if name not in stored or "key-pepper" not in stored:
        raise CannotRotate(f"{name} is not stored", f"Run `agentplane deploy --stage {stage.name} --init`.")
    return stored


async def _replace(aws: Aws, stage: Stage, name: str, say: Callable[[str], None]) -> None:
    """Store what a person gives, and have it used."""
    value = stage.given()[name]
    if problem := BY_NAME[name].problem(value) if value else "is not given":
        raise CannotRotate(f"{name} {problem}", f"Set {GIVEN_BY[name]} to the new value.")
    await asyncio.to_thread(write, aws, stage, name, value, overwrite=True)
    await asyncio.to_thread(_begin_anew, aws, stage, name)
    say(f"{name}: the new value is used")


async def _rotate_runner_key(
    aws: Aws, stage: Stage, name: str, stored: Mapping[str, Stored], say: Callable[[str], None]
) -> None:
    """Let the new key in, have it used, then let the former one expire."""
    key = next(key for key in RUNNER_KEYS if key.parameter == name)
    peppers = read_peppers(stored["key-pepper"].value)
    made = new_key("runner", peppers)
    try:
        async with connected(stage.database_url) as connection:
            await register(connection, key, made.secret, peppers)
            await asyncio.to_thread(write, aws, stage, name, made.secret, overwrite=True)
            say(f"{name}: a new key is registered and stored")
            await asyncio.to_thread(_begin_anew, aws, stage, name)
            await connection.execute(
                "update plane.api_keys set expires_at = plane.clock() + make_interval(mins => $2) where kind = 'runner'"
                " and key_hash = any (select sha256(decode(h, 'hex')) from unnest($1::text[]) as h)",
                *(hash_key(stored[name].value, peppers).split(), LONGEST_INVOCATION_MIN),
            )
            say(f"{name}: the former key expires in {LONGEST_INVOCATION_MIN} minutes: what works with it may end")
    except PostgresError as error:
        raise CannotRotate(f"the database refused: {error}", "Is SUPABASE_DB_URL the owner's address?") from error
    except CONNECT_ERRORS as error:
        raise CannotRotate(
            f"the database cannot be reached: {type(error).__name__}", "Set SUPABASE_DB_URL, as for --check."
        ) from error


async def _keep_own_keys(stage: Stage, stored: Mapping[str, Stored]) -> None:
    """Keep the functions' own keys by the present pepper: some are not used for days, and none may be refused."""
    peppers = read_peppers(stored["key-pepper"].value)
    try:
        async with connected(stage.database_url) as connection:
            for key in RUNNER_KEYS:
                if key.parameter in stored:
                    await keep_by_present(connection, stored[key.parameter].value, peppers)
    except CONNECT_ERRORS as error:
        raise CannotRotate(
            f"the database cannot be reached: {type(error).__name__}", "Set SUPABASE_DB_URL, as for --check."
        ) from error


async def _reseal(stage: Stage, keys: str, *, is_counting: bool = False) -> int:
    """Seal with the first of the keys what others have sealed, or only count it."""
    sealer = Sealer([MasterKey.of(part) for part in keys.split(",")])
    try:
        async with connected(stage.database_url) as connection:
            return await (count_others(connection, sealer.current) if is_counting else reseal_all(connection, sealer))
    except PlaneError as error:  # one that does not open: the others stay as they are, sealed by either
        raise CannotRotate(error.detail, error.hint or "Set its value again, then run it again.") from error
    except CONNECT_ERRORS as error:
        raise CannotRotate(
            f"the database cannot be reached: {type(error).__name__}", "Set SUPABASE_DB_URL, as for --check."
        ) from error


def readers(stage: Stage, name: str) -> Sequence[str]:
    """Give the functions that read a parameter; those that take messages come first, so that they know it first."""
    functions = manifest_of(stage, stored=frozenset({name})).functions.values()
    path = stage.parameter(name)
    reading = [function for function in functions if path in function.environment.values()]
    return [function.name for function in sorted(reading, key=lambda each: (not each.queues, each.name))]


def _begin_anew(aws: Aws, stage: Stage, name: str) -> None:
    """Have Lambda begin new processes of each function that reads the secret; those that work end in peace."""
    note = f"{name} replaced {time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime())}"
    begun: list[str] = []
    for function in readers(stage, name):
        deployed = stage.function(function)
        try:
            aws.call("lambda", "update_function_configuration", FunctionName=deployed, Description=note)
        except AwsProblem as problem:
            if problem.code == "ResourceNotFoundException":
                continue  # not deployed yet
            raise
        begun.append(deployed)
    deadline = time.monotonic() + _WAIT_S
    for deployed in begun:
        while time.monotonic() < deadline:
            told = aws.call("lambda", "get_function_configuration", FunctionName=deployed)
            if told.get("LastUpdateStatus", "Successful") != "InProgress":
                break
            time.sleep(0.5)
