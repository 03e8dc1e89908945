"""A labelled stand-in for model providers: the real wire protocols, scripted and deterministic answers, no network.

Start it with `python -m functions.shared.simulator --port 8081`, or inside a process with `Simulator()`.
"""

from functions.shared.simulator.script import Ask, Call, Reply, Rule, Script
from functions.shared.simulator.server import Simulator

__all__ = ["Ask", "Call", "Reply", "Rule", "Script", "Simulator"]
