"""The database port over HTTP, through PostgREST: the deployed default, with nothing but the publishable key."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Self, cast

import httpx
from postgrest import APIError, AsyncPostgrestClient

from functions.shared.db.doors import Doors
from functions.shared.db.failures import AnswerLost, NotSent, refusal, unfit_text
from functions.shared.errors import InvalidInput
from functions.shared.log import trace_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.shared.db.port import Person
    from functions.shared.jsonvalue import Json, JsonObject

# Longer than the statement_timeout of the doors: Postgres answers first, and this only ends calls into silence.
TIMEOUTS = httpx.Timeout(connect=3.0, write=5.0, read=12.0, pool=10.0)
LIMITS = httpx.Limits(max_connections=50, max_keepalive_connections=20, keepalive_expiry=30.0)
_SERVER_ERROR = 500


class PostgrestDatabase(Doors):
    """One HTTP client for the life of the process: making one costs 45 ms of CPU."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        client: AsyncPostgrestClient,
        runner_key: str | None,
        peppers: Sequence[str] = ("",),
    ) -> None:
        super().__init__(runner_key, peppers)
        self._http = http
        self._client = client

    @classmethod
    def connect(
        cls, url: str, publishable_key: str, *, runner_key: str | None = None, peppers: Sequence[str] = ("",)
    ) -> Self:
        """Prepare a client for a Supabase project's address, or for PostgREST's own (any address with a path)."""
        address = httpx.URL(url)
        if address.path == "/":
            address = address.copy_with(path="/rest/v1")
        headers = {"apikey": publishable_key}
        if publishable_key.startswith("eyJ"):  # a key of the older kind is itself a token
            headers["Authorization"] = f"Bearer {publishable_key}"
        http = httpx.AsyncClient(timeout=TIMEOUTS, limits=LIMITS, event_hooks={"response": [_only_postgrest_answers]})
        client = AsyncPostgrestClient(
            str(address).rstrip("/"), schema="api", headers=headers, http_client=http, retry_enabled=False
        )
        return cls(http, client, runner_key, peppers)

    def door_of(self, person: Person) -> tuple[str, JsonObject]:
        return "call_as_person", {"organisation": person.organisation}

    async def send(self, door: str, arguments: JsonObject, *, token: str | None = None) -> Json:
        call = self._client.rpc(door, cast("dict[str, str]", arguments))
        headers = call.request.headers  # pyright: ignore[reportUnknownMemberType]  the library's generic client
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if trace := trace_id.get():
            headers["X-Trace-Id"] = trace
        try:
            answer = await call.execute()
        except APIError as error:
            raise _refusal(error) from error
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise NotSent(repr(error)) from error
        except httpx.TransportError as error:
            raise AnswerLost(repr(error)) from error
        except UnicodeEncodeError:
            raise unfit_text("The request holds half of a surrogate pair, which is not Unicode text.") from None
        except ValueError as error:
            raise InvalidInput(
                "The request holds a number that JSON cannot hold.", code="unsupported_number"
            ) from error
        except RecursionError:
            raise InvalidInput("The request is nested too deeply.", code="too_deep", hint="Flatten it.") from None
        return cast("Json", answer.data)

    async def close(self) -> None:
        await super().close()
        await self._http.aclose()


async def _only_postgrest_answers(response: httpx.Response) -> None:
    """Take an error page of a gateway in between for what it is: no answer."""
    if response.status_code < _SERVER_ERROR:
        return
    try:
        body = json.loads(await response.aread())
    except ValueError:
        body = None
    if not isinstance(body, dict) or not isinstance(cast("JsonObject", body).get("code"), str):
        raise AnswerLost(f"HTTP {response.status_code} that is not PostgREST's")


def _refusal(error: APIError) -> Exception:
    detail = error.details if isinstance(error.details, str) or error.details is None else json.dumps(error.details)
    return refusal(str(error.code), error.message or "", detail, error.hint)
