"""An organisation's own keys of model providers, for what its callers ask of models outside of an execution.

They are asked for with each call and kept nowhere: a key that was deleted or replaced a moment ago is not used again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.shared.db import safety
from functions.shared.dsl.catalogue import KEY_VARIABLES, provider_of
from functions.shared.errors import Forbidden, NotFound, Unauthenticated, Unavailable
from functions.shared.sealing import Sealer

if TYPE_CHECKING:
    from functions.shared.config import Settings
    from functions.shared.db.port import Database


async def load_own_keys(db: Database, org_id: str, model: str, settings: Settings) -> dict[str, str]:
    """Give what the organisation has of the keys of a model's provider, opened, by their variables.

    None where the function has no runner key to ask for them, or no master key to open them. Raises PlaneError:
    `model_keys_unreadable`, or why one does not open.
    """
    names = KEY_VARIABLES.get(provider_of(model) or "", ())
    sealer = Sealer.from_settings(settings)
    if not names or not sealer.is_ready:
        return {}
    try:
        found = await safety.load_provider_keys(db, org_id=org_id, names=names)
    except (Forbidden, NotFound, Unauthenticated) as error:
        if error.code == "no_runner_key":
            return {}
        # It is the plane's own key that was refused, not the caller's.
        raise Unavailable(
            f"The organisation's keys of model providers could not be read: {error.code}.",
            code="model_keys_unreadable",
            hint="The operator of the plane sees why: agentplane deploy --check",
        ) from error
    return {name: sealer.open(org_id, name, secret.sealed, secret.version) for name, secret in found.items()}
