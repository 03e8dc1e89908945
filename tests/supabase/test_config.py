"""`supabase/config.toml`: the CLI understands all of it, and it says what the plane needs."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest

from functions.shared.config import Settings
from functions.shared.devauth.accounts import CODE_SECONDS
from functions.shared.postgres.schema import SUPABASE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Server
    from tests.supabase.cli import Cli

CONFIG = tomllib.loads((SUPABASE / "config.toml").read_text())
ENVIRONMENT = {"AGENTPLANE_PUBLIC_URL": "https://plane.example", "AGENTPLANE_MAIL_FROM": "plane@example.com"}


@pytest.fixture
def empty_url(postgres: Server) -> Iterator[str]:
    url = postgres.clone("template0")
    yield url
    postgres.drop(url)


async def test_the_cli_understands_every_key(empty_url: str, cli: Cli) -> None:
    """`db push --dry-run` reads the whole file and every template, without Docker and without an account."""
    asked = await cli.run("db", "push", f"--remote={empty_url}", "--dry-run", **ENVIRONMENT)
    assert asked.code == 0, asked.text
    assert "Would push" in asked.text
    assert "WARN" not in asked.text, asked.text


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("jwt_expiry = 3600", "jwt_expirey = 3600", "auth.jwt_expirey"),
        ("templates/invite.html", "templates/nowhere.html", "auth.email.template.invite"),
    ],
)
async def test_the_cli_would_say_what_is_wrong(empty_url: str, cli: Cli, right: str, wrong: str, told: str) -> None:
    file = cli.folder / "supabase" / "config.toml"
    assert right in file.read_text()
    file.write_text(file.read_text().replace(right, wrong))
    assert told in (await cli.run("db", "push", f"--remote={empty_url}", "--dry-run", **ENVIRONMENT)).text


def test_only_functions_are_exposed() -> None:
    assert CONFIG["api"]["schemas"] == ["api"]
    assert CONFIG["api"]["extra_search_path"] == []
    assert not CONFIG["api"]["auto_expose_new_tables"]


def test_people_sign_in_by_mail_and_by_a_second_factor_only() -> None:
    auth = CONFIG["auth"]
    assert auth["enable_signup"], "who is invited could not sign in for the first time"
    assert not auth["enable_anonymous_sign_ins"]
    assert not auth["enable_manual_linking"]
    assert auth["email"]["enable_confirmations"]
    assert auth["email"]["double_confirm_changes"]
    assert auth["mfa"]["totp"] == {"enroll_enabled": True, "verify_enabled": True}
    assert "external" not in auth
    assert "sms" not in auth


def test_tokens_live_as_long_as_the_functions_expect() -> None:
    auth = CONFIG["auth"]
    assert auth["jwt_expiry"] == 3600
    assert auth["enable_refresh_token_rotation"]
    assert auth["refresh_token_reuse_interval"] == 10
    assert CODE_SECONDS <= auth["email"]["otp_expiry"] <= 3600


def test_nothing_secret_and_nothing_of_one_project_is_in_the_file() -> None:
    assert CONFIG["auth"]["site_url"] == "env(AGENTPLANE_PUBLIC_URL)"
    smtp = CONFIG["auth"]["email"]["smtp"]
    assert {smtp[name][:4] for name in ("host", "user", "pass", "admin_email")} == {"env("}
    names = {f"AGENTPLANE_{field.upper()}" for field in Settings.model_fields}
    assert {"AGENTPLANE_PUBLIC_URL", "AGENTPLANE_MAIL_FROM"} <= names, "the functions' own settings, said once"
