"""Unpacks a function's zip into a read-only folder, as Lambda does, once for each content."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import shutil
import sys
import zipfile
from pathlib import Path

# What Lambda itself puts beside a function: the runtime client with what it needs.
RUNTIME = ("awslambdaric", "runtime_client", "simplejson", "snapshot_restore_py")
_KEPT = 1  # older contents of a function that are kept besides the current one


def unpack(archive: Path, into: Path) -> Path:
    """Give the folder of this zip's content. Several processes may ask at once; the first one unpacks."""
    if not archive.exists():
        raise FileNotFoundError(f"{archive.name} was not built: run `make package`")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()[:16]
    folder = into / f"{archive.stem}-{digest}"
    if (folder / ".complete").exists():
        return folder
    into.mkdir(parents=True, exist_ok=True)
    with (into / f".{archive.stem}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / ".complete").exists():
            _remove_old(archive.stem, into)
            _extract(archive, folder)
    return folder


def runtime_folder(into: Path) -> Path:
    """Give a folder in which only the runtime client of this Python is found, by links.

    Raises ModuleNotFoundError when it is not installed.
    """
    folder = into / f"runtime-{sys.version_info.major}.{sys.version_info.minor}"
    folder.mkdir(parents=True, exist_ok=True)
    for name in RUNTIME:
        found = importlib.util.find_spec(name)
        if found is None or found.origin is None:
            raise ModuleNotFoundError(f"{name} is not installed", name=name)
        origin = Path(found.origin)
        target = origin.parent if origin.name == "__init__.py" else origin
        link = folder / target.name
        partial = folder / f".{target.name}.{os.getpid()}"
        partial.symlink_to(target)
        partial.replace(link)
    return folder


def _extract(archive: Path, folder: Path) -> None:
    partial = folder.with_name(f".{folder.name}.partial")
    _remove(partial)
    with zipfile.ZipFile(archive) as zipped:
        zipped.extractall(partial)  # noqa: S202  our own build
    (partial / ".complete").touch()
    for path, _, files in os.walk(partial):
        for name in files:
            (Path(path) / name).chmod(0o444)
        Path(path).chmod(0o555)
    partial.chmod(0o755)  # so that it can be moved
    partial.rename(folder)
    folder.chmod(0o555)


def _remove_old(name: str, into: Path) -> None:
    old = [path for path in into.glob(f"{name}-*") if len(path.name) == len(name) + 17]
    for path in sorted(old, key=lambda path: path.stat().st_mtime, reverse=True)[_KEPT:]:
        _remove(path)


def _remove(folder: Path) -> None:
    if not folder.exists():
        return
    for path, _, _ in os.walk(folder):
        Path(path).chmod(0o755)
    shutil.rmtree(folder)
