"""Settings: the only place that reads the environment."""

from __future__ import annotations

from functools import lru_cache

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What a deployed function or a local plane needs to know: each field is `AGENTPLANE_<NAME>` in the environment."""

    model_config = SettingsConfigDict(env_prefix="AGENTPLANE_", extra="ignore", frozen=True)

    database_url: SecretStr | None = Field(
        default=None, description="Postgres by asyncpg; without it PostgREST is used."
    )
    supabase_url: str | None = Field(default=None, description="Base address of the Supabase project.")
    supabase_publishable_key: str | None = Field(
        default=None, description="The publishable key: opens only the two doors."
    )
    runner_key: SecretStr | None = Field(default=None, description="The key of the plane's own runner and sweeper.")
    public_url: str = Field(
        default="", description="The address that people and agents use, for links; empty: relative."
    )
    allow_private_hosts: tuple[str, ...] = Field(
        default=(), description="Hosts, or host:port, in private ranges that http steps and tools may still reach."
    )
    queues: tuple[str, ...] = Field(default=("default", "llm"), description="Which queues this process runs.")
    concurrency: int = Field(default=32, ge=1, le=1024, description="Frames that one process runs at the same time.")
    lease_seconds: float = Field(
        default=30.0, ge=1, le=900, description="How long a frame is held without an extension."
    )
    owner: str = Field(
        default="", description="Names this plane as the holder of leases; it reports its former self dead."
    )
    log_level: str = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR.")


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Give the process's settings, read once."""
    return Settings()
