"""Collects what is wrong, with its place in the text."""

from __future__ import annotations

from functions.shared.dsl.expression_errors import ExpressionError
from functions.shared.dsl.loader import Loaded
from functions.shared.dsl.problems import DocumentPath, Problem, Severity, path_text
from functions.shared.dsl.sites import Found, Site
from functions.shared.dsl.values import readable

EXPRESSION_CODES = {
    "syntax": "expression_syntax",
    "not_allowed": "expression_not_allowed",
    "too_large": "expression_too_large",
    "undefined": "unknown_name",
    "type_error": "type_mismatch",
}


MAX_FINDINGS = 500
_USUAL_HINTS = {
    "missing_key": "Add it.",
    "exclusive_keys": "Keep one of them.",
    "unknown_key": "Remove it.",
    "empty": "Fill it in, or remove it.",
    "duplicate": "Keep one of them.",
    "out_of_range": "Change it to fit.",
    "no_effect": "Remove it, or add what it belongs to.",
    "bad_text": "Remove the character.",
    "expression_not_allowed": "Put the value into a field that takes expressions.",
    "constant_condition": "Look at an input or a step, or remove it.",
}


class Findings:
    """The problems of one document, the first 500. The same finding at the same place is kept once."""

    def __init__(self, loaded: Loaded | None) -> None:
        self._loaded = loaded
        self._found: dict[tuple[str, str, str], Problem] = {}
        self._unlocated: list[Problem] = [] if loaded is None else list(loaded.problems)

    def error(self, path: DocumentPath, code: str, message: str, hint: str | None = None) -> None:
        """Add an error about the entry at `path`."""
        self._add(path, None, code, "error", message, hint)

    def warning(self, path: DocumentPath, code: str, message: str, hint: str | None = None) -> None:
        """Add a warning about the entry at `path`."""
        self._add(path, None, code, "warning", message, hint)

    def in_text(
        self, site: Site, found: Found, code: str, message: str, hint: str | None = None, **how: Severity
    ) -> None:
        """Add a problem of one expression, placed where its `${{` stands. `severity` is 'error' unless given."""
        self._add(site.path, found.offset, code, how.get("severity", "error"), message, hint)

    def expression(self, site: Site, found: Found, error: ExpressionError) -> None:
        """Add an expression that cannot be read."""
        self.in_text(site, found, EXPRESSION_CODES[error.code], error.message, error.hint)

    def problems(self) -> list[Problem]:
        """Give all problems in the order of the text."""
        every = [*self._unlocated, *self._found.values()]
        return sorted(every, key=lambda problem: (problem.line or 0, problem.column or 0, problem.severity))

    def _add(
        self, path: DocumentPath, offset: int | None, code: str, severity: Severity, message: str, hint: str | None
    ) -> None:
        if len(self._found) >= MAX_FINDINGS:
            return
        shown, message = readable(path_text(path)), readable(message)
        if (shown, code, message) in self._found:
            return
        line, column = self._place(path, offset)
        self._found[shown, code, message] = Problem(
            shown, line, column, code, severity, message, readable(hint) if hint else _USUAL_HINTS.get(code)
        )

    def _place(self, path: DocumentPath, offset: int | None) -> tuple[int | None, int | None]:
        if self._loaded is None:
            return None, None
        if offset is None:
            return self._loaded.position(path)
        return self._loaded.position_in_text(path, offset)
