"""docs/supabase.md names what is there: modules, settings, files, tests."""

from __future__ import annotations

import importlib.util
import re

from functions.shared.config import Settings
from functions.shared.postgres.schema import ROOT, SUPABASE

PAGE = (ROOT / "docs" / "supabase.md").read_text()


def test_every_command_of_ours_is_there() -> None:
    modules = set(re.findall(r"python -m ([\w.]+)", PAGE))
    assert {name.rpartition(".")[2] for name in modules} == {"migrate", "login", "realtime"}
    assert all(importlib.util.find_spec(name) for name in modules)


def test_every_setting_is_there() -> None:
    known = {f"AGENTPLANE_{name.upper()}" for name in Settings.model_fields}
    known |= set(re.findall(r"env\((\w+)\)", (SUPABASE / "config.toml").read_text())) | {"AGENTPLANE_LOGIN_PASSWORD"}
    assert set(re.findall(r"AGENTPLANE_[A-Z_]+", PAGE)) <= known


def test_every_file_is_there() -> None:
    named = set(re.findall(r"`((?:supabase|tests|sql)/[\w./]*)`", PAGE)) | {
        f"docs/{name}" for name in re.findall(r"\]\((\w+\.md)\)", PAGE)
    }
    named -= {"supabase/.env"}  # which is nobody's but the operator's
    assert len(named) > 6
    assert [name for name in named if not (ROOT / name).exists()] == []
    assert "docs/supabase.md" not in named
    assert "(supabase.md)" in (ROOT / "docs" / "pages.md").read_text()
