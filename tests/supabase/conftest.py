"""The Supabase CLI on a copy of `supabase/`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.supabase.cli import Cli, copied_cli

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return copied_cli(tmp_path)
