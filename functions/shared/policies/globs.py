"""Patterns: `*` is any text, `?` one character, everything else itself; case does not matter."""

from __future__ import annotations


def matches(pattern: str, text: str) -> bool:
    """Tell whether a pattern fits the whole text. Takes at most len(pattern) * len(text) steps, whatever it says."""
    pattern, text = pattern.casefold(), text.casefold()
    at = star = place = 0
    has_star = False
    for_text = 0
    while for_text < len(text):
        if at < len(pattern) and pattern[at] == "*":
            star, place, has_star = at, for_text, True
            at += 1
        elif at < len(pattern) and pattern[at] in ("?", text[for_text]):
            at += 1
            for_text += 1
        elif has_star:
            place += 1
            at, for_text = star + 1, place
        else:
            return False
    return all(char == "*" for char in pattern[at:])
