"""What steps may use: policies as data, and what they decide about one subject. Pure."""

from functions.shared.policies.decision import Decision, decide
from functions.shared.policies.policy import Effect, Policy, SubjectKind, policy_of
from functions.shared.policies.subjects import Subject, host_subject, model_subject, tool_subject

__all__ = [
    "Decision",
    "Effect",
    "Policy",
    "Subject",
    "SubjectKind",
    "decide",
    "host_subject",
    "model_subject",
    "policy_of",
    "tool_subject",
]
