"""The secrets of a deployment: which there are, what each looks like, and the store that keeps them (SSM)."""

from __future__ import annotations

import base64
import binascii
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from functions.deploy.runner_keys import RUNNER_KEYS
from functions.deploy.stage import is_address
from functions.shared.auth.keys import is_key, new_key
from functions.shared.sealing import MasterKey, new_master_key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from functions.deploy.aws import Aws
    from functions.deploy.stage import Stage

KEY_BYTES = 32
PEPPER_LENGTH = 32
_AT_ONCE = 10  # what ssm:GetParameters takes


@dataclass(frozen=True, slots=True)
class Parameter:
    """A secret. `problem` says what is wrong with a value, without its text; `make` None: a person gives it."""

    name: str
    means: str
    problem: Callable[[str], str | None]
    make: Callable[[], str] | None = None
    is_needed: bool = True


@dataclass(frozen=True, slots=True)
class Stored:
    """What the store has under a name."""

    value: str
    kind: Literal["SecureString", "String", "StringList"]
    version: int


def read_all(aws: Aws, stage: Stage) -> dict[str, Stored]:
    """Give what is stored, decrypted, by name without the path."""
    found: dict[str, Stored] = {}
    paths = [stage.parameter(parameter.name) for parameter in PARAMETERS]
    for start in range(0, len(paths), _AT_ONCE):
        answer = aws.call("ssm", "get_parameters", Names=paths[start : start + _AT_ONCE], WithDecryption=True)
        for row in answer["Parameters"]:
            found[row["Name"].rpartition("/")[2]] = Stored(row["Value"], row["Type"], row["Version"])
    return found


def write(aws: Aws, stage: Stage, name: str, value: str, *, overwrite: bool = False) -> None:
    """Store a secret, encrypted. Raises AwsProblem `ParameterAlreadyExists` unless it may be replaced."""
    aws.call(
        "ssm",
        "put_parameter",
        Name=stage.parameter(name),
        Value=value,
        Type="SecureString",
        Overwrite=overwrite,
        Description=f"AgentPlane {stage.name}: {BY_NAME[name].means}"[:1024],
    )


def problems(stored: Mapping[str, Stored]) -> dict[str, str]:
    """Say what is wrong with which parameter; a missing one that nobody needs is not wrong."""
    found: dict[str, str] = {}
    for parameter in PARAMETERS:
        there = stored.get(parameter.name)
        if there is None:
            if parameter.is_needed:
                found[parameter.name] = "is missing"
        elif there.kind != "SecureString":
            found[parameter.name] = f"is a {there.kind}: whoever may read parameters reads it, unencrypted"
        elif problem := parameter.problem(there.value):
            found[parameter.name] = problem
    return found


def random_text() -> str:
    """Give 32 random bytes in URL-safe base64."""
    return secrets.token_urlsafe(KEY_BYTES)


def _each(text: str, problem: Callable[[str], str | None]) -> str | None:
    """Look at each of `new,former`."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    return next((found for part in parts if (found := problem(part))), None) if parts else "is empty"


def _publishable(text: str) -> str | None:
    if text.startswith("sb_secret_"):
        return "is a secret key, which opens everything; the publishable one is wanted"
    if text.startswith(("sb_publishable_", "eyJ")):
        return None
    return "does not begin with sb_publishable_"


def _pepper(text: str) -> str | None:
    parts = [part.strip() for part in text.split(",")]
    if not parts[0]:
        return "is empty at its first place: keys would be kept without a pepper"
    return _each(text, lambda part: None if len(part) >= PEPPER_LENGTH else f"is shorter than {PEPPER_LENGTH}")


def _master(text: str) -> str | None:
    def one(part: str) -> str | None:
        try:
            MasterKey.of(part)
        except ValueError as error:
            return f"is wrong: {error}"
        return None

    return _each(text, one)


def _doorbell(text: str) -> str | None:
    def one(part: str) -> str | None:
        try:
            bits = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        except (binascii.Error, ValueError):
            return "is not base64"
        return None if len(bits) >= KEY_BYTES else f"has {len(bits)} bytes, not {KEY_BYTES}"

    return _each(text, one)


def _runner(text: str) -> str | None:
    return None if is_key(text) and text.startswith("ap_run_") else "is not a runner's key (ap_run_…)"


def _smtp(text: str) -> str | None:
    if not is_address(text):
        return "cannot be read as an address"
    parts = urlsplit(text)
    return None if parts.scheme in {"smtp", "smtps"} and parts.hostname else "is not smtp://… or smtps://…"


def _postgres(text: str) -> str | None:
    if not is_address(text):
        return "cannot be read as an address"
    parts = urlsplit(text)
    return None if parts.scheme in {"postgres", "postgresql"} and parts.hostname else "is not postgresql://…"


PARAMETERS: tuple[Parameter, ...] = (
    Parameter("publishable-key", "the key of the Supabase project that opens the doors", _publishable),
    Parameter("key-pepper", "keys are kept as an HMAC with it", _pepper, random_text),
    Parameter("master-key", "seals the organisations' secrets", _master, new_master_key),
    Parameter("doorbell-key", "signs the messages on the queues", _doorbell, random_text),
    *(
        Parameter(key.parameter, f"the key of {' and '.join(key.functions)}", _runner, lambda: new_key("runner").secret)
        for key in RUNNER_KEYS
    ),
    Parameter("smtp-url", "the server that sends mails", _smtp, is_needed=False),
    Parameter("database-url", "Postgres behind its pooler, instead of PostgREST", _postgres, is_needed=False),
)
BY_NAME = {parameter.name: parameter for parameter in PARAMETERS}
