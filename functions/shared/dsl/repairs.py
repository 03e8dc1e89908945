"""Small repairs that guess nothing, so that one slip of YAML does not hide everything else that is wrong."""

from __future__ import annotations

import re

from functions.shared.dsl.problems import Problem
from functions.shared.dsl.reader import Restore, Where, problem
from functions.shared.dsl.tree import Place

_EXPRESSION = re.compile(r"\$\{\{(?:[^{}\n'\"]|'[^'\n]*'|\"[^\"\n]*\"|\{[^{}\n]*\})*\}\}")
_MASK, _PAD, _END, _DIGITS, _BASE = "\ue000", "\ue001", "\ue002", 0xE100, 4096
_MASKED = re.compile(f"{_MASK}(.)(.){_PAD}*{_END}")


def without_tabs(text: str) -> tuple[str, list[Problem], Where]:
    """Read each tab of an indentation as two spaces; the function brings places back to the text as written."""
    problems: list[Problem] = []
    shifts: dict[int, int] = {}
    lines = text.split("\n")
    for at, line in enumerate(lines):
        indentation = line[: len(line) - len(line.lstrip(" \t"))]
        if "\t" not in indentation or not line.strip():
            continue
        shifts[at + 1] = indentation.count("\t")
        column = indentation.index("\t") + 1
        if not problems:
            hint = "Use spaces. Here each tab was read as two."
            problems.append(
                problem((), (at + 1, column), "tab", "A tab indents this line; YAML allows spaces only", hint)
            )
        lines[at] = indentation.replace("\t", "  ") + line.lstrip(" \t")

    def place(at: Place) -> Place:
        return at[0], max(1, at[1] - shifts.get(at[0], 0))

    return "\n".join(lines), problems, place


def masked_text(text: str) -> tuple[str, Restore]:
    """Put a word of the same length in place of every expression, so that YAML sees no braces and places stay true."""
    originals: list[str] = []

    def mask(match: re.Match[str]) -> str:
        originals.append(match[0])
        high, low = divmod(len(originals) - 1, _BASE)
        return f"{_MASK}{chr(_DIGITS + high)}{chr(_DIGITS + low)}{_PAD * (len(match[0]) - 4)}{_END}"

    def restore(value: str, style: str) -> str:
        def original(match: re.Match[str]) -> str:
            written = originals[(ord(match[1]) - _DIGITS) * _BASE + ord(match[2]) - _DIGITS]
            if style == '"':
                return re.sub(r"\\(.)", r"\1", written)
            return written.replace("''", "'") if style == "'" else written

        return _MASKED.sub(original, value) if _MASK in value else value

    return _EXPRESSION.sub(mask, text), restore
