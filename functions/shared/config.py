"""Settings: the only place that reads the environment."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

POOLER_PORT = 6543  # of Supabase's pooler in transaction mode; 5432 is a session's, there too


class Settings(BaseSettings):
    """What a deployed function or a local plane needs to know: each field is `AGENTPLANE_<NAME>` in the environment."""

    model_config = SettingsConfigDict(env_prefix="AGENTPLANE_", extra="ignore", frozen=True)

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
    log_level: str = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR.")

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


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Give the process's settings, read once."""
    return Settings()
