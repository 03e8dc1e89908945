"""The Python client of AgentPlane: state, durable workflows and approvals for agents, over HTTPS."""

from agentplane.client import AgentPlane
from agentplane.errors import AgentPlaneError, ApiError, PlaneUnreachable
from agentplane.models import Agent, Execution, State, Step, Workflow
from agentplane.sign_in import Session, SignIn, SignInRefused

__all__ = [
    "Agent",
    "AgentPlane",
    "AgentPlaneError",
    "ApiError",
    "Execution",
    "PlaneUnreachable",
    "Session",
    "SignIn",
    "SignInRefused",
    "State",
    "Step",
    "Workflow",
]
