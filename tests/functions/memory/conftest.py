"""Models are called in this process, so their connections end with the test that opened them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from functions.shared.steps.llm import close_models

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture(autouse=True)
async def _models_closed() -> AsyncIterator[None]:
    yield
    await close_models()
