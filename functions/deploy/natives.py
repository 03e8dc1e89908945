"""Native libraries without what only debuggers read: symbols and debug information, half of some of them.

A library is loaded by its program headers. What stands behind the last byte that they name, and the table of sections
that describes it, can be cut off; the code and its data stay untouched, byte for byte.
"""

from __future__ import annotations

import struct

_ELF64_LITTLE = b"\x7fELF\x02\x01"
_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_PROGRAM = struct.Struct("<IIQQQQQQ")


def without_symbols(content: bytes) -> bytes:
    """Cut a library of 64 bits for Linux; give anything else as it is."""
    if not content.startswith(_ELF64_LITTLE):
        return content
    header = list(_HEADER.unpack_from(content))
    start, size, count = header[5], header[9], header[10]
    ends = [_HEADER.size, start + size * count]
    for number in range(count):
        _, _, offset, _, _, length, _, _ = _PROGRAM.unpack_from(content, start + number * size)
        ends.append(offset + length)
    header[6] = header[11] = header[12] = header[13] = 0  # no table of sections
    return _HEADER.pack(*header) + content[_HEADER.size : max(ends)]
