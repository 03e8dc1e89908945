"""SQS and Parameter Store: moto in a process of its own, called by their JSON protocols."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import httpx

from functions.local_lambda.environment import LAUNCHER

if TYPE_CHECKING:
    from collections.abc import Mapping

REGION = "eu-central-1"
ACCOUNT = "123456789012"
_HERE = Path(__file__).parent
_START_S = 30.0


class ServiceRefused(Exception):
    """A call of SQS or Parameter Store was refused."""


@dataclass(slots=True)
class AwsServices:
    """`http` reaches moto; `call` is one action of a service."""

    http: httpx.AsyncClient = field(default_factory=lambda: httpx.AsyncClient(timeout=30, trust_env=False))
    address: str = ""
    _process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start moto."""
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid())),
            *(sys.executable, "-I", "-W", "ignore", str(_HERE / "moto_process.py")),
            # Else moto lets the pages of any site that somebody looks at here read its secrets.
            env={
                "PATH": os.environ.get("PATH", ""),
                "AWS_DEFAULT_REGION": REGION,
                "MOTO_DISABLE_GLOBAL_CORS": "true",
            },
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        assert self._process.stdout is not None  # noqa: S101  it is a pipe
        async with asyncio.timeout(_START_S):
            while line := (await self._process.stdout.readline()).decode().strip():
                if line.isdecimal():
                    self.address = f"http://127.0.0.1:{line}"
                    return
        raise RuntimeError("moto did not start: is the group `cloud` installed?")

    async def stop(self) -> None:
        """End moto."""
        await self.http.aclose()
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.communicate()

    async def sqs(self, action: str, **parameters: object) -> dict[str, Any]:
        """Call an action of SQS; raises ServiceRefused."""
        return await self._call("sqs", f"AmazonSQS.{action}", parameters)

    async def ssm(self, action: str, **parameters: object) -> dict[str, Any]:
        """Call an action of Parameter Store; raises ServiceRefused."""
        return await self._call("ssm", f"AmazonSSM.{action}", parameters)

    async def put_secret(self, name: str, value: str) -> None:
        """Store a secret as a deployment does."""
        await self.ssm("PutParameter", Name=name, Value=value, Type="SecureString", Overwrite=True)

    async def _call(self, service: str, target: str, parameters: Mapping[str, object]) -> dict[str, Any]:
        scope = f"local/20260101/{REGION}/{service}/aws4_request"
        headers = {
            "authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
            "content-type": "application/x-amz-json-1.0",
            "x-amz-target": target,
        }
        answer = await self.http.post(self.address + "/", json=dict(parameters), headers=headers)
        if answer.status_code != 200:  # noqa: PLR2004  what AWS calls success
            raise ServiceRefused(f"{target}: {answer.text[:500]}")
        return cast("dict[str, Any]", answer.json()) if answer.content else {}
