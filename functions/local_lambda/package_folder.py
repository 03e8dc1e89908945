"""Unpacks a function's zip into a read-only folder, as Lambda does, once for each content.

Functions share most of their files: each is written once, below `files/`, and linked.
"""

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
    with (into / ".lock").open("w") as lock:  # of all: what one forgets another may be about to link
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
    kept = folder.parent / "files"
    kept.mkdir(exist_ok=True)
    with zipfile.ZipFile(archive) as zipped:
        for entry in zipped.infolist():
            if not entry.is_dir():
                target = partial / entry.filename
                target.parent.mkdir(parents=True, exist_ok=True)
                _link(zipped, entry, kept, target)
    (partial / ".complete").touch()
    for path, _, _ in os.walk(partial):
        Path(path).chmod(0o555)
    partial.chmod(0o755)  # so that it can be moved
    partial.rename(folder)
    folder.chmod(0o555)


def _link(zipped: zipfile.ZipFile, entry: zipfile.ZipInfo, kept: Path, target: Path) -> None:
    is_program = bool(entry.external_attr >> 16 & 0o100)
    known = hashlib.sha256(entry.filename.encode()).hexdigest()[:16]
    file = kept / f"{known}-{entry.CRC:08x}-{entry.file_size}{'-x' if is_program else ''}"
    if not file.exists():
        partial = file.with_name(f".{file.name}.{os.getpid()}")
        partial.write_bytes(zipped.read(entry))
        partial.chmod(0o555 if is_program else 0o444)
        partial.replace(file)
    target.hardlink_to(file)


def _remove_old(name: str, into: Path) -> None:
    old = [path for path in into.glob(f"{name}-*") if len(path.name) == len(name) + 17]
    for path in sorted(old, key=lambda path: path.stat().st_mtime, reverse=True)[_KEPT:]:
        _remove(path)
        for file in (into / "files").glob("[!.]*"):
            if file.stat().st_nlink == 1:  # no folder has it any more
                file.unlink()


def _remove(folder: Path) -> None:
    if not folder.exists():
        return
    for path, _, _ in os.walk(folder):
        Path(path).chmod(0o755)
    shutil.rmtree(folder)
