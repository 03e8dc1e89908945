"""The secrets of a frame's steps: the organisation's, opened here and nowhere kept; else the runner's environment."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from functions.shared.db import safety
from functions.shared.errors import PlaneError
from functions.shared.steps.base import StepFailed
from functions.shared.steps.providers import PROVIDER_KEYS, lent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from functions.shared.db.kernel import Claimed
    from functions.shared.engine.policy import Engine
    from functions.shared.sealing import Sealer

SECRET_PREFIX = "AGENTPLANE_SECRET_"  # noqa: S105  a variable's name, not a secret
USE_MODELS = frozenset({"llm", "memory", "interpret"})
USE_SECRETS = frozenset({"http", "tool"})


@dataclass(slots=True)
class FrameSecrets:
    """Hands out the secrets that a workflow declares; `environment` has the keys of its organisation's providers.

    They are loaded when the first step of the frame may need one, and forgotten with the frame.
    """

    engine: Engine
    claim: Claimed
    declared: frozenset[str]
    _values: dict[str, str] = field(default_factory=dict[str, str])
    _is_loaded: bool = False
    _loading: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __call__(self, name: str) -> str:
        """Give a secret; raises StepFailed `secret_not_declared` or `secret_missing`."""
        if name not in self.declared:
            raise StepFailed("secret_not_declared", f"The workflow does not declare {name[:80]} in `secrets`.")
        value = self._values.get(name)
        if value is None and self.engine.policy.lends_environment:
            value = self.engine.environment.get(SECRET_PREFIX + name)
        if value is None:
            raise StepFailed(
                "secret_missing",
                f"The organisation has no secret {name}. Set it with PUT /api/secrets/{name}"
                + (f", or set the runner's {SECRET_PREFIX}{name}." if self.engine.policy.lends_environment else "."),
            )
        return value

    @property
    def private(self) -> Mapping[str, str]:
        """The organisation's values that were loaded: no output, error or trace may show one."""
        return self._values

    @property
    def environment(self) -> Mapping[str, str]:
        """The runner's environment as steps see it: the organisation's own provider keys come first."""
        return lent(self.engine.environment, is_lent=self.engine.policy.lends_environment, own=self._values)

    async def load(self, kind: str) -> None:
        """Get ready for a step of this kind. Asks the database at most once a frame, and only for what there is.

        Raises PlaneError, Stale when the frame is somebody else's by now, and StepFailed for what does not open.
        """
        rules, sealer = self.engine.rules, self.engine.sealer
        if self._is_loaded or rules is None or sealer is None or kind not in USE_MODELS | USE_SECRETS:
            return
        if kind in USE_SECRETS and not self.declared:
            return
        async with self._loading:
            if self._is_loaded:
                return
            known = (await rules.of(self.claim.org_id, self.claim.execution_id)).secrets
            if names := sorted(known & (self.declared | PROVIDER_KEYS)):
                org_id, found = await safety.load_secrets(
                    self.engine.db,
                    execution_id=self.claim.execution_id,
                    frame=self.claim.frame,
                    epoch=self.claim.epoch,
                    names=names,
                )
                for name, secret in found.items():
                    self._values[name] = _opened(sealer, org_id, name, secret)
            self._is_loaded = True


def _opened(sealer: Sealer, org_id: str, name: str, secret: safety.SealedSecret) -> str:
    """Give the value; what does not open now will not in a moment either."""
    try:
        return sealer.open(org_id, name, secret.sealed, secret.version)
    except PlaneError as error:
        raise StepFailed(error.code, error.detail) from error
