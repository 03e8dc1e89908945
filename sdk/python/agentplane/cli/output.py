"""How the command line speaks: tables for people, JSON for programs, problems with their way out."""

from __future__ import annotations

import json
import os
import shutil
import sys
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from agentplane.errors import ApiError

OK, FAILED, USAGE, UNREACHABLE = 0, 1, 2, 3

PIPE_WIDTH = 160  # where no terminal says how wide it is
WHOLE = {"id", "kind", "prefix", "status", "step", "latency"}  # columns that are never broken into lines


def _console(*, stderr: bool = False) -> Console:
    is_terminal = (sys.stderr if stderr else sys.stdout).isatty()
    width = None if is_terminal or os.environ.get("COLUMNS") else PIPE_WIDTH
    return Console(stderr=stderr, highlight=False, soft_wrap=True, width=width)


console = _console()
errors = _console(stderr=True)

STATUS_STYLE = {
    "succeeded": "green",
    "failed": "red",
    "timed_out": "red",
    "cancelled": "yellow",
    "waiting": "magenta",
    "running": "cyan",
    "queued": "cyan",
    "skipped": "dim",
    "active": "green",
    "late": "yellow",
    "lost": "red",
}


class Failed(Exception):
    """The command did what it should and the answer is no: exit code 1 (or the one given)."""

    def __init__(self, message: str, *, hint: str | None = None, exit_code: int = FAILED) -> None:
        self.hint = hint
        self.exit_code = exit_code
        super().__init__(message)


def program() -> str:
    """How this command is typed here: by its name when the PATH has it, else by its place below this directory."""
    here = Path(sys.prefix) / "bin" / "agentplane"
    if shutil.which("agentplane") or not here.is_relative_to(Path.cwd()):
        return "agentplane"
    return str(here.relative_to(Path.cwd()))


def usage_error(message: str, hint: str | None = None) -> NoReturn:
    """End with exit code 2."""
    raise Failed(message, hint=hint, exit_code=USAGE)


def print_json(value: Any) -> None:
    """Print JSON for programs, unwrapped."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=_jsonable) + "\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str | None = None) -> None:
    """Print a plain table; status words are coloured."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    right = {"ms", "latency", "tokens", "cost", "share", "version", "calls", "p50", "p95", "total", "runs"}
    for column in columns:
        justify = "right" if column in right else "left"
        table.add_column(column, justify=justify, overflow="fold", no_wrap=column in WHOLE)
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    if title:
        console.print(escape(title), style="bold")
    console.print(table, soft_wrap=False)


def status_text(status: str, width: int = 0) -> str:
    """A status word in its colour, padded to a width in characters."""
    style = STATUS_STYLE.get(status)
    return f"[{style}]{status:<{width}}[/]" if style else f"{status:<{width}}"


def money(value: Any) -> str:
    """USD for people: unknown stays unknown, small amounts keep their digits."""
    if value is None:
        return "unknown"
    amount = Decimal(str(value))
    if amount == 0:
        return "$0"
    return f"${amount:.2f}" if amount >= 1 else f"${amount.normalize():f}"


def moment(value: Any) -> str:
    """An RFC 3339 time of an answer in the local time zone, to the second; "" when there is none."""
    return _cell(datetime.fromisoformat(str(value))) if value else ""


def milliseconds(value: Any) -> str:
    """A duration for people."""
    if value is None:
        return ""
    ms = float(value)
    if ms < 1000:  # noqa: PLR2004  a second
        return f"{ms:.0f} ms"
    return f"{ms / 1000:.1f} s" if ms < 120_000 else f"{ms / 60_000:.1f} min"  # noqa: PLR2004  two minutes


def print_problem(error: ApiError) -> None:
    """Say what a plane's refusal was, where, and what to do next."""
    errors.print(f"[red]{escape(error.code)}[/]: {escape(error.detail)}")
    for problem in error.errors:
        place = problem.get("pointer") or problem.get("path") or ""
        line = f" (line {problem['line']}, column {problem['column']})" if problem.get("line") else ""
        hint = problem.get("hint") or (
            f"did you mean {problem['did_you_mean']}?" if problem.get("did_you_mean") else ""
        )
        message = str(problem.get("message", ""))
        if error.detail == f"{place}: {message}" and hint == (error.hint or ""):
            continue  # it was said already
        says = message if not hint or message.endswith((".", "?", "!")) else f"{message}."
        errors.print(f"  {escape(str(place))}{line}: {escape(says)}{f' [dim]{escape(hint)}[/]' if hint else ''}")
    if error.hint:
        errors.print(f"[dim]{escape(error.hint)}[/]")
    for step in error.next:
        errors.print(
            f"[dim]next: {escape(str(step.get('why', '')))}: {step.get('method')} {escape(str(step.get('path')))}[/]"
        )


def print_error(message: str, hint: str | None = None) -> None:
    """Say what went wrong, on standard error."""
    errors.print(f"[red]error[/]: {escape(message)}")
    if hint:
        errors.print(f"[dim]{escape(hint)}[/]")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return status_text(value) if value in STATUS_STYLE else escape(value)
    if isinstance(value, datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, (dict, list)):
        return escape(shorten(json.dumps(value, ensure_ascii=False)))
    return escape(str(value))


def shorten(text: str, width: int = 80) -> str:
    """Cut a long text for a table."""
    return text if len(text) <= width else text[: width - 1] + "…"


def _jsonable(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)
