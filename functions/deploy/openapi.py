"""The OpenAPI document of all functions, which the function `discovery` serves. `python -m functions.deploy.openapi`.

Made in a process of its own, without settings: nothing of the machine that builds can get into it.
"""

from __future__ import annotations

import json
import subprocess
import sys

from functions.deploy.closure import ROOT


def whole_document() -> bytes:
    """Give the document as JSON, sorted. Raises RuntimeError with what went wrong."""
    command = [sys.executable, "-m", __spec__.name if __spec__ else __name__]
    done = subprocess.run(command, cwd=ROOT, env={"PYTHONHASHSEED": "0"}, capture_output=True, check=False)  # noqa: S603
    if done.returncode:
        raise RuntimeError(f"The OpenAPI document could not be made:\n{done.stderr.decode().strip()}")
    return done.stdout


def main() -> None:
    """Write the document of every router but the development sign-in to stdout."""
    from functions.local import create_local_app  # noqa: PLC0415  every function: only where the document is made
    from functions.shared.config import Settings  # noqa: PLC0415  as above

    settings = Settings(local_data=None)  # not a plane of one machine: without the development sign-in
    document = create_local_app(settings).openapi()
    sys.stdout.write(json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
