"""What steps do. `handlers` has one handler a kind; importing this loads only what all of them share."""

from functions.shared.steps.base import (
    Context,
    Done,
    Effects,
    Guard,
    Handler,
    HttpPolicy,
    NeedsPerson,
    PersonAnswer,
    StepFailed,
    Usage,
)

__all__ = [
    "Context",
    "Done",
    "Effects",
    "Guard",
    "Handler",
    "HttpPolicy",
    "NeedsPerson",
    "PersonAnswer",
    "StepFailed",
    "Usage",
]
