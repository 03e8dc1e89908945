"""The one error of expressions."""

from __future__ import annotations

from typing import Literal, TypeAlias

ExpressionCode: TypeAlias = Literal["undefined", "type_error", "too_large", "not_allowed", "syntax"]


class ExpressionError(Exception):
    """An expression that cannot be read or evaluated. Branch on `code`, show `message`."""

    def __init__(self, code: ExpressionCode, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.code: ExpressionCode = code
        self.message = message
        self.hint = hint
