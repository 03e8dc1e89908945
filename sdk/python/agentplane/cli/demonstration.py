"""`agentplane demo`: a real workflow on a real plane that is killed on the way."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from rich.markup import escape

from agentplane.cli.demo_shop import Shop
from agentplane.cli.executions import Follower, print_end, print_trace
from agentplane.cli.local_plane import DEVELOPER
from agentplane.cli.output import Failed, console, milliseconds
from agentplane.client import AgentPlane
from agentplane.models import Execution
from agentplane.sign_in import SignIn
from functions.shared.jsonvalue import JsonObject
from functions.shared.simulator.script import Rule
from functions.shared.simulator.server import Simulator

READY_SECONDS = 60
MODELS = {
    "OPENAI_API_KEY": "openai/gpt-4o-mini",
    "ANTHROPIC_API_KEY": "anthropic/claude-haiku-4-5",
    "GEMINI_API_KEY": "gemini/gemini-2.5-flash",
}
OLLAMA_URL = "http://127.0.0.1:11434"
TICKET = (
    "Hi, you charged me twice for the same espresso machine: orders A-1001 and A-1002 were the same purchase. "
    "Please give me my money back. Kim"
)


def _rule(prompt: str, answer: JsonObject, tokens: tuple[int, int]) -> Rule:
    reply = {"json": answer, "usage": {"input": tokens[0], "output": tokens[1]}, "delay": 0.3}
    return Rule.model_validate({"match": {"prompt": prompt}, "replies": [reply]})


# What the simulated model says when no real one is at hand.
RULES = (
    _rule(
        "You triage support tickets",
        {"label": "refund", "order_ids": ["A-1001", "A-1002"], "summary": "Charged twice for one espresso machine"},
        (182, 41),
    ),
    _rule("Round 0.", {"score": 6, "advice": "Name the amount and say when the money arrives."}, (95, 18)),
    _rule("Round 1.", {"score": 9, "advice": "Good."}, (117, 9)),
    _rule("Previous round: none", {"text": "Hi Kim, sorry about that. We will refund you."}, (120, 14)),
    _rule(
        "Draft a short reply",
        {"text": "Hi Kim, sorry for the double charge. We refund 120 USD; it arrives within three working days."},
        (158, 27),
    ),
)


@dataclass(frozen=True, slots=True)
class Model:
    """The model that the demo uses."""

    name: str
    is_simulated: bool


class PlaneProcess:
    """A plane in a process of its own, so that it can be killed."""

    def __init__(self, data: Path, postgres: int, shop: Shop, environment: dict[str, str]) -> None:
        self._data = data
        self._ready = data / "demo-ready.json"
        self._command = [sys.executable, "-m", "agentplane.cli.main", "dev", "--port", "0", "--data", str(data)]
        self._command += ["--postgres", str(postgres), "--ready-file", str(self._ready)]
        allowed = json.dumps([f"127.0.0.1:{shop.port}"])
        self._environment = {**os.environ, **environment, "AGENTPLANE_ALLOW_PRIVATE_HOSTS": allowed}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> dict[str, Any]:
        """Start it and give what it wrote when it was ready."""
        self._ready.unlink(missing_ok=True)
        with (self._data / "demo.log").open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, env=self._environment)  # noqa: S603  our own command
        until = time.monotonic() + READY_SECONDS
        while time.monotonic() < until:
            if self._ready.exists():
                return json.loads(self._ready.read_text())
            if self._process.poll() is not None:
                break
            time.sleep(0.05)
        log_text = (self._data / "demo.log").read_text()[-2000:]
        message = f"the plane did not start:\n{log_text}"
        raise Failed(message)

    def kill(self) -> None:
        """Kill the plane as a power cut would: no clean-up."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """Stop it cleanly, with its Postgres."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self._process.kill()


def run(*, data: Path | None, postgres: int, is_simulated: bool) -> None:
    """Run the demo and print what happened. Raises Failed when anything is not as it should be."""
    started = time.monotonic()
    model = pick_model(is_simulated=is_simulated)
    folder = data.absolute() if data else Path(tempfile.mkdtemp(prefix="agentplane-demo-"))
    folder.mkdir(parents=True, exist_ok=True)
    shop = Shop()
    simulator = Simulator(rules=list(RULES)) if model.is_simulated else None
    plane = PlaneProcess(folder, postgres, shop, simulator.environment if simulator else {})
    try:
        _run(plane, shop, model)
    finally:
        plane.stop()
        shop.close()
        if simulator is not None:
            simulator.close()
        if data is None:
            shutil.rmtree(folder, ignore_errors=True)
    console.print(f"\nThe demo took {time.monotonic() - started:.0f} s. Next: `make dev` keeps a plane running.")


def pick_model(*, is_simulated: bool) -> Model:
    """A model whose key is set, a local Ollama, or else the simulator."""
    if not is_simulated:
        for variable, name in MODELS.items():
            if os.environ.get(variable):
                return Model(name, is_simulated=False)
        local = _ollama_model()
        if local:
            return Model(f"ollama/{local}", is_simulated=False)
    return Model("openai/gpt-4o-mini", is_simulated=True)


def _ollama_model() -> str | None:
    try:
        models = httpx.get(f"{OLLAMA_URL}/api/tags", timeout=1).json()["models"]
    except (httpx.HTTPError, ValueError, KeyError):
        return None
    return str(models[0]["name"]) if models else None


def _run(process: PlaneProcess, shop: Shop, model: Model) -> None:
    label = (
        "[yellow]simulated model[/]: no model key is set, answers are scripted" if model.is_simulated else model.name
    )
    console.print(f"[bold]1.[/] Starting a plane with its own Postgres … ({label})")
    began = time.monotonic()
    ready = process.start()
    console.print(f"   {ready['url']} is ready after {time.monotonic() - began:.1f} s")

    document = _document(model)
    with AgentPlane(ready["url"], ready["api_key"]) as plane:
        plane.workflows.create("support-refund", document)
        execution = plane.executions.start("support-refund", {"ticket": TICKET, "shop_url": shop.url})
        console.print(f"[bold]2.[/] Execution {execution.id} of support-refund version {execution.version} runs.")
        _wait_for_lookups(plane, execution.id, shop)

    done_before = _finished(ready, execution.id)
    process.kill()
    console.print(
        f"[bold]3.[/] [red]kill -9[/] of the whole plane, after {', '.join(done_before)}; two lookups were in flight."
    )
    began = time.monotonic()
    ready = process.start()
    console.print(
        f"   started again on the same data after {time.monotonic() - began:.1f} s; the execution goes on by itself:"
    )

    with AgentPlane(ready["url"], ready["api_key"]) as plane:
        progress = Follower(plane, execution.id)
        waiting = progress.follow()
        if waiting.status != "waiting":
            print_end(waiting)
            message = f"the execution should wait for its approval, but it is {waiting.status}"
            raise Failed(message)
        question = waiting.waiting_for[0]
        console.print(
            f"[bold]4.[/] A person is asked: [magenta]{escape(question['message'])}[/] "
            f"This script signs in as {DEVELOPER} and answers: approve."
        )
        _approve(ready["url"], execution.id, question["path"])
        ended = progress.follow()
        trace = plane.executions.trace(execution.id)
    console.print("[bold]5.[/] The trace:")
    print_trace(ended, trace)
    print_end(ended)
    _check(ended, shop, done_before)


def _approve(url: str, execution_id: str, path: str) -> None:
    """Decide as a person: no key may. The code that a mail would bring is read from the development mailbox."""
    sign_in = SignIn.of_plane(url)
    sign_in.send_code(DEVELOPER)
    signed_in = sign_in.verify(DEVELOPER, sign_in.newest_code(DEVELOPER))
    with AgentPlane(url, token=signed_in.access_token) as person:
        person.executions.signal(execution_id, path, {"outcome": "approve", "form": {}})


def _document(model: Model) -> str:
    template = Path(__file__).parents[4] / "templates" / "workflows" / "support_refund.yaml"
    return template.read_text().replace("openai/gpt-4o-mini", model.name)


def _wait_for_lookups(plane: AgentPlane, execution_id: str, shop: Shop) -> None:
    """Wait until the first results are checkpointed and the next steps are in flight."""
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until:
        if sum(count for call, count in shop.calls.items() if "/orders/" in call) >= 2:  # noqa: PLR2004  both lookups
            return
        execution = plane.executions.get(execution_id)
        if execution.has_ended:
            print_end(execution)
            message = "the execution ended before it could be interrupted"
            raise Failed(message)
        time.sleep(0.05)
    message = f"no order was looked up within {READY_SECONDS} s"
    raise Failed(message)


def _finished(ready: dict[str, Any], execution_id: str) -> list[str]:
    with AgentPlane(ready["url"], ready["api_key"]) as plane:
        return [step.path for step in plane.executions.steps(execution_id) if step.status == "succeeded"]


def _check(ended: Execution, shop: Shop, done_before: list[str]) -> None:
    """Say what the kill cost, and fail loudly when anything was lost or done twice."""
    if ended.status != "succeeded":
        message = f"the execution {ended.status}"
        raise Failed(message)
    policy_calls = shop.calls["GET /policy"]
    if policy_calls != 1 or len(shop.refunds) != 1:
        message = f"the shop saw {policy_calls} policy calls and {len(shop.refunds)} refunds; one each was right"
        raise Failed(message)
    took = (ended.ended_at - ended.created_at).total_seconds() * 1000 if ended.ended_at and ended.created_at else None
    console.print(
        f"\n[green]Nothing was lost.[/] {len(done_before)} finished steps were not run again, the lookups that died "
        f"were, and the shop paid exactly one refund. {milliseconds(took)} in all."
    )
