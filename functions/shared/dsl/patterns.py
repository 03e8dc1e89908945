"""Regular expressions of schemas, matched in linear time: the engine has no look-around and no back-references.

Python's own engine can take for ever on some texts (`^(a|a)*$`), and it would hold up everything else meanwhile.
"""

from __future__ import annotations

import re
from functools import lru_cache

from pydantic_core import SchemaError, SchemaValidator, core_schema

MAX_STATES = 4_000
_COUNT = re.compile(r"\{(\d+)(?:,(\d*))?\}")
_ESCAPE_WITH_BRACES = re.compile(r"\\[pPxuU]\{[^}]*\}")
_SAID = re.compile(r"error: (.+)", re.DOTALL)
_HINTS = {
    "look-around": "Write it without `(?=`, `(?!` and `(?<`; a `code` step can look closer.",
    "backreferences": "Write it without `\\1`; a `code` step can look closer.",
    "size limit": "Repeat less often.",
}


class PatternError(ValueError):
    """A pattern that cannot be used. `hint` says what to write instead."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Pattern:
    """A compiled pattern. Matching a text takes at most about `states` steps for each of its characters."""

    __slots__ = ("_matcher", "states")

    def __init__(self, matcher: SchemaValidator, states: int) -> None:
        self._matcher = matcher
        self.states = states

    def is_in(self, text: str) -> bool:
        """Tell whether the pattern is found anywhere in the text."""
        return self._matcher.isinstance_python(text)


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> Pattern:
    """Compile a pattern. Raises PatternError for one that is none, or too large."""
    states = _states(pattern)
    if states > MAX_STATES:
        message = f"`pattern` stands for about {states:,} characters; {MAX_STATES:,} are allowed"
        raise PatternError(message, _HINTS["size limit"])
    try:
        schema = core_schema.str_schema(pattern=pattern, regex_engine="rust-regex", strict=True)
        return Pattern(SchemaValidator(schema), states)
    except SchemaError as error:
        said = str(error)
        hint = next((hint for mark, hint in _HINTS.items() if mark in said), None)
        found = _SAID.search(said)
        reason = " ".join((found[1] if found else said).split())[:200]
        raise PatternError(f"`pattern` is not a regular expression: {reason}", hint) from None


def _states(pattern: str) -> int:
    """Estimate the size of a pattern with its counted repeats written out."""
    text = _ESCAPE_WITH_BRACES.sub("x", pattern)
    sizes, last, position = [0], 0, 0
    while position < len(text):
        char = text[position]
        count = _COUNT.match(text, position) if char == "{" else None
        if count is not None:
            times = max(int(each[:9]) for each in count.groups() if each)
            sizes[-1] += last * max(0, times - 1)
            last *= max(1, times)
            position = count.end()
            continue
        if char == "(":
            sizes.append(0)
            last = 0
        elif char == ")" and len(sizes) > 1:
            last = max(1, sizes.pop())
            sizes[-1] += last
        elif char not in "*+?|^$":
            last = 1
            sizes[-1] += 1
            position = _after_class(text, position) if char == "[" else position + (char == "\\")
        position += 1
    return max(1, sum(sizes))


def _after_class(text: str, start: int) -> int:
    """Give where the class that begins here ends; classes may hold classes."""
    depth, position = 0, start
    while position < len(text):
        char = text[position]
        if char == "\\":
            position += 1
        elif char == "[":
            depth += 1
        elif char == "]" and position > start + 1 and text[start + 1 : position] != "^":
            depth -= 1
            if depth == 0:
                return position
        position += 1
    return position
