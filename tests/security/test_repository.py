"""What the repository must not say: where packages come from, which machine it was made on, anybody's key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted((ROOT / "functions" / "requirements").glob("*.txt"))
PLACES = ("functions", "sdk", "sql", "supabase", "bench", "templates", ".ci")
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:root|work|Users)/\w|/home/\w+/")
KEY = re.compile(r"\bap_(?:live|run)_[0-9A-Za-z]{43}_[0-9a-f]{6}\b")


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_pins_every_package_by_hash_and_names_no_index(lock: Path) -> None:
    text = lock.read_text()
    assert not re.search(r"://|--(?:extra-)?index-url|--find-links|--trusted-host", text)
    blocks = re.split(r"\n(?=[A-Za-z0-9_.\-\[\]]+==)", "\n" + text)[1:]
    assert blocks
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_no_source_names_a_machine_or_holds_a_key() -> None:
    sources = [
        path
        for place in PLACES
        for path in (ROOT / place).rglob("*")
        if path.is_file() and not {"node_modules", "__pycache__", ".venv"} & set(path.parts)
    ]
    assert len(sources) > 200
    found = [
        f"{path.relative_to(ROOT)}: {match[0][:40]}"
        for path in sources
        if (match := _first(path.read_bytes().decode("utf-8", errors="ignore"))) is not None
    ]
    assert found == []


def _first(text: str) -> re.Match[str] | None:
    return MACHINE_PATH.search(text) or KEY.search(text)
