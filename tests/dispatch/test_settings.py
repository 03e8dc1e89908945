"""Settings that the environment has only the names of."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from functions.shared import aws
from functions.shared.config import Settings
from functions.shared.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

SECRETS = {
    "database_url": "postgresql://u:hunter2@db:6543/p",
    "supabase_publishable_key": "sb_publishable_x",
    "runner_key": "ap_runner_x",
    "key_pepper": "pepper",
    "master_key": "bWFzdGVy",
    "doorbell_key": "new,former",
    "smtp_url": "smtp://u:hunter3@mail:25",
    "public_url": "https://plane.example",
    "mail_from": "plane@example.com",
    "log_level": "DEBUG",
    "owner": "o",
    "stage": "prod",
}


@pytest.fixture
def parameters(moto_address: str, aws_at: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> str:
    """Parameters of a stage, and their names in the environment; gives their prefix."""
    aws_at(moto_address)
    prefix = f"/agentplane/{uuid4().hex[:8]}"
    for field, value in SECRETS.items():
        name = f"{prefix}/{field.replace('_', '-')}"
        aws.ask_now("ssm", "put_parameter", Name=name, Value=value, Type="SecureString")
        monkeypatch.setenv(f"AGENTPLANE_{field.upper()}_PARAMETER", name)
    return prefix


@pytest.mark.usefixtures("parameters")
def test_all_parameters_are_read_decrypted_also_more_than_one_call_may_name() -> None:
    settings = Settings()
    assert len(SECRETS) > 10
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == SECRETS["database_url"]
    assert settings.doorbell_key is not None
    assert settings.doorbell_key.get_secret_value() == "new,former"
    assert (settings.supabase_publishable_key, settings.stage) == ("sb_publishable_x", "prod")
    assert "hunter2" not in repr(settings)


@pytest.mark.usefixtures("parameters")
def test_what_the_environment_says_itself_counts_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTPLANE_STAGE", "dev")
    assert Settings().stage == "dev"
    assert Settings(stage="here").stage == "here"


def test_a_missing_parameter_is_named_with_the_way_out(parameters: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTPLANE_KEY_PEPPER_PARAMETER", f"{parameters}/none")
    monkeypatch.setenv("AGENTPLANE_MASTER_KEY_PARAMETER", f"{parameters}/neither")
    with pytest.raises(Unavailable) as missing:
        Settings()
    assert missing.value.code == "parameter_missing"
    assert f"{parameters}/neither, {parameters}/none" in missing.value.detail
    assert "agentplane deploy --init" in str(missing.value.hint)
    assert "hunter" not in missing.value.detail


def test_a_parameter_store_that_is_away_is_an_error_that_says_so(
    aws_at: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    aws_at("http://127.0.0.1:9")
    monkeypatch.setenv("AGENTPLANE_KEY_PEPPER_PARAMETER", "/agentplane/dev/key-pepper")
    with pytest.raises(Unavailable) as away:
        Settings()
    assert away.value.code == "settings_unreadable"
    assert "EndpointConnectionError" in away.value.detail


def test_an_empty_name_means_that_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTPLANE_SMTP_URL_PARAMETER", "")
    assert Settings().smtp_url is None


def test_a_wrong_secret_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTPLANE_QUEUE_URLS", '{"default": 7, "hunter2": {}}')
    with pytest.raises(ValueError, match="queue_urls") as wrong:
        Settings()
    assert "hunter2': {}" not in str(wrong.value)
    assert "input_value" not in str(wrong.value)
