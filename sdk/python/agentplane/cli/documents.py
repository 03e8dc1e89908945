"""`validate` and `test`: both need no plane, no key and no network."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.markup import escape

from agentplane.cli.output import Failed, console, print_json, usage_error

if TYPE_CHECKING:
    from functions.shared.engine.inline_tests import TestReport

SEVERITY_STYLE = {"error": "red", "warning": "yellow"}


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(rich_help_panel="Workflow documents")(validate)
    app.command(name="test", rich_help_panel="Workflow documents")(run_inline_tests)


def read_text(file: str) -> str:
    """Read a document; `-` is standard input. Ends with exit code 2 when it cannot be read."""
    if file == "-":
        return sys.stdin.read()
    try:
        return Path(file).read_text(encoding="utf-8")
    except OSError as error:
        usage_error(f"cannot read {file}: {error.strerror}")
    except UnicodeDecodeError:
        usage_error(f"{file} is not UTF-8 text")


def require_functions(command: str) -> None:
    """End with a clear message when the plane's own code is not installed beside this client."""
    if importlib.util.find_spec("functions") is None:
        message = f"`agentplane {command}` needs the plane's code, and only the client is installed"
        raise Failed(
            message, hint="Clone the repository and run `make install`, then use .venv/bin/agentplane.", exit_code=2
        )


def validate(
    file: Annotated[str, typer.Argument(help="A workflow document, YAML or JSON; - for standard input.")],
    format: Annotated[Literal["text", "json"], typer.Option(help="text for people, json for programs.")] = "text",
) -> None:
    """Check a workflow document: every problem at once, with line, column and hint."""
    require_functions("validate")
    import os  # noqa: PLC0415

    from functions.shared.dsl.checker import check  # noqa: PLC0415  heavy, and only there with a checkout

    checked = check(read_text(file), environment=os.environ)
    problems = [asdict(problem) for problem in checked.problems]
    is_valid = checked.workflow is not None
    if format == "json":
        print_json({"valid": is_valid, "problems": problems})
    else:
        _print_problems(file, is_valid, problems)
    if not is_valid:
        raise typer.Exit(1)


def run_inline_tests(
    file: Annotated[str, typer.Argument(help="A workflow document with `tests:`; - for standard input.")],
    format: Annotated[Literal["text", "json"], typer.Option(help="text for people, json for programs.")] = "text",
    coverage: Annotated[float, typer.Option(min=0, max=100, help="Fail below this percentage of branches.")] = 0,
    crash: Annotated[
        bool,
        typer.Option("--crash", help="Run them on the real engine and a throwaway Postgres, under every crash point."),
    ] = False,
    points: Annotated[
        int | None, typer.Option(min=1, help="With --crash: try only so many points, chosen at random.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="With --points: choose the same ones again.")] = None,
    db_url: Annotated[
        str | None, typer.Option(help="With --crash: a server to make the scratch database on, not our own.")
    ] = None,
    postgres: Annotated[int, typer.Option(help="With --crash: the Postgres to start, 18 or 16.")] = 18,
) -> None:
    """Run a document's inline tests offline, and show which branches they cover."""
    require_functions("test")
    from agentplane.cli.offline_steps import OfflineSteps  # noqa: PLC0415  heavy, and only there with a checkout
    from functions.shared.dsl.checker import check  # noqa: PLC0415
    from functions.shared.dsl.compiled import compile_document  # noqa: PLC0415
    from functions.shared.engine.inline_tests import run_tests  # noqa: PLC0415

    checked = check(read_text(file), environment=None)
    if checked.document is None or checked.workflow is None:
        problems = [asdict(problem) for problem in checked.problems]
        if format == "json":
            print_json({"passed": False, "valid": False, "problems": problems})
        else:
            _print_problems(file, is_valid=False, problems=problems)
        raise typer.Exit(1)
    if crash:
        from agentplane.cli.crash_certificate import CrashOptions, crash_test, print_certificate  # noqa: PLC0415

        options = CrashOptions(points, seed, db_url, postgres)
        certificate = crash_test(checked.document, options, is_quiet=format == "json")
        if format == "json":
            print_json(certificate.as_json())
        else:
            print_certificate(file, certificate)
        if not certificate.passed:
            raise typer.Exit(1)
        return
    with OfflineSteps() as offline:
        report = run_tests(compile_document(checked.document), offline.run)
    is_covered = report.coverage.percent >= coverage
    if format == "json":
        print_json(report.as_json())
    else:
        _print_report(file, report, wanted=coverage)
    if not report.passed or not is_covered:
        raise typer.Exit(1)


def _print_report(file: str, report: TestReport, wanted: float) -> None:
    for test in report.tests:
        mark = "[green]passed[/]" if test.passed else "[red]failed[/]"
        console.print(f"{mark} {escape(test.name)}")
        for failure in test.failures:
            console.print(f"    {escape(failure)}", soft_wrap=True)
    failed = sum(not test.passed for test in report.tests)
    if not report.tests:
        console.print(f"[yellow]no tests[/] in {escape(file)}: add `tests:` with a name, input, mock and expect")
    console.print(
        f"{len(report.tests) - failed} passed, {failed} failed · {report.coverage.percent:g}% of branches covered"
    )
    for branch in report.coverage.uncovered:
        console.print(f"    [dim]not covered: {escape(branch)}[/]")
    if report.coverage.percent < wanted:
        console.print(f"[red]below the {wanted:g}% that --coverage asks for[/]")


def _print_problems(file: str, is_valid: bool, problems: list[dict[str, Any]]) -> None:
    for problem in problems:
        style = SEVERITY_STYLE.get(problem["severity"], "bold")
        place = f"{file}:{problem['line']}:{problem['column']}"
        console.print(
            f"[bold]{escape(place)}[/] [{style}]{problem['severity']}[/] {escape(problem['message'])}"
            f" [dim]({escape(problem['path'] or 'document')} · {problem['code']})[/]",
            soft_wrap=True,
        )
        if problem["hint"]:
            console.print(f"    [dim]{escape(problem['hint'])}[/]", soft_wrap=True)
    count = sum(problem["severity"] == "error" for problem in problems)
    warnings = len(problems) - count
    tail = f", {warnings} warning{'s' * (warnings != 1)}" if warnings else ""
    if is_valid:
        console.print(f"[green]valid[/]: {escape(file)}{tail}")
    else:
        console.print(f"[red]invalid[/]: {escape(file)}: {count} error{'s' * (count != 1)}{tail}")
