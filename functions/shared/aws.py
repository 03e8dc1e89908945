"""AWS, by botocore: the only place that knows it. Nothing is loaded before the first call.

Addresses, region and credentials are botocore's own affair: its environment variables, and the role of the function.
"""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

AnswerT = TypeVar("AnswerT")

INVOKES = 32  # at the same time: each waits in a thread of its own
MAX_PAYLOAD = 6_000_000  # bytes of a synchronous invocation: the quota is 6 MB
_ASK_S = 3.0  # to connect, and for an answer: who asks has somebody waiting
_ASK_TRIES = 3
_SETTINGS_TRIES = 5  # many functions that start together are more than the 40 calls a second that SSM takes
_PARAMETERS = 10  # that one call may name
_ASKS = 16  # connections to one service
_CONNECT_S = 5.0
_READ_S = 120.0  # longer than any invocation that we wait for; `timeout_s` is the limit that counts


@dataclass(eq=False)
class AwsFailed(Exception):
    """AWS did not do it. `code` is its own name of the error, or botocore's; `status` 0 when it never answered."""

    code: str
    message: str
    status: int = 0
    retry_after: float | None = None

    def __post_init__(self) -> None:
        super().__init__(f"{self.code}: {self.message}")


async def ask(service: str, operation: str, **arguments: object) -> dict[str, Any]:
    """Call an operation (`send_message_batch`) in a thread; what is throttled or lost is repeated. Raises AwsFailed."""
    return await asyncio.to_thread(ask_now, service, operation, **arguments)


def ask_now(service: str, operation: str, **arguments: object) -> dict[str, Any]:
    """Do the same in this thread, which waits: for what must be known before anything else is done."""
    with _one_makes_it:  # many may ask first at the same time
        known = _asked(service)
    return _called(lambda: getattr(known, operation)(**arguments))


def read_parameters(names: Sequence[str]) -> dict[str, str]:
    """Read SSM parameters, decrypted, ten a call; what does not exist is left out. Waits. Raises AwsFailed."""
    found: dict[str, str] = {}
    for page in range(0, len(names), _PARAMETERS):
        answer = ask_now("ssm", "get_parameters", Names=list(names[page : page + _PARAMETERS]), WithDecryption=True)
        found |= {each["Name"]: each["Value"] for each in answer["Parameters"]}
    return found


@lru_cache
def _asked(service: str) -> Any:  # noqa: ANN401  botocore makes its clients when it runs
    tries = _SETTINGS_TRIES if service == "ssm" else _ASK_TRIES
    return client(service, retries=tries, connections=_ASKS, read_s=_ASK_S, connect_s=_ASK_S)


@dataclass(frozen=True, slots=True)
class Invoked:
    """What a function answered. `error` is Lambda's word when it failed (`Handled` or `Unhandled`), else None."""

    payload: bytes
    error: str | None = None


async def invoke(function: str, payload: bytes, *, timeout_s: float) -> Invoked:
    """Call a Lambda function once and wait for its answer: botocore repeats nothing. Raises AwsFailed."""
    call = asyncio.get_running_loop().run_in_executor(_invokes(), _invoke, function, payload)
    try:
        async with asyncio.timeout(timeout_s):
            return await call
    except TimeoutError:
        raise AwsFailed("ReadTimeoutError", f"{function} did not answer within {timeout_s:g} s.") from None


def _invoke(function: str, payload: bytes) -> Invoked:
    def call() -> Invoked:
        answer = _lambda().invoke(FunctionName=function, InvocationType="RequestResponse", Payload=payload)
        return Invoked(answer["Payload"].read(), answer.get("FunctionError"))

    return _called(call)


def _called(call: Callable[[], AnswerT]) -> AnswerT:
    """Make a call of botocore, with its errors as ours."""
    from botocore.exceptions import (  # noqa: PLC0415  # pyright: ignore[reportMissingTypeStubs]  as in `client`
        BotoCoreError,
        ClientError,
    )

    try:
        return call()
    except ClientError as error:
        said = cast("dict[str, Any]", error.response)
        meta = said.get("ResponseMetadata", {})
        wait = meta.get("HTTPHeaders", {}).get("retry-after")
        raise AwsFailed(
            str(said.get("Error", {}).get("Code", "Unknown")),
            str(said.get("Error", {}).get("Message", error)),
            int(meta.get("HTTPStatusCode", 0)),
            float(wait) if wait and wait.isdecimal() else None,
        ) from None
    except BotoCoreError as error:
        raise AwsFailed(type(error).__name__, str(error)) from None


def _lambda() -> Any:  # noqa: ANN401  botocore makes its clients when it runs
    with _one_makes_it:  # many programs may come first at the same time
        return _lambda_once()


_one_makes_it = threading.Lock()


@lru_cache(maxsize=1)
def _lambda_once() -> Any:  # noqa: ANN401  as above
    return client("lambda", retries=1, connections=INVOKES, read_s=_READ_S)


def forget_clients() -> None:
    """Make new clients from here on, as when addresses or credentials have changed."""
    _lambda_once.cache_clear()
    _asked.cache_clear()


@lru_cache(maxsize=1)
def _invokes() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(INVOKES, "invoke")


def client(
    service: str, *, retries: int = 3, connections: int = 10, read_s: float = 20.0, connect_s: float = _CONNECT_S
) -> Any:  # noqa: ANN401  as above
    """Give a client of a service. `retries` counts attempts, the first one too."""
    # It has no types, and takes time to import: only where AWS is called.
    from botocore.config import Config  # noqa: PLC0415  # pyright: ignore[reportMissingTypeStubs]
    from botocore.session import Session  # noqa: PLC0415  # pyright: ignore[reportMissingTypeStubs]

    config = Config(
        connect_timeout=connect_s,
        read_timeout=read_s,
        retries={"total_max_attempts": retries, "mode": "standard"},
        max_pool_connections=connections,
    )
    # Lambda names the region twice; botocore reads the other one.
    return cast("Any", Session()).create_client(service, region_name=os.environ.get("AWS_REGION"), config=config)
