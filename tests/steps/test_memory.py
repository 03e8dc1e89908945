"""The memory step: one operation; e2e shows it with a database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from functions.shared.steps.base import StepFailed
from functions.shared.steps.handlers import HANDLERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from functions.shared.steps.base import Context


@pytest.mark.parametrize("operations", [{}, {"write": "a", "search": "b"}])
async def test_a_step_takes_exactly_one_operation(context: Callable[..., Context], operations: dict[str, Any]) -> None:
    with pytest.raises(StepFailed, match="exactly one"):
        await HANDLERS["memory"]({"namespace": "n", **operations}, context())
