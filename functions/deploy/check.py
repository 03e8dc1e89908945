"""Looks at everything that a deployment needs, and changes nothing: what would break it is found before it begins."""

from __future__ import annotations

import asyncio
from contextlib import closing
from typing import TYPE_CHECKING

from functions.deploy import check_aws, check_database, check_machine, check_outside
from functions.deploy.aws import Aws, AwsProblem
from functions.deploy.parameters import read_all
from functions.deploy.seen import ROOT, Seen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from functions.deploy.finding import Finding
    from functions.deploy.stage import Stage


async def check(stage: Stage, seen: Seen | None = None) -> list[Finding]:
    """Give what was found, in the order in which a deployment needs it. It takes as long as its slowest answer."""
    if seen is None:
        seen = await look(stage)
        with closing(seen.aws):
            return await check(stage, seen)
    groups = await asyncio.gather(
        asyncio.to_thread(check_machine.findings, seen),
        asyncio.to_thread(check_aws.findings, seen),
        check_outside.findings(seen),
        check_database.findings(seen),
    )
    return [finding for group in groups for finding in group]


async def look(stage: Stage, root: Path = ROOT) -> Seen:
    """Read what the checks have in common: the stored secrets."""
    return await asyncio.to_thread(_look, stage, root)


def _look(stage: Stage, root: Path) -> Seen:
    aws = Aws(stage.region)
    if not stage.region:
        return Seen(stage, aws, stored=None, why="no region is named", root=root)
    try:
        return Seen(stage, aws, stored=read_all(aws, stage), root=root)
    except AwsProblem as problem:
        return Seen(stage, aws, stored=None, why=str(problem), root=root)


def has_failed(findings: Sequence[Finding]) -> bool:
    """Tell whether a deployment would break."""
    return any(finding.state == "fail" for finding in findings)
