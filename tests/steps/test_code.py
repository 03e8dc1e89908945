"""The code step: what it computes, what it cannot reach, and what it cannot use up; here and in its own function."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from functions.shared.sandbox import close_sandbox
from functions.shared.steps import Context, Handler, StepFailed
from functions.shared.steps.code import CodeStep
from functions.shared.steps.handlers import HANDLERS
from functions.shared.steps.redaction import Guarded
from functions.shared.steps.sandbox_function import SandboxFunction

ESCAPES = {
    "list the disk": "import os\nresult = os.listdir('/')",
    "read the environment": "import os\nresult = dict(os.environ)",
    "read a variable": "import os\nresult = os.getenv('PATH', 'none') if os.getenv('PATH') is None else 1 / 0",
    "open a file": "result = open('/etc/passwd').read()",
    "write a file": "open('/tmp/escaped', 'w').write('x')",
    "read by pathlib": "from pathlib import Path\nresult = Path('/etc/passwd').read_text()",
    "look by pathlib": "from pathlib import Path\nresult = [str(p) for p in Path('/').iterdir()]",
    "remove a file": "import os\nos.remove('/tmp/x')",
    "run a shell": "import os\nos.system('id')",
    "start a process": "import subprocess\nresult = subprocess.run(['id'])",
    "open a socket": "import socket\nsocket.create_connection(('127.0.0.1', 80))",
    "fetch a page": "import urllib.request\nurllib.request.urlopen('http://127.0.0.1')",
    "call C": "import ctypes\nctypes.CDLL(None)",
    "import by name": "import importlib\nimportlib.import_module('os')",
    "import by builtin": "result = __import__('os').listdir('/')",
    "look into frames": "import inspect\nresult = inspect.currentframe().f_back",
    "look through the heap": "import gc\nresult = gc.get_objects()",
    "patch the builtins": "import builtins\nbuiltins.print = None",
    "walk to the subclasses": "result = ().__class__.__bases__[0].__subclasses__()",
    "walk through globals": "def f():\n  pass\nresult = f.__globals__",
    "walk through code": "def f():\n  pass\nresult = f.__code__.co_consts",
    "walk through builtins": "result = __builtins__['open']",
    "walk through a traceback": "try:\n  1 / 0\nexcept ZeroDivisionError as e:\n  result = e.__traceback__.tb_frame",
    "walk by format": "result = '{0.__class__.__mro__}'.format(1)",
    "walk by format map": "result = '{a.__class__}'.format_map({'a': 1})",
    "walk by getattr": "result = getattr(1, '__cl' + 'ass__').__mro__[1].__subclasses__()",
    "open by eval": "result = eval(\"open('/etc/passwd').read()\")",
    "import by exec": "exec('import socket')",
    "pickle a command": "import pickle\nresult = pickle.loads(b\"cos\\nsystem\\n(S'id'\\ntR.\")",
}
LIMITS = {
    "loop for ever": ("while True: pass", "code_timeout"),
    "loop in a comprehension": ("result = [0 for i in range(10**12) if i < 0]", "code_timeout"),
    "catch the end": (
        "while True:\n  try:\n    while True: pass\n  except BaseException:\n    pass",
        "code_timeout",
    ),
    "count for ever": ("n = 0\nwhile n >= 0: n += 1", "code_timeout"),
    "grow a list": ("l = [0]\nwhile True: l.extend(l)", "code_memory"),
    "repeat a text": ("result = 'a' * 10**10", "code_memory"),
    "make bytes": ("result = bytes(10**10)", "code_memory"),
    "repeat a list": ("result = [0] * 10**9", "code_memory"),
    "a huge power": ("result = 10**10**8", "code_memory"),
    "a huge shift": ("result = 1 << 10**10", "code_memory"),
    "a huge power of two": ("result = 2**10**9 % 7", "code_memory"),
    "a wide format": ("result = '%1000000000d' % 1", "code_memory"),
    "a wide f-string": ("result = f'{1:>1000000000}'", "code_memory"),
    "sort everything": ("result = sorted(range(10**9))", "code_memory"),
    "nest lists": ("x = []\nwhile True: x = [x]", "code_memory"),
    "recurse": ("def f(n): return f(n + 1)\nf(0)", "code_error"),
    "nest parentheses": ("result = " + "(" * 5000 + "1" + ")" * 5000, "code_error"),
    "a number too long to write": ("result = str(7**1000000)", "code_error"),
    "join a text": ("x = 'a' * 1000000\nresult = x.join([x] * 1000)", "code_memory"),
}


@pytest.fixture(params=["here", "in its function"])
def code(request: pytest.FixtureRequest) -> Handler:
    if request.param == "here":
        return HANDLERS["code"]
    request.getfixturevalue("lambda_service")
    return Guarded(CodeStep(SandboxFunction("sandbox").run))


@pytest.fixture
def code_here() -> Handler:
    return HANDLERS["code"]


async def run(code: Handler, context: Context, python: str, **config: object) -> object:
    return (await code({"python": python, **config}, context)).output


@pytest.mark.parametrize(
    ("python", "inputs", "output"),
    [
        ("result = a + b", {"a": 1, "b": 2.5}, 3.5),
        ("a = 1", {}, None),
        ("result = None", {}, None),
        ("result = {'n': (1, 2), 'ok': True, 't': t}", {"t": "caf\u00e9"}, {"n": [1, 2], "ok": True, "t": "caf\u00e9"}),
        ("rows.append({'x': 2})\nresult = rows", {"rows": [{"x": 1}]}, [{"x": 1}, {"x": 2}]),
        ("import json, re, math\nresult = [json.dumps({'a': 1}), re.findall('[0-9]+', 'a1b22'), math.floor(2.7)]", {},
         ['{"a": 1}', ["1", "22"], 2]),
        ("from datetime import date\nresult = str(date(2026, 1, 31))", {}, "2026-01-31"),
        ("import asyncio\nasync def f(x):\n  await asyncio.sleep(5)\n  return x\nresult = [await f(1), await f(2)]", {},
         [1, 2]),
        ("from dataclasses import dataclass\n@dataclass\nclass P:\n  x: int\nresult = P(3).x", {}, 3),
        ("match kind:\n  case 'a': result = 1\n  case _: result = 2", {"kind": "z"}, 2),
        ("result = {1: 'a', None: 'b', False: 'c'}", {}, {"1": "a", "null": "b", "false": "c"}),
        ("result = 2**200", {}, 2**200),
    ],
)  # fmt: skip
async def test_the_result_is_the_output(
    python: str, inputs: dict[str, object], output: object, code: Handler, context: Callable[..., Context]
) -> None:
    assert await run(code, context(), python, inputs=inputs) == output


@pytest.mark.parametrize("name", ESCAPES)
async def test_there_is_no_way_out(name: str, code: Handler, context: Callable[..., Context]) -> None:
    with pytest.raises(StepFailed) as failed:
        await run(code, context(), ESCAPES[name])
    assert failed.value.code == "code_error"
    assert not failed.value.retryable
    assert "root:" not in str(failed.value.details)
    assert not os.path.exists("/tmp/escaped")  # noqa: ASYNC240, PTH110  one look at the disk


@pytest.mark.parametrize("name", LIMITS)
async def test_every_limit_holds(name: str, code: Handler, context: Callable[..., Context]) -> None:
    python, expected = LIMITS[name]
    began = time.monotonic()
    with pytest.raises(StepFailed) as failed:
        await run(code, context(), python, timeout="300ms", memory_mb=32)
    assert failed.value.code == expected
    assert not failed.value.retryable
    assert time.monotonic() - began < 3


async def test_a_pattern_that_backtracks_for_ever_elsewhere_is_quick(
    code: Handler, context: Callable[..., Context]
) -> None:
    assert await run(code, context(), "import re\nresult = re.match('(a+)+$', 'a' * 40 + 'b') is None") is True


async def test_a_repeated_run_computes_the_same(code: Handler, context: Callable[..., Context]) -> None:
    python = (
        "import random, time, datetime\ntime.sleep(10000)\n"
        "result = [random.random(), random.randint(1, 10**9), str(datetime.datetime.now()), time.time()]"
    )
    began = time.monotonic()
    first = await run(code, context(), python)
    assert await run(code, context(), python) == first
    assert time.monotonic() - began < 2
    assert (await run(code, context(idempotency_key="another"), python))[0] != first[0]


async def test_runs_share_nothing(code: Handler, context: Callable[..., Context]) -> None:
    await run(code, context(), "left_behind = 1")
    with pytest.raises(StepFailed, match="left_behind"):
        await run(code, context(), "result = left_behind")


async def test_what_was_printed_is_kept_within_a_cap(code: Handler, context: Callable[..., Context]) -> None:
    done = await code({"python": "for i in range(3): print('line', i)\nresult = 1"}, context())
    assert done.details == {"printed": "line 0\nline 1\nline 2\n"}
    done = await code({"python": "print('x' * 30000)\nresult = 1"}, context())
    assert len(done.details["printed"]) == 16_000
    with pytest.raises(StepFailed) as failed:
        await run(code, context(), "while True: print('x' * 1000)", timeout="300ms")
    assert failed.value.code == "code_error"
    assert "printed more than" in failed.value.message


async def test_an_error_shows_the_programs_own_lines(code: Handler, context: Callable[..., Context]) -> None:
    with pytest.raises(StepFailed) as failed:
        await run(code, context(), "print('before')\ndef f(x):\n    return x['total']\nresult = f({})")
    assert failed.value.code == "code_error"
    assert failed.value.message == "KeyError: total"
    assert "line 3, in f" in failed.value.details["traceback"]
    assert failed.value.details["printed"] == "before\n"
    assert "/work" not in str(failed.value.details)
    assert "site-packages" not in str(failed.value.details)


@pytest.mark.parametrize(
    ("python", "says"),
    [
        ("class Mine(Exception): pass", "built-in exception"),
        ("def f(): yield 1", "generator expression"),
        ("import pandas", "Available: asyncio"),
        ("del x", "subset of Python"),
        ("result = {1, 2}", "turn sets into lists"),
        ("import datetime\nresult = datetime.date(2026, 1, 1)", "text by str()"),
        ("result = lambda: 1", "must be JSON"),
        ("result = (", "EOF"),
        ("result = float('nan')", "not JSON"),
        ("result = float('inf')", "not JSON"),
        ("result = 10**5000", "digits"),
        ("x = []\nx.append(x)\nresult = x", "Circular"),
        ("open('/x')", "no files and no network"),
    ],
)
async def test_a_refusal_says_what_to_do_instead(
    python: str, says: str, code: Handler, context: Callable[..., Context]
) -> None:
    with pytest.raises(StepFailed) as failed:
        await run(code, context(), python)
    assert failed.value.code == "code_error"
    assert says in failed.value.message


@pytest.mark.parametrize("forged", ["'not json'", "5", "{'a': 1}", "'{\"a\": NaN}'", "None"])
async def test_a_program_cannot_forge_what_leaves_the_sandbox(
    forged: str, code: Handler, context: Callable[..., Context]
) -> None:
    python = f"import json\njson.dumps = lambda value: {forged}\nresult = 1"
    with pytest.raises(StepFailed) as failed:
        await run(code, context(), python)
    assert failed.value.code == "code_error"
    # Nor by a variable of the name that the plane itself uses.
    assert await run(code, context(), f"_json = {forged}\n_value = {forged}\nresult = 1") == 1


async def test_a_killed_worker_is_a_crash_that_may_be_tried_again(
    code_here: Handler, context: Callable[..., Context]
) -> None:
    running = asyncio.create_task(run(code_here, context(), "while True: pass", timeout="5s"))
    await asyncio.sleep(0.3)
    os.kill(await asyncio.to_thread(_busy_worker), 9)
    with pytest.raises(StepFailed) as failed:
        await running
    assert (failed.value.code, failed.value.retryable) == ("code_crashed", True)
    assert await run(code_here, context(), "result = 1") == 1


async def test_a_cancelled_run_leaves_no_process_behind(code_here: Handler, context: Callable[..., Context]) -> None:
    running = asyncio.create_task(run(code_here, context(), "while True: pass", timeout="30s"))
    await asyncio.sleep(0.3)
    worker = await asyncio.to_thread(_busy_worker)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    for _ in range(40):
        if worker not in _workers():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"worker {worker} still runs")


async def test_many_runs_go_side_by_side(code: Handler, context: Callable[..., Context]) -> None:
    outputs = await asyncio.gather(*(run(code, context(), "result = n * n", inputs={"n": n}) for n in range(20)))
    assert outputs == [n * n for n in range(20)]


@pytest.mark.parametrize(
    "config",
    [
        {"python": ""},
        {},
        {"python": "x", "inputs": {"not a name": 1}},
        {"python": "x", "inputs": {"class": 1}},
        {"python": "x", "inputs": {"__builtins__": 1}},
        {"python": "x", "timeout": "0s"},
        {"python": "x", "memory_mb": 5000},
    ],
)
async def test_a_spec_that_makes_no_sense_is_refused(
    config: dict[str, object], code: Handler, context: Callable[..., Context]
) -> None:
    with pytest.raises(StepFailed) as failed:
        await code(config, context())
    assert failed.value.code == "invalid_config"


def _busy_worker() -> int:
    """Find the sandbox process of ours that uses the processor."""
    before = {pid: _ticks(pid) for pid in _workers()}
    time.sleep(0.1)
    return max(before, key=lambda pid: _ticks(pid) - before[pid])


def _workers() -> list[int]:
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            command = (entry / "cmdline").read_bytes().split(b"\0")[0]
        except OSError:
            continue
        if int(fields[1]) == os.getpid() and command.endswith(b"monty") and fields[0] != "Z":
            found.append(int(entry.name))
    return found


def _ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])


async def test_steps_that_come_first_at_the_same_time_share_one_pool(
    code_here: Handler, context: Callable[..., Context]
) -> None:
    await close_sandbox()
    done = await asyncio.gather(*(code_here({"python": "result = 5"}, context()) for _ in range(12)))
    assert [each.output for each in done] == [5] * 12
