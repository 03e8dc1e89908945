"""The parameters of a plane on this machine: what a deployment keeps in Parameter Store, with keys that open little."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from functions.deploy.runner_keys import RUNNER_KEYS, register
from functions.shared.auth.keys import new_key, read_peppers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from functions.shared.postgres.connection import Connection


async def parameters_of(
    connection: Connection,
    *,
    stage: str,
    database_url: str,
    key_pepper: str,
    master_key: str,
    smtp_url: str | None = None,
    known: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Let the plane's own keys into the database, each for its verbs only; give all parameters by their full names.

    `known`: secrets of a former run that stay the same, by the last part of their name.
    """
    values = {
        "publishable-key": "sb_publishable_local",
        "database-url": database_url,
        "key-pepper": key_pepper,
        "master-key": master_key,
        "doorbell-key": secrets.token_urlsafe(32),
        **{key.parameter: new_key("runner").secret for key in RUNNER_KEYS},
        **(known or {}),
    }
    if smtp_url is not None:
        values["smtp-url"] = smtp_url
    for key in RUNNER_KEYS:
        await register(connection, key, values[key.parameter], read_peppers(key_pepper))
    return {f"/agentplane/{stage}/{name}": value for name, value in values.items()}
