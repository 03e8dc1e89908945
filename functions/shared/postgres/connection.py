"""One connection to Postgres as its owner: what of asyncpg migrations and the embedded server need, typed."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol, cast

import asyncpg  # pyright: ignore[reportMissingTypeStubs]  it has none

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from contextlib import AbstractAsyncContextManager

CONNECT_SECONDS = 10.0

PostgresError = asyncpg.PostgresError
CONNECT_ERRORS = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)


class Connection(Protocol):
    """The part of an asyncpg connection that is used here."""

    async def execute(self, query: str, *args: object) -> str: ...

    async def fetch(self, query: str, *args: object) -> Sequence[Any]: ...

    async def fetchval(self, query: str, *args: object) -> Any: ...  # noqa: ANN401  any column type

    def transaction(self) -> AbstractAsyncContextManager[Any]: ...

    async def close(self) -> None: ...


@asynccontextmanager
async def connected(url: str, *, timeout: float = CONNECT_SECONDS) -> AsyncGenerator[Connection]:  # noqa: ASYNC109
    """Open a connection for a while. Raises one of CONNECT_ERRORS."""
    connection = cast("Connection", await asyncpg.connect(url, timeout=timeout))  # pyright: ignore[reportUnknownMemberType, reportArgumentType]
    try:
        yield connection
    finally:
        await connection.close()


def problem_of(error: Exception) -> tuple[str, str, dict[str, str]]:
    """Give the SQLSTATE, the message, and detail, hint, context and position of an error as far as they are known."""
    named = {name: getattr(error, name, None) for name in ("detail", "hint", "context", "position")}
    known = {name: str(value) for name, value in named.items() if value}
    return str(getattr(error, "sqlstate", "")), str(getattr(error, "message", None) or error), known
