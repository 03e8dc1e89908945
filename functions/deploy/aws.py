"""The calls to AWS that a deployment makes from this machine."""

from __future__ import annotations

import threading
from typing import Any, cast

import botocore.session  # pyright: ignore[reportMissingTypeStubs]  it has none
from botocore.config import Config  # pyright: ignore[reportMissingTypeStubs]
from botocore.exceptions import BotoCoreError, ClientError  # pyright: ignore[reportMissingTypeStubs]

# A person waits: better a clear "no" after seconds than ten tries.
_MESSAGE = 300
_CONFIG = Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 2, "mode": "standard"})


class AwsProblem(RuntimeError):
    """AWS refused or did not answer. `code` is AWS' own, or the kind of failure on the way there."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


class Aws:
    """Clients of one region, made when they are first needed: `with closing(Aws(region)) as aws`."""

    def __init__(self, region: str) -> None:
        self.region = region
        self._session = cast("Any", botocore.session).get_session()
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()

    def call(self, service: str, operation: str, **arguments: Any) -> Any:  # noqa: ANN401  botocore is untyped
        """Call AWS once. Raises AwsProblem."""
        try:
            return getattr(self._client(service), operation)(**arguments)
        except ClientError as error:
            told: dict[str, Any] = cast("Any", error).response.get("Error", {})
            code = str(told.get("Code", "Unknown"))
            message = str(told.get("Message", "")).strip().partition("\n")[0][:_MESSAGE]
            raise AwsProblem(code, f"{service}:{operation}: {code}: {message}") from None
        except BotoCoreError as error:
            raise AwsProblem(type(error).__name__, f"{service}:{operation}: {error}") from None

    def close(self) -> None:
        """Close what was opened."""
        while self._clients:
            self._clients.popitem()[1].close()

    def _client(self, service: str) -> Any:  # noqa: ANN401
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._session.create_client(
                    service, region_name=self.region or None, config=_CONFIG
                )
            return self._clients[service]
