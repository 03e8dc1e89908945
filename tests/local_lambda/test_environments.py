"""What Lambda promises and takes away, shown with small handlers: each test starts processes of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from functions.local_lambda.environment import Environment, Started
from functions.local_lambda.function import Answer, LocalFunction, Request, Throttled, TooLarge
from functions.local_lambda.invocation import Ledger
from functions.local_lambda.package_folder import runtime_folder
from tests.local_lambda.running import is_running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HANDLER = """
import os, subprocess, sys, threading, time

state = {"events": 0, "ticks": 0}

def tick():
    while True:
        time.sleep(0.005)
        state["ticks"] += 1

def handle(event, context):
    state["events"] += 1
    match event.get("do"):
        case "background":
            threading.Thread(target=tick, daemon=True).start()
        case "child":
            state["child"] = subprocess.Popen(["/bin/sleep", "60"]).pid
        case "sleep":
            open(event["file"], "a").write("begin ")
            time.sleep(event["seconds"])
            open(event["file"], "a").write("end ")
        case "raise":
            raise KeyError("nothing there")
        case "exit":
            os._exit(3)
        case "large":
            return "x" * event["bytes"]
        case "eat":
            eaten = b"x" * (event["megabytes"] * 1_000_000)
            time.sleep(0.5)
        case "write":
            open(os.path.join(os.environ["LAMBDA_TASK_ROOT"], "written"), "w")
    return {**state, "environment": dict(os.environ), "path": sys.path, "cwd": os.getcwd(),
            "left_ms": context.get_remaining_time_in_millis(), "arn": context.invoked_function_arn,
            "memory": context.memory_limit_in_mb, "pid": os.getpid()}
"""


class Small:
    """A function of a few lines."""

    def __init__(self, folder: Path, runtime: Path) -> None:
        self.ledger = Ledger()
        self.lines: list[str] = []
        self.folder = folder
        self.started = Started(
            name="small",
            handler="small.handle",
            folder=folder,
            runtime=runtime,
            variables={
                "AWS_LAMBDA_FUNCTION_NAME": "small",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
                "LAMBDA_TASK_ROOT": str(folder),
                "PATH": os.defpath,
                "PYTHONPATH": f"{folder}:{runtime}",
            },
            timeout_s=0.6,
            memory_mb=128,
            arn="arn:aws:lambda:eu-central-1:123456789012:function:small",
        )
        self.function = LocalFunction("small", lambda: self.started, None, self.ledger, self._on_line)

    def _on_line(self, _environment: Environment, line: str) -> None:
        self.lines.append(line)

    async def answer(self, do: str = "", **event: Any) -> Answer:
        return await self.function.invoke(Request({"do": do, **event}))

    async def say(self, do: str = "", **event: Any) -> dict[str, Any]:
        answer = await self.answer(do, **event)
        assert not answer.error, answer.message
        return json.loads(answer.body)


@pytest.fixture
async def small(tmp_path: Path) -> AsyncIterator[Small]:
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "small.py").write_text(HANDLER)
    folder.chmod(0o555)
    made = Small(folder, runtime_folder(tmp_path / "runtime"))
    yield made
    await made.function.stop()


async def test_a_second_event_finds_the_process_of_the_first(small: Small):
    first, second = await small.say(), await small.say()

    assert (first["events"], second["events"], first["pid"]) == (1, 2, second["pid"])
    cold, warm = small.ledger.invocations
    assert (cold.is_cold, warm.is_cold, warm.init_ms) == (True, False, 0)
    assert cold.billed_ms >= cold.init_ms
    assert warm.report().startswith(f"small        pid {warm.pid}")


async def test_a_process_has_what_lambda_gives_it_and_nothing_of_ours(small: Small, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AGENTPLANE_MASTER_KEY", "of whoever runs the tests")
    said = await small.say()

    assert set(said["environment"]) == {
        *("AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "LAMBDA_TASK_ROOT", "PATH", "PYTHONPATH"),
        *("AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_LOG_STREAM_NAME", "LC_CTYPE", "_X_AMZN_TRACE_ID"),
    }
    assert not [path for path in said["path"] if "site-packages" in path or path in ("", str(Path.cwd()))]
    assert said["cwd"] == str(small.folder)
    assert 0 < said["left_ms"] <= 600
    assert (said["arn"], said["memory"]) == (small.started.arn, "128")


async def test_a_package_is_read_only(small: Small):
    answer = await small.answer("write")

    assert (answer.error, b"Read-only" in answer.body or b"Permission denied" in answer.body) == ("Unhandled", True)
    assert [path.name for path in small.folder.iterdir()] == ["small.py"]


async def test_nothing_happens_between_two_events(small: Small):
    before = (await small.say("background"))["ticks"]
    await asyncio.sleep(0.3)
    after = (await small.say())["ticks"]

    assert after - before <= 4  # not 60


async def test_the_time_limit_kills_in_the_middle_and_the_next_event_starts_cold(small: Small, tmp_path: Path):
    child = (await small.say("child"))["child"]
    answer = await small.answer("sleep", seconds=5, file=str(tmp_path / "trail"))

    assert (answer.error, answer.message) == ("Sandbox.Timedout", "Task timed out after 0.60 seconds")
    assert (tmp_path / "trail").read_text() == "begin "
    assert not is_running(child)
    assert (await small.say())["events"] == 1


async def test_an_exit_and_a_kill_are_told_and_the_next_event_starts_cold(small: Small):
    assert (await small.answer("exit")).message == "Runtime exited: exit status 3"
    assert (await small.say())["events"] == 1
    answer = await small.function.invoke(Request({"do": "sleep", "seconds": 5, "file": os.devnull}, kill_after_s=0.1))
    assert (answer.error, answer.message) == ("Runtime.ExitError", "Runtime exited: signal: SIGKILL")
    assert (await small.say())["events"] == 1


async def test_a_process_that_dies_while_it_is_idle_is_not_used_again(small: Small):
    pid = (await small.say())["pid"]
    os.kill(pid, signal.SIGKILL)
    while is_running(pid):  # noqa: ASYNC110  the system tells nobody else
        await asyncio.sleep(0.001)

    assert (await small.say())["pid"] != pid


async def test_an_error_of_the_handler_leaves_the_process(small: Small):
    answer = await small.answer("raise")

    assert (answer.error, b'"errorType": "KeyError"' in answer.body) == ("Unhandled", True)
    assert (await small.say())["events"] == 2
    assert any("nothing there" in line for line in small.lines)


async def test_more_memory_than_the_function_has_ends_it(small: Small):
    answer = await small.answer("eat", megabytes=200)

    assert answer.error == "Runtime.OutOfMemory"
    assert small.ledger.invocations[0].max_memory_mb > 128


async def test_events_and_answers_of_more_than_six_megabytes_are_refused(small: Small):
    assert (await small.answer("large", bytes=6 * 1024 * 1024)).error == "Function.ResponseSizeTooLarge"
    assert not (await small.answer("large", bytes=6_000_000)).error
    with pytest.raises(TooLarge):
        await small.answer(text="x" * (6 * 1024 * 1024))


async def test_a_reserved_limit_throttles_what_comes_at_the_same_time(small: Small):
    small.function.reserved = 2
    answers = await asyncio.gather(
        *(small.answer("sleep", seconds=0.2, file=os.devnull) for _ in range(3)), return_exceptions=True
    )

    assert sorted(type(answer).__name__ for answer in answers) == ["Answer", "Answer", "Throttled"]
    assert small.ledger.throttled == {"small": 1}
    assert isinstance(next(answer for answer in answers if not isinstance(answer, Answer)), Throttled)


async def test_without_one_events_wait_for_the_environments_that_there_may_be(small: Small):
    small.function.most = 2
    said = await asyncio.gather(*(small.say("sleep", seconds=0.1, file=os.devnull) for _ in range(5)))

    assert len({one["pid"] for one in said}) == 2


@pytest.mark.parametrize(
    ("handler", "error"),
    [("missing.handle", "Runtime.ImportModuleError"), ("small.missing", "Runtime.HandlerNotFound")],
)
async def test_a_handler_that_cannot_be_loaded_is_told(small: Small, handler: str, error: str):
    await small.function.change(handler=handler)

    assert (await small.answer()).error == error
    assert not small.function.environments


async def test_what_it_started_ends_with_it(small: Small):
    said = await small.say("child")
    await small.function.stop()

    assert not is_running(said["pid"])
    assert not is_running(said["child"])
