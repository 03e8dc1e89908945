"""Oracles that are wrong in one rule each: a comparison that does not see them sees nothing."""

from __future__ import annotations

from typing import Any

from tests.e2e.oracle import Oracle, Result
from tests.e2e.random_documents import Document


class TakesSomeForAll(Oracle):
    def is_skipped(self, requires: str, needs: list[Result]) -> bool:
        return super().is_skipped("all" if requires == "some" else requires, needs)


class ForgetsToSkipChains(Oracle):
    def is_skipped(self, requires: str, needs: list[Result]) -> bool:
        return requires == "all" and super().is_skipped(requires, needs)


class IgnoresConditions(Oracle):
    def is_wanted(self, step: Document, names: dict[str, Any]) -> bool:
        del step, names
        return True


class LoopsToTheEnd(Oracle):
    def is_enough(self, spec: Document, names: dict[str, Any]) -> bool:
        del spec, names
        return False


class LetsItemsFail(Oracle):
    def is_item_fatal(self, step: Document) -> bool:
        del step
        return False


class ApprovesInSilence(Oracle):
    def approval(self, approval: Document) -> Result:
        return super().approval(approval | {"on_timeout": "approve"})


class ContainsNoFailure(Oracle):
    def scope(self, steps: Document, above: str, names: dict[str, Any]) -> dict[str, Result] | None:
        return super().scope({name: step | {"on_error": "fail"} for name, step in steps.items()}, above, names)


WRONG_ORACLES = [
    TakesSomeForAll,
    ForgetsToSkipChains,
    IgnoresConditions,
    LoopsToTheEnd,
    LetsItemsFail,
    ApprovesInSilence,
    ContainsNoFailure,
]
