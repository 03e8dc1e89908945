"""Agents discovered by their A2A card: shape, signature, refreshing, and what is never asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from functions.agents.app import app
from functions.shared.config import Settings
from tests.functions.agents.cards import CARD, Signer, Site, serving, unsigned_token
from tests.functions.conftest import app_state

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    import httpx

    from tests.functions.conftest import Organisation

    ClientOf = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest.fixture
def site() -> Iterator[Site]:
    """An agent's own server, which the plane's operator let in."""
    allowed = Settings(_env_file=None, allow_private_hosts=("127.0.0.1",))
    with serving() as made, app_state(app, settings=allowed):
        made.card(CARD)
        yield made


@pytest.fixture
async def agent(client_of: ClientOf, org: Organisation) -> httpx.AsyncClient:
    return await client_of(app, org.agent)


async def discover(client: httpx.AsyncClient, card_url: str, **more: Any) -> httpx.Response:
    return await client.post("/api/agents/discover", json={"card_url": card_url, **more})


async def test_an_origin_is_enough_to_register_an_agent_with_its_skills(agent: httpx.AsyncClient, site: Site) -> None:
    answer = await discover(agent, site.origin)

    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["name"], made["framework"], made["verified"]) == ("Route Planner", "a2a", "unsigned")
    assert made["endpoint"] == "https://routes.example.com/a2a"
    assert (made["skills"][0]["id"], made["skills"][0]["tags"]) == ("plan-route", ["maps"])
    assert made["config"]["card"] == CARD
    assert made["config"]["source"]["card_url"] == f"{site.origin}/.well-known/agent-card.json"
    assert (made["lease_seconds"], made["health"]) == (None, "active")
    found = await agent.post("/api/agents/match", json={"need": "plan a route by traffic", "tags": ["maps"]})
    assert found.json()["data"][0]["agent"]["id"] == made["id"]


async def test_discovering_again_refreshes_the_same_agent(agent: httpx.AsyncClient, site: Site) -> None:
    first = (await discover(agent, site.origin)).json()
    await agent.patch(f"/api/agents/{first['id']}", json={"config": {**first["config"], "mine": 1}})
    site.card({**CARD, "description": "Plans better routes.", "name": "Renamed"})
    again = await discover(agent, f"{site.origin}/.well-known/agent-card.json")

    assert again.status_code == 200
    assert again.json()["id"] == first["id"]
    assert (again.json()["description"], again.json()["name"]) == ("Plans better routes.", "Route Planner")
    assert again.json()["config"]["mine"] == 1
    renamed = await discover(agent, site.origin, name="planner")
    assert (renamed.json()["id"], renamed.json()["name"]) == (first["id"], "planner")


async def test_a_card_takes_nobody_elses_name(agent: httpx.AsyncClient, site: Site) -> None:
    own = (await agent.post("/api/agents", json={"name": "Route Planner", "endpoint": "https://ours"})).json()
    refused = await discover(agent, site.origin)

    assert (refused.status_code, refused.json()["code"]) == (409, "agent_name_taken")
    assert (await agent.get(f"/api/agents/{own['id']}")).json()["endpoint"] == "https://ours"
    assert (await discover(agent, site.origin, name="other planner")).status_code == 201


async def test_a_card_of_the_older_protocol_is_read(agent: httpx.AsyncClient, site: Site) -> None:
    old = {name: value for name, value in CARD.items() if name != "supportedInterfaces"}
    site.card({**old, "url": "https://old.example.com/a2a", "protocolVersion": "0.3.0"})

    assert (await discover(agent, site.origin)).json()["endpoint"] == "https://old.example.com/a2a"


# Signatures


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
async def test_a_signed_card_is_verified_by_a_key_of_its_own_origin(
    agent: httpx.AsyncClient, site: Site, algorithm: str
) -> None:
    signer = Signer(algorithm)
    site.put("/keys", {"keys": [Signer(key_id="old").jwk(), signer.jwk(use="sig")]})
    site.card(signer.sign(CARD, jku=f"{site.origin}/keys"))
    answer = await discover(agent, site.origin)

    assert (answer.status_code, answer.json()["verified"], answer.json()["key_id"]) == (201, "signed", "key-1")
    assert "signatures" in answer.json()["config"]["card"]


async def test_without_jku_the_usual_place_of_keys_is_asked(agent: httpx.AsyncClient, site: Site) -> None:
    signer = Signer()
    site.put("/.well-known/jwks.json", {"keys": [signer.jwk()]})
    site.card(signer.sign(CARD, payload=CARD))  # a signer that leaves nothing out

    assert (await discover(agent, site.origin)).json()["verified"] == "signed"


async def test_one_good_signature_among_bad_ones_is_enough(agent: httpx.AsyncClient, site: Site) -> None:
    signer = Signer()
    site.put("/.well-known/jwks.json", {"keys": [signer.jwk()]})
    site.card(signer.sign(Signer(key_id="gone").sign(CARD)))

    assert (await discover(agent, site.origin)).json()["key_id"] == "key-1"


BAD = {
    "tampered": "not made by the key",
    "unknown_key": "is not there",
    "foreign_jku": "another origin",
    "none": "its algorithm 'none'",
    "symmetric": "its algorithm 'HS256'",
    "wrong_kind": "is not one for ES256",
    "encryption_key": "is not one for ES256",
    "twice": "is there twice",
    "no_keys": "its keys cannot be read",
    "crit": "does not know",
    "garbage": "not JSON with alg and kid",
}


@pytest.mark.parametrize("how", BAD)
async def test_a_card_whose_signature_does_not_hold_is_refused_and_registers_nothing(
    agent: httpx.AsyncClient, site: Site, how: str
) -> None:
    signer, keys = Signer(), "/.well-known/jwks.json"
    site.put(keys, {"keys": [signer.jwk()]})
    card = signer.sign(CARD)
    match how:
        case "tampered":
            card = {**card, "skills": [{**CARD["skills"][0], "description": "anything at all"}]}
        case "unknown_key":
            site.put(keys, {"keys": [signer.jwk(kid="other")]})
        case "foreign_jku":
            card = signer.sign(CARD, jku="https://attacker.example/keys")
        case "none":
            card = unsigned_token(CARD)
        case "symmetric":
            card = {
                **card,
                "signatures": [{**card["signatures"][0], "protected": _header('{"alg":"HS256","kid":"key-1"}')}],
            }
        case "wrong_kind":
            site.put(keys, {"keys": [Signer("RS256").jwk()]})
        case "encryption_key":
            site.put(keys, {"keys": [signer.jwk(use="enc")]})
        case "twice":
            site.put(keys, {"keys": [signer.jwk(), Signer().jwk()]})
        case "no_keys":
            site.put(keys, b"<html>")
        case "crit":
            card = signer.sign(CARD, crit=["b64"])
        case _:
            card = {**card, "signatures": [{"protected": "!!!", "signature": "x"}]}
    site.card(card)
    refused = await discover(agent, site.origin)

    assert (refused.status_code, refused.json()["code"]) == (422, "card_signature_invalid")
    assert BAD[how] in refused.json()["detail"]
    assert (await agent.get("/api/agents")).json()["data"] == []


async def test_a_card_that_was_signed_may_not_lose_its_signature(agent: httpx.AsyncClient, site: Site) -> None:
    signer = Signer()
    site.put("/.well-known/jwks.json", {"keys": [signer.jwk()]})
    site.card(signer.sign(CARD))
    made = (await discover(agent, site.origin)).json()
    site.card({**CARD, "supportedInterfaces": [{**CARD["supportedInterfaces"][0], "url": "https://evil.example"}]})
    refused = await discover(agent, site.origin)

    assert (refused.status_code, refused.json()["code"]) == (409, "card_no_longer_signed")
    assert (await agent.get(f"/api/agents/{made['id']}")).json()["endpoint"] == made["endpoint"]


# What cannot be read


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"name": None}, "/card/name"),
        ({"skills": "all"}, "/card/skills"),
        ({"supportedInterfaces": []}, "/card/supportedInterfaces"),
        (
            {"supportedInterfaces": [{"url": "file:///etc/passwd", "protocolBinding": "JSONRPC"}]},
            "/card/supportedInterfaces/0/url",
        ),
        ({"skills": [{"id": "x"}]}, "/card/skills/0/name"),
    ],
)
async def test_a_card_that_is_not_one_is_refused_by_place(
    agent: httpx.AsyncClient, site: Site, change: dict[str, Any], pointer: str
) -> None:
    site.card({**CARD, **change})
    refused = await discover(agent, site.origin)

    assert (refused.status_code, refused.json()["code"]) == (422, "card_invalid")
    assert pointer in [error["pointer"] for error in refused.json()["errors"]]


async def test_each_way_that_an_address_can_fail_has_its_own_code(agent: httpx.AsyncClient, site: Site) -> None:
    site.put("/text", b"hello")
    site.put("/large", b" " * 300_000)
    site.put("/loop", b"", 302, Location="/loop")
    site.put("/away", b"", 302, Location="http://127.0.0.1:9/card.json")
    codes: dict[str, tuple[int, str]] = {}
    for path in ("/text", "/large", "/loop", "/missing"):
        refused = await discover(agent, site.origin + path)
        codes[path] = (refused.status_code, refused.json()["code"])
    for url in (
        "ftp://x.example/card",
        "https://user:pass@x.example/card",
        "http://x.example/card",
        "http://127.0.0.1:1/c",
    ):
        refused = await discover(agent, url)
        codes[url] = (refused.status_code, refused.json()["code"])

    assert codes == {
        "/text": (422, "card_not_json"),
        "/large": (422, "card_too_large"),
        "/loop": (422, "card_not_readable"),
        "/missing": (422, "card_not_found"),
        "ftp://x.example/card": (422, "card_url_invalid"),
        "https://user:pass@x.example/card": (422, "card_url_invalid"),
        "http://x.example/card": (422, "card_needs_https"),
        "http://127.0.0.1:1/c": (422, "card_unreachable"),
    }


async def test_a_card_may_not_speak_for_another_origin(agent: httpx.AsyncClient, site: Site) -> None:
    with serving() as other:
        other.card(CARD)
        site.put("/away", b"", 302, Location=f"{other.origin}/.well-known/agent-card.json")
        refused = await discover(agent, f"{site.origin}/away")

    assert (refused.status_code, refused.json()["code"]) == (422, "card_redirected")


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/card.json",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/card.json",
        "https://2130706433/card.json",
        "https://localhost/card.json",
        "https://10.1.2.3/card.json",
    ],
)
async def test_an_address_inside_is_not_asked_and_nothing_of_it_is_told(agent: httpx.AsyncClient, url: str) -> None:
    refused = await discover(agent, url)

    assert (refused.status_code, refused.json()["code"]) == (422, "card_address_refused")
    for told in ("127.0.0.1", "10.1.2.3", "169.254", "::1"):
        assert told not in refused.json()["detail"]


async def test_a_redirect_does_not_lead_inside(agent: httpx.AsyncClient, site: Site) -> None:
    with serving() as inside:
        inside.put("/secret", {"password": "hunter2"})
        site.put("/card", b"", 302, Location=inside.origin.replace("127.0.0.1", "localhost") + "/secret")
        refused = await discover(agent, f"{site.origin}/card")

        assert (refused.status_code, refused.json()["code"]) == (422, "card_address_refused")
        assert inside.asked == []


async def test_whoever_may_not_register_agents_makes_the_plane_ask_nobody(
    client_of: ClientOf, org: Organisation, site: Site
) -> None:
    weak = await client_of(app, await org.key(["agents:read"]))
    refused = await discover(weak, site.origin)

    assert (refused.status_code, refused.json()["code"], site.asked) == (403, "missing_scope", [])


async def test_two_organisations_discover_the_same_card_apart(
    client_of: ClientOf, agent: httpx.AsyncClient, site: Site, new_org: Callable[[], Awaitable[Organisation]]
) -> None:
    ours = (await discover(agent, site.origin)).json()["id"]
    theirs = await discover(await client_of(app, (await new_org()).agent), site.origin)

    assert theirs.status_code == 201
    assert theirs.json()["id"] != ours


def _header(text: str) -> str:
    import base64  # noqa: PLC0415

    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()
