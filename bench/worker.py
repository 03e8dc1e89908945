"""The process of one system: `python -m bench.worker NAME` takes calls as lines of JSON and answers each with a line.

An answer holds the result, the seconds that it took and the CPU seconds of this process.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
import traceback
from typing import IO, Any

from bench.systems import make


async def serve(name: str, answers: IO[str]) -> None:
    """Answer calls until the input ends."""
    system = make(name)
    while line := await asyncio.to_thread(sys.stdin.readline):
        call = json.loads(line)
        answer = await _answered(getattr(system, call["method"]), call["arguments"])
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


async def _answered(method: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    cpu, began = time.process_time(), time.perf_counter()
    try:
        result = await method(**arguments)
    except Exception:  # noqa: BLE001  told to the harness, which stops
        return {"error": traceback.format_exc()}
    return {"result": result, "seconds": time.perf_counter() - began, "cpu_s": time.process_time() - cpu}


def main() -> None:
    """Keep stdout for answers: what libraries print goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    asyncio.run(serve(sys.argv[1], answers))
    os._exit(0)  # threads of libraries shall not keep the process


if __name__ == "__main__":
    main()
