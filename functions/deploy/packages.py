"""Builds the packages: one zip a function, of parts that are compressed once and shared."""

from __future__ import annotations

import hashlib
import json
import zipfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from functions.deploy.archive import join_parts, write_part
from functions.deploy.bytecode import TAG, bytecode, bytecode_name
from functions.deploy.closure import ROOT
from functions.deploy.natives import without_symbols
from functions.deploy.needs import BARE, LOCAL, function_names, need_of
from functions.deploy.openapi import whole_document
from functions.deploy.slim import CUT, PROGRAMS, is_compiled, is_kept
from functions.deploy.wheels import Distribution, Site, Target, installed, locked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from functions.deploy.needs import Need
    from functions.deploy.wheels import Arch

DISCOVERY = "discovery"
_TOOLS = ("functions/deploy/", "functions/local_lambda/", "functions/requirements/")
BUILD = ROOT / ".build"
OUT = BUILD / "packages"
_DEPLOY = Path(__file__).parent
_MAKERS = (
    "archive.py",
    "bytecode.py",
    "natives.py",
    "packages.py",
    "slim.py",
)  # a change in these makes every part anew


@dataclass(frozen=True, slots=True)
class Package:
    """A function's package. Sizes in bytes."""

    name: str
    path: Path
    key: str  # of what it was built from
    zip_bytes: int
    unzipped_bytes: int
    distributions: tuple[str, ...]
    left_out: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Part:
    """What goes into several packages, or into one: the files of a distribution or a folder of ours."""

    key: str
    files: Mapping[str, Path | bytes | Callable[[], bytes]]
    distribution: str = ""

    def path(self, build: Path) -> Path:
        return build / "parts" / f"{self.key}.zip"


def build(
    names: Iterable[str] = (), *, out: Path = OUT, arch: Arch = "x86_64", cache: Path = BUILD, jobs: int = 2
) -> dict[str, Package]:
    """Build the packages of `names`, or of every function, as `<out>/<name>.zip`; those that are as they should be stay.

    `cache` keeps what was installed and compressed. Raises LookupError for a name or a library that is not there, and
    RuntimeError when the locked libraries cannot be installed.
    """
    wanted = tuple(names) or function_names()
    with locked(out / ".lock"):
        site = installed(cache, Target(arch))
        maker = _key(*((_DEPLOY / name).read_bytes() for name in _MAKERS), site.folder.name, TAG)
        needs = {name: need_of(name) for name in wanted}
        dists = {name: _distributions(need, site) for name, need in needs.items()}
        parts = {name: [*_own(need, maker), *_others(dists[name], site, maker)] for name, need in needs.items()}
        _make(parts.values(), cache, jobs)
        return {name: _package(needs[name], parts[name], dists[name], out, cache) for name in wanted}


def _distributions(need: Need, site: Site) -> tuple[Distribution, ...]:
    owners = set[str]().union(*(site.owners(module) for module in need.modules))
    return site.closed(owners | need.unseen, CUT)


def _own(need: Need, maker: str) -> list[Part]:
    if need.name in BARE:
        return [_part({path.relative_to(ROOT).as_posix(): path for path in need.closure.ours.values()}, maker)]
    roots = [ROOT / "functions" / "shared", need.folder, *need.data]
    parts = [_part(_files(root), maker) for root in roots]
    if need.name == DISCOVERY:
        parts.append(_openapi(maker))
    return [_part({"functions/__init__.py": ROOT / "functions" / "__init__.py"}, maker), *parts]


def _openapi(maker: str) -> Part:
    """The document of all functions; made anew when any of them has changed."""
    sources = {name: path.read_bytes() for name, path in _files(ROOT / "functions").items() if name.endswith(".py")}
    served = [piece for name in sources if not name.startswith(_TOOLS) for piece in (name, sources[name])]
    return Part(f"openapi-{_key(maker, *served)}", {f"functions/{DISCOVERY}/openapi.json": whole_document})


def _files(root: Path) -> dict[str, Path | bytes]:
    found = {path.relative_to(ROOT).as_posix(): path for path in root.rglob("*") if path.is_file()}
    return {
        name: path
        for name, path in sorted(found.items())
        if "__pycache__" not in name and not name.endswith(".md") and not name.startswith(LOCAL)
    }


def _part(files: Mapping[str, Path | bytes], maker: str) -> Part:
    contents = {name: _content(source) for name, source in files.items()}
    return Part(_key(maker, *(piece for pair in contents.items() for piece in pair)), contents)


def _others(distributions: Iterable[Distribution], site: Site, maker: str) -> list[Part]:
    return [
        Part(
            f"{one.name}-{one.version}-{_key(maker, one.name)}",
            {name: site.folder / name for name in one.files if is_kept(one.name, name)},
            one.name,
        )
        for one in distributions
    ]


def _make(packages: Iterable[Sequence[Part]], cache: Path, jobs: int) -> None:
    """Compress the parts that are not there yet, the largest first."""
    (cache / "parts").mkdir(parents=True, exist_ok=True)
    missing = {part.key: part for parts in packages for part in parts if not part.path(cache).exists()}
    if not missing:
        return
    largest_first = sorted(missing.values(), key=lambda part: -len(part.files))
    if len(missing) <= 4:
        for part in largest_first:
            _write(part, cache)
        return
    with ProcessPoolExecutor(jobs) as pool:
        for _ in pool.map(_write, largest_first, [cache] * len(largest_first)):
            pass


def _write(part: Part, cache: Path) -> None:
    files: dict[str, bytes] = {}
    for name, source in part.files.items():
        files[name] = _content(source)
        if name.endswith(".py") and is_compiled(part.distribution, name):
            packed = bytecode(files[name], name)
            if packed is not None:
                files[bytecode_name(name)] = packed
        elif name in PROGRAMS or ".so" in PurePath(name).suffixes:
            files[name] = without_symbols(files[name])
    write_part(part.path(cache), files, PROGRAMS)


def _content(source: Path | bytes | Callable[[], bytes]) -> bytes:
    match source:
        case Path():
            return source.read_bytes()
        case bytes():
            return source
        case _:
            return source()


def _package(
    need: Need, parts: Sequence[Part], distributions: Sequence[Distribution], out: Path, cache: Path
) -> Package:
    path, note = out / f"{need.name}.zip", out / f"{need.name}.json"
    key = _key(*(part.key for part in parts))
    if path.exists() and note.exists():
        known = json.loads(note.read_bytes())
        if known["key"] == key and known["zip_bytes"] == path.stat().st_size:
            path.touch()  # as new as its sources
            return Package(**{**known, "path": path, "distributions": tuple(known["distributions"])})
    note.unlink(missing_ok=True)
    join_parts(path, [part.path(cache) for part in parts])
    with zipfile.ZipFile(path) as archive:
        unzipped = sum(info.file_size for info in archive.infolist())
    shown = tuple(f"{one.name}=={one.version}" for one in distributions)
    package = Package(need.name, path, key, path.stat().st_size, unzipped, shown, need.left_out)
    note.write_text(json.dumps({**asdict(package), "path": path.name}, indent=1) + "\n", encoding="utf-8")
    return package


def _key(*pieces: str | bytes) -> str:
    digest = hashlib.sha256()
    for piece in pieces:
        data = piece.encode() if isinstance(piece, str) else piece
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()[:20]
