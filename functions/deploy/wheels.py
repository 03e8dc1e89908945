"""The locked distributions, installed once for Lambda's platform, and which of their files a function needs."""

from __future__ import annotations

import csv
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from email.parser import HeaderParser
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from functions.deploy.closure import ROOT

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterator, Mapping

Arch: TypeAlias = Literal["x86_64", "arm64"]

LOCK = ROOT / "functions" / "requirements" / "runner.txt"
_PLATFORMS = {"x86_64": "x86_64-manylinux_2_28", "arm64": "aarch64-manylinux_2_28"}
_MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}


@dataclass(frozen=True, slots=True)
class Target:
    """Where packages run: Lambda's Python of this process's version, on one kind of processor."""

    arch: Arch = "x86_64"

    @property
    def python(self) -> str:
        return f"{sys.version_info.major}.{sys.version_info.minor}"

    @property
    def tag(self) -> str:
        return f"python{self.python}-{self.arch}"

    @property
    def markers(self) -> dict[str, str]:
        """The environment in which the markers of requirements are read."""
        return {
            "implementation_name": "cpython",
            "implementation_version": f"{self.python}.0",
            "os_name": "posix",
            "platform_machine": _MACHINES[self.arch],
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": f"{self.python}.0",
            "python_version": self.python,
            "sys_platform": "linux",
        }


@dataclass(frozen=True)
class Distribution:
    """One installed distribution."""

    name: str
    version: str
    files: tuple[str, ...]
    requires: tuple[Requirement, ...]

    @cached_property
    def modules(self) -> frozenset[str]:
        """The top-level modules that it brings."""
        tops = {_module_of(name) for name in self.files if ".dist-info/" not in name and not name.startswith("bin/")}
        return frozenset(tops - {""})


class Site:
    """A folder with every locked distribution."""

    def __init__(self, folder: Path, target: Target) -> None:
        self.folder = folder
        self.target = target
        self.distributions: Mapping[str, Distribution] = {
            one.name: one for one in map(_read_distribution, sorted(folder.glob("*.dist-info")))
        }

    def owners(self, module: str) -> frozenset[str]:
        """Give the distributions that bring a top-level module. Raises LookupError when none does."""
        found = frozenset(name for name, one in self.distributions.items() if module in one.modules)
        if not found:
            raise LookupError(f"No locked distribution brings the module {module}: is it in functions/requirements?")
        return found

    def closed(self, names: Collection[str], cut: Collection[str]) -> tuple[Distribution, ...]:
        """Add what `names` require, and what that requires; those that are `cut` stay away with what only they need.

        Raises LookupError for a requirement that the lock does not hold.
        """
        seen: set[tuple[str, str]] = set()
        todo = [(name, "") for name in names]
        while todo:
            name, extra = todo.pop()
            if (name, extra) in seen or name in cut:
                continue
            seen.add((name, extra))
            if name not in self.distributions:
                raise LookupError(f"{name} is required and not locked in {LOCK.name}.")
            todo.extend(self._required(self.distributions[name], extra))
        return tuple(self.distributions[name] for name in sorted({name for name, _ in seen}))

    def _required(self, one: Distribution, extra: str) -> Iterator[tuple[str, str]]:
        for requirement in one.requires:
            if requirement.marker is None or requirement.marker.evaluate({**self.target.markers, "extra": extra}):
                name = canonicalize_name(requirement.name)
                yield name, ""
                yield from ((name, wanted) for wanted in sorted(requirement.extras))


def installed(build: Path, target: Target) -> Site:
    """Give the folder of the locked distributions below `build`, installed when the lock, the target or uv is new.

    Raises RuntimeError with uv's own words.
    """
    key = hashlib.sha256(LOCK.read_bytes() + target.tag.encode()).hexdigest()[:16]
    folder = build / "wheels" / f"{target.tag}-{key}"
    with locked(folder.with_suffix(".lock")):
        if not folder.is_dir():
            half = folder.with_suffix(".half")
            shutil.rmtree(half, ignore_errors=True)
            _install(half, target)
            half.rename(folder)
    return Site(folder, target)


@contextmanager
def locked(path: Path) -> Generator[None]:
    """Hold a file alone among all processes of this machine."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _install(folder: Path, target: Target) -> None:
    uv = Path(sys.executable).with_name("uv")
    if not uv.exists():
        raise RuntimeError(f"uv is not installed beside {Path(sys.executable).name}: `make package` installs it.")
    command = [str(uv), "pip", "install", "--quiet", "--target", str(folder), "--requirements", str(LOCK)]
    command += ["--require-hashes", "--no-deps", "--only-binary", ":all:", "--no-compile-bytecode"]
    command += ["--python-version", target.python, "--python-platform", _PLATFORMS[target.arch]]
    command += ["--python", sys.executable]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=_environment())  # noqa: S603
    if done.returncode:
        raise RuntimeError(f"uv could not install {LOCK.name} for {target.tag}:\n{done.stderr.strip()}")


def _environment() -> dict[str, str]:
    """Copies, not links: what is written into the folder must not reach uv's own cache."""
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    return {**environment, "UV_LINK_MODE": environment.get("UV_LINK_MODE", "copy")}


def _read_distribution(info: Path) -> Distribution:
    headers = HeaderParser().parsestr((info / "METADATA").read_text(encoding="utf-8"))
    with (info / "RECORD").open(newline="", encoding="utf-8") as record:
        files = tuple(sorted(row[0] for row in csv.reader(record) if row))
    requires = tuple(Requirement(text) for text in headers.get_all("Requires-Dist", []))
    return Distribution(canonicalize_name(headers["Name"]), headers["Version"], files, requires)


def _module_of(name: str) -> str:
    """Give the module that a file of a distribution makes importable: `a/b.py` gives a, `a.cpython-311.so` gives a."""
    top, slash, _ = name.partition("/")
    if slash:
        return top if name.endswith((".py", ".so")) else ""
    return top.partition(".")[0] if top.endswith((".py", ".so")) else ""
