"""Steps whose end a test decides: what they count, where they hold, and where they kill their process."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from functions.shared.steps import Context, Done, StepFailed
from tests.e2e.faults import Crash

if TYPE_CHECKING:
    from collections.abc import Mapping

    from functions.shared.jsonvalue import Json, JsonObject
    from functions.shared.steps import Handler


@dataclass
class Work:
    """Serves every `code` step: by its path it counts, waits for a gate, dies once, fails, or gives an output."""

    outputs: Mapping[str, Json] = field(default_factory=dict[str, "Json"])
    held: frozenset[str] = frozenset()
    deadly: frozenset[str] = frozenset()
    failing: frozenset[str] = frozenset()
    begun: Counter[str] = field(default_factory=Counter[str])
    gates: defaultdict[str, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))

    @property
    def handlers(self) -> dict[str, Handler]:
        """What a plane takes."""
        return {"code": self.run}

    async def run(self, config: JsonObject, context: Context) -> Done:
        """One attempt."""
        del config
        path = context.path
        self.begun[path] += 1
        if path in self.deadly and self.begun[path] == 1:
            raise Crash
        if path in self.held:
            await self.gates[path].wait()
        if path in self.failing:
            raise StepFailed("boom", "It broke.")
        return Done(self.outputs.get(path, path))
