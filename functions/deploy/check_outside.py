"""What the Supabase project and the mail server answer, asked as the functions will ask them."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote, urlsplit

import httpx

from functions.deploy.finding import fail, ok, warn
from functions.deploy.stage import is_address
from functions.shared.auth.tokens import ALGORITHMS
from functions.shared.db.postgrest_adapter import PostgrestDatabase
from functions.shared.db.schema_version import SCHEMA_VERSION
from functions.shared.errors import PlaneError

if TYPE_CHECKING:
    from functions.deploy.finding import Finding
    from functions.deploy.seen import Seen

TIMEOUT_S = 10.0
SECRET_SCHEMAS = {"plane", "gateway"}
_EXPOSED = re.compile(r"(?:schemas are exposed|one of the following): (.*)")  # of now, and until version 12
_OK = 200
_SERVER_ERROR = 500


async def findings(seen: Seen) -> list[Finding]:
    """Give what was found outside AWS and the database itself."""
    groups = await asyncio.gather(_supabase(seen), _mail(seen))
    return [finding for group in groups for finding in group]


async def _supabase(seen: Seen) -> list[Finding]:
    url = seen.stage.supabase_url
    parts = urlsplit(url)
    if not parts.hostname or parts.path:
        return [
            fail(
                "supabase",
                f"{url} is not a project's address" if url else "no address of a project is given",
                "Set AGENTPLANE_SUPABASE_URL to https://<ref>.supabase.co.",
            )
        ]
    if parts.scheme != "https" and parts.hostname != "127.0.0.1":
        return [fail("supabase", f"{url} is not https", "Set AGENTPLANE_SUPABASE_URL to the https:// address.")]
    key = seen.secret("publishable-key") or seen.stage.publishable_key
    async with httpx.AsyncClient(base_url=url, timeout=TIMEOUT_S, headers={"apikey": key} if key else {}) as http:
        reached = await _reached(http)
        if reached.state == "fail":
            return [reached]
        if not key:
            unknown = fail("doors", "there is no publishable key to try them with", "Set it; see `secrets`.")
            return [reached, unknown, await _signing(http)]
        return [
            reached,
            *await asyncio.gather(_doors(url, key), _exposed(http), _signing(http), _sign_in(http)),
        ]


async def _reached(http: httpx.AsyncClient) -> Finding:
    try:
        answer = await http.get("/auth/v1/health")
    except httpx.HTTPError as error:
        return fail(
            "supabase",
            f"{http.base_url} does not answer: {type(error).__name__}",
            "Check AGENTPLANE_SUPABASE_URL. A project of the free plan sleeps after a week: wake it in its dashboard.",
        )
    if answer.status_code >= _SERVER_ERROR:
        return fail("supabase", f"{http.base_url} answers {answer.status_code}", "Look at the project's status page.")
    return ok("supabase", f"{http.base_url} answers")


async def _doors(url: str, key: str) -> Finding:
    """Knock as every function does: with the publishable key, through PostgREST."""
    database = PostgrestDatabase.connect(url, key)
    try:
        schema = await asyncio.wait_for(database.ping(), TIMEOUT_S)
    except (PlaneError, TimeoutError) as error:
        cause = error.__cause__
        told = str(cause) if cause is not None else type(error).__name__
        return warn_or_fail_doors(told.replace(key, "…"))
    finally:
        await database.close()
    if schema < SCHEMA_VERSION:
        return warn(
            "doors",
            f"the publishable key opens them; the schema is {schema}, the functions need {SCHEMA_VERSION}",
            "`agentplane deploy` migrates before it deploys.",
        )
    return ok("doors", f"the publishable key opens them; the schema is {schema}")


def warn_or_fail_doors(told: str) -> Finding:
    """Before the first migration there is no door; afterwards a closed one is wrong."""
    if "PGRST202" in told or "PGRST106" in told:
        return warn(
            "doors",
            "there is no function api.ping yet, or the schema api is not exposed",
            "The first deployment migrates. Expose the schema `api` (Settings, Data API); see `exposed`.",
        )
    return fail(
        "doors",
        f"the publishable key does not open them: {told}",
        "Set AGENTPLANE_SUPABASE_PUBLISHABLE_KEY (Settings, API Keys) and run --rotate publishable-key.",
    )


async def _exposed(http: httpx.AsyncClient) -> Finding:
    """Ask for a schema that is not there: PostgREST answers which are exposed."""
    way_out = "Expose `api` and nothing else of the plane: `supabase config push`, or Settings, Data API."
    try:
        answer = await http.post("/rest/v1/rpc/ping", json={}, headers={"Content-Profile": "agentplane_no_such_schema"})
        body = cast("dict[str, Any]", answer.json())
    except (httpx.HTTPError, ValueError) as error:
        return warn("exposed", f"not known: {type(error).__name__}", way_out)
    match = _EXPOSED.search(f"{body.get('hint') or ''}\n{body.get('message') or ''}")
    if match is None:
        return warn("exposed", "the project does not tell which schemas it exposes", way_out)
    names = [name.strip() for name in match[1].split(",")]
    if secret := sorted(SECRET_SCHEMAS & set(names)):
        return fail("exposed", f"the schema {' and '.join(secret)} is exposed", way_out)
    if "api" not in names:
        return fail("exposed", f"the schema api is not exposed, only {', '.join(names)}", way_out)
    if len(names) > 1:
        return warn("exposed", f"exposed are {', '.join(names)}", "The plane needs `api` only.")
    return ok("exposed", "only the schema api")


async def _signing(http: httpx.AsyncClient) -> Finding:
    way_out = "Create an ES256 signing key and rotate to it (Settings, JWT Keys): people's tokens are verified by it."
    try:
        answer = await http.get("/auth/v1/.well-known/jwks.json")
        keys = cast("list[dict[str, Any]]", answer.json()["keys"])
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        return fail("signing-keys", f"cannot be read: {type(error).__name__}", way_out)
    good = [key for key in keys if key.get("alg") in ALGORITHMS and key.get("kty") in {"EC", "RSA"}]
    if not good:
        return fail("signing-keys", "the project publishes no asymmetric signing key", way_out)
    return ok("signing-keys", f"{len(good)}: {', '.join(sorted({str(key['alg']) for key in good}))}")


async def _sign_in(http: httpx.AsyncClient) -> Finding:
    way_out = (
        "Switch on sign-in by e-mail, with confirmation (Authentication, Sign In / Providers); see docs/deploy.md."
    )
    try:
        answer = await http.get("/auth/v1/settings")
        settings = cast("dict[str, Any]", answer.json()) if answer.status_code == _OK else {}
    except (httpx.HTTPError, ValueError):
        settings = {}
    external: dict[str, Any] = settings.get("external") or {}
    if not external:
        return warn("sign-in", "the project does not tell how people sign in", way_out)
    if not external.get("email"):
        return fail("sign-in", "people cannot sign in by e-mail", way_out)
    if settings.get("mailer_autoconfirm"):
        return fail("sign-in", "addresses count as confirmed without a mail: anybody could be anybody", way_out)
    return ok("sign-in", "by e-mail, confirmed")


async def _mail(seen: Seen) -> list[Finding]:
    """Greet the mail server and sign in; no mail is sent."""
    url = seen.secret("smtp-url")
    if url is None or not is_address(url):  # that one is said of the secret
        return []
    import aiosmtplib  # noqa: PLC0415  only where there is a mail server

    parts = urlsplit(url)
    place = f"{parts.hostname}:{parts.port or (465 if parts.scheme == 'smtps' else 25)}"
    client = aiosmtplib.SMTP(
        hostname=parts.hostname,
        port=int(place.rpartition(":")[2]),
        use_tls=parts.scheme == "smtps",
        timeout=TIMEOUT_S,
    )
    try:
        await client.connect()
        if parts.username:
            await client.login(unquote(parts.username), unquote(parts.password or ""))
        await client.quit()
    except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
        return [
            fail(
                "mail-server",
                f"{place} refuses or does not answer: {type(error).__name__}",
                "Set AGENTPLANE_SMTP_URL (smtps://user:password@host:465, %40 for an @ in it), run --rotate smtp-url.",
            )
        ]
    finally:
        client.close()
    return [ok("mail-server", f"{place} answers{' and lets us in' if parts.username else ''}")]
