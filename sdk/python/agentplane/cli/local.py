"""`dev`, `demo`, `doctor` and `orgs`: the plane on this machine. Its own code is imported only when they run."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.markup import escape

from agentplane.cli.connection import data_directory, running_plane
from agentplane.cli.documents import require_functions
from agentplane.cli.output import console, print_json, usage_error

orgs = typer.Typer(no_args_is_help=True, help="Organisations of a plane; for its operator, by the database's address.")

DEFAULT_PORT = 8400
DataOption = Annotated[
    Path | None, typer.Option("--data", help="Where the data is kept; AGENTPLANE_DATA or .agentplane.")
]
PostgresOption = Annotated[Literal["16", "18"], typer.Option("--postgres", help="Version of the embedded Postgres.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    panel = "A plane on this machine"
    app.command(rich_help_panel=panel)(dev)
    app.command(rich_help_panel=panel)(demo)
    app.command(rich_help_panel=panel)(doctor)
    app.add_typer(orgs, name="orgs", rich_help_panel=panel)


def dev(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 picks a free one.")] = DEFAULT_PORT,
    data: DataOption = None,
    db_url: Annotated[
        str | None,
        typer.Option("--db-url", help="Any Postgres 16 or later, as its owner, instead of the embedded one."),
    ] = None,
    ready_file: Annotated[
        Path | None,
        typer.Option("--ready-file", help="When ready, JSON is written here: {url, api_key, db_url, key_pepper, pid}."),
    ] = None,
    postgres: PostgresOption = "18",
    simulate_models: Annotated[
        bool, typer.Option("--simulate-models", help="Answer model calls by the built-in simulator; plainly labelled.")
    ] = False,
    stack: Annotated[
        Literal["embedded", "supabase"],
        typer.Option("--stack", help="supabase: on a whole Supabase, started by its CLI in Docker."),
    ] = "embedded",
    is_lambda: Annotated[
        bool,
        typer.Option("--lambda", help="Run the packages as a local Lambda does: a process a function, queues between."),
    ] = False,
) -> None:
    """Run a whole plane on this machine and keep it running. Ctrl-C stops it."""
    require_functions("dev")
    if stack == "supabase" and is_lambda:
        usage_error("--stack supabase and --lambda do not go together", "Try one of them at a time.")
    if stack == "supabase" and db_url:
        usage_error("--stack supabase and --db-url do not go together", "The stack brings its own database.")
    from agentplane.cli import local_plane  # noqa: PLC0415  imports the plane's own code

    options = local_plane.Options(
        port=port,
        data=(data or data_directory()).absolute(),
        db_url=db_url,
        ready_file=ready_file,
        postgres=int(postgres),
        simulate_models=simulate_models,
        has_supabase=stack == "supabase",
        is_lambda=is_lambda,
    )
    raise typer.Exit(local_plane.serve(options))


def demo(
    data: DataOption = None,
    postgres: PostgresOption = "18",
    is_simulated: Annotated[
        bool, typer.Option("--simulate-models", help="Use the simulator even if a model key is set.")
    ] = False,
) -> None:
    """Run a real workflow durably: the plane is killed on the way and the execution still ends right."""
    require_functions("demo")
    from agentplane.cli import demonstration  # noqa: PLC0415  imports the plane's own code

    demonstration.run(data=data, postgres=int(postgres), is_simulated=is_simulated)


def doctor() -> None:
    """Check this machine and the plane that the commands would talk to."""
    from agentplane.cli import diagnosis  # noqa: PLC0415

    raise typer.Exit(diagnosis.run())


@orgs.command("create")
def create_organisation(
    name: Annotated[str, typer.Argument(help="Unique on this plane.")],
    db_url: Annotated[
        str | None, typer.Option("--db-url", help="The database, as its owner; the running dev's when omitted.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON for programs.")] = False,
) -> None:
    """Create an organisation and print its operator key, once."""
    require_functions("orgs create")
    from agentplane.cli import operator  # noqa: PLC0415  imports the plane's own code

    here = running_plane()
    address = db_url or os.environ.get("AGENTPLANE_DB_URL") or (here["db_url"] if here else None)
    if address is None:
        usage_error("no database is named", "Give --db-url, or run it where `agentplane dev` runs.")
    pepper = os.environ.get("AGENTPLANE_KEY_PEPPER", "")
    if here and here["db_url"] == address:
        pepper = here.get("key_pepper", pepper)
    created = asyncio.run(operator.create_organisation(address, name, operator.read_peppers(pepper)))
    if as_json:
        print_json(created)
        return
    console.print(f"organisation [bold]{escape(name)}[/] {created['org_id']}")
    console.print(f"key [bold]{created['api_key']}[/]")
    console.print("[dim]Keep it now: it is not shown again.[/]")
