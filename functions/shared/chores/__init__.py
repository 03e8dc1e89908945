"""What the plane does by itself, besides running executions: each chore is one module, the sweeper runs them all."""

from functions.shared.chores.audit import SEAL_AUDIT
from functions.shared.chores.chore import Chore, Plane
from functions.shared.chores.running import ChoreRunner, run_chores

CHORES: tuple[Chore, ...] = (SEAL_AUDIT,)

__all__ = ["CHORES", "Chore", "ChoreRunner", "Plane", "run_chores"]
