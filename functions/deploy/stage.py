"""What a deployment is told: a stage, a region, and the addresses that go with it."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import TypeAdapter

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

SERVICE = "agentplane"
STAGES = ("dev", "prod")
OPTIONAL = {"smtp-url": "AGENTPLANE_SMTP_URL_PARAMETER", "database-url": "AGENTPLANE_DATABASE_URL_PARAMETER"}
GIVEN_BY = {
    "publishable-key": "AGENTPLANE_SUPABASE_PUBLISHABLE_KEY",
    "smtp-url": "AGENTPLANE_SMTP_URL",
    "database-url": "AGENTPLANE_DATABASE_URL",
}
NAME = re.compile(r"[a-z][a-z0-9]{0,11}")
ARCHS = ("x86_64", "arm64")
ADDRESSES = (
    *("SUPABASE_DB_URL", "AGENTPLANE_SUPABASE_URL", "AGENTPLANE_PUBLIC_URL"),
    *("AGENTPLANE_SMTP_URL", "AGENTPLANE_DATABASE_URL"),
)


@dataclass(frozen=True, slots=True)
class Stage:
    """One deployment. The last four stay in this process: they are never shown and never passed on."""

    name: str
    region: str
    supabase_url: str = ""
    public_url: str = ""
    mail_from: str = ""
    cors_origins: tuple[str, ...] = ()
    alarm_email: str = ""
    arch: str = "x86_64"
    python: str = ""
    params: tuple[tuple[str, str], ...] = ()
    database_url: str = field(default="", repr=False)
    publishable_key: str = field(default="", repr=False)
    smtp_url: str = field(default="", repr=False)
    pooler_url: str = field(default="", repr=False)

    def given(self) -> dict[str, str]:
        """Give the secrets that a person gives, by the names of their parameters; empty: not given now."""
        return {"publishable-key": self.publishable_key, "smtp-url": self.smtp_url, "database-url": self.pooler_url}

    @property
    def stack(self) -> str:
        """Give the name of the CloudFormation stack."""
        return f"{SERVICE}-{self.name}"

    def parameter(self, name: str) -> str:
        """Give the path of a parameter in SSM."""
        return f"/{SERVICE}/{self.name}/{name}"

    def function(self, name: str) -> str:
        """Give the name of a function in Lambda."""
        return f"{SERVICE}-{self.name}-{name}"

    def environment(self, stored: Collection[str] = ()) -> dict[str, str]:
        """Give what serverless.yml reads from the environment; no secrets. What is empty is left to its defaults.

        `stored`: the names of secrets that are there: of the two that nobody needs, the functions are told if so.
        """
        given = {
            "AGENTPLANE_SUPABASE_URL": self.supabase_url,
            "AGENTPLANE_PUBLIC_URL": self.public_url,
            "AGENTPLANE_MAIL_FROM": self.mail_from,
            "AGENTPLANE_ALARM_EMAIL": self.alarm_email,
            "AGENTPLANE_CORS_ORIGINS": json.dumps(list(self.cors_origins)) if self.cors_origins else "",
            "AGENTPLANE_ARCH": self.arch,
            "AGENTPLANE_PYTHON": self.python,
            **{variable: self.parameter(name) for name, variable in OPTIONAL.items() if name in stored},
        }
        return {name: value for name, value in given.items() if value}


def read_stage(name: str, region: str | None, given: Mapping[str, str] | None = None) -> Stage:
    """Read the rest from the environment. Raises ValueError for what cannot be read; `check` says what is right."""
    environment = os.environ if given is None else given
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not the name of a stage: a small letter, then up to 11 small letters or digits")
    origins = environment.get("AGENTPLANE_CORS_ORIGINS", "") or "[]"
    try:
        listed = TypeAdapter(list[str]).validate_json(origins)
    except ValueError:
        raise ValueError('AGENTPLANE_CORS_ORIGINS is a JSON list, such as ["https://app.example.com"]') from None
    arch = environment.get("AGENTPLANE_ARCH", "") or ARCHS[0]
    if arch not in ARCHS:
        raise ValueError(f"AGENTPLANE_ARCH is {' or '.join(ARCHS)}, not {arch!r}")
    for variable in ADDRESSES:
        if not is_address(environment.get(variable, "")):
            # Its text may hold a password, and so may what urllib says of it.
            raise ValueError(
                f"{variable} cannot be read as an address; in a password write @ as %40, [ as %5B, / as %2F"
            )
    return Stage(
        name=name,
        region=region or environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or "",
        supabase_url=environment.get("AGENTPLANE_SUPABASE_URL", "").rstrip("/"),
        public_url=environment.get("AGENTPLANE_PUBLIC_URL", "").rstrip("/"),
        mail_from=environment.get("AGENTPLANE_MAIL_FROM", ""),
        cors_origins=tuple(listed),
        alarm_email=environment.get("AGENTPLANE_ALARM_EMAIL", ""),
        arch=arch,
        python=environment.get("AGENTPLANE_PYTHON", ""),
        database_url=environment.get("SUPABASE_DB_URL", ""),
        publishable_key=environment.get("AGENTPLANE_SUPABASE_PUBLISHABLE_KEY", ""),
        smtp_url=environment.get("AGENTPLANE_SMTP_URL", ""),
        pooler_url=environment.get("AGENTPLANE_DATABASE_URL", ""),
    )


def is_address(text: str) -> bool:
    """Tell whether urllib can read it: brackets in a password and a port that is no number are refused."""
    try:
        _ = urlsplit(text).port
    except ValueError:
        return False
    return True
