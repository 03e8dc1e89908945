"""Who may sign in on this machine: whoever can read the mail that is never sent. Codes, sessions, second factors."""

from __future__ import annotations

import hmac
import json
import re
import secrets
import time
import uuid
from collections import deque
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import jwt

from functions.shared.devauth.locality import require_local
from functions.shared.devauth.signing import SigningKey
from functions.shared.log import logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from functions.shared.config import Settings

Aal = Literal["aal1", "aal2"]

ACCESS_SECONDS = 3600
CODE_SECONDS = 600
MAX_WRONG_CODES = 5
REUSE_SECONDS = 10
MAILS_KEPT = 50
_EMAIL = re.compile(r"[^\s@\"<>\\]{1,64}@[^\s@\"<>\\]{1,189}")
_FILE = "sign-in-sessions.json"
_log = logger("development sign-in")


class Refused(Exception):
    """What Supabase Auth would refuse, with its status and its error code."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that is shown instead of being sent. `link` is empty for the code of a second factor."""

    to: str
    code: str
    link: str
    sent_at: float


@dataclass(slots=True)
class _Code:
    email: str
    code: str
    token_hash: str
    expires_at: float
    wrong: int = 0


@dataclass(frozen=True, slots=True)
class _Session:
    id: str
    email: str
    aal: Aal
    amr: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class _Challenge:
    email: str
    code: str
    expires_at: float


def user_id_of(email: str) -> str:
    """Give the id of a person: the same on every machine, so that fixtures and memberships can name it."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"mailto:{email.strip().lower()}"))


class Accounts:
    """The sign-ins of one data folder. Refuses to be made for anything but a plane on one machine."""

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = time.time) -> None:
        folder = require_local(settings)
        self.key = SigningKey.of_folder(folder)
        self.url = settings.public_url.rstrip("/")
        self.issuer = settings.auth_address
        self.mails: deque[Mail] = deque(maxlen=MAILS_KEPT)
        self.is_two_factor = False
        self._clock = clock
        self._codes: dict[str, _Code] = {}
        self._challenges: dict[str, _Challenge] = {}
        self._replaced: dict[str, tuple[float, str]] = {}
        self._file = folder / _FILE
        self._sessions = _read(self._file)

    def send_code(self, email: str, *, link_query: str = "") -> None:
        """Make a code and a link for an address; the former ones of the address end."""
        address = email.strip().lower()
        if not _EMAIL.fullmatch(address):
            raise Refused(400, "validation_failed", "Unable to validate email address: invalid format")
        code = _Code(address, _six_digits(), secrets.token_hex(28), self._clock() + CODE_SECONDS)
        self._codes[address] = code
        link = f"{self.url}/auth/confirm?token_hash={code.token_hash}&type=email{link_query}"
        self.mails.appendleft(Mail(address, code.code, link, self._clock()))
        _log.warning("sign-in code for %s: %s, or open %s", address, code.code, link)

    def verify_code(self, email: str, code: str) -> dict[str, Any]:
        """Give a session for a code; it works once, and not after a few wrong ones."""
        known = self._codes.get(email.strip().lower())
        if known is None or known.expires_at <= self._clock():
            raise _expired()
        if not hmac.compare_digest(known.code.encode(), code.strip().encode()):
            known.wrong += 1
            if known.wrong >= MAX_WRONG_CODES:
                del self._codes[known.email]
            raise _expired()
        return self._sign_in(known)

    def verify_link(self, token_hash: str) -> dict[str, Any]:
        """Give a session for a link's token; it works once."""
        for known in self._codes.values():
            if hmac.compare_digest(known.token_hash.encode(), token_hash.encode()):
                if known.expires_at <= self._clock():
                    break
                return self._sign_in(known)
        raise _expired()

    def refresh(self, refresh_token: str) -> dict[str, Any]:
        """Give a session for a refresh token, which is replaced.

        The former one gives the same session for a few seconds more, for two requests at once; after that its use
        ends the session.
        """
        name = _hash(refresh_token)
        session = self._sessions.pop(name, None)
        if session is not None:
            answer = self._issue(session)
            self._replaced[name] = (self._clock() + REUSE_SECONDS, answer["refresh_token"])
            return answer
        until, successor = self._replaced.get(name, (0.0, ""))
        known = self._sessions.get(_hash(successor))
        if known is None:
            raise Refused(400, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found")
        if until <= self._clock():
            self._end(known.id)
            raise Refused(400, "refresh_token_already_used", "Invalid Refresh Token: Already Used")
        return self._answer(known, successor)

    def user_of(self, access_token: str) -> dict[str, Any]:
        """Give the person of an access token whose session has not ended."""
        return _user(self._session_of(access_token))

    def sign_out(self, access_token: str, scope: str = "global") -> None:
        """End this session (local), the person's other ones (others), or all of them (global)."""
        session = self._session_of(access_token)
        for each in list(self._sessions.values()):
            is_this = each.id == session.id
            if each.email == session.email and (scope == "global" or is_this == (scope == "local")):
                self._end(each.id)

    def challenge(self, access_token: str, factor_id: str) -> dict[str, Any]:
        """Show a code for the second factor."""
        session = self._session_of(access_token)
        self._require_factor(session, factor_id)
        challenge_id = str(uuid.uuid4())
        expires_at = self._clock() + CODE_SECONDS
        made = self._challenges[challenge_id] = _Challenge(session.email, _six_digits(), expires_at)
        self.mails.appendleft(Mail(session.email, made.code, "", self._clock()))
        _log.warning("second-factor code for %s: %s", session.email, made.code)
        return {"id": challenge_id, "type": "totp", "expires_at": int(expires_at)}

    def verify_challenge(self, access_token: str, factor_id: str, challenge_id: str, code: str) -> dict[str, Any]:
        """Give the session again with two factors (aal2)."""
        session = self._session_of(access_token)
        self._require_factor(session, factor_id)
        known = self._challenges.pop(challenge_id, None)
        if known is None or known.email != session.email or known.expires_at <= self._clock():
            raise Refused(422, "mfa_challenge_expired", "MFA challenge has expired, verify against another challenge")
        if not hmac.compare_digest(known.code.encode(), code.strip().encode()):
            raise Refused(422, "mfa_verification_failed", "Invalid TOTP code entered")
        amr = [*session.amr, {"method": "totp", "timestamp": int(self._clock())}]
        self._end(session.id)
        return self._issue(replace(session, aal="aal2", amr=amr))

    def _sign_in(self, code: _Code) -> dict[str, Any]:
        del self._codes[code.email]
        amr = [{"method": "otp", "timestamp": int(self._clock())}]
        aal: Aal = "aal2" if self.is_two_factor else "aal1"
        return self._issue(_Session(str(uuid.uuid4()), code.email, aal, amr))

    def _issue(self, session: _Session) -> dict[str, Any]:
        refresh_token = secrets.token_urlsafe(16)
        self._sessions[_hash(refresh_token)] = session
        self._keep()
        return self._answer(session, refresh_token)

    def _answer(self, session: _Session, refresh_token: str) -> dict[str, Any]:
        now = int(self._clock())
        user = _user(session)
        claims = {
            "iss": self.issuer,
            "sub": user["id"],
            "aud": "authenticated",
            "exp": now + ACCESS_SECONDS,
            "iat": now,
            "email": session.email,
            "phone": "",
            "app_metadata": user["app_metadata"],
            "user_metadata": user["user_metadata"],
            "role": "authenticated",
            "aal": session.aal,
            "amr": session.amr,
            "session_id": session.id,
            "is_anonymous": False,
        }
        return {
            "access_token": self.key.sign(claims),
            "token_type": "bearer",
            "expires_in": ACCESS_SECONDS,
            "expires_at": now + ACCESS_SECONDS,
            "refresh_token": refresh_token,
            "user": user,
        }

    def _session_of(self, access_token: str) -> _Session:
        try:
            claims = self.key.read(access_token, issuer=self.issuer)
        except jwt.InvalidTokenError as error:
            raise Refused(403, "bad_jwt", f"invalid JWT: {error}") from error
        for session in self._sessions.values():
            if session.id == claims.get("session_id"):
                return session
        raise Refused(403, "session_not_found", "Session from session_id claim in JWT does not exist")

    def _require_factor(self, session: _Session, factor_id: str) -> None:
        if factor_id != _factor_id(session.email):
            raise Refused(404, "mfa_factor_not_found", "Factor not found")

    def _end(self, session_id: str) -> None:
        self._sessions = {name: each for name, each in self._sessions.items() if each.id != session_id}
        self._keep()

    def _keep(self) -> None:
        partial = self._file.with_name(f".{_FILE}")
        partial.touch(mode=0o600)
        partial.write_text(json.dumps({name: asdict(each) for name, each in self._sessions.items()}))
        partial.replace(self._file)


def _user(session: _Session) -> dict[str, Any]:
    user_id = user_id_of(session.email)
    signed_in = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(session.amr[0]["timestamp"]))
    factor = {
        "id": _factor_id(session.email),
        "friendly_name": "Development second factor",
        "factor_type": "totp",
        "status": "verified",
        "created_at": signed_in,
        "updated_at": signed_in,
    }
    return {
        "id": user_id,
        "aud": "authenticated",
        "role": "authenticated",
        "email": session.email,
        "email_confirmed_at": signed_in,
        "phone": "",
        "confirmed_at": signed_in,
        "last_sign_in_at": signed_in,
        "app_metadata": {"provider": "email", "providers": ["email"]},
        "user_metadata": {"email": session.email, "email_verified": True, "phone_verified": False, "sub": user_id},
        "identities": [],
        "factors": [factor],
        "created_at": signed_in,
        "updated_at": signed_in,
        "is_anonymous": False,
    }


def _factor_id(email: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"mailto:{email}#second-factor"))


def _six_digits() -> str:
    return f"{secrets.randbelow(1_000_000):06d}"


def _hash(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def _expired() -> Refused:
    return Refused(403, "otp_expired", "Token has expired or is invalid")


def _read(path: Path) -> dict[str, _Session]:
    """Give the sessions that were kept; a file that cannot be read means that everybody signs in again."""
    try:
        kept = json.loads(path.read_text())
        return {name: _Session(**fields) for name, fields in kept.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
