"""Zip archives that are the same, byte for byte, whenever and wherever they are built.

An archive is made of parts. A part is compressed once and kept; putting an archive together copies the parts' bytes
and writes one directory behind them, so that thirty packages with the same libraries take seconds.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zipfile
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

EPOCH = (1980, 1, 1, 0, 0, 0)
_FILE = 0o100644
_PROGRAM = 0o100755
_UNIX = 3
_DOS_DATE = (EPOCH[0] - 1980) << 9 | EPOCH[1] << 5 | EPOCH[2]
_ENTRY = struct.Struct("<4s4B4H3L5H2L")  # a file in the directory at the end
_END = struct.Struct("<4s4H2LH")


def write_part(path: Path, files: Mapping[str, bytes], programs: frozenset[str] = frozenset()) -> None:
    """Write files by name, sorted, all of one age. `programs` may be executed."""
    half = path.with_suffix(f".{os.getpid()}")
    with zipfile.ZipFile(half, "w") as archive:
        for name, content in sorted(files.items()):
            info = zipfile.ZipInfo(name, EPOCH)
            info.create_system = _UNIX
            info.external_attr = (_PROGRAM if name in programs else _FILE) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content, compresslevel=6)
    half.rename(path)


def join_parts(path: Path, parts: Sequence[Path]) -> None:
    """Put parts together to one archive. Raises ValueError when two parts hold the same name."""
    half = path.with_suffix(f".{os.getpid()}")
    directory: list[bytes] = []
    names: set[str] = set()
    with half.open("wb") as out:
        for part in parts:
            start = out.tell()
            with zipfile.ZipFile(part) as archive, part.open("rb") as source:
                infos = archive.infolist()
                twice = names.intersection(info.filename for info in infos)
                if twice:
                    raise ValueError(f"{min(twice)} stands in two parts of {path.name}")
                names.update(info.filename for info in infos)
                directory.extend(_entry(info, start) for info in infos)
                _copy(source.fileno(), out.fileno(), _end_of_files(part))
                out.seek(0, os.SEEK_END)
        start, listing = out.tell(), b"".join(directory)
        out.write(listing)
        out.write(_END.pack(b"PK\5\6", 0, 0, len(directory), len(directory), len(listing), start, 0))
    half.rename(path)


def unpack(archive: Path, folder: Path, kept: Path) -> None:
    """Unpack into a new folder, programs as programs. A file that several archives share is written once, to `kept`."""
    kept.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive) as packed:
        for directory in sorted({str(PurePath(name).parent) for name in packed.namelist()}):
            (folder / directory).mkdir(parents=True, exist_ok=True)
        for info in packed.infolist():
            mode = info.external_attr >> 16 & 0o777
            known = hashlib.sha256(info.filename.encode()).hexdigest()[:16]
            file = kept / f"{known}-{info.CRC:08x}-{info.file_size}-{mode:o}"
            if not file.exists():
                file.write_bytes(packed.read(info))
                file.chmod(mode)
            (folder / info.filename).hardlink_to(file)


def _entry(info: zipfile.ZipInfo, start: int) -> bytes:
    name = info.filename.encode()
    return (
        _ENTRY.pack(
            b"PK\1\2",
            *(info.create_version, info.create_system, info.extract_version, 0),
            *(info.flag_bits, info.compress_type, 0, _DOS_DATE),
            *(info.CRC, info.compress_size, info.file_size),
            *(len(name), 0, 0, 0, 0),
            *(info.external_attr, info.header_offset + start),
        )
        + name
    )


def _end_of_files(part: Path) -> int:
    """Where the directory of a part begins, as its last 22 bytes tell (our parts have no comment)."""
    with part.open("rb") as file:
        file.seek(-_END.size, os.SEEK_END)
        return int(_END.unpack(file.read(_END.size))[6])


def _copy(source: int, out: int, count: int) -> None:
    while count:
        count -= os.sendfile(out, source, None, count)
