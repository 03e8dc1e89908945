"""An organisation with people, and what they say about what they are asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.functions.running import APP, engine, plane, still_plane  # noqa: F401  fixtures

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from tests.functions.conftest import Organisation
    from tests.people import User

APPROVAL = """
name: refund
input: {amount: number}
limits: {timeout: 1h}
steps:
  approve:
    approval:
      message: Refund ${{ input.amount }} USD?
      form: {amount: {type: number, default: "${{ input.amount }}"}}
"""


@dataclass(frozen=True)
class Somebody:
    """A caller over HTTP."""

    http: httpx.AsyncClient
    user: User | None = None

    async def ask(self, **question: Any) -> dict[str, Any]:
        """Create an escalation."""
        answer = await self.http.post("/api/escalations", json={"reason": "May I?", **question})
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def read(self, escalation: dict[str, Any]) -> dict[str, Any]:
        """Read an escalation."""
        answer = await self.http.get(f"/api/escalations/{escalation['id']}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def say(self, escalation: dict[str, Any], verb: str, **body: Any) -> httpx.Response:
        """Post to one of an escalation's verbs."""
        return await self.http.post(f"/api/escalations/{escalation['id']}/{verb}", json=body or None)

    async def resolve(self, escalation: dict[str, Any], outcome: str, **body: Any) -> httpx.Response:
        """Answer an escalation."""
        return await self.say(escalation, "resolve", outcome=outcome, **body)

    async def list(self, **query: Any) -> list[dict[str, Any]]:
        """List escalations."""
        answer = await self.http.get("/api/escalations", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]


@pytest.fixture
async def meet(client_of: Callable[..., Awaitable[httpx.AsyncClient]]) -> Callable[..., Awaitable[Somebody]]:
    """Gives somebody: `await meet(org, "approver")`, `await meet(org, "agent")`."""

    async def make(org: Organisation, who: str = "approver", *, aal: str = "aal1", **fields: Any) -> Somebody:
        if who in ("agent", "operator_key"):
            return Somebody(await client_of(APP, org.agent if who == "agent" else org.operator))
        user = await org.member(who, **fields)
        return Somebody(await client_of(APP, user.token(aal=aal)), user)

    return make


@pytest.fixture
async def agent(org: Organisation, meet: Callable[..., Awaitable[Somebody]]) -> Somebody:
    return await meet(org, "agent")


@pytest.fixture
async def anna(org: Organisation, meet: Callable[..., Awaitable[Somebody]]) -> Somebody:
    """An approver."""
    return await meet(org, email="anna@example.com")


@pytest.fixture
async def bert(org: Organisation, meet: Callable[..., Awaitable[Somebody]]) -> Somebody:
    """Another approver."""
    return await meet(org, email="bert@example.com")


@pytest.fixture
async def nobody(client_of: Callable[..., Awaitable[httpx.AsyncClient]]) -> httpx.AsyncClient:
    """Who has nothing but a link."""
    return await client_of(APP)


@pytest.fixture
async def dora(org: Organisation, meet: Callable[..., Awaitable[Somebody]]) -> Somebody:
    """An approver who may decide by mail."""
    return await meet(org, email=f"dora@{org.id}.example", may_decide_by_mail=True)
