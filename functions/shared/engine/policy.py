"""What every owner needs and may do: the parts of the engine and its limits, in one place."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from functions.shared.dsl.compiled import compile_document

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from functions.shared.db.port import Database
    from functions.shared.dispatch.doorbell import Doorbell
    from functions.shared.dsl.compiled import Compiled
    from functions.shared.engine.rules import RulesCache
    from functions.shared.jsonvalue import JsonObject
    from functions.shared.sealing import Sealer
    from functions.shared.steps.base import Guard, Handler, HttpPolicy

OUTPUT_LIMIT_BYTES = 5_000_000
BATCH_RESULTS = 64
BATCH_BYTES = 1_000_000
FRAME_RECORDS = 10_000  # of an execution: `limits.max_steps`, 100,000 at most; its age, a year, is the database's
DOCUMENTS_KEPT = 64
DOCUMENTS_NAMED = 16


@dataclass(frozen=True, slots=True)
class Policy:
    """Times in seconds. `lease_s` is how long a frame may be silent before another may take it."""

    owner: str
    lease_s: float = 30.0
    extend_every_s: float = 2.0
    inline_retry_s: float = 5.0
    margin_s: float = 3.0
    stop_grace_s: float = 5.0
    output_limit_bytes: int = OUTPUT_LIMIT_BYTES
    frame_records: int = FRAME_RECORDS
    lends_environment: bool = True  # secrets and provider keys of the runner's environment, to every organisation


class DocumentCache:
    """Compiled documents by content hash, the least recently used one goes first."""

    def __init__(self, size: int = DOCUMENTS_KEPT) -> None:
        self._size = size
        self._compiled: OrderedDict[str, Compiled] = OrderedDict()

    def known(self) -> list[str]:
        """Name the hashes that the next claim need not send a document for."""
        return list(self._compiled)[-DOCUMENTS_NAMED:]

    def holds(self, content_hash: str) -> bool:
        """Whether the compiled document is still there."""
        return content_hash in self._compiled

    def compiled(self, content_hash: str, document: JsonObject | None) -> Compiled:
        """Give the compiled document; raises KeyError when it was said to be known but is not any more."""
        found = self._compiled.get(content_hash)
        if found is None:
            if document is None:
                raise KeyError(content_hash)
            found = self._compiled[content_hash] = compile_document(document)
            while len(self._compiled) > self._size:
                self._compiled.popitem(last=False)
        self._compiled.move_to_end(content_hash)
        return found


@dataclass(frozen=True, slots=True)
class Engine:
    """The outside world of an owner. `environment` holds the secrets (`AGENTPLANE_SECRET_<NAME>`) and model keys."""

    db: Database
    doorbell: Doorbell
    handlers: Mapping[str, Handler]
    policy: Policy
    http: HttpPolicy
    environment: Mapping[str, str]
    documents: DocumentCache = field(default_factory=DocumentCache)
    guard: Guard | None = None  # asked before each attempt of each step
    rules: RulesCache | None = None
    sealer: Sealer | None = None  # None: organisations have no secrets of their own here

    async def ring(self, due: Sequence[JsonObject]) -> None:
        """Pass doorbells on, if there are any."""
        if due:
            await self.doorbell.ring(due)
