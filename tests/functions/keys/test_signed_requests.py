"""Keys whose requests must be signed, over a real HTTP server, signed by the signature library's own signer."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from http_message_signatures import HTTPMessageSigner, MappingKeyResolver, algorithms
from pydantic import SecretStr

from functions.agents.app import router as agents
from functions.interpret.app import router as interpret
from functions.keys.app import router as keys
from functions.me.app import router as me
from functions.shared.auth.signatures import read_signing_key
from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
from functions.shared.web import create_app, lambda_handler
from functions.shared.web.seals import SigningKeys
from functions.state.app import router as state
from tests.functions.conftest import SETTINGS
from tests.functions.web.test_server import served
from tests.organisations import create_org

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fastapi import FastAPI

    from tests.functions.conftest import Organisation
    from tests.organisations import Org

PEPPERED = SETTINGS.model_copy(update={"key_pepper": SecretStr("salt-of-the-plane,")})
COVERED = ("@method", "@path", "@query", "authorization")


def public_text(private: Ed25519PrivateKey) -> str:
    return base64.b64encode(private.public_key().public_bytes_raw()).decode()


@dataclass(frozen=True)
class Signer:
    """Signs as a careful client does; what a test changes is what it gets wrong."""

    secret: str
    private: Any
    key_id: str = ""
    age_s: float = 0.0
    algorithm: Any = algorithms.ED25519
    covered: tuple[str, ...] = COVERED
    also: tuple[str, ...] = ()
    digests: bool = True
    options: dict[str, Any] = field(default_factory=dict)

    def sign(self, request: httpx.Request) -> httpx.Request:
        request.headers["Authorization"] = f"Bearer {self.secret}"
        covered = [*self.covered, *self.also]
        if "idempotency-key" in request.headers and "idempotency-key" not in covered:
            covered.append("idempotency-key")
        key_id = self.key_id or self.secret[:14]
        signer = HTTPMessageSigner(
            signature_algorithm=self.algorithm,
            key_resolver=MappingKeyResolver(public_keys={}, private_keys={key_id: self.private}),
        )
        signer.sign(
            request,
            key_id=key_id,
            created=datetime.now(UTC) - timedelta(seconds=self.age_s),
            covered_component_ids=covered,
            body=(request.content or None) if self.digests else None,
            **self.options,
        )
        return request


@dataclass(frozen=True)
class World:
    """A served app, an organisation's operator, and a key whose requests must be signed."""

    http: httpx.AsyncClient
    operator: str
    signer: Signer
    key: dict[str, Any]

    async def get(self, target: str, signer: Signer | None = None, **headers: str) -> httpx.Response:
        request = self.http.build_request("GET", target, headers=headers)
        return await self.http.send((signer or self.signer).sign(request))

    def write(self, value: Any = 1, key: str = "k", **headers: str) -> httpx.Request:
        headers = {"Idempotency-Key": str(uuid4())} | headers
        body = {"component": "signed", "key": key, "value": value}
        return self.http.build_request("POST", "/api/state", json=body, headers=headers)

    async def put(self, *args: Any, signer: Signer | None = None, **headers: str) -> httpx.Response:
        return await self.http.send((signer or self.signer).sign(self.write(*args, **headers)))

    async def manage(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return await self.http.request(method, path, json=body, headers={"Authorization": f"Bearer {self.operator}"})

    async def stored(self, key: str = "k") -> Any:
        answer = await self.manage("GET", f"/api/state?component=signed&key={key}")
        return answer.json().get("value") if answer.status_code == 200 else None


@pytest.fixture
async def app(module_db_url: str, authenticator_url: Callable[[str], str]) -> FastAPI:
    async def connect() -> AsyncpgDatabase:
        return await AsyncpgDatabase.connect(authenticator_url(module_db_url))

    app = create_app("signed", keys, me, state, agents, interpret)
    app.state.open_database = connect
    app.state.settings = PEPPERED
    return app


@asynccontextmanager
async def world_of(app: FastAPI, operator: str) -> AsyncIterator[World]:
    async with served(app) as url, httpx.AsyncClient(base_url=url) as http:
        private = Ed25519PrivateKey.generate()
        asked = {"name": "signed", "signing_key": public_text(private)}
        headers = {"Authorization": f"Bearer {operator}"}
        made = await http.post("/api/keys", json=asked, headers=headers)
        assert made.status_code == 201, made.text
        key = made.json()
        yield World(http, operator, Signer(key["secret"], private), key)


@pytest.fixture
async def world(app: FastAPI, org: Organisation) -> AsyncIterator[World]:
    async with world_of(app, org.operator) as world:
        yield world


def refused(answer: httpx.Response, code: str = "signature_invalid", says: str = "") -> None:
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (401, code), problem
    assert says in problem["detail"], problem
    assert "signing_key" not in problem
    assert answer.headers["www-authenticate"].startswith("Bearer ")


async def test_signed_requests_are_answered_and_the_key_says_that_it_needs_them(world: World) -> None:
    assert world.key["signed"] is True
    assert "signing_key" not in world.key
    assert (await world.put("signed")).status_code == 201
    assert (await world.get("/api/state?component=signed&key=k")).json()["value"] == "signed"
    about = (await world.get("/api/me")).json()
    assert about["key"]["id"] == world.key["id"]
    listed = (await world.manage("GET", "/api/keys")).json()["data"]
    assert {each["id"]: each["signed"] for each in listed}[world.key["id"]] is True
    assert [each["signed"] for each in listed].count(True) == 1


async def test_paths_and_queries_are_signed_as_they_are_sent(world: World) -> None:
    for target in (
        "/api/state?component=signed&key=caf%C3%A9%20%2F%2b&",
        "/api/state?key=b&component=signed&prefix=",
        "/api/agents/na%C3%AFve%20one",
        "/api/agents/a~b@c:d",
    ):
        answer = await world.get(target)
        assert answer.status_code != 401, answer.text
    head = world.http.build_request("HEAD", "/api/me")
    assert (await world.http.send(world.signer.sign(head))).status_code == 200


async def test_the_key_alone_is_worth_nothing(world: World) -> None:
    alone = {"Authorization": f"Bearer {world.signer.secret}"}
    for method, path, body in (
        ("GET", "/api/me", None),
        ("POST", "/api/state", {"component": "signed", "key": "k", "value": 1}),
        ("POST", "/api/state", {"nonsense": True}),
        ("POST", f"/api/keys/{world.key['id']}/rotate", {}),
        ("DELETE", "/api/state?component=signed&key=k", None),
    ):
        for _ in range(2):  # before and after this process knows that the key asks for signatures
            refused(await world.http.request(method, path, json=body, headers=alone), "signature_required")
    await world.get("/api/me")
    refused(await world.http.get("/api/me", headers=alone), "signature_required")
    assert await world.stored() is None


Change = Callable[[httpx.Request], httpx.Request | None]


def resent(request: httpx.Request, **changes: Any) -> httpx.Request:
    """Give the request with another method, address, body or more headers, and the headers that it had."""
    headers = [each for each in request.headers.raw if each[0].lower() != b"content-length"]
    return httpx.Request(
        changes.get("method", request.method),
        request.url.join(changes.get("target", "")),
        headers=[*headers, *changes.get("headers", ())],
        content=changes.get("body", request.content),
    )


def other_body(request: httpx.Request) -> httpx.Request:
    return resent(request, body=request.content.replace(b"mine", b"evil"))


def other_body_and_digest(request: httpx.Request) -> httpx.Request:
    request = other_body(request)
    request.headers["Content-Digest"] = f"sha-256=:{base64.b64encode(sha256(request.content).digest()).decode()}:"
    return request


def header(name: str, value: str | None) -> Change:
    def change(request: httpx.Request) -> None:
        request.headers.pop(name, None)
        if value is not None:
            request.headers[name] = value

    return change


CHANGES: dict[str, Change] = {
    "the body": other_body,
    "the body and its digest": other_body_and_digest,
    "no body": lambda request: resent(request, body=b""),
    "another path": lambda request: resent(request, target="/api/agents"),
    "a slash more": lambda request: resent(request, target="/api/state/"),
    "a query more": lambda request: resent(request, target="?x=1"),
    "an empty query": lambda request: resent(request, target="?component=signed&key=k", method="DELETE"),
    "another method": lambda request: resent(request, method="PATCH"),
    "another idempotency key": header("Idempotency-Key", "another"),
    "no idempotency key": header("Idempotency-Key", None),
    "two idempotency keys": lambda request: resent(request, headers=[(b"Idempotency-Key", b"another")]),
    "no digest": header("Content-Digest", None),
    "an agent": header("AgentPlane-Agent", "somebody-else"),
    "a condition": header("If-Match", "*"),
    "another signature": header("Signature", f"pyhms=:{base64.b64encode(bytes(64)).decode()}:"),
    "a short signature": header("Signature", "pyhms=:AAAA:"),
    "no structured field": header("Signature", "what=is this"),
    "no signature": header("Signature", None),
    "another input": header("Signature-Input", 'pyhms=("@method");created=1;keyid="x"'),
    "a broken input": header("Signature-Input", "((("),
}


@pytest.mark.parametrize("known", [False, True], ids=["a new process", "a process that knows the key"])
async def test_whatever_is_changed_on_the_way_is_refused(world: World, app: FastAPI, known: bool) -> None:
    for change in CHANGES.values():
        if not known:
            app.state.signing_keys = SigningKeys()
        request = world.signer.sign(world.write("mine"))
        refused(await world.http.send(change(request) or request))
    request = world.signer.sign(world.write("mine"))
    del request.headers["Signature-Input"]
    refused(await world.http.send(request), "signature_required")
    assert await world.stored() is None
    assert (await world.put("mine")).status_code == 201


async def test_another_key_cannot_sign_for_this_one(world: World, app: FastAPI, org: Organisation) -> None:
    strange = replace(world.signer, private=Ed25519PrivateKey.generate())
    refused(await world.put(signer=strange), says="does not fit")
    refused(await world.put(signer=strange), says="does not fit")
    made = await world.manage("POST", "/api/keys", {"name": "other", "signing_key": public_text(strange.private)})
    other = Signer(made.json()["secret"], strange.private)
    assert (await world.put(signer=other)).status_code == 201
    # The signature names the key that it is for, and covers it.
    refused(await world.put(signer=replace(world.signer, key_id=other.secret[:14])))
    request = world.signer.sign(world.write())
    request.headers["Authorization"] = f"Bearer {other.secret}"
    refused(await world.http.send(request))


async def test_a_signature_lives_five_minutes_and_not_in_the_future(world: World) -> None:
    assert (await world.put(signer=replace(world.signer, age_s=290))).status_code == 201
    refused(await world.put(signer=replace(world.signer, age_s=302)), says="age")
    assert (await world.put(signer=replace(world.signer, age_s=-25))).status_code == 200
    refused(await world.put(signer=replace(world.signer, age_s=-40)), says="future")
    over = {"expires": datetime.now(UTC) - timedelta(seconds=60)}
    refused(await world.put(signer=replace(world.signer, age_s=100, options=over)), says="expires")


async def test_a_signature_must_cover_what_the_request_does(world: World) -> None:
    for missing in COVERED:
        covered = tuple(each for each in COVERED if each != missing)
        refused(await world.put(signer=replace(world.signer, covered=covered)), says=missing)
    refused(await world.put(signer=replace(world.signer, digests=False)), says="Content-Digest")
    refused(await world.put(signer=world.signer, **{"AgentPlane-Agent": "a"}), says="agentplane-agent")
    also = replace(world.signer, also=("agentplane-agent",))
    assert (await world.put(signer=also, **{"AgentPlane-Agent": "a"})).status_code == 201
    without_key = world.http.build_request("POST", "/api/state", json={"component": "signed", "key": "z", "value": 1})
    refused(await world.http.send(world.signer.sign(without_key)), says="idempotency-key")
    delete = world.http.build_request("DELETE", "/api/state?component=signed&key=k")
    refused(await world.http.send(world.signer.sign(delete)), says="idempotency-key")
    with_key = world.http.build_request("DELETE", "/api/state?component=signed&key=k", headers={"Idempotency-Key": "d"})
    assert (await world.http.send(world.signer.sign(with_key))).status_code == 204
    assert await world.stored("z") is None


async def test_a_change_that_is_sent_again_only_gets_the_first_answer(world: World) -> None:
    request = world.signer.sign(world.write("first", "replayed"))
    first = await world.http.send(request)
    await world.put("second", "replayed")
    again = await world.http.send(request)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == first.json()
    assert await world.stored("replayed") == "second"


async def test_no_other_algorithm_passes(world: World) -> None:
    hmac = replace(
        world.signer, algorithm=algorithms.HMAC_SHA256, private=base64.b64decode(public_text(world.signer.private))
    )
    refused(await world.put(signer=hmac), says="algorithm")
    refused(await world.put(signer=replace(hmac, options={"include_alg": False})))
    curve = replace(world.signer, algorithm=algorithms.ECDSA_P256_SHA256, private=generate_private_key(SECP256R1()))
    refused(await world.put(signer=curve), says="algorithm")
    refused(await world.put(signer=replace(curve, options={"include_alg": False})))
    assert (await world.put(signer=replace(world.signer, options={"include_alg": False}))).status_code == 201


async def test_two_signatures_or_oversized_ones_are_refused(world: World) -> None:
    request = world.signer.sign(world.write())
    name, value = request.headers["signature-input"], request.headers["signature"]
    request.headers["Signature-Input"] = f"{name}, x{name[5:]}"
    request.headers["Signature"] = f"{value}, x{value[5:]}"
    refused(await world.http.send(request), says="Multiple")
    request = world.signer.sign(world.write())
    request.headers["Signature-Input"] += ';nonce="' + "n" * 5_000 + '"'
    refused(await world.http.send(request), says="longer than")


async def test_bad_signatures_are_slowed_down_and_good_ones_from_the_same_address_are_not(
    app: FastAPI, org: Organisation
) -> None:
    app.state.settings = PEPPERED.model_copy(update={"stranger_rate_limit": "3/3600"})
    async with world_of(app, org.operator) as world:
        await world.get("/api/me")
        alone = {"Authorization": f"Bearer {world.signer.secret}"}
        strange = replace(world.signer, private=Ed25519PrivateKey.generate())
        for _ in range(3):
            assert (await world.get("/api/me", strange)).status_code == 401
        assert (await world.get("/api/me", strange)).status_code == 429
        assert (await world.http.get("/api/me", headers=alone)).status_code == 429
        good = await world.get("/api/me")
        assert good.status_code == 200
        assert good.json()["key"]["id"] == world.key["id"]


@pytest.mark.parametrize("is_signed", [True, False])
async def test_who_holds_a_revoked_key_is_a_stranger(app: FastAPI, org: Organisation, is_signed: bool) -> None:
    app.state.settings = PEPPERED.model_copy(update={"stranger_rate_limit": "3/3600"})
    async with world_of(app, org.operator) as world:
        plain = (await world.manage("POST", "/api/keys", {"name": "plain"})).json()
        key, alone = (world.key, {}) if is_signed else (plain, {"Authorization": f"Bearer {plain['secret']}"})

        async def ask() -> int:
            return (await (world.get("/api/me") if is_signed else world.http.get("/api/me", headers=alone))).status_code

        assert await ask() == 200
        assert (await world.manage("DELETE", f"/api/keys/{key['id']}")).is_success
        assert [await ask() for _ in range(5)] == [401, 401, 401, 429, 429]


async def test_bad_signatures_take_nothing_from_what_the_key_may_send(app: FastAPI, org: Organisation) -> None:
    app.state.settings = PEPPERED.model_copy(update={"rate_limit": "100/3600", "stranger_rate_limit": ""})
    async with world_of(app, org.operator) as world:
        await world.get("/api/me")
        strange = replace(world.signer, private=Ed25519PrivateKey.generate())
        for _ in range(10):
            refused(await world.get("/api/me", strange))
        answer = await world.get("/api/me")
        assert '"key";r=98;' in answer.headers["ratelimit"]


async def test_requests_with_the_key_alone_are_not_counted_as_the_keys(app: FastAPI, org: Organisation) -> None:
    app.state.settings = PEPPERED.model_copy(update={"rate_limit": "100/3600", "stranger_rate_limit": ""})
    async with world_of(app, org.operator) as world:
        alone = {"Authorization": f"Bearer {world.signer.secret}"}
        for _ in range(10):  # this process does not know yet that the key asks for signatures
            refused(await world.http.get("/api/me", headers=alone), "signature_required")
        answer = await world.get("/api/me")
        assert '"key";r=99;' in answer.headers["ratelimit"]


async def test_a_signed_key_stays_signed_when_it_is_rotated(world: World) -> None:
    request = world.http.build_request(
        "POST", f"/api/keys/{world.key['id']}/rotate", json={}, headers={"Idempotency-Key": "r1"}
    )
    rotated = (await world.http.send(world.signer.sign(request))).json()
    assert (rotated["signed"], rotated["replaces"]["signed"]) == (True, True)
    same = replace(world.signer, secret=rotated["secret"])
    assert (await world.get("/api/me", same)).status_code == 200
    refused(
        await world.http.get("/api/me", headers={"Authorization": f"Bearer {rotated['secret']}"}), "signature_required"
    )
    private = Ed25519PrivateKey.generate()
    again = await world.manage(
        "POST", f"/api/keys/{rotated['id']}/rotate", {"signing_key": public_text(private), "overlap_seconds": 60}
    )
    newest = replace(world.signer, secret=again.json()["secret"], private=private)
    assert (await world.get("/api/me", newest)).status_code == 200
    assert (await world.get("/api/me", same)).status_code == 200
    refused(await world.get("/api/me", replace(newest, private=same.private)))
    # A key without becomes one with, by whoever may rotate it.
    plain = (await world.manage("POST", "/api/keys", {"name": "plain"})).json()
    assert plain["signed"] is False
    signed = await world.manage("POST", f"/api/keys/{plain['id']}/rotate", {"signing_key": public_text(private)})
    assert (await world.get("/api/me", Signer(signed.json()["secret"], private))).status_code == 200


async def test_signatures_of_keys_that_ask_for_none_are_not_looked_at(world: World, org: Organisation) -> None:
    unsigned = Signer(org.agent, Ed25519PrivateKey.generate(), age_s=9_999)
    assert (await world.put("plain", signer=unsigned)).status_code == 201
    assert (await world.http.get("/api/me", headers={"Authorization": f"Bearer {org.agent}"})).status_code == 200


async def test_the_feed_and_the_audit_tell_that_a_key_is_signed(world: World, org: Organisation) -> None:
    told = await org.connection.fetchval(
        "select data ->> 'signed' from plane.events where org_id = $1 and data ->> 'key_id' = $2",
        org.id,
        world.key["id"],
    )
    kept = await org.connection.fetchval(
        "select details ->> 'signed' from plane.audit_entries where org_id = $1 and resource_id = $2",
        org.id,
        world.key["id"],
    )
    assert (told, kept) == ("true", "true")


async def test_what_is_no_public_key_is_refused(world: World) -> None:
    for sent in ("", "short", "A" * 44, "=" * 44, "A" * 43 + "=", base64.b64encode(b"x" * 33).decode()):
        answer = await world.manage("POST", "/api/keys", {"name": "n", "signing_key": sent})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/signing_key"


def test_a_public_key_has_one_form() -> None:
    text = public_text(Ed25519PrivateKey.generate())
    assert read_signing_key(f" {text}\n") == text


async def test_a_plane_without_a_pepper_makes_no_signed_keys(app: FastAPI, org: Organisation) -> None:
    app.state.settings = SETTINGS
    async with served(app) as url, httpx.AsyncClient(base_url=url) as http:
        answer = await http.post(
            "/api/keys",
            json={"name": "n", "signing_key": public_text(Ed25519PrivateKey.generate())},
            headers={"Authorization": f"Bearer {org.operator}"},
        )
    assert (answer.status_code, answer.json()["code"]) == (409, "pepper_required")


def test_signatures_hold_through_gateway_events(module_db_url: str, authenticator_url: Callable[[str], str]) -> None:
    async def connect() -> AsyncpgDatabase:
        return await AsyncpgDatabase.connect(authenticator_url(module_db_url))

    async def made() -> Org:
        connection = await asyncpg.connect(module_db_url)
        try:
            return await create_org(connection)
        finally:
            await connection.close()

    app = create_app("signed behind a gateway", keys, me, state, agents)
    app.state.open_database, app.state.settings = connect, PEPPERED
    handler = lambda_handler(app)
    private = Ed25519PrivateKey.generate()
    asked = {"name": "n", "signing_key": public_text(private)}
    key = httpx.Request("POST", "https://api.example.com/api/keys", json=asked)
    key.headers["Authorization"] = f"Bearer {asyncio.run(made()).operator_secret}"
    try:
        signer = Signer(json.loads(handler(event_of(key), None)["body"])["secret"], private)
        body = {"component": "gateway", "key": "caf\u00e9 & co", "value": 1}
        write = httpx.Request(
            "POST", "https://api.example.com/api/state", json=body, headers={"Idempotency-Key": "one"}
        )
        written = event_of(signer.sign(write))
        assert [handler(written, None)["statusCode"] for _ in range(2)] == [201, 201]
        read = httpx.Request("GET", "https://api.example.com/api/state?component=gateway&key=caf%C3%A9+%26%20co")
        assert json.loads(handler(event_of(signer.sign(read)), None)["body"])["value"] == 1
        odd = event_of(signer.sign(httpx.Request("GET", "https://api.example.com/api/agents/na%C3%AFve%20one:c@d")))
        found = json.loads(handler(odd, None)["body"])
        assert found["code"] == "invalid_input", found  # which only who may ask is told
        odd["requestContext"]["http"]["path"] = (
            "/api/agents/na%C3%AFve%20one:c@d"  # a front that hands it on as it came
        )
        found = json.loads(handler(odd, None)["body"])
        assert found["code"] == "invalid_input", found  # which only who may ask is told
        written["body"] = base64.b64encode(b'{"component": "gateway", "key": "k", "value": 2}').decode()
        assert json.loads(handler(written, None)["body"])["code"] == "signature_invalid"
    finally:
        handler.close()


def event_of(request: httpx.Request) -> dict[str, Any]:
    """Give the event that API Gateway makes of a request: headers in small letters, paths decoded, bodies in base64."""
    return {
        "version": "2.0",
        "rawPath": request.url.path,
        "rawQueryString": request.url.query.decode(),
        "headers": dict(request.headers),
        "requestContext": {
            "http": {"method": request.method, "path": request.url.path, "sourceIp": "192.0.2.1"},
        },
        "body": base64.b64encode(request.content).decode(),
        "isBase64Encoded": True,
    }
