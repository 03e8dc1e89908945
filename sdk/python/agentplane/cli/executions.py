"""`run`, `executions …` and `approve`."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from agentplane.cli import session
from agentplane.cli.connection import connect, connect_as_person, plane_url
from agentplane.cli.documents import read_text
from agentplane.cli.output import (
    Failed,
    console,
    milliseconds,
    moment,
    money,
    print_json,
    print_table,
    program,
    shorten,
    status_text,
    usage_error,
)

if TYPE_CHECKING:
    from agentplane.client import AgentPlane
    from agentplane.models import Execution

ASKED = {"approval", "budget", "unknown"}  # waits that a person answers
WORD = 9  # characters of the longest status of a step

group = typer.Typer(no_args_is_help=True, help="List executions, look at them, move them.")

JsonFlag = Annotated[bool, typer.Option("--json", help="JSON for programs.")]
ExecutionId = Annotated[str, typer.Argument(help="The execution's id.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(rich_help_panel="Executions")(run)
    app.command(rich_help_panel="Executions")(approve)
    app.add_typer(group, name="executions", rich_help_panel="Executions")


def run(
    workflow: Annotated[str, typer.Argument(help="A workflow file (it is stored first), or the name of a stored one.")],
    input: Annotated[str, typer.Option("--input", "-i", help="JSON, or @file with JSON.")] = "{}",
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Follow it until it ends or waits for a person.")
    ] = True,
    as_json: JsonFlag = False,
) -> None:
    """Run a workflow and follow it. Exit code 1 when it does not succeed."""
    with connect() as plane:
        name = _store_if_file(plane, workflow, quiet=as_json)
        execution = plane.executions.start(name, parse_input(input))
        if not as_json:
            console.print(f"execution [bold]{execution.id}[/] of {escape(name)} version {execution.version}")
        if wait:
            execution = Follower(plane, execution.id, quiet=as_json).follow()
        if as_json:
            print_json(execution.model_dump(mode="json"))
        else:
            print_end(execution)
        if wait and execution.status not in {"succeeded", "waiting"}:
            raise typer.Exit(1)


def parse_input(text: str) -> dict[str, Any]:
    """JSON from the command line, or from a file named after an @."""
    source = read_text(text[1:]) if text.startswith("@") else text
    try:
        value = json.loads(source)
    except ValueError as error:
        usage_error(f"--input is not JSON: {error}", 'Write --input \'{"name": "value"}\' or --input @file.json')
    if not isinstance(value, dict):
        usage_error("--input must be a JSON object")
    return value  # pyright: ignore[reportUnknownVariableType]


def _store_if_file(plane: AgentPlane, workflow: str, *, quiet: bool) -> str:
    is_file = workflow == "-" or Path(workflow).is_file()
    if not is_file:
        if workflow.endswith((".yaml", ".yml", ".json", ".md")):
            usage_error(f"there is no file {workflow}")
        return workflow
    stored = plane.call("POST", "/api/workflows", body={"definition": read_text(workflow)})
    if not quiet:
        for warning in stored.get("warnings") or []:
            console.print(f"[yellow]warning[/] line {warning.get('line')}: {escape(str(warning.get('message')))}")
    return str(stored["name"])


class Follower:
    """Prints each step of an execution as it ends; goes on where it stopped when it is asked again."""

    def __init__(self, plane: AgentPlane, execution_id: str, *, quiet: bool = False) -> None:
        self._plane = plane
        self._id = execution_id
        self._quiet = quiet
        self._cursor: str | None = None

    def follow(self) -> Execution:
        """Follow until the execution ends or waits for a person, and nothing else goes on."""
        while True:
            is_new = self._read(wait_seconds=5)
            execution = self._plane.executions.get(self._id)
            if execution.has_ended:
                while self._read():
                    pass
                return execution
            if execution.status == "waiting" and any(wait["kind"] in ASKED for wait in execution.waiting_for):
                self._read()
                return execution
            if not is_new:
                time.sleep(0.1)

    def skip_what_happened(self) -> None:
        """Begin after the newest event."""
        while (page := self._plane.executions.events(self._id, after=self._cursor))["data"]:
            self._cursor = page["data"][-1]["id"]

    def _read(self, wait_seconds: int = 0) -> bool:
        page = self._plane.executions.events(self._id, after=self._cursor, wait_seconds=wait_seconds)
        for event in page["data"]:
            self._cursor = event["id"]
            if not self._quiet:
                _print_event(event)
        return bool(page["data"])


def _print_event(event: dict[str, Any]) -> None:
    kind = str(event.get("type", ""))
    path = escape(str(event.get("path") or ""))
    data = event.get("data") or {}
    if kind.startswith("step."):
        status = kind.removeprefix("step.")
        detail = (data.get("error") or {}).get("message") or (data.get("reason") or {}).get("message") or ""
        about = [
            milliseconds(data.get("duration_ms")) if status != "skipped" else "",
            money(data["cost_usd"]) if data.get("cost_usd") else "",
            shorten(str(detail)),
        ]
        told = escape(" ".join(part for part in about if part))
        console.print(f"  {status_text(status, WORD)} [bold]{path}[/] [dim]{told}[/]")
    elif kind == "wait.opened" and data.get("kind") not in {"retry", "shards"}:
        about = f"{data.get('kind')} {data.get('message') or data.get('name') or ''}"
        console.print(f"  {status_text('waiting', WORD)} [bold]{path}[/] [dim]{escape(about)}[/]")


def print_end(execution: Execution) -> None:
    """Say how it ended, or what it waits for and how to answer."""
    cost = f" · cost {money(execution.cost_usd)}" if execution.has_ended else ""
    console.print(f"{status_text(execution.status)}{cost}")
    if execution.error:
        place = f" at {execution.error['path']}" if execution.error.get("path") else ""
        code, message = str(execution.error.get("code")), str(execution.error.get("message"))
        console.print(f"[red]{escape(code)}[/]{escape(place)}: {escape(message)}")
    if execution.output is not None:
        console.print_json(json.dumps(execution.output))
    for wait in execution.waiting_for:
        if wait["kind"] in ASKED:
            _print_question(execution, wait)
        else:
            until = f" until {moment(wait['until'])}" if wait.get("until") else ""
            console.print(f"waits at [bold]{escape(wait['path'])}[/]: {wait['kind']} {escape(wait['name'])}{until}")


def _print_question(execution: Execution, wait: dict[str, Any]) -> None:
    path = _name_of(wait)
    about = "approval of" if wait["kind"] == "approval" else "an answer about"
    console.print(f"waits for {about} [bold]{escape(path)}[/]: {escape(str(wait.get('message') or ''))}")
    outcomes = f" --outcome {'|'.join(wait['outcomes'])}" if wait.get("outcomes") else ""
    form = """ --form '{"usd": "1.50"}'""" if wait["kind"] == "budget" else ""
    console.print(f"[dim]answer: {program()} approve {execution.id} --step '{path}'{escape(outcomes)}{form}[/]")


def _name_of(wait: dict[str, Any]) -> str:
    return str(wait["path"] or wait["name"])  # the question about the budget has no path


@group.command("list")
def list_executions(
    workflow: Annotated[str | None, typer.Option(help="Only of this workflow.")] = None,
    status: Annotated[str | None, typer.Option(help="queued, running, waiting, succeeded, failed, …")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 20,
    as_json: JsonFlag = False,
) -> None:
    """List the newest executions."""
    with connect() as plane:
        rows = plane.executions.list(limit=limit, workflow=workflow, status=status)
    if as_json:
        print_json([row.model_dump(mode="json") for row in rows])
        return
    print_table(
        ("id", "workflow", "status", "created", "cost"),
        [
            (
                row.id,
                f"{row.workflow}@{row.version}",
                row.status,
                row.created_at,
                money(row.cost_usd) if row.has_ended else "",
            )
            for row in rows
        ],
    )


@group.command()
def show(execution_id: ExecutionId, as_json: JsonFlag = False) -> None:
    """Show an execution with the trace of its steps: status, latency, tokens and cost."""
    with connect() as plane:
        execution = plane.executions.get(execution_id)
        trace = plane.executions.trace(execution_id)
    if as_json:
        print_json({"execution": execution.model_dump(mode="json"), "trace": trace})
        return
    print_trace(execution, trace)
    print_end(execution)


def print_trace(execution: Execution, trace: dict[str, Any]) -> None:
    """The trace as a table, and the slowest step."""
    print_table(
        ("step", "kind", "status", "latency", "tokens", "cost"),
        [
            (
                span["path"],
                span["kind"],
                span["status"],
                milliseconds(span.get("duration_ms")) if span["status"] != "skipped" else "",
                _tokens(span.get("usage")),
                _span_cost(span),
            )
            for span in flatten(trace["spans"])
        ],
        title=f"{execution.workflow} version {execution.version} · {execution.id}",
    )
    slowest = trace.get("slowest")
    if slowest and slowest.get("duration_ms"):
        share = f" ({slowest['share']:.0%} of the time)" if slowest.get("share") is not None else ""
        console.print(
            f"slowest step: [bold]{escape(slowest['path'])}[/] {milliseconds(slowest.get('duration_ms'))}{share}"
        )


def flatten(spans: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A tree of spans as the rows of a table, parents first."""
    rows: list[dict[str, Any]] = []
    for span in spans:
        rows.append(span)
        rows.extend(flatten(span.get("children") or []))
    return rows


def _tokens(usage: dict[str, Any] | None) -> str:
    if not usage or usage.get("input_tokens") is None:
        return ""
    return f"{usage['input_tokens']} + {usage.get('output_tokens') or 0}"


def _span_cost(span: dict[str, Any]) -> str:
    if span.get("is_cost_unknown"):
        return "unknown"
    return money(span["cost_usd"]) if span.get("cost_usd") is not None else ""


@group.command()
def events(
    execution_id: ExecutionId,
    after: Annotated[str | None, typer.Option(help="Only after this cursor.")] = None,
    is_following: Annotated[bool, typer.Option("--follow", "-f", help="Go on until it ends.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Print what happened."""
    with connect() as plane:
        if is_following:
            Follower(plane, execution_id).follow()
            return
        page = plane.executions.events(execution_id, after=after)
    if as_json:
        print_json(page)
        return
    print_table(
        ("at", "type", "path", "data"),
        [(moment(event.get("at")), event.get("type"), event.get("path"), event.get("data")) for event in page["data"]],
    )


@group.command()
def cancel(execution_id: ExecutionId) -> None:
    """Cancel an execution: running steps are stopped, open waits closed."""
    with connect() as plane:
        console.print(status_text(plane.executions.cancel(execution_id).status))


@group.command()
def retry(
    execution_id: ExecutionId,
    from_path: Annotated[
        str | None, typer.Option("--from", help="Also run this step again, and what depends on it.")
    ] = None,
) -> None:
    """Run what failed again; succeeded steps are kept."""
    with connect() as plane:
        follower = Follower(plane, execution_id)
        follower.skip_what_happened()
        plane.executions.retry(execution_id, from_path)
        execution = follower.follow()
    print_end(execution)
    if execution.status not in {"succeeded", "waiting"}:
        raise typer.Exit(1)


@group.command()
def signal(
    execution_id: ExecutionId,
    name: Annotated[str, typer.Argument(help="The event's name, or the path of an approval.")],
    payload: Annotated[str, typer.Option("--payload", "-p", help="JSON, or @file with JSON.")] = "{}",
) -> None:
    """Send a signal to an execution."""
    with connect() as plane:
        print_json(plane.executions.signal(execution_id, name, parse_input(payload)))


def approve(
    execution_id: ExecutionId,
    step: Annotated[str | None, typer.Option(help="The approval's path; needed when several wait.")] = None,
    outcome: Annotated[str | None, typer.Option(help="One of the approval's outcomes; the first when omitted.")] = None,
    form: Annotated[str, typer.Option(help="JSON for the form, or @file; its defaults fill what is missing.")] = "{}",
) -> None:
    """Answer an approval, as the person who has signed in; a budget or a lost step also with an operator's key."""
    with _decider() as plane:
        execution = plane.executions.get(execution_id)
        wait = _pick_approval(execution, step)
        outcomes = wait.get("outcomes") or ["approve", "reject"]
        chosen = outcome or outcomes[0]
        plane.executions.signal(
            execution_id,
            wait["name"] if "name" in wait else wait["path"],
            {"outcome": chosen, "form": parse_input(form)},
        )
    console.print(f"{escape(_name_of(wait))}: [bold]{escape(str(chosen))}[/]")


def _decider() -> AgentPlane:
    is_signed_in = os.environ.get("AGENTPLANE_TOKEN") or session.read(plane_url()) is not None
    return connect_as_person() if is_signed_in else connect()


def _pick_approval(execution: Execution, step: str | None) -> dict[str, Any]:
    waiting = [wait for wait in execution.waiting_for if wait["kind"] in ASKED]
    if not waiting:
        message = f"execution {execution.id} is {execution.status} and waits for no approval"
        raise Failed(message)
    if step is not None:
        waiting = [wait for wait in waiting if _name_of(wait) == step]
    if len(waiting) == 1:
        return waiting[0]
    paths = ", ".join(_name_of(wait) for wait in execution.waiting_for if wait["kind"] in ASKED)
    message = f"no approval waits at {step}" if step else "several approvals wait"
    raise Failed(message, hint=f"Name one with --step: {paths}")
