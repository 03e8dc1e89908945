"""`agentplane test FILE --crash`: the inline tests under every crash point, and the certificate that it prints."""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from rich.markup import escape

from agentplane.cli.offline_steps import OfflineSteps
from agentplane.cli.output import UNREACHABLE, Failed, console
from functions.shared.dsl.compiled import compile_document
from functions.shared.engine.certificate import FAULTS, Certificate, Risk, StepVerdict
from functions.shared.engine.crash_points import Progress, Sample, certify
from functions.shared.engine.scratch_plane import ScratchPlane, scratch_plane
from functions.shared.jsonvalue import JsonObject
from functions.shared.log import logger
from functions.shared.postgres.binaries import PostgresProblem
from functions.shared.postgres.connection import CONNECT_ERRORS
from functions.shared.postgres.server import EmbeddedPostgres

# It lives for seconds and holds nothing that anybody needs.
THROWAWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}
SHOWN_BROKEN = 10
MARKS: dict[Risk, str] = {
    "twice": "[red]may happen twice[/]",
    "costs": "[yellow]costs twice[/]",
    "safe": "[green]safe[/]",
}


@dataclass(frozen=True, slots=True)
class CrashOptions:
    """`points`: try so many, chosen by `seed`; None: all. `db_url`: a server for the scratch database, else our own."""

    points: int | None
    seed: int | None
    db_url: str | None
    postgres: int


def crash_test(document: JsonObject, options: CrashOptions, *, is_quiet: bool) -> Certificate:
    """Run the tests under their crash points. Raises Failed when there is no Postgres to run them on."""
    logger("engine").setLevel("CRITICAL")  # it reports the faults that it is given
    sample = None
    if options.points is not None:
        sample = Sample(options.points, options.seed if options.seed is not None else random.randrange(10_000))  # noqa: S311
    with OfflineSteps() as offline:
        try:
            return asyncio.run(_certify(document, options, sample, offline, _silent if is_quiet else _show))
        except PostgresProblem as error:
            raise Failed(str(error)) from error
        except CONNECT_ERRORS as error:
            message = f"cannot prepare a scratch database: {error}"
            hint = "Give --db-url as a user that may create databases and roles, or leave it out."
            raise Failed(message, hint=hint, exit_code=UNREACHABLE) from error


async def _certify(
    document: JsonObject, options: CrashOptions, sample: Sample | None, offline: OfflineSteps, on_progress: Progress
) -> Certificate:
    async with _plane(options) as plane:
        compiled = compile_document(document)
        return await certify(plane, compiled, document, real=offline.run, sample=sample, on_progress=on_progress)


@asynccontextmanager
async def _plane(options: CrashOptions) -> AsyncGenerator[ScratchPlane]:
    if options.db_url is not None:
        async with scratch_plane(options.db_url) as plane:
            yield plane
        return
    with tempfile.TemporaryDirectory(prefix="agentplane-crash-") as data:
        postgres = EmbeddedPostgres(data, version=options.postgres, settings=THROWAWAY)
        async with postgres, scratch_plane(postgres.url()) as plane:
            yield plane


def _silent(done: int, of: int) -> None:
    del done, of


def _show(done: int, of: int) -> None:
    """One line that counts, on a terminal only."""
    if sys.stderr.isatty() and (done % 10 == 0 or done == of):
        sys.stderr.write("\r\033[K" if done == of else f"\r{done} of {of} crash points …")
        sys.stderr.flush()


def print_certificate(file: str, certificate: Certificate) -> None:
    """Print it for people."""
    for failure in certificate.failures:
        console.print(f"[red]failed[/] without a crash: {escape(failure)}", soft_wrap=True)
    if not certificate.tests:
        console.print(f"[yellow]no tests[/] in {escape(file)}: add `tests:` with a name, input, mock and expect")
        return
    _print_points(file, certificate)
    _print_broken(certificate)
    _print_steps(certificate.steps)
    _print_verdict(certificate)


def _print_points(file: str, certificate: Certificate) -> None:
    tests = f"{certificate.tests} test{'s' * (certificate.tests != 1)}"
    console.print(f"[bold]Crash certificate[/] of {escape(file)}: {tests}, {certificate.seconds:.1f} s\n")
    for kind, text in FAULTS.items():
        if tried := certificate.points.get(kind, 0):
            survived = certificate.survived.get(kind, 0)
            style = "green" if survived == tried else "red"
            console.print(f"  {text:<34} [{style}]{survived:>5} of {tried} survived[/]")
    if certificate.settled:
        console.print(f"  [dim]{certificate.settled} of them ended as `on_unknown` says[/]")
    if certificate.seed is not None:
        tried = sum(certificate.points.values())
        console.print(f"  [dim]a sample: {tried} of {certificate.of} points, --seed {certificate.seed}[/]")


def _print_broken(certificate: Certificate) -> None:
    for point in certificate.broken[:SHOWN_BROKEN]:
        console.print(f"\n[red]not survived[/]: {FAULTS[point.fault]}, {point.where} of “{escape(point.test)}”")
        for difference in point.differences:
            console.print(f"    {escape(difference)}", soft_wrap=True)
    if (more := len(certificate.broken) - SHOWN_BROKEN) > 0:
        console.print(f"    [dim]and {more} more[/]")
    for violation in certificate.violations:
        console.print(f"[red]broken invariant[/]: {escape(str(violation))}", soft_wrap=True)


def _print_steps(steps: tuple[StepVerdict, ...]) -> None:
    if not steps:
        return
    width = max(len(step.address) for step in steps)
    kinds = max(len(step.what) for step in steps)
    console.print("\nIf the process dies before a step's result is recorded:\n")
    for step in steps:
        console.print(
            f"  {step.address:<{width}}  [dim]{escape(step.what):<{kinds}}[/]  {MARKS[step.risk]} · {escape(step.why)}",
            soft_wrap=True,
        )
        if step.advice:
            console.print(f"  {'':<{width}}  {'':<{kinds}}  [dim]{escape(step.advice)}[/]", soft_wrap=True)


def _print_verdict(certificate: Certificate) -> None:
    tried, survived = sum(certificate.points.values()), sum(certificate.survived.values())
    unsafe = [step.address for step in certificate.steps if step.risk == "twice"]
    if not certificate.passed:
        console.print(f"\n[red]not certified[/]: {survived} of {tried} crash points survived")
        return
    console.print(f"\n[green]certified[/]: {survived} of {tried} crash points survived; no recorded step ran again")
    if unsafe:
        console.print(f"[yellow]look at[/] {escape(', '.join(unsafe))}: what a target was told may be told twice")
