"""SQS's and Parameter Store's API on a free port of this machine, by moto; says the port and serves until it is ended.

Run by its path: moto keeps what it knows for the whole process, so it has one of its own.
"""

from __future__ import annotations

import sys
import time

from moto.server import ThreadedMotoServer


def main() -> None:
    """Serve."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    sys.stdout.write(f"{server.get_host_and_port()[1]}\n")
    sys.stdout.flush()
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main()
