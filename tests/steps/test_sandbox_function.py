"""Programs in the function `sandbox`: what lies between the runner and it, and the handler on its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from functions.shared.config import Settings
from functions.shared.engine.assembly import engine_of
from functions.shared.steps import Context, StepFailed
from functions.shared.steps.code import CodeStep
from functions.shared.steps.handlers import HANDLERS
from functions.shared.steps.sandbox_function import SandboxFunction
from tests.steps.conftest import LambdaService

ROOT = Path(__file__).resolve().parents[2]


async def failure_of(function: str, context: Context, **config: object) -> StepFailed:
    with pytest.raises(StepFailed) as failed:
        await CodeStep(SandboxFunction(function, starts_s=0.4, patience_s=0).run)(
            {"python": "result = 1", "timeout": "100ms", **config}, context
        )
    return failed.value


@pytest.mark.parametrize(
    ("function", "code", "retryable", "aws"),
    [
        ("busy", "sandbox_busy", True, "TooManyRequestsException"),
        ("forbidden", "sandbox_unusable", False, "AccessDeniedException"),
        ("missing", "sandbox_unusable", False, "ResourceNotFoundException"),
        ("refuses_size", "inputs_too_large", False, "RequestTooLargeException"),
        ("broken_service", "sandbox_unreachable", True, "ServiceException"),
        ("bad_gateway", "sandbox_unreachable", True, "502"),
        ("hangs_up", "sandbox_unreachable", True, "ConnectionClosedError"),
        ("hangs", "sandbox_unreachable", True, "ReadTimeoutError"),
        ("out_of_time", "code_crashed", True, "Sandbox.Timedout"),
        ("exits", "code_crashed", True, "Runtime.ExitError"),
        ("out_of_memory", "code_crashed", True, "Runtime.OutOfMemory"),
        ("raises", "code_crashed", True, "KeyError"),
        ("says_nothing", "code_crashed", True, "unknown"),
        ("lacks_a_module", "sandbox_unusable", False, "Runtime.ImportModuleError"),
        ("another_function", "sandbox_unusable", False, None),
        ("not_json", "sandbox_unusable", False, None),
    ],
)
async def test_every_answer_of_lambda_is_a_typed_failure_and_none_is_repeated(
    function: str,
    code: str,
    retryable: bool,
    aws: str | None,
    lambda_service: LambdaService,
    context: Callable[..., Context],
) -> None:
    before = lambda_service.invoked(function)
    failed = await failure_of(function, context())
    assert (failed.code, failed.retryable, failed.details.get("aws")) == (code, retryable, aws)
    assert failed.details["function"] == function
    assert failed.retry_after == (3.0 if function == "busy" else None)
    assert lambda_service.invoked(function) == before + 1


async def test_what_was_throttled_is_asked_for_again_until_a_sandbox_is_free(
    lambda_service: LambdaService, context: Callable[..., Context]
) -> None:
    run = CodeStep(SandboxFunction("busy_at_first", patience_s=5).run)
    assert (await run({"python": "result = 2"}, context())).output == 2
    assert lambda_service.invoked("busy_at_first") == 3


async def test_inputs_that_no_call_can_carry_are_refused_before_it(
    lambda_service: LambdaService, context: Callable[..., Context]
) -> None:
    failed = await failure_of("never_called", context(), inputs={"text": "x" * 6_000_001})
    assert (failed.code, failed.retryable) == ("inputs_too_large", False)
    assert failed.details["max_bytes"] == 6_000_000
    assert lambda_service.invoked("never_called") == 0


async def test_large_values_and_every_character_pass_both_ways(
    lambda_service: LambdaService, context: Callable[..., Context]
) -> None:
    here, there = HANDLERS["code"], CodeStep(SandboxFunction("sandbox").run)
    for text in ('\u00e9\u4e2d\U0001f600"\\\n', "caf\u00e9 " * 500_000):
        done = await there({"python": "result = [text, len(text)]", "inputs": {"text": text}}, context())
        assert done.output == [text, len(text)]
    for run in (here, there):
        with pytest.raises(StepFailed) as failed:
            await run({"python": "result = text", "inputs": {"text": "half \ud800"}}, context())
        assert failed.value.code == "code_error"
        assert "surrogates" in failed.value.message


async def test_without_an_address_or_credentials_the_operator_is_told(
    lambda_service: LambdaService, monkeypatch: pytest.MonkeyPatch, context: Callable[..., Context]
) -> None:
    from functions.shared import aws  # noqa: PLC0415  clients are made anew around this test only

    aws.forget_clients()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    failed = await failure_of("sandbox", context())
    assert (failed.code, failed.retryable, failed.details["aws"]) == ("sandbox_unusable", False, "NoCredentialsError")
    aws.forget_clients()


async def test_the_engine_uses_the_function_that_the_settings_name(
    lambda_service: LambdaService, context: Callable[..., Context]
) -> None:
    settings = Settings(sandbox_function="sandbox")
    engine = engine_of(settings, None, None)  # type: ignore[arg-type]  neither is asked here
    before = lambda_service.invoked("sandbox")
    done = await engine.handlers["code"]({"python": "print('there')\nresult = 4"}, context())
    assert (done.output, done.details) == (4, {"printed": "there\n"})
    assert lambda_service.invoked("sandbox") == before + 1
    assert engine_of(Settings(), None, None).handlers["code"] is HANDLERS["code"]  # type: ignore[arg-type]


# The handler on its own


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Callable[..., dict[str, Any]]]:
    """Call the handler in another process, as its tests here have a loop and a pool of their own."""
    service = (
        "import sys, json\nfrom functions.sandbox.app import handler\n"
        "class Invocation:\n"
        "    def __init__(self, left_ms, mb): self.left_ms, self.memory_limit_in_mb = left_ms, mb\n"
        "    def get_remaining_time_in_millis(self): return self.left_ms\n"
        "for line in sys.stdin:\n"
        "    event, left_ms, mb = json.loads(line)\n"
        "    print(json.dumps(handler(event, Invocation(left_ms, mb))), flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", service],
        env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], "AWS_SESSION_TOKEN": "only-the-role-knows"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:

        def call(left_ms: int = 30_000, mb: str = "1769", **changes: object) -> dict[str, Any]:
            event = {"python": "result = 1", "inputs": {}, "timeout": 5, "memory_mb": 64, "seed": "s"} | changes
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps([event, left_ms, mb]) + "\n")
            process.stdin.flush()
            answer = json.loads(process.stdout.readline())
            answer["pid"] = process.pid
            return answer

        yield call
        process.kill()


Call = Callable[..., dict[str, Any]]


@pytest.mark.parametrize(
    "changes",
    [
        {"python": None},
        {"python": ""},
        {"python": "x" * 64_001},
        {"inputs": None},
        {"inputs": [1]},
        {"inputs": {"not a name": 1}},
        {"inputs": {"__builtins__": 1}},
        {"seed": 5},
        {"timeout": "5s"},
        {"timeout": 0},
        {"timeout": -1},
        {"timeout": True},
        {"memory_mb": None},
    ],
)
def test_an_event_that_makes_no_sense_is_answered_not_raised(changes: dict[str, object], sandbox: Call) -> None:
    answer = sandbox(**changes)
    assert (answer["ok"], answer["code"], answer["retryable"]) == (False, "invalid_config", False)


def test_the_invocations_own_limits_come_before_the_programs(sandbox: Call) -> None:
    began = time.monotonic()
    answer = sandbox(python="while True: pass", timeout=60, left_ms=1_300)
    assert (answer["code"], answer["retryable"]) == ("code_timeout", False)
    assert time.monotonic() - began < 1.3
    answer = sandbox(python="result = 'a' * 30_000_000", memory_mb=1024, mb="180")
    assert answer["code"] == "code_memory"
    assert "20 MB" in answer["message"]


def test_a_result_that_lambda_would_drop_is_refused_with_its_size(sandbox: Call) -> None:
    answer = sandbox(python="result = '\\u00e9' * 1_200_000")
    assert (answer["ok"], answer["code"]) == (False, "code_error")
    assert "7,200,0" in answer["message"]
    assert len(sandbox(python="result = 'e' * 5_000_000")["value"]) == 5_000_000


def test_nothing_of_a_program_remains_when_its_invocation_has_ended(sandbox: Call) -> None:
    answer = sandbox(python="left_behind = 1\nprint('x')\nresult = 1")
    children = Path(f"/proc/{answer['pid']}/task")
    alive = [
        child
        for task in children.iterdir()
        for child in (task / "children").read_text().split()
        if Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    ]
    assert alive == []
    assert sandbox(python="result = left_behind")["code"] == "code_error"
    assert sandbox(python="result = 2")["printed"] == ""


def test_the_same_seed_gives_the_same_run_in_every_process(sandbox: Call) -> None:
    python = "import random, time\nresult = [random.random(), time.time()]"
    assert sandbox(python=python) == sandbox(python=python)
    assert sandbox(python=python, seed="t")["value"][0] != sandbox(python=python)["value"][0]


def test_the_handler_works_again_after_it_was_closed() -> None:
    code = (
        "from functions.sandbox.app import Sandbox\n"
        "event = {'python': 'result = 1', 'inputs': {}, 'timeout': 5, 'memory_mb': 64, 'seed': 's'}\n"
        "one = Sandbox()\nprint(one(event)['value'])\none.close()\nprint(one(event)['value'])\none.close()\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout == "1\n1\n"


def test_it_imports_nothing_that_has_rights_settings_or_secrets() -> None:
    code = "import sys, functions.sandbox.app; print('\\n'.join(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(ran.stdout.split())
    assert {each for each in loaded if each.startswith("functions.")} == {
        "functions.sandbox",
        "functions.sandbox.app",
        "functions.shared",
        "functions.shared.jsonvalue",
        "functions.shared.sandbox",
    }
    heavy = {"asyncpg", "botocore", "cryptography", "fastapi", "httpx", "litellm", "pydantic", "yaml"}
    assert not {each.partition(".")[0] for each in loaded} & heavy
