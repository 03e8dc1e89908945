"""What the settings and the address say about a pooler, and what poolers refuse."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

import asyncpg
import pytest
from pydantic import SecretStr

from functions.shared.config import Settings
from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
from functions.shared.errors import Unavailable
from functions.shared.web.connection import open_database
from tests.pgbouncer import pooled
from tests.pooler.sessions import look

if TYPE_CHECKING:
    from tests.pooler.conftest import Behind

SUPABASE = "postgresql://authenticator.abc:secret@aws-0-eu-central-1.pooler.supabase.com"


@pytest.mark.parametrize(
    ("url", "said", "is_pooled"),
    [
        (f"{SUPABASE}:6543/postgres", None, True),
        (f"{SUPABASE}:6543/postgres?sslmode=require", None, True),
        (f"{SUPABASE}:5432/postgres", None, False),
        (f"{SUPABASE}/postgres", None, False),
        ("postgresql://authenticator@127.0.0.1:6432/plane", True, True),
        (f"{SUPABASE}:6543/postgres", False, False),
        (None, None, False),
    ],
)
def test_supabases_pooler_is_known_by_its_port(url: str | None, said: bool | None, is_pooled: bool) -> None:
    known = Settings(database_url=SecretStr(url) if url else None, database_pooled=said)
    assert known.is_pooled is is_pooled


async def test_the_settings_reach_the_connections(behind: Behind) -> None:
    """Twenty calls at once go through two connections, none of which prepares anything."""
    with pooled(behind.direct_url, server_connections=1, log_connections="1") as pooler:
        url = pooler.url(behind.direct_url)
        database = await open_database(
            Settings(database_url=SecretStr(url), database_pooled=True, database_connections=2)
        )
        echoes = [database.call("probe_echo", {"value": number}, behind.orgs[0].agent) for number in range(20)]
        assert await asyncio.gather(*echoes) == list(range(20))
        await database.close()
        assert pooler.log.read_text().count("login attempt") == 2
        assert (await look(url)).left["prepared"] == 0


async def test_a_connection_that_ended_while_the_process_was_frozen_is_not_used(behind: Behind) -> None:
    """As Lambda freezes a process between two events: nothing of it runs while the pooler hangs up."""
    with pooled(behind.direct_url, client_idle_timeout="0.2") as pooler:
        database = await AsyncpgDatabase.connect(pooler.url(behind.direct_url), pooled=True, max_connections=1)
        for number in range(2):
            assert await database.call("probe_try", {"failures": 0, "note": ""}, behind.orgs[0].agent)
            if number == 0:
                time.sleep(1.5)  # noqa: ASYNC251  the whole loop stands still
        await database.close()
        assert "client_idle_timeout" in pooler.log.read_text()


ASKING = "options=-c%20search_path%3Dplane&search_path=plane&pgbouncer=true&connection_limit=1"


async def test_what_an_address_asks_of_the_session_is_left_out(behind: Behind) -> None:
    database = await AsyncpgDatabase.connect(f"{behind.url}?{ASKING}&sslmode=prefer", pooled=True)
    assert await database.call("probe_echo", {"value": 1}, behind.orgs[0].agent) == 1
    await database.close()


async def test_a_pooler_refuses_what_is_asked_of_the_session(behind: Behind) -> None:
    with pytest.raises(asyncpg.PostgresError, match="unsupported startup parameter"):
        await asyncpg.connect(f"{behind.url}?{ASKING}")


async def test_the_connection_is_encrypted_where_the_address_requires_it(
    behind: Behind, caplog: pytest.LogCaptureFixture
) -> None:
    with pooled(behind.direct_url, has_tls=True, log_connections="1") as pooler:
        url = pooler.url(behind.direct_url)
        database = await AsyncpgDatabase.connect(f"{url}?sslmode=require", pooled=True)
        assert await database.call("probe_echo", {"value": 1}, behind.orgs[0].agent) == 1
        await database.close()
        assert "tls=TLSv1.3" in pooler.log.read_text()
        plain = await AsyncpgDatabase.connect(f"{url}?sslmode=disable", pooled=True)
        with caplog.at_level(logging.CRITICAL), pytest.raises(Unavailable):
            await plain.ping()
        await plain.close()
        careful = await AsyncpgDatabase.connect(f"{url}?sslmode=verify-full&sslrootcert=system", pooled=True)
        with caplog.at_level(logging.CRITICAL), pytest.raises(Unavailable):
            await careful.ping()  # nobody has signed this certificate
        await careful.close()
