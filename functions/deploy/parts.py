"""What packages are made of: the files of a distribution, or a folder of ours. Each is compressed once and shared."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, TypeAlias

from functions.deploy.archive import write_part
from functions.deploy.bytecode import TAG, bytecode, bytecode_name
from functions.deploy.closure import ROOT, sources
from functions.deploy.natives import without_symbols
from functions.deploy.needs import BARE, DISCOVERY, LOCAL
from functions.deploy.openapi import whole_document
from functions.deploy.slim import PROGRAMS, is_compiled, is_kept

if TYPE_CHECKING:
    from functions.deploy.needs import Need
    from functions.deploy.wheels import Distribution, Site

Source: TypeAlias = Path | bytes | Callable[[], bytes]

_HERE = Path(__file__).parent
_MAKERS = ("archive.py", "bytecode.py", "natives.py", "parts.py", "slim.py")  # a change in these makes every part anew
_TOOLS = ("functions.deploy", "functions.local_lambda")
_KEPT_S = 3 * 24 * 3600
_WORTH_A_PROCESS = 4  # parts


@dataclass(frozen=True, slots=True)
class Part:
    """Files by their names in a package. `key` stands for their contents and for how they are packed."""

    key: str
    files: Mapping[str, Source]
    distribution: str = ""

    def path(self, cache: Path) -> Path:
        """Where the compressed part is kept."""
        return cache / "parts" / f"{self.key}.zip"


def maker_key() -> str:
    """Give the key of how parts are made: this code and this Python."""
    return key_of(*((_HERE / name).read_bytes() for name in _MAKERS), TAG)


def own_parts(need: Need, maker: str, part_of: Callable[[Path], Part]) -> Iterator[Part]:
    """Give our own code and data: the whole library and the function's folder; of a bare function what it imports.

    `part_of` gives the part of a folder.
    """
    if need.name in BARE:
        yield _part({_name(path): path for path in need.closure.ours.values()}, maker)
        return
    package = ROOT / "functions" / "__init__.py"
    yield _part({_name(package): package}, maker)
    for folder in (ROOT / "functions" / "shared", need.folder, *need.data):
        yield part_of(folder)
    if need.name == DISCOVERY:
        yield _openapi(maker)


def folder_part(folder: Path, *, maker: str) -> Part:
    """Give a folder of ours, but for what belongs to a plane on one machine."""
    return _part(_files(folder), maker)


def other_parts(distributions: Iterable[Distribution], site: Site, maker: str) -> Iterator[Part]:
    """Give one part a distribution, without what is of no use."""
    for one in distributions:
        key = f"{one.name}-{one.version}-{key_of(maker, one.name, site.folder.name)}"
        yield Part(key, {name: site.folder / name for name in one.files if is_kept(one.name, name)}, one.name)


def make(parts: Iterable[Part], cache: Path, jobs: int) -> None:
    """Compress the parts that are not there yet, the largest first; forget those that nobody asked for in days."""
    (cache / "parts").mkdir(parents=True, exist_ok=True)
    wanted = {part.key: part for part in parts}
    _write_missing([part for part in wanted.values() if not part.path(cache).exists()], cache, jobs)
    for part in wanted.values():
        part.path(cache).touch()
    too_old = time.time() - _KEPT_S
    for file in (cache / "parts").iterdir():
        if file.stat().st_mtime < too_old:
            file.unlink()


def key_of(*pieces: str | bytes) -> str:
    """Give a short name for some contents in their order."""
    digest = hashlib.sha256()
    for piece in pieces:
        data = piece.encode() if isinstance(piece, str) else piece
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()[:20]


def _write_missing(missing: Sequence[Part], cache: Path, jobs: int) -> None:
    largest_first = sorted(missing, key=lambda part: -len(part.files))
    if len(missing) < _WORTH_A_PROCESS or jobs == 1:
        for part in largest_first:
            _write(part, cache)
        return
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:  # the caller may have threads
        for _ in pool.map(_write, largest_first, [cache] * len(largest_first)):
            pass


def _part(files: Mapping[str, Path], maker: str) -> Part:
    contents = {name: path.read_bytes() for name, path in files.items()}
    return Part(key_of(maker, *(piece for pair in contents.items() for piece in pair)), contents)


def _openapi(maker: str) -> Part:
    """The document of all functions; made anew when any of them has changed."""
    served = {name: path for name, path in sorted(sources().items()) if not name.startswith(_TOOLS)}
    pieces = [piece for name, path in served.items() for piece in (name, path.read_bytes())]
    return Part(f"openapi-{key_of(maker, *pieces)}", {f"functions/{DISCOVERY}/openapi.json": whole_document})


def _files(folder: Path) -> dict[str, Path]:
    found = {_name(path): path for path in folder.rglob("*") if path.is_file()}
    return {
        name: path
        for name, path in sorted(found.items())
        if not name.startswith(LOCAL) and path.suffix not in {".md", ".pyc"}
    }


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _write(part: Part, cache: Path) -> None:
    files: dict[str, bytes] = {}
    for name, source in part.files.items():
        content = _content(source)
        files[name] = content
        if name.endswith(".py") and is_compiled(part.distribution, name):
            packed = bytecode(content, name)
            if packed is not None:
                files[bytecode_name(name)] = packed
        elif name in PROGRAMS or ".so" in PurePath(name).suffixes:
            files[name] = without_symbols(content)
    write_part(part.path(cache), files, PROGRAMS)


def _content(source: Source) -> bytes:
    match source:
        case Path():
            return source.read_bytes()
        case bytes():
            return source
        case _:
            return source()
