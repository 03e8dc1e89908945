"""At-most-once steps whose runner lives, but whose answer never came."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.e2e.conftest import Plane
    from tests.e2e.counting_server import CountingServer

PAY = """
    name: pay
    steps:
      pay: {effect: at_most_once, timeout: 300ms, @unknown@, http: {url: "@url@/pay?@how@"}}
      after: {needs: [pay], http: {url: "@url@/after"}}
    output: ${{ steps.pay.output }}
"""
VERIFY = "on_unknown: verify, verify: {name: json_query, with: {data: {found: true, output: {receipt: 7}}, query: '@'}}"


async def test_a_time_out_after_sending_is_unknown_and_fails_as_such(plane: Plane, server: CountingServer) -> None:
    version = await plane.tenant.define(PAY, url=server.url, how="delay=5", unknown="on_unknown: fail")
    execution = await plane.tenant.start(version)
    ended = await plane.tenant.ended(execution)
    assert (ended["status"], ended["error"]["code"]) == ("failed", "outcome_unknown")
    step = (await plane.tenant.steps(execution))["pay"]
    assert [attempt["error"]["code"] for attempt in step["details"]["attempts"]] == ["timed_out"]
    assert server.calls["/pay"] == 1


async def test_a_person_is_asked_about_a_step_that_timed_out(plane: Plane, server: CountingServer) -> None:
    version = await plane.tenant.define(PAY, url=server.url, how="delay=5", unknown="on_unknown: ask")
    execution = await plane.tenant.start(version)
    await plane.tenant.waiting_for(execution, "pay")
    await plane.tenant.signal(execution, "pay", {"outcome": "succeeded", "output": {"receipt": 7}})
    ended = await plane.tenant.ended(execution)
    assert (ended["status"], ended["output"]) == ("succeeded", {"receipt": 7})
    assert server.calls == {"/pay": 1, "/after": 1}


async def test_a_step_that_timed_out_is_looked_up(plane: Plane, server: CountingServer) -> None:
    version = await plane.tenant.define(PAY, url=server.url, how="delay=5", unknown=VERIFY)
    ended = await plane.tenant.ended(await plane.tenant.start(version))
    assert (ended["status"], ended["output"]) == ("succeeded", {"receipt": 7})
    assert server.calls == {"/pay": 1, "/after": 1}


@pytest.fixture
async def hanging_up() -> AsyncIterator[str]:
    """A service that reads a request and hangs up."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()


async def test_a_connection_that_breaks_after_sending_is_looked_up(plane: Plane, hanging_up: str) -> None:
    version = await plane.tenant.define(PAY.replace("      after:", "      #"), url=hanging_up, how="", unknown=VERIFY)
    ended = await plane.tenant.ended(await plane.tenant.start(version))
    assert (ended["status"], ended["output"]) == ("succeeded", {"receipt": 7})


async def test_an_answer_is_known_even_if_it_is_a_refusal(plane: Plane, server: CountingServer) -> None:
    version = await plane.tenant.define(PAY, url=server.url, how="status=503", unknown=VERIFY)
    ended = await plane.tenant.ended(await plane.tenant.start(version))
    assert (ended["status"], ended["error"]["code"]) == ("failed", "http_status")


async def test_what_was_never_sent_is_known_not_to_have_happened(plane: Plane) -> None:
    version = await plane.tenant.define(PAY, url="http://127.0.0.1:9", how="", unknown=VERIFY)
    ended = await plane.tenant.ended(await plane.tenant.start(version))
    assert (ended["status"], ended["error"]["code"]) == ("failed", "connect_failed")
