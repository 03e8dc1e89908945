"""The simulator as a server on loopback, in a thread of this process."""

from __future__ import annotations

import socket
import threading
import time
from types import TracebackType
from typing import Self

import uvicorn

from functions.shared.simulator.app import create_simulator
from functions.shared.simulator.script import Rule, Script

_START_SECONDS = 10.0
_KEY = "simulated-key"


class Simulator:
    """Serves until closed; `script` is live. Port 0 takes any free one.

    `environment` holds the variables that send every provider's calls here: addresses, and keys that mean nothing.
    """

    def __init__(self, *, port: int = 0, rules: list[Rule] | None = None) -> None:
        self.script = Script(list(rules or []))
        self._socket = socket.create_server(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else each answer takes 40 ms
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        config = uvicorn.Config(
            create_simulator(self.script), log_level="warning", lifespan="off", access_log=False, ws="none"
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, name="simulator", daemon=True)
        self._thread.start()
        self._wait_until_started()

    @property
    def environment(self) -> dict[str, str]:
        return environment(self.url)

    def close(self) -> None:
        """Stop serving; open connections are cut."""
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join(timeout=5)
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _serve(self) -> None:
        self._server.run(sockets=[self._socket])

    def _wait_until_started(self) -> None:
        until = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if time.monotonic() > until or not self._thread.is_alive():
                message = f"the simulator did not start on {self.url}"
                raise RuntimeError(message)
            time.sleep(0.005)


def environment(url: str) -> dict[str, str]:
    """Give the environment variables that send every provider's calls to the simulator at `url`."""
    return {
        "OPENAI_BASE_URL": f"{url}/v1",
        "OPENAI_API_KEY": _KEY,
        "ANTHROPIC_API_BASE": url,
        "ANTHROPIC_API_KEY": _KEY,
        "GEMINI_API_BASE": f"{url}/v1beta",
        "GEMINI_API_KEY": _KEY,
        "OLLAMA_API_BASE": url,
    }
