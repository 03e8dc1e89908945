"""What the plane does by itself, besides running executions: each chore is one module."""

from functions.shared.chores.agents import NOTE_AGENTS
from functions.shared.chores.audit import SEAL_AUDIT
from functions.shared.chores.chore import Chore, Plane
from functions.shared.chores.escalations import TIME_OUT_ESCALATIONS
from functions.shared.chores.handoffs import EXPIRE_HANDOFFS
from functions.shared.chores.mails import SEND_MAILS
from functions.shared.chores.privacy import DROP_PAYLOADS, ERASE
from functions.shared.chores.running import ChoreRunner, run_chores
from functions.shared.chores.schedules import FIRE_SCHEDULES
from functions.shared.chores.triggers import FORGET_TRIGGERED, HANDLE_MESSAGES
from functions.shared.chores.usage import COUNT_QUOTAS, METER_USAGE
from functions.shared.chores.webhooks import DELIVER_WEBHOOKS

CHORES: tuple[Chore, ...] = (
    NOTE_AGENTS,
    SEAL_AUDIT,
    ERASE,
    DROP_PAYLOADS,
    EXPIRE_HANDOFFS,
    TIME_OUT_ESCALATIONS,
    SEND_MAILS,
    FIRE_SCHEDULES,
    HANDLE_MESSAGES,
    DELIVER_WEBHOOKS,
    FORGET_TRIGGERED,
    METER_USAGE,
    COUNT_QUOTAS,
)

__all__ = ["CHORES", "Chore", "ChoreRunner", "Plane", "run_chores"]
