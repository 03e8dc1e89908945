"""The `agentplane` command. Exit codes: 0 ok · 1 it failed · 2 usage · 3 the plane cannot be reached."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from agentplane.cli import deploy, documents, executions, local, people, resources
from agentplane.cli.output import UNREACHABLE, Failed, print_error, print_problem
from agentplane.errors import AgentPlaneError, ApiError, PlaneUnreachable

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="The control plane that agents call: state, durable workflows, approvals.\n\n"
    "Commands that talk to a plane read AGENTPLANE_URL and AGENTPLANE_API_KEY; `login` signs a person in; "
    "on the machine of a running `agentplane dev` they find it by themselves.",
    epilog="Exit codes: 0 ok, 1 the execution, test or document failed, 2 usage, 3 cannot reach the plane.",
)


def _show_version(value: bool) -> None:
    if value:
        from importlib.metadata import version  # noqa: PLC0415  only for this flag

        print(f"agentplane {version('agentplane')}")
        raise typer.Exit


@app.callback()
def options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options of every command."""


local.add_to(app)
documents.add_to(app)
executions.add_to(app)
resources.add_to(app)
people.add_to(app)
deploy.add_to(app)


def main() -> None:
    """Run the command line and turn every expected failure into a message and an exit code."""
    try:
        app()
    except Failed as error:
        print_error(str(error), error.hint)
        sys.exit(error.exit_code)
    except ApiError as error:
        print_problem(error)
        sys.exit(1)
    except PlaneUnreachable as error:
        print_error(str(error), "Start one with `agentplane dev`, or set AGENTPLANE_URL.")
        sys.exit(UNREACHABLE)
    except AgentPlaneError as error:
        print_error(str(error))
        sys.exit(1)


if __name__ == "__main__":
    main()
