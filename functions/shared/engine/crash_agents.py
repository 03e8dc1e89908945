"""The other agents of a crash trial: they do what a step hands over as the test's mocks say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from functions.shared.engine.interpreter import Answer
    from functions.shared.jsonvalue import Json, JsonObject

    Call: TypeAlias = Callable[[str, JsonObject], Awaitable[dict[str, Any]]]

LEASE_S = 60
NOBODY = "nobody of this name"


class Rings(Protocol):
    """Takes doorbells in."""

    async def __call__(self, due: Sequence[JsonObject], /) -> None: ...


def addressed(answer: Answer) -> JsonObject:
    """Say who gets the work: anybody, as the agents of the document are not here, unless the mock says that none is."""
    code = _code(answer)
    return {"to": NOBODY if code == "agent_not_found" else None, "match": None, **_attempts(code)}


async def do_handoff(call: Call, ring: Rings, execution_id: str, path: str, answer: Answer) -> None:
    """Claim what the step at `path` has handed over, and complete, reject or give it back; nothing if it is gone."""
    listed = await call("list_handoffs", {"limit": 100, "execution_id": execution_id, "status": "pending"})
    offered = [handoff["id"] for handoff in listed["data"] if handoff["path"] == path]
    if not offered:
        return
    claim = await call("claim_handoff", {"id": offered[0], "lease_seconds": LEASE_S})
    done: JsonObject = {"id": offered[0], "token": cast("str", claim["token"])}
    if answer.outcome == "answered":
        ended = await call("complete_handoff", {**done, "output_data": answer.payload})
    elif _code(answer) == "handoff_dead":
        ended = await call("release_handoff", done)
    else:
        ended = await call("reject_handoff", done)
    await ring(ended["due"])


def _code(answer: Answer) -> Json:
    return answer.payload.get("code") if answer.outcome == "failed" and isinstance(answer.payload, dict) else None


def _attempts(code: Json) -> JsonObject:
    return {"max_attempts": 1} if code == "handoff_dead" else {}
