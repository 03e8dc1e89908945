"""People for tests: members of organisations, and access tokens that a test issuer signs as Supabase Auth does."""

from __future__ import annotations

import json
import secrets
import threading
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Protocol

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from functions.shared.auth.tokens import KeySet, TokenVerifier, fetch_from
from functions.shared.db.port import Person

if TYPE_CHECKING:
    from collections.abc import Generator

    import asyncpg

ISSUER = "https://project.test/auth/v1"


class SigningKey:
    """A private key with an id, for one algorithm."""

    def __init__(self, key_id: str, algorithm: str = "ES256") -> None:
        self.id, self.algorithm = key_id, algorithm
        is_rsa = algorithm.startswith("RS")
        self.private: Any = rsa.generate_private_key(65537, 2048) if is_rsa else ec.generate_private_key(ec.SECP256R1())

    @cached_property
    def public(self) -> dict[str, Any]:
        """Give the public half as a JWK."""
        to_jwk = RSAAlgorithm.to_jwk if self.algorithm.startswith("RS") else ECAlgorithm.to_jwk
        return {
            **to_jwk(self.private.public_key(), as_dict=True),
            "kid": self.id,
            "alg": self.algorithm,
            "use": "sig",
        }

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        """Give the claims as a token."""
        return jwt.encode(claims, self.private, algorithm=self.algorithm, headers={"kid": self.id, **header})


class Issuer:
    """What signs the tests' tokens, and publishes its keys by HTTP."""

    def __init__(self) -> None:
        self.name = ISSUER
        self.key = SigningKey("test-1")
        self.keys = [self.key]
        self.jwks_url = ""
        self.fetches = 0

    @property
    def jwks(self) -> dict[str, Any]:
        """Give what is published."""
        return {"keys": [key.public for key in self.keys]}

    def verifier(self) -> TokenVerifier:
        """Give what an app verifies with: it fetches the keys."""
        return TokenVerifier(self.name, KeySet(fetch_from(self.jwks_url)))


OUR_ISSUER = Issuer()  # of this process: the tests' apps trust its tokens


@contextmanager
def published(issuer: Issuer) -> Generator[Issuer]:
    """Serve the issuer's keys on a loopback address for a while."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.fetches += 1
            body = json.dumps(issuer.jwks).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    issuer.jwks_url = f"http://127.0.0.1:{server.server_port}/.well-known/jwks.json"
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


class HasId(Protocol):
    """An organisation, whichever factory made it."""

    @property
    def id(self) -> str: ...


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who can sign in; `org_id` is empty for who is a member of nothing."""

    user_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    email: str = ""
    org_id: str = ""
    role: str = ""

    def claims(self, *, aal: str = "aal1", expires_in: float = 3600, **more: Any) -> dict[str, Any]:
        """Give the claims of an access token, in the shape of Supabase Auth's. None leaves one out."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "sub": self.user_id,
            "aud": "authenticated",
            "exp": int(now + expires_in),
            "iat": now,
            "email": self.email,
            "phone": "",
            "app_metadata": {"provider": "email", "providers": ["email"]},
            "user_metadata": {"email": self.email, "email_verified": True, "sub": self.user_id},
            "role": "authenticated",
            "aal": aal,
            "amr": [
                {"method": "otp", "timestamp": now},
                *([{"method": "totp", "timestamp": now}] if aal == "aal2" else []),
            ],
            "session_id": str(uuid.uuid5(uuid.NAMESPACE_URL, self.user_id)),
            "is_anonymous": False,
            **more,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, aal: str = "aal1", expires_in: float = 3600, **more: Any) -> str:
        """Give an access token that the tests' apps trust."""
        return OUR_ISSUER.key.sign(self.claims(aal=aal, expires_in=expires_in, **more))

    def calling(self, *, aal: str = "aal1", expires_in: float = 3600, **more: Any) -> Person:
        """Give them as a caller of the database port."""
        claims = self.claims(aal=aal, expires_in=expires_in, **more)
        return Person(OUR_ISSUER.key.sign(claims), claims, self.org_id or None)

    @property
    def caller(self) -> Person:
        """Give them as a caller of the database port, signed in with one factor."""
        return self.calling()


def new_user(email: str | None = None) -> User:
    """Make somebody who is a member of nothing."""
    return User(email=email or f"person-{secrets.token_hex(4)}@example.com")


async def create_member(
    admin: asyncpg.Connection,
    org: HasId | str,
    role: str = "approver",
    email: str | None = None,
    *,
    user_id: str | None = None,
    may_decide_by_mail: bool = False,
) -> User:
    """Make somebody a member of an organisation, as the deployment's owner."""
    org_id = org if isinstance(org, str) else org.id
    made = User(user_id or str(uuid.uuid4()), email or f"{role}-{secrets.token_hex(4)}@example.com", org_id, role)
    await admin.execute(
        "insert into plane.members (org_id, user_id, email, role, may_decide_by_mail) values ($1, $2, $3, $4, $5)",
        *(org_id, made.user_id, made.email, role, may_decide_by_mail),
    )
    return made
