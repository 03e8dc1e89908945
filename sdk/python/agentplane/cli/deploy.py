"""`deploy`: the plane on AWS and Supabase. Its own code is imported only when it runs."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, replace
from itertools import zip_longest
from typing import Annotated, Any

import typer
from rich.markup import escape

from agentplane.cli.documents import require_functions
from agentplane.cli.output import FAILED, Failed, console, print_json, usage_error

# What is not an option here goes to osls as it is: --param=runners=20, --force, --verbose.
PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}
OF_OSLS = ("--param", "--force", "--verbose", "--aws-profile", "--aws-s3-accelerate", "--minify-template")
WITH_VALUE = ("--param", "--aws-profile")
MARKS = {"ok": "[green]ok  [/]", "warn": "[yellow]warn[/]", "fail": "[red]fail[/]"}


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="A plane in the cloud", context_settings=PASSED_ON)(deploy)


def deploy(  # noqa: PLR0913, PLR0917  one command, its options
    context: typer.Context,
    stage: Annotated[str, typer.Option(help="dev or prod, or a name of your own.")],
    region: Annotated[str | None, typer.Option(help="AWS region; AWS_REGION.")] = None,
    is_check: Annotated[bool, typer.Option("--check", help="Look at everything, change nothing.")] = False,
    is_init: Annotated[bool, typer.Option("--init", help="Make the secrets and keys that are missing.")] = False,
    organisation: Annotated[str, typer.Option(help="With --init: the first organisation.")] = "",
    invite: Annotated[str, typer.Option(help="With --init: the address of its first owner.")] = "",
    may_found: Annotated[
        bool, typer.Option("--open-founding", help="With --init: whoever signs in may make organisations.")
    ] = False,
    rotate: Annotated[str, typer.Option(help="Replace a secret, by its name in docs/operate.md.")] = "",
    is_last: Annotated[bool, typer.Option("--finish", help="With --rotate: forget the former value.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON for programs.")] = False,
) -> None:
    """Deploy the plane to AWS and Supabase: check, package, migrate, deploy, ask. docs/deploy.md says what it needs."""
    require_functions("deploy")
    if unknown := _unknown(context.args):
        usage_error(f"there is no {unknown}", f"See --help; {', '.join(OF_OSLS)} go to osls. Nothing was changed.")
    if sum((is_check, is_init, bool(rotate))) > 1:
        usage_error("--check, --init and --rotate do not go together", "Run them one after another.")
    if is_last and not rotate:
        usage_error("--finish goes with --rotate", "Name the secret: --rotate doorbell-key --finish.")
    if (organisation or invite or may_found) and not is_init:
        usage_error("--organisation, --invite and --open-founding go with --init", "Nothing was changed.")
    if invite and not organisation:
        usage_error(
            "--invite needs --organisation", "Say to which: --init --organisation acme --invite you@example.com."
        )
    from functions.deploy.manifest import wrong_param  # noqa: PLC0415  imports the plane's own code
    from functions.deploy.stage import read_stage  # noqa: PLC0415

    try:
        where = read_stage(stage, region)
    except ValueError as error:
        usage_error(str(error))
    where = replace(where, params=_params(context.args))
    if wrong := wrong_param(dict(where.params)):
        usage_error(wrong, "They stand under `params` in serverless.yml. Nothing was changed.")
    if not where.region and (is_init or rotate):
        usage_error("no region is named", "Give --region, or set AWS_REGION.")
    if is_check:
        _check(where, as_json)
    elif is_init:
        _init(where, organisation, invite, may_found, as_json)
    elif rotate:
        _rotate(where, rotate, is_last)
    else:
        _deploy(where, context.args)


def _unknown(options: list[str]) -> str | None:
    """Find what neither this command nor osls knows: a mistyped --check must not deploy."""
    is_value = False
    for option in options:
        if not is_value and option.partition("=")[0] not in OF_OSLS:
            return option
        is_value = not is_value and option in WITH_VALUE
    return None


def _params(options: list[str]) -> tuple[tuple[str, str], ...]:
    """Read `--param=runners=20` and `--param runners=20`: what the template is to be with is what is checked."""
    given = [
        option.removeprefix("--param=") if "=" in option else after
        for option, after in zip_longest(options, options[1:], fillvalue="")
        if _is_param(option)
    ]
    return tuple((name, value) for name, _, value in (each.partition("=") for each in given) if name)


def _is_param(option: str) -> bool:
    return option == "--param" or option.startswith("--param=")


def _check(where: Any, as_json: bool) -> None:
    from functions.deploy.check import check, has_failed  # noqa: PLC0415

    findings = asyncio.run(check(where))
    if as_json:
        print_json({"stage": where.name, "region": where.region, "findings": [asdict(each) for each in findings]})
    else:
        _print_findings(findings)
    if has_failed(findings):
        raise typer.Exit(FAILED)


def _print_findings(findings: Any) -> None:
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        console.print(f"{MARKS[finding.state]}  {finding.name:<{width}}  {escape(finding.found)}")
        if finding.way_out and finding.state != "ok":
            console.print(f"      {'':<{width}}  [dim]{escape(finding.way_out)}[/]")


def _init(where: Any, organisation: str, invite: str, may_found: bool, as_json: bool) -> None:
    from functions.deploy.aws import AwsProblem  # noqa: PLC0415
    from functions.deploy.init import CannotInit, Wanted, init  # noqa: PLC0415

    try:
        made = asyncio.run(init(where, Wanted(organisation, invite, may_found)))
    except CannotInit as error:
        raise Failed(str(error), hint=error.way_out) from error
    except AwsProblem as error:
        raise Failed(str(error), hint="Sign in to AWS, and allow yourself ssm:PutParameter.") from error
    if as_json:
        print_json(asdict(made))
        return
    for line in made.done or ["nothing was missing"]:
        console.print(f"[green]·[/] {escape(line)}")
    if made.kept:
        console.print(f"[dim]left as it was: {escape(', '.join(made.kept))}[/]")
    if made.operator_key:
        console.print(f"key [bold]{made.operator_key}[/]\n[dim]Keep it now: it is not shown again.[/]")
    if made.invitation:
        console.print(
            f"invitation [bold]{made.invitation}[/]\n[dim]For {escape(invite)}: /join?token=… once deployed.[/]"
        )


def _rotate(where: Any, name: str, is_last: bool) -> None:
    from functions.deploy.aws import AwsProblem  # noqa: PLC0415
    from functions.deploy.rotate import CannotRotate, finish, rotate  # noqa: PLC0415

    def say(line: str) -> None:
        console.print(f"[green]·[/] {escape(line)}")

    try:
        asyncio.run(finish(where, name, say) if is_last else rotate(where, name, say))
    except CannotRotate as error:
        raise Failed(str(error), hint=error.way_out) from error
    except AwsProblem as error:
        raise Failed(str(error), hint="What was done stands above; the same command again goes on.") from error


def _deploy(where: Any, options: list[str]) -> None:
    from functions.deploy.run import CannotDeploy, RefusedByCheck, run  # noqa: PLC0415

    try:
        done = asyncio.run(run(where, lambda line: console.print(escape(line)), options))
    except RefusedByCheck as error:
        _print_findings(error.findings)
        raise Failed(str(error), hint="Follow the ways out above, then run it again.") from error
    except CannotDeploy as error:
        raise Failed(str(error), hint="Run it again: what is done already is not done twice.") from error
    console.print(f"\n[green]the plane answers[/] at [bold]{escape(done.url)}[/]")
    console.print(
        f"  export AGENTPLANE_URL={escape(done.url)} AGENTPLANE_API_KEY=ap_live_…   [dim]# --init showed it[/]"
    )
    console.print('  agentplane whoami && agentplane run templates/workflows/hello.yaml --input \'{"name": "Ada"}\'')
    if not where.public_url:
        console.print("[dim]A domain of your own: docs/deploy.md, then AGENTPLANE_PUBLIC_URL and deploy again.[/]")
