"""Compiles modules for a folder that nobody can write to, the same bytes on every machine.

The bytecode is marked as never to be compared with its source: the ages of files in a package mean nothing, and what
is taken for stale would be compiled anew at every start. Names of files in it are relative to the package.
"""

from __future__ import annotations

import importlib.util
import marshal
import sys
import warnings
from types import CodeType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
_NEVER_CHECKED = (0b01).to_bytes(4, "little")
# Strings of one character exist once in a process. Whether one is interned, which shows in the bytes, would depend on
# what else was loaded: here all of them are, and the file's name, which others may have interned too.
_CHARACTERS = tuple(sys.intern(text) for text in ("", *map(chr, range(256))))


def bytecode_name(name: str) -> str:
    """Give where the bytecode of a source belongs: `a/b.py` gives `a/__pycache__/b.cpython-311.pyc`."""
    return importlib.util.cache_from_source(name, optimization="")


def bytecode(source: bytes, name: str) -> bytes | None:
    """Compile a source that stands at `name` in its package; none when this Python cannot read it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about other people's sources
        try:
            code = compile(source, sys.intern(name), "exec", dont_inherit=True, optimize=0)
        except (SyntaxError, ValueError):
            return None
    held = list(_parts(code))
    packed = marshal.dumps(code)
    del held
    return importlib.util.MAGIC_NUMBER + _NEVER_CHECKED + importlib.util.source_hash(source) + packed


def _parts(value: object) -> Iterator[object]:
    """Give every object in a code object. Holding them makes its bytes the same in every process.

    marshal writes an object in another way when somebody else refers to it: `self`, say, when any module that happens
    to be loaded has that name. Held by us, everything is referred to.
    """
    yield value
    if isinstance(value, CodeType):
        yield from (value.co_name, value.co_qualname, value.co_filename, value.co_linetable, value.co_exceptiontable)
        for some in (value.co_consts, value.co_names, value.co_varnames, value.co_cellvars, value.co_freevars):
            yield from _parts(some)
    elif isinstance(value, (tuple, frozenset)):
        for one in value:  # pyright: ignore[reportUnknownVariableType]
            yield from _parts(one)  # pyright: ignore[reportUnknownArgumentType]


def of_this_python(packed: bytes) -> bool:
    """Whether bytecode was made for this Python, and is never compared with its source."""
    return packed[:4] == importlib.util.MAGIC_NUMBER and packed[4:8] == _NEVER_CHECKED


TAG = sys.implementation.cache_tag
