"""A whole plane in a process of its own: real HTTP, and it can be killed and frozen."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import httpx

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 30


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@dataclass
class PlaneProcess:
    """`functions.local` under uvicorn, on the given database, as the holder of leases `owner`."""

    database_url: str
    runner_key: str
    log: Path
    owner: str = "plane"
    lease_s: float = 2
    environment: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start it and wait until it says that it is ready."""
        settings = {
            "AGENTPLANE_DATABASE_URL": self.database_url,
            "AGENTPLANE_RUNNER_KEY": self.runner_key,
            "AGENTPLANE_OWNER": self.owner,
            "AGENTPLANE_LEASE_SECONDS": str(self.lease_s),
            "AGENTPLANE_ALLOW_PRIVATE_HOSTS": json.dumps(["127.0.0.1"]),
            "AGENTPLANE_LOG_LEVEL": "WARNING",
        }
        command = [sys.executable, "-m", "uvicorn", "--factory", "functions.local:create_local_app"]
        command += ["--host", "127.0.0.1", "--port", str(self.port), "--log-level", "warning", "--no-access-log"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: ASYNC220  the test waits for it anyway
                command, cwd=ROOT, stdout=log, stderr=log, env={**os.environ, **settings, **self.environment}
            )
        async with httpx.AsyncClient() as client:
            for _ in range(START_SECONDS * 20):
                assert self.process.poll() is None, self.log.read_text()
                try:
                    if (await client.get(f"{self.url}/api/health/ready")).is_success:
                        return
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.05)
        raise AssertionError(f"the plane is not ready: {self.log.read_text()}")

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    async def kill(self) -> None:
        """End it as a power cut would."""
        assert self.process is not None
        self.process.kill()
        await asyncio.to_thread(self.process.wait)

    async def stop(self) -> None:
        """End it as an operator would."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                await asyncio.to_thread(self.process.wait, 15)
            except subprocess.TimeoutExpired:
                await self.kill()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
