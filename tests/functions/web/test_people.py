"""Who gets in with an access token, over HTTP."""

from __future__ import annotations

import asyncio
import hmac
import json
from base64 import urlsafe_b64encode
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from functions.keys.app import router as keys
from functions.shared.auth.tokens import FRESH_SECONDS, REFETCH_SECONDS, KeySet, TokenVerifier, fetch_from
from functions.shared.config import Settings
from functions.shared.errors import Unauthenticated, Unavailable
from functions.shared.web import create_app
from functions.state.app import router as state
from tests.functions.conftest import app_state
from tests.people import ISSUER, OUR_ISSUER, Issuer, SigningKey, User, new_user, published

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.functions.conftest import Organisation

    ClientOf = Callable[..., Awaitable[httpx.AsyncClient]]

app = create_app("tests", state, keys)
PATH = "/api/state?component=c"


def told(answer: httpx.Response) -> tuple[int, str | None]:
    return answer.status_code, answer.json().get("code") if answer.status_code >= 400 else None


def encoded(value: Any) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def tampered(token: str, **claims: Any) -> str:
    head, _, signature = token.split(".")
    return f"{head}.{encoded(jwt.decode(token, options={'verify_signature': False}) | claims)}.{signature}"


def hmac_signed(claims: dict[str, Any], key_id: str, secret: bytes) -> str:
    """Give a token signed with a text that everybody knows; PyJWT refuses to make one."""
    text = f"{encoded({'alg': 'HS256', 'kid': key_id})}.{encoded(claims)}"
    mac = hmac.digest(secret, text.encode(), "sha256")
    return f"{text}.{urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def forgeries(person: User) -> dict[str, tuple[str, str]]:
    """Name each bad token of somebody who is a member, and the code that it gets."""
    good, claims, key = person.token(), person.claims(), OUR_ISSUER.key
    public = key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return {
        "expired": (person.token(expires_in=-1), "token_expired"),
        "tampered": (tampered(good, sub=new_user().user_id), "token_invalid"),
        "cut": (good[:-6], "token_invalid"),
        "alg none": (f"{encoded({'alg': 'none', 'kid': key.id})}.{encoded(claims)}.", "token_invalid"),
        "alg none with a signature": (
            f"{encoded({'alg': 'none', 'kid': key.id})}.{encoded(claims)}.{good.rpartition('.')[2]}",
            "token_invalid",
        ),
        "public key as a secret": (hmac_signed(claims, key.id, public), "token_invalid"),
        "another algorithm": (
            f"{encoded({'alg': 'RS256', 'kid': key.id})}.{good.partition('.')[2]}",
            "token_invalid",
        ),
        "another key": (SigningKey(key.id).sign(claims), "token_invalid"),
        "unknown key": (SigningKey("made-up").sign(claims), "token_invalid"),
        "no key named": (jwt.encode(claims, key.private, algorithm="ES256"), "token_invalid"),
        "wrong audience": (person.token(aud="anon"), "token_invalid"),
        "no audience": (person.token(aud=None), "token_invalid"),
        "wrong issuer": (person.token(iss="https://elsewhere.test/auth/v1"), "token_invalid"),
        "no issuer": (person.token(iss=None), "token_invalid"),
        "no expiry": (person.token(exp=None), "token_invalid"),
        "no subject": (person.token(sub=None), "token_invalid"),
        "another role": (person.token(role="service_role"), "token_invalid"),
        "too long": (person.token(user_metadata={"x": "y" * 9000}), "token_invalid"),
        "no token": ("eyJub3QiOiJhIHRva2VuIn0", "token_invalid"),
    }


@pytest.mark.parametrize("kind", forgeries(new_user()))
async def test_a_bad_token_is_refused(client_of: ClientOf, org: Organisation, kind: str) -> None:
    operator = await org.member("operator")
    token, code = forgeries(operator)[kind]
    answer = await (await client_of(app, token)).get(PATH)
    assert told(answer) == (401, code), answer.text
    assert answer.headers["www-authenticate"].startswith('Bearer realm="agentplane"')


async def test_a_member_may_do_what_their_role_says(client_of: ClientOf, org: Organisation) -> None:
    body = {"component": "c", "key": "k", "value": 1}
    viewer = await client_of(app, (await org.member("viewer")).token())
    operator = await client_of(app, (await org.member("operator")).token())
    assert told(await viewer.get(PATH)) == (200, None)
    assert told(await viewer.post("/api/state", json=body)) == (403, "missing_scope")
    assert (await operator.post("/api/state", json=body)).status_code in {200, 201}
    assert told(await operator.get("/api/keys")) == (403, "missing_scope")
    assert told(await (await client_of(app, (await org.member("admin")).token())).get("/api/keys")) == (200, None)


async def test_who_is_a_member_elsewhere_or_nowhere_sees_nothing(
    client_of: ClientOf, org: Organisation, new_org: Callable[[], Awaitable[Organisation]]
) -> None:
    other = await (await new_org()).member("owner")
    named = await client_of(app, other.token(), **{"AgentPlane-Organisation": org.id})
    nowhere = await client_of(app, other.token(), **{"AgentPlane-Organisation": "nowhere"})
    assert told(await named.get(PATH)) == told(await nowhere.get(PATH)) == (403, "not_a_member")
    assert told(await (await client_of(app, new_user().token())).get(PATH)) == (403, "not_a_member")
    # Nor what is wrong with a request that they may not make.
    assert told(await named.post("/api/state", json={"nonsense": True})) == (403, "not_a_member")


async def test_who_is_a_member_of_two_organisations_names_one(
    client_of: ClientOf, org: Organisation, new_org: Callable[[], Awaitable[Organisation]]
) -> None:
    other = await new_org()
    person = await org.member("viewer")
    await other.member("viewer", user_id=person.user_id)
    answer = await (await client_of(app, person.token())).get(PATH)
    assert told(answer) == (409, "organisation_required")
    assert {each["id"] for each in answer.json()["organisations"]} == {org.id, other.id}
    for name in (other.id, answer.json()["organisations"][0]["name"]):
        named = await client_of(app, person.token(), **{"AgentPlane-Organisation": name})
        assert told(await named.get(PATH)) == (200, None)


async def test_an_organisation_may_be_named_in_any_letters(
    client_of: ClientOf, org: Organisation, new_org: Callable[[], Awaitable[Organisation]]
) -> None:
    person = await org.member("viewer")
    await (await new_org()).member("viewer", user_id=person.user_id)
    await org.connection.execute("update plane.organisations set name = 'Müller & 会社 ' || id where id = $1", org.id)
    client = await client_of(app, person.token())
    header = f"Müller & 会社 {org.id}".encode()
    answer = await client.get(PATH, headers=[(b"AgentPlane-Organisation", header)])
    assert told(answer) == (200, None)


async def test_a_removed_member_is_refused_while_their_token_lives(client_of: ClientOf, org: Organisation) -> None:
    person = await org.member("owner")
    client = await client_of(app, person.token())
    assert told(await client.get(PATH)) == (200, None)
    await org.connection.execute("update plane.members set removed_at = now() where user_id = $1", person.user_id)
    assert told(await client.get(PATH)) == (403, "not_a_member")


async def test_a_repeated_request_of_a_person_gets_the_first_answer(client_of: ClientOf, org: Organisation) -> None:
    body = {"component": "c", "key": "once", "value": 1}
    operator = await client_of(app, (await org.member("operator")).token(), **{"Idempotency-Key": "same"})
    other = await client_of(app, (await org.member("operator")).token(), **{"Idempotency-Key": "same"})
    first, again = await operator.post("/api/state", json=body), await operator.post("/api/state", json=body)
    assert (first.json(), again.headers["Idempotency-Replayed"]) == (again.json(), "true")
    assert "Idempotency-Replayed" not in (await other.post("/api/state", json=body)).headers


async def test_a_plane_without_a_sign_in_says_so(client_of: ClientOf, org: Organisation) -> None:
    client = await client_of(app, (await org.member("viewer")).token())
    with app_state(app, tokens=None, open_tokens=lambda: TokenVerifier.from_settings(Settings(_env_file=None))):
        assert told(await client.get(PATH)) == (401, "sign_in_not_configured")


# The issuer's keys


def token_of(key: SigningKey) -> str:
    return key.sign(new_user().claims())


async def test_both_of_supabase_s_algorithms_are_taken() -> None:
    for algorithm in ("ES256", "RS256"):
        key = SigningKey(f"key-{algorithm}", algorithm)

        async def fetch(key: SigningKey = key) -> Any:
            return {"keys": [key.public]}

        assert (await TokenVerifier(ISSUER, KeySet(fetch)).verify(token_of(key)))["iss"] == ISSUER


async def test_a_key_of_another_algorithm_or_use_is_not_taken() -> None:
    strong, other = SigningKey("rs512", "RS512"), SigningKey("es")
    secret = {"kty": "oct", "kid": "secret", "alg": "HS256", "k": encoded("x" * 40)}
    keys = [strong.public, {**other.public, "use": "enc"}, secret, {"kty": "EC", "kid": "broken"}, "nonsense", {}]

    async def fetch() -> Any:
        return {"keys": keys}

    verifier = TokenVerifier(ISSUER, KeySet(fetch))
    for token in (
        token_of(strong),
        token_of(other),
        jwt.encode(new_user().claims(), "x" * 40, algorithm="HS256", headers={"kid": "secret"}),
    ):
        with pytest.raises(Unauthenticated):
            await verifier.verify(token)


async def test_keys_are_fetched_once_and_again_for_a_new_one_but_not_for_each_made_up_one() -> None:
    issuer, now = Issuer(), [0.0]
    issuer.key = SigningKey("first")
    issuer.keys = [issuer.key]
    with published(issuer):
        keys = KeySet(fetch_from(issuer.jwks_url), clock=lambda: now[0])
        verifier = TokenVerifier(ISSUER, keys)
        await asyncio.gather(*(verifier.verify(token_of(issuer.key)) for _ in range(20)))
        assert issuer.fetches == 1

        second = SigningKey("second")
        issuer.keys.append(second)
        with pytest.raises(Unauthenticated):
            await verifier.verify(token_of(second))  # too soon to ask again
        now[0] += REFETCH_SECONDS
        await verifier.verify(token_of(second))
        assert issuer.fetches == 2
        for number in range(50):
            with pytest.raises(Unauthenticated):
                await verifier.verify(token_of(SigningKey(f"made-up-{number}")))
        assert issuer.fetches == 2

        issuer.keys.remove(issuer.key)  # revoked
        now[0] += FRESH_SECONDS + 1
        with pytest.raises(Unauthenticated):
            await verifier.verify(token_of(issuer.key))
        assert issuer.fetches == 3


async def test_an_issuer_that_is_down_for_a_while_locks_nobody_out() -> None:
    key, now, is_up = SigningKey("k"), [0.0], [False]

    async def fetch() -> Any:
        if not is_up[0]:
            raise httpx.ConnectError("down")
        return {"keys": [key.public]}

    verifier = TokenVerifier(ISSUER, KeySet(fetch, clock=lambda: now[0]))
    with pytest.raises(Unavailable) as error:
        await verifier.verify(token_of(key))
    assert error.value.code == "keys_unavailable"
    is_up[0] = True
    now[0] += 1
    await verifier.verify(token_of(key))
    is_up[0] = False
    now[0] += FRESH_SECONDS + 1
    await verifier.verify(token_of(key))
    now[0] += 3600
    with pytest.raises(Unavailable):
        await verifier.verify(token_of(key))


def test_the_issuer_is_the_project_s_unless_told_otherwise() -> None:
    assert TokenVerifier.from_settings(Settings(_env_file=None)) is None
    for settings in (
        Settings(_env_file=None, supabase_url="https://x.supabase.co"),
        Settings(_env_file=None, jwks_url="https://a.test/jwks.json", token_issuer="https://a.test"),
    ):
        assert TokenVerifier.from_settings(settings) is not None


def test_a_person_without_a_membership_is_still_a_person() -> None:
    person = new_user()
    assert replace(person, org_id="x").caller.organisation == "x"
    assert person.caller.organisation is None
