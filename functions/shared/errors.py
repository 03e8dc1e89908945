"""Every error the plane answers with: one tree, mirrored by the SQLSTATEs that `sql/` raises.

PlaneError
├── InvalidInput (422)      what was sent does not fit; `errors` names every field
├── Unauthenticated (401)   no key, or one that is unknown, revoked or expired
├── OverBudget (402)        a budget is spent; raise it, or wait for its next period
├── Forbidden (403)         the key is good but lacks a scope
├── NotFound (404)          not there, or another organisation's
├── Conflict (409)          somebody was first; read again, then decide
├── Gone (410)              it was there once and has ended
├── PreconditionFailed (412) If-Match named another version
├── TooLarge (413)          over a documented limit
├── RateLimited (429)       wait `retry_after` seconds
├── Internal (500)          our fault; quote the trace id
└── Unavailable (503)       the database cannot be reached or is too busy; retry
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from functions.shared.jsonvalue import Json, JsonObject


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One thing wrong with one place of what was sent. `pointer` is an RFC 6901 JSON pointer."""

    pointer: str
    code: str
    message: str
    hint: str | None = None
    allowed: list[Json] | None = None
    did_you_mean: str | None = None


@dataclass(frozen=True, slots=True)
class NextStep:
    """One executable way out: `method path`, and why."""

    why: str
    method: str
    path: str


@dataclass(eq=False)
class PlaneError(Exception):
    """What happened (`detail`), a stable `code` to branch on, and the way out (`hint`, `next`)."""

    status: ClassVar[int] = 500
    default_code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False

    detail: str
    code: str = ""
    hint: str | None = None
    errors: list[FieldProblem] = field(default_factory=list[FieldProblem])
    next: list[NextStep] = field(default_factory=list[NextStep])
    retry_after: float | None = None
    extra: JsonObject = field(default_factory=dict[str, Json])

    def __post_init__(self) -> None:
        self.code = self.code or self.default_code
        super().__init__(self.detail)


class InvalidInput(PlaneError):
    """Change what `errors` names, then send it again."""

    status, default_code = 422, "invalid_input"


class Unauthenticated(PlaneError):
    """Send `Authorization: Bearer <key>` with a key that is neither revoked nor expired."""

    status, default_code = 401, "unauthenticated"


class OverBudget(PlaneError):
    """Raise the budget that `extra` names, or wait until `resets_at`. Repeating it before is in vain."""

    status, default_code = 402, "budget_exhausted"


class Forbidden(PlaneError):
    """Use a key that has the scope that `detail` names."""

    status, default_code = 403, "missing_scope"


class NotFound(PlaneError):
    """Check the id or name; other organisations' things are not found either."""

    status, default_code = 404, "not_found"


class Conflict(PlaneError):
    """Read the current state, decide again, then retry with it."""

    status, default_code = 409, "conflict"


class Gone(PlaneError):
    """It has ended for good; start a new one."""

    status, default_code = 410, "gone"


class PreconditionFailed(PlaneError):
    """Read again and send the ETag that you got in If-Match."""

    status, default_code = 412, "precondition_failed"


class TooLarge(PlaneError):
    """Send less, or store it elsewhere and send a reference."""

    status, default_code = 413, "too_large"


class RateLimited(PlaneError):
    """Wait `retry_after` seconds."""

    status, default_code, retryable = 429, "rate_limited", True


class Internal(PlaneError):
    """Not your fault. Quote the trace id; retrying with the same Idempotency-Key is safe."""

    status, default_code, retryable = 500, "internal", True


class Unavailable(PlaneError):
    """Retry after `retry_after` seconds; nothing was changed."""

    status, default_code, retryable = 503, "unavailable", True


BY_STATUS: dict[int, type[PlaneError]] = {
    error.status: error
    for error in (
        InvalidInput,
        Unauthenticated,
        OverBudget,
        Forbidden,
        NotFound,
        Conflict,
        Gone,
        PreconditionFailed,
        TooLarge,
        RateLimited,
        Internal,
        Unavailable,
    )
}
