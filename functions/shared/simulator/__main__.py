"""`python -m functions.shared.simulator --port 8081 [--script FILE]`: serve until interrupted."""

from __future__ import annotations

import argparse
import socket
import sys
from pathlib import Path

import uvicorn

from functions.shared.simulator.app import create_simulator
from functions.shared.simulator.script import Script, parse_rules
from functions.shared.simulator.server import environment


def main() -> int:
    """Serve; exit 2 when the script cannot be read."""
    parser = argparse.ArgumentParser(prog="simulator", description="A labelled simulator of model providers.")
    parser.add_argument("--port", type=int, default=8081, help="0 takes any free one.")
    parser.add_argument("--script", type=Path, help="Rules as YAML or JSON.")
    options = parser.parse_args()
    script = Script()
    if options.script is not None:
        try:
            script.load(parse_rules(options.script.read_text()))
        except (OSError, ValueError) as error:
            sys.stderr.write(f"cannot read the script {options.script}: {error}\n")
            return 2
    listening = socket.create_server(("127.0.0.1", options.port))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    sys.stdout.write(f"simulated model providers at {url}; to send calls there:\n")
    sys.stdout.writelines(f"export {name}={value}\n" for name, value in environment(url).items())
    sys.stdout.flush()
    uvicorn.Server(uvicorn.Config(create_simulator(script), log_level="warning")).run(sockets=[listening])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
