"""Builds the packages: one zip a function, made of parts that several of them share."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache as cache_of_calls
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from functions.deploy.archive import join_parts
from functions.deploy.closure import ROOT, sources
from functions.deploy.needs import function_names, need_of
from functions.deploy.parts import folder_part, key_of, make, maker_key, other_parts, own_parts
from functions.deploy.slim import CUT
from functions.deploy.wheels import Distribution, Site, Target, installed, locked

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from functions.deploy.needs import Need
    from functions.deploy.parts import Part
    from functions.deploy.wheels import Arch

BUILD = ROOT / ".build"
OUT = BUILD / "packages"


@dataclass(frozen=True, slots=True)
class Package:
    """A function's package. Sizes in bytes; `distributions` as name==version."""

    name: str
    path: Path
    key: str  # of what it was built from
    zip_bytes: int
    unzipped_bytes: int
    distributions: tuple[str, ...]
    left_out: Mapping[str, str]  # modules that its imports reach and that it does not hold, and why


_NOTE = TypeAdapter(Package)


def build(
    names: Iterable[str] = (), *, out: Path = OUT, arch: Arch = "x86_64", cache: Path = BUILD, jobs: int = 2
) -> dict[str, Package]:
    """Build the packages of `names`, or of every function, as `<out>/<name>.zip`; what is up to date stays.

    `cache` keeps what was installed and compressed; several processes may build at once. Raises LookupError for a
    function or a library that is not there, and RuntimeError when the locked libraries cannot be installed.
    """
    wanted = tuple(names) or function_names()
    with locked(cache / "build.lock"):
        site = installed(cache, Target(arch))
        maker = maker_key()
        modules = sources()
        needs = {name: need_of(name, modules) for name in wanted}
        dists = {name: _distributions(need, site) for name, need in needs.items()}
        part_of = cache_of_calls(partial(folder_part, maker=maker))  # many functions have the same library
        parts = {
            name: [*own_parts(need, maker, part_of), *other_parts(dists[name], site, maker)]
            for name, need in needs.items()
        }
        make((part for some in parts.values() for part in some), cache, jobs)
        out.mkdir(parents=True, exist_ok=True)
        return {name: _package(needs[name], parts[name], dists[name], out, cache) for name in wanted}


def _distributions(need: Need, site: Site) -> tuple[Distribution, ...]:
    owners = set[str]().union(*(site.owners(module) for module in need.modules))
    return site.closed(owners | need.unseen, CUT)


def _package(
    need: Need, parts: Sequence[Part], distributions: Sequence[Distribution], out: Path, cache: Path
) -> Package:
    path, note = out / f"{need.name}.zip", out / f"{need.name}.json"
    key = key_of(*(part.key for part in parts))
    known = _known(path, note)
    if known is not None and known.key == key:
        path.touch()  # as new as its sources
        return known
    note.unlink(missing_ok=True)
    join_parts(path, [part.path(cache) for part in parts])
    with zipfile.ZipFile(path) as archive:
        unzipped = sum(info.file_size for info in archive.infolist())
    shown = tuple(f"{one.name}=={one.version}" for one in distributions)
    package = Package(need.name, path, key, path.stat().st_size, unzipped, shown, need.left_out)
    note.write_bytes(_NOTE.dump_json(replace(package, path=Path(path.name)), indent=1))
    return package


def _known(path: Path, note: Path) -> Package | None:
    """Give what stands in `out` already, unless it is half of something."""
    try:
        known = _NOTE.validate_json(note.read_bytes())
        whole = path.stat().st_size == known.zip_bytes
    except (OSError, ValueError):
        return None
    return replace(known, path=path) if whole else None
