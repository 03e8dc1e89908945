"""The functions' packages, built once for all workers: what is up to date is not built again."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from functions.deploy.closure import ROOT
from functions.deploy.packages import Package, build
from functions.local_lambda.package_folder import unpack

if TYPE_CHECKING:
    from pathlib import Path


@cache
def packages() -> dict[str, Package]:
    """Every function's package by name."""
    return build()


@cache
def folder_of(name: str) -> Path:
    """The read-only folder of a function's package, as Lambda has it."""
    return unpack(packages()[name].path, ROOT / ".build" / "unpacked")
