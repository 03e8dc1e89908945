"""What SQL and Python both name is the same, and the key of a plane on this machine is its owner's alone."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from agentplane.cli import local_plane

from functions.shared.sealing import MasterKey
from functions.shared.steps.providers import PROVIDER_KEYS

SQL = Path(__file__).resolve().parents[3] / "sql"
OPTIONS = local_plane.Options(port=0, data=Path(), db_url=None, ready_file=None, postgres=18, simulate_models=False)


def test_the_database_knows_the_names_of_all_provider_keys() -> None:
    text = (SQL / "kernel" / "_provider_keys.sql").read_text()
    assert set(re.findall(r"[A-Z][A-Z0-9_]+_(?:KEY|TOKEN)", text)) == PROVIDER_KEYS


def test_a_plane_keeps_its_master_key_for_its_owner_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AGENTPLANE_MASTER_KEY", raising=False)
    options = replace(OPTIONS, data=tmp_path)
    first = local_plane._master_key(options)
    assert MasterKey.of(first)
    assert local_plane._master_key(options) == first, "the same after a restart"
    assert (tmp_path / "master.key").stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv("AGENTPLANE_MASTER_KEY", "another")
    assert local_plane._master_key(options) == "another"
