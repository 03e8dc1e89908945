"""`agents`, `state`, `workflows`, `costs`, `profile`, `keys` and `status`."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.markup import escape

from agentplane.cli.connection import connect
from agentplane.cli.documents import read_text
from agentplane.cli.output import console, milliseconds, moment, money, print_json, print_table, program, status_text
from agentplane.signing import SigningKey

JsonFlag = Annotated[bool, typer.Option("--json", help="JSON for programs.")]

agents = typer.Typer(no_args_is_help=True, help="The agents that registered.")
state = typer.Typer(no_args_is_help=True, help="JSON values by component and key.")
workflows = typer.Typer(no_args_is_help=True, help="Stored workflows and their versions.")
keys = typer.Typer(no_args_is_help=True, help="API keys of the organisation.")


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    panel = "Resources"
    app.command(rich_help_panel=panel)(status)
    app.add_typer(agents, name="agents", rich_help_panel=panel)
    app.add_typer(state, name="state", rich_help_panel=panel)
    app.add_typer(workflows, name="workflows", rich_help_panel=panel)
    app.add_typer(keys, name="keys", rich_help_panel=panel)
    app.command(rich_help_panel=panel)(costs)
    app.command(rich_help_panel=panel)(profile)


def status(as_json: JsonFlag = False) -> None:
    """Show at a glance: executions, agents, approvals, recent failures."""
    with connect() as plane:
        overview = plane.observe.overview()
        url = plane.url
    if as_json:
        print_json(overview)
        return
    console.print(f"plane       [bold]{url}[/]")
    counts = [f"{count} {status_text(word)}" for word, count in overview["executions"].items() if count]
    console.print(f"executions  {', '.join(counts) or 'none'} since {moment(overview['since'])}")
    cost = overview["cost_today"]
    console.print(f"cost today  {money(cost['cost_usd'])} in {cost['calls']} model calls")
    console.print(f"agents      {overview['agents']['registered']}, {overview['agents']['active']} active")
    for wait in overview["approvals"]:
        console.print(f"approval    {escape(wait['path'])}: {escape(wait['message'] or '')}")
        console.print(f"            [dim]{program()} approve {wait['execution_id']} --step '{wait['path']}'[/]")
    for failure in overview["recent_failures"]:
        message = escape(str((failure.get("error") or {}).get("message") or ""))
        console.print(f"{status_text(failure['status'], 11)} {failure['id']} {escape(failure['workflow'])}: {message}")


@agents.command("list")
def list_agents(as_json: JsonFlag = False) -> None:
    """List the agents with their health."""
    with connect() as plane:
        rows = plane.agents.list()
    if as_json:
        print_json([row.model_dump(mode="json") for row in rows])
        return
    print_table(
        ("id", "name", "framework", "status", "health", "last seen"),
        [(row.id, row.name, row.framework, row.status, row.health, row.last_seen_at) for row in rows],
    )


@state.command("get")
def get_state(component: str, key: str, as_json: JsonFlag = False) -> None:
    """Print a value as JSON."""
    with connect() as plane:
        found = plane.state.get(component, key)
    print_json(found.model_dump(mode="json") if as_json else found.value)


@state.command("put")
def put_state(
    component: str,
    key: str,
    value: Annotated[str, typer.Argument(help="JSON, @file with JSON, or plain text.")],
    if_version: Annotated[int | None, typer.Option(help="Write only over this version.")] = None,
    expires_in: Annotated[int | None, typer.Option(help="Seconds to live.")] = None,
) -> None:
    """Write a value."""
    options: dict[str, Any] = {}
    if if_version is not None:
        options["if_version"] = if_version
    if expires_in is not None:
        options["expires_in_seconds"] = expires_in
    with connect() as plane:
        written = plane.state.put(component, key, _value(value), **options)
    console.print(f"{escape(component)}/{escape(key)} version {written.version}")


def _value(text: str) -> Any:
    source = read_text(text[1:]) if text.startswith("@") else text
    try:
        return json.loads(source)
    except ValueError:
        return source


@workflows.command("list")
def list_workflows(as_json: JsonFlag = False) -> None:
    """List the workflows."""
    with connect() as plane:
        rows = plane.workflows.list()
    if as_json:
        print_json(rows)
        return
    print_table(
        ("name", "version", "format", "description"),
        [(r["name"], r.get("version"), r.get("format"), r.get("description")) for r in rows],
    )


@workflows.command("get")
def get_workflow(
    name: str, version: Annotated[int | None, typer.Option(help="The newest when omitted.")] = None
) -> None:
    """Print a version's definition."""
    with connect() as plane:
        definition = plane.workflows.get(name, version).definition
    if isinstance(definition, str):
        print(definition)
    else:
        print_json(definition)


@workflows.command("put")
def put_workflow(file: Annotated[str, typer.Argument(help="A YAML or JSON document; - for standard input.")]) -> None:
    """Store a document as a new version (the same content gives the same version)."""
    with connect() as plane:
        stored = plane.call("POST", "/api/workflows", body={"definition": read_text(file)})
    console.print(f"{escape(stored['name'])} version {stored['version']}")


def costs(
    by: Annotated[str, typer.Option(help="provider, model, workflow, agent or step.")] = "model",
    as_json: JsonFlag = False,
) -> None:
    """Show what model calls cost; unknown prices are shown as unknown."""
    with connect() as plane:
        answer = plane.observe.costs(by)
    if as_json:
        print_json(answer)
        return
    print_table(
        (by, "calls", "tokens", "cost"),
        [
            (
                row.get("group") or row.get(by) or "-",
                row.get("calls"),
                f"{row.get('input_tokens') or 0} + {row.get('output_tokens') or 0}",
                money(row.get("cost_usd")),
            )
            for row in answer["data"]
        ],
    )


def profile(
    execution: Annotated[str | None, typer.Option(help="Only this execution.")] = None,
    workflow: Annotated[str | None, typer.Option(help="Only this workflow.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Find the slowest steps, over one execution or many."""
    with connect() as plane:
        answer = plane.observe.bottlenecks(execution_id=execution, workflow=workflow)
    if as_json:
        print_json(answer)
        return
    print_table(
        ("step", "runs", "p50", "p95", "total", "share"),
        [
            (
                row.get("step") or row.get("path"),
                row.get("runs") or row.get("count"),
                milliseconds(row.get("p50_ms")),
                milliseconds(row.get("p95_ms")),
                milliseconds(row.get("total_ms")),
                f"{float(row['share']):.0%}" if row.get("share") is not None else "",
            )
            for row in answer["data"]
        ],
    )


@keys.command("list")
def list_keys(as_json: JsonFlag = False) -> None:
    """List the keys, without their secrets."""
    with connect() as plane:
        rows = plane.keys.list()
    if as_json:
        print_json(rows)
        return
    print_table(
        ("id", "name", "kind", "prefix", "last used", "revoked"),
        [
            (r["id"], r["name"], r["kind"], r["prefix"], moment(r["last_used_at"]), moment(r["revoked_at"]))
            for r in rows
        ],
    )


@keys.command("create")
def create_key(
    name: str,
    kind: Annotated[str, typer.Option(help="agent or operator.")] = "agent",
    scope: Annotated[list[str] | None, typer.Option(help="Repeat it; what agents need when omitted.")] = None,
    expires_in: Annotated[int | None, typer.Option(help="Seconds until it expires.")] = None,
    signed: Annotated[bool, typer.Option("--signed", help="Its requests must be signed; makes a pair.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Create a key. It is shown once, and so is the private key of `--signed`, which never leaves this machine."""
    fields: dict[str, Any] = {"kind": kind}
    if scope:
        fields["scopes"] = scope
    if expires_in is not None:
        fields["expires_in_seconds"] = expires_in
    pair = SigningKey.generate() if signed else None
    if pair is not None:
        fields["signing_key"] = pair.public
    with connect() as plane:
        created = plane.keys.create(name, **fields)
    if as_json:
        print_json(created | ({"private_key": pair.private} if pair else {}))
        return
    console.print(f"key [bold]{created['secret']}[/]")
    if pair is not None:
        console.print(f"private key [bold]{pair.private}[/]  [dim]as AGENTPLANE_SIGNING_KEY, or signing_key=…[/]")
    console.print("[dim]Keep it now: it is not shown again.[/]")


@keys.command("revoke")
def revoke_key(key_id: Annotated[str, typer.Argument(help="The key's id, from `keys list`.")]) -> None:
    """Revoke a key at once."""
    with connect() as plane:
        plane.keys.revoke(key_id)
    console.print("revoked")
