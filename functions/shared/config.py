"""Settings: the only place that reads the environment."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from functions.shared import aws
from functions.shared.errors import Unavailable

_PREFIX = "AGENTPLANE_"
_PARAMETER = "_PARAMETER"
POOLER_PORT = 6543  # of Supabase's pooler in transaction mode; 5432 is a session's, there too


class Settings(BaseSettings):
    """What a deployed function or a local plane needs to know: each field is `AGENTPLANE_<NAME>` in the environment.

    Or `AGENTPLANE_<NAME>_PARAMETER` names the SSM parameter that holds it. Raises Unavailable when it cannot be read.
    """

    model_config = SettingsConfigDict(env_prefix=_PREFIX, extra="ignore", frozen=True, hide_input_in_errors=True)

    database_url: SecretStr | None = Field(
        default=None, description="Postgres by asyncpg; without it PostgREST is used."
    )
    database_pooled: bool | None = Field(
        default=None,
        description="Whether the database's address is a transaction pooler's, where nothing may be prepared; "
        "empty: yes on port 6543, Supabase's own.",
    )
    database_connections: int = Field(
        default=10, ge=1, le=200, description="Connections that one process opens at most; on Lambda 1 is enough."
    )
    supabase_url: str | None = Field(default=None, description="Base address of the Supabase project.")
    supabase_publishable_key: str | None = Field(
        default=None, description="The publishable key: opens only the two doors."
    )
    runner_key: SecretStr | None = Field(default=None, description="The key of the plane's own runner and sweeper.")
    master_key: SecretStr | None = Field(
        default=None,
        description="Seals secrets: base64 of 32 bytes. To rotate, put the new one first and the former after a comma.",
    )
    lend_environment: bool = Field(
        default=True,
        description="Steps of every organisation may use the runner's AGENTPLANE_SECRET_* and provider keys.",
    )
    key_pepper: SecretStr = Field(
        default=SecretStr(""),
        description="Keys are kept as an HMAC with it; empty: as sha256. To rotate: `new,former`; `new,` from none.",
    )
    rate_limit: str = Field(
        default="60000/60",
        description="Requests of a key or a person, as requests/seconds or requests/seconds/at once; empty: no limit.",
    )
    agent_rate_limit: str = Field(
        default="6000/60", description="Requests of an agent that AgentPlane-Agent names, in the same form."
    )
    stranger_rate_limit: str = Field(
        default="120/60", description="Requests with unknown keys or tokens from one address, for each process."
    )
    cors_origins: tuple[str, ...] = Field(
        default=(), description='Origins whose pages may call the API from a browser: JSON list, or ["*"] for all.'
    )
    public_url: str = Field(
        default="", description="The address that people and agents use, for links; empty: relative."
    )
    local_data: Path | None = Field(
        default=None,
        description="Data folder of a plane on one machine; only `agentplane dev` sets it. With it the development "
        "sign-in is served instead of Supabase Auth, on a loopback address only.",
    )
    auth_url: str = Field(
        default="",
        description="Address of Supabase Auth; empty: `/auth/v1` of the Supabase project or of the local plane.",
    )
    jwks_url: str = Field(
        default="", description="Where the keys of people's access tokens are; empty: at Supabase Auth's own place."
    )
    token_issuer: str = Field(default="", description="Who issues access tokens; empty: the address of Supabase Auth.")
    allow_private_hosts: tuple[str, ...] = Field(
        default=(), description="Hosts, or host:port, in private ranges that http steps and tools may still reach."
    )
    webhook_retry_seconds: tuple[float, ...] = Field(
        default=(), description="Pauses between the attempts of a webhook's delivery; empty: 5 s to 24 h, nine of them."
    )
    queues: tuple[str, ...] = Field(default=("default", "llm"), description="Which queues this process runs.")
    concurrency: int = Field(default=32, ge=1, le=1024, description="Frames that one process runs at the same time.")
    lease_seconds: float = Field(
        default=30.0, ge=1, le=900, description="How long a frame is held without an extension."
    )
    owner: str = Field(
        default="", description="Names this plane as the holder of leases; it reports its former self dead."
    )
    smtp_url: SecretStr | None = Field(
        default=None,
        description="smtp:// or smtps://user:password@host:port for the plane's mails; without it there are none.",
    )
    mail_from: str = Field(default="agentplane@localhost", description="The sender of the plane's mails.")
    sandbox_function: str = Field(
        default="",
        description="The Lambda function that runs the programs of code steps; empty: the runner starts them itself.",
    )
    log_level: str = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR.")
    stage: str = Field(default="", description="Which deployment on AWS this is: dev, prod; empty: none.")
    queue_urls: dict[str, str] = Field(
        default_factory=dict[str, str],
        description='SQS queues that this function may send to: JSON {"default": url, "llm": url, "chores": url}.',
    )
    doorbell_key: SecretStr | None = Field(
        default=None, description="Signs what the plane's functions send each other. To rotate: `new,former`."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read SSM where the environment names parameters; what it says itself counts more."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, _Parameters(settings_cls)

    @property
    def is_pooled(self) -> bool:
        """Say whether a transaction pooler stands before the database."""
        if self.database_pooled is not None or self.database_url is None:
            return bool(self.database_pooled)
        return urlsplit(self.database_url.get_secret_value()).port == POOLER_PORT

    @property
    def auth_address(self) -> str:
        """Give the address of Supabase Auth, or of the development sign-in; empty when there is neither."""
        base = self.auth_url or self.supabase_url or (self.public_url if self.local_data else "")
        base = base.rstrip("/")
        return base if not base or self.auth_url else base + "/auth/v1"


class _Parameters(PydanticBaseSettingsSource):
    """The settings that SSM holds, for which the environment has the names of the parameters only."""

    def get_field_value(self, field: object, field_name: str) -> tuple[object, str, bool]:
        del field
        return None, field_name, False  # they are read together

    def __call__(self) -> dict[str, object]:
        names = {
            field: os.environ[variable]
            for field in self.settings_cls.model_fields
            if os.environ.get(variable := f"{_PREFIX}{field.upper()}{_PARAMETER}")
            and f"{_PREFIX}{field.upper()}" not in os.environ
        }
        if not names:
            return {}
        try:
            found = aws.read_parameters(sorted(set(names.values())))
        except aws.AwsFailed as error:
            raise Unavailable(
                f"The settings could not be read from SSM: {error.code}.",
                code="settings_unreadable",
                hint="The function's role needs ssm:GetParameters on them; agentplane deploy --check says more.",
            ) from error
        if missing := sorted(set(names.values()) - found.keys()):
            raise Unavailable(
                f"SSM has no parameter {', '.join(missing)}.",
                code="parameter_missing",
                hint="Create what is missing: agentplane deploy --init",
            )
        return {field: found[name] for field, name in names.items()}


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Give the process's settings, read once."""
    return Settings()
