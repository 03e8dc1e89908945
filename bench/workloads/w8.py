"""W8: HTTP through the whole stack, against a bare endpoint that does one insert (bench/http.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench import http

if TYPE_CHECKING:
    from bench.harness import Bench


async def run(_bench: Bench) -> list[dict[str, Any]]:
    """Give one row an operation and concurrency. It has a Postgres of its own, with the plane's settings."""
    return await http.run()
