"""The development sign-in exists only on a plane of one machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from functions.local import create_local_app
from functions.shared.config import Settings
from functions.shared.devauth import Accounts, NotLocal, is_local

if TYPE_CHECKING:
    from pathlib import Path

LOCAL = {"public_url": "http://127.0.0.1:8400"}
ELSEWHERE: list[dict[str, Any]] = [
    {"local_data": None},
    {"public_url": ""},
    {"public_url": "https://plane.example.com"},
    {"public_url": "http://localhost.example.com"},
    {"public_url": "http://127.0.0.1@evil.example"},
    {"supabase_url": "https://project.supabase.co"},
    {"auth_url": "https://auth.example.com"},
]


@pytest.mark.parametrize("given", ELSEWHERE, ids=str)
def test_it_refuses_to_be_made_elsewhere(tmp_path: Path, given: dict[str, Any]) -> None:
    settings = Settings(_env_file=None, **{"local_data": tmp_path, **LOCAL, **given})
    with pytest.raises(NotLocal, match="only on a plane of one machine"):
        Accounts(settings)
    assert not is_local(settings)
    assert not list(tmp_path.iterdir()), "no key is made"


@pytest.mark.parametrize("given", ELSEWHERE, ids=str)
def test_it_is_not_mounted_elsewhere(tmp_path: Path, given: dict[str, Any]) -> None:
    settings = Settings(_env_file=None, **{"local_data": tmp_path, **LOCAL, **given})
    assert not [path for path in _paths(settings) if path.startswith(("/auth/v1", "/dev/"))]


@pytest.mark.parametrize("url", ["http://127.0.0.1:8400", "http://localhost:8400", "http://[::1]:8400"])
def test_it_is_mounted_on_one_machine(tmp_path: Path, url: str) -> None:
    paths = _paths(Settings(_env_file=None, local_data=tmp_path, public_url=url))
    assert {"/auth/v1/otp", "/auth/v1/.well-known/jwks.json", "/dev/mail"} <= paths


def _paths(settings: Settings) -> set[str]:
    return {getattr(route, "path", "") for route in create_local_app(settings).routes}
