"""The development sign-in: what our pages and commands use of Supabase Auth's protocol, for one machine only."""

from functions.shared.devauth.accounts import Accounts, Refused, user_id_of
from functions.shared.devauth.locality import NotLocal, is_local, require_local
from functions.shared.devauth.mailbox import mailbox_router
from functions.shared.devauth.protocol import auth_router
from functions.shared.devauth.signing import SigningKey

__all__ = [
    "Accounts",
    "NotLocal",
    "Refused",
    "SigningKey",
    "auth_router",
    "is_local",
    "mailbox_router",
    "require_local",
    "user_id_of",
]
