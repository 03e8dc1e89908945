"""The database port straight to Postgres: one statement per call, as the role `authenticator`."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

import asyncpg  # pyright: ignore[reportMissingTypeStubs]  it has none

from functions.shared.db.doors import Doors
from functions.shared.db.failures import AnswerLost, NotSent, refusal
from functions.shared.db.json_text import from_text, to_text
from functions.shared.log import trace_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.shared.db.port import Person
    from functions.shared.jsonvalue import Json, JsonObject

CONNECT_SECONDS = 5.0
IDLE_SECONDS = 0.05
IDLE_TURNS = 8
ACQUIRE_SECONDS = 10.0
# Longer than the statement_timeout of the role: Postgres answers first, and this only ends calls into silence.
ANSWER_SECONDS = 12.0

_TRACED = "from (select set_config('plane.trace_id', ${}, true)) as traced"  # for the audit; ends with the transaction
_STATEMENTS = {
    "call_with_key": (
        f"select api.call_with_key($1, $2, $3, $4, $5) {_TRACED.format(6)}",
        ("key_hash", "fn", "payload", "idempotency", "lease", "trace_id"),
    ),
    "call_with_key, signed": (
        f"select api.call_with_key($1, $2, $3, $4, $5, $6) {_TRACED.format(7)}",
        ("key_hash", "fn", "payload", "idempotency", "lease", "signed_by", "trace_id"),
    ),
    "call_with_token": (
        f"select api.call_with_token($1, $2, $3, $4, $5, $6) {_TRACED.format(7)}",
        ("claims", "fn", "payload", "organisation", "idempotency", "lease", "trace_id"),
    ),
    "call_public": ("select api.call_public($1, $2)", ("verb", "payload")),
    "kernel_with_key": ("select api.kernel_with_key($1, $2, $3)", ("key_hash", "verb", "payload")),
    "ping": ("select to_jsonb(api.ping())", ()),
}


class AsyncpgDatabase(Doors):
    """A pool of connections, opened as they are needed, and again after Postgres was restarted.

    A sound one that nobody waits for is kept at hand, because giving it back to the pool costs a task of its own.
    """

    def __init__(self, pool: Any, runner_key: str | None, peppers: Sequence[str] = ("",)) -> None:  # noqa: ANN401  asyncpg is untyped
        super().__init__(runner_key, peppers)
        self._pool = pool
        self._at_hand: list[Any] = []
        self._acquiring = 0
        self._used_at = 0.0

    @classmethod
    async def connect(
        cls,
        url: str,
        *,
        runner_key: str | None = None,
        peppers: Sequence[str] = ("",),
        max_connections: int = 10,
        pooled: bool = False,
    ) -> Self:
        """Prepare a pool; nothing is dialled before the first call.

        `pooled`: the address is a transaction pooler's, so no statement may be prepared on its connections, and
        nothing may be asked of the session when it opens.
        """
        options: dict[str, Any] = {"statement_cache_size": 0} if pooled else {}
        pool = await asyncpg.create_pool(  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            _without_session_settings(url) if pooled else url,
            min_size=0,
            max_size=max_connections,
            timeout=CONNECT_SECONDS,
            reset=_nothing_to_reset,
            **options,
        )
        return cls(pool, runner_key, peppers)

    def door_of(self, person: Person) -> tuple[str, JsonObject]:
        return "call_with_token", {"claims": person.claims, "organisation": person.organisation}

    async def send(self, door: str, arguments: JsonObject, *, token: str | None = None) -> Json:  # noqa: ARG002  the function has verified it
        statement, names = _STATEMENTS[f"{door}, signed" if "signed_by" in arguments else door]
        known = {**arguments, "trace_id": trace_id.get()}
        values = [_encoded(known.get(name)) for name in names]
        connection = await self._take()
        is_sound = False
        try:
            answer = await connection.fetchval(statement, *values, timeout=ANSWER_SECONDS)
            is_sound = True
        except asyncpg.PostgresError as error:
            raise _refusal(error) from error
        except (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            raise AnswerLost(repr(error)) from error
        finally:
            if is_sound and not self._acquiring:
                self._at_hand.append(connection)
            else:
                await self._release(connection)
        return None if answer is None else from_text(answer)

    async def close(self) -> None:
        await super().close()
        while self._at_hand:
            await self._release(self._at_hand.pop())
        try:
            await asyncio.wait_for(self._pool.close(), CONNECT_SECONDS)
        except TimeoutError:
            self._pool.terminate()

    async def _take(self) -> Any:  # noqa: ANN401  asyncpg's pool gives an untyped proxy
        now = asyncio.get_running_loop().time()
        # Lets the loop see that Postgres has closed an idle connection: its last word, its end and what follows of that
        # take some turns. Where the process was frozen in between, all of them are still to come.
        for _ in range(1 if now - self._used_at < IDLE_SECONDS else IDLE_TURNS):
            await asyncio.sleep(0)
        self._used_at = now
        while self._at_hand:
            connection = self._at_hand.pop()
            if _is_open(connection):
                return connection
            await self._release(connection)
        self._acquiring += 1
        try:
            return await self._pool.acquire(timeout=ACQUIRE_SECONDS)
        except (
            OSError,
            TimeoutError,
            asyncpg.PostgresError,
            asyncpg.InterfaceError,
            asyncpg.InternalClientError,
        ) as error:
            raise NotSent(repr(error)) from error
        finally:
            self._acquiring -= 1

    async def _release(self, connection: Any) -> None:  # noqa: ANN401
        # A broken connection fails here; the pool opens another in its place.
        with suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await self._pool.release(connection, timeout=CONNECT_SECONDS)


def _without_session_settings(url: str) -> str:
    """Leave out what asks for settings of the session (options, search_path, another client's own): poolers refuse."""
    parts = urlsplit(url)
    kept = [(name, value) for name, value in parse_qsl(parts.query) if name.startswith("ssl")]
    return parts._replace(query=urlencode(kept)).geturl()


def _is_open(connection: Any) -> bool:  # noqa: ANN401
    try:
        return not connection.is_closed()
    except asyncpg.InterfaceError:  # the pool has taken it back already, because Postgres closed it
        return False


async def _nothing_to_reset(_connection: object) -> None:
    """Keep the session: every setting that a call makes ends with its transaction."""


def _encoded(value: Json) -> str | None:
    return value if value is None or isinstance(value, str) else to_text(value)


def _refusal(error: Exception) -> Exception:
    told = {name: getattr(error, name, None) for name in ("sqlstate", "message", "detail", "hint")}
    return refusal(str(told["sqlstate"]), str(told["message"] or error), told["detail"], told["hint"])
