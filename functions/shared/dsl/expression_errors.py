"""The one error of expressions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

ExpressionCode: TypeAlias = Literal["undefined", "type_error", "too_large", "not_allowed", "syntax"]


class ExpressionError(Exception):
    """An expression that cannot be read or evaluated. Branch on `code`, show `message`.

    A hint that has to be looked for is only looked for when it is shown: `default` throws most errors away.
    """

    def __init__(self, code: ExpressionCode, message: str, hint: str | Callable[[], str | None] | None = None) -> None:
        super().__init__(message)
        self.code: ExpressionCode = code
        self.message = message
        self._hint = hint

    @property
    def hint(self) -> str | None:
        """The way out, if one is known."""
        return self._hint() if callable(self._hint) else self._hint
