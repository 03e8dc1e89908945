"""What is compared: one small class a system, all with the same interface (bench/systems/base.py)."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from bench.systems.base import System

# A system's module is only imported in the process that runs it.
SYSTEMS = {
    "floor": "bench.systems.floor:Floor",
    "agentplane": "bench.systems.agentplane:AgentPlane",
    "absurd": "bench.systems.absurd:AbsurdTasks",
    "dbos": "bench.systems.dbos:DbosTransact",
    "langgraph": "bench.systems.langgraph:LangGraphPostgres",
    "procrastinate": "bench.systems.procrastinate:ProcrastinateJobs",
}
ALL = tuple(SYSTEMS)
# Distributions whose versions the results name.
PACKAGES = {
    "floor": ("asyncpg",),
    "agentplane": ("asyncpg",),
    "absurd": ("absurd-sdk", "absurdctl", "psycopg"),
    "dbos": ("dbos", "sqlalchemy", "psycopg"),
    "langgraph": ("langgraph", "langgraph-checkpoint-postgres", "psycopg"),
    "procrastinate": ("procrastinate", "psycopg"),
}


def make(name: str) -> System:
    """Make the system of this name; raises ImportError when its packages are not installed."""
    module, _, kind = SYSTEMS[name].partition(":")
    return cast("System", getattr(importlib.import_module(module), kind)())
