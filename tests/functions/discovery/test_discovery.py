"""The function that describes the whole API, from the document that the package build writes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from functions.discovery.app import create_discovery_app
from functions.local import create_local_app
from functions.shared.config import Settings
from functions.shared.web import lambda_handler
from functions.shared.web.problem_codes import PROBLEMS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    return create_local_app(Settings(_env_file=None)).openapi()  # type: ignore[call-arg]


@pytest.fixture
def built(whole: dict[str, Any], tmp_path: Path) -> Path:
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(whole))
    return document


@pytest.fixture
async def client(built: Path) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_discovery_app(built))
    async with httpx.AsyncClient(transport=transport, base_url="http://plane") as client:
        yield client


async def test_it_describes_what_a_whole_plane_serves(client: httpx.AsyncClient, whole: dict[str, Any]) -> None:
    served = (await client.get("/openapi.json")).json()

    assert served == whole
    assert {"/api/executions", "/api/keys", "/api/health"} <= set(served["paths"])
    assert not [path for path in served["paths"] if "/auth/" in path]


async def test_the_text_for_models_names_every_operation(client: httpx.AsyncClient, whole: dict[str, Any]) -> None:
    text = (await client.get("/llms.txt")).text

    for path, item in whole["paths"].items():
        for method in item:
            assert f"{method.upper()} {path}" in text
    assert "Begin with `GET /api/me`" in text


async def test_people_and_programs_find_their_way(client: httpx.AsyncClient) -> None:
    about = (await client.get("/")).json()
    for name, path in about.items():
        if name not in ("name", "health"):
            assert (await client.get(path)).status_code == 200, name
    page = await client.get("/docs")
    assert "AgentPlane API" in page.text
    assert "script-src 'nonce-" in page.headers["content-security-policy"]
    led = await client.get("/", headers={"Accept": "text/html"})
    assert (led.status_code, led.headers["location"]) == (303, "/inbox")


async def test_every_error_code_is_explained(client: httpx.AsyncClient) -> None:
    for code in PROBLEMS:
        explained = await client.get(f"/problems/{code}")
        assert explained.json()["fix"], code
    assert (await client.get("/problems/no_such_code")).status_code == 404


async def test_the_document_names_this_planes_own_address(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from functions.shared.config import settings  # noqa: PLC0415  read anew for this test only

    monkeypatch.setenv("AGENTPLANE_PUBLIC_URL", "https://plane.example")
    settings.cache_clear()
    try:
        assert create_discovery_app(built).openapi()["servers"] == [{"url": "https://plane.example"}]
    finally:
        settings.cache_clear()


async def test_without_the_document_it_describes_itself(tmp_path: Path) -> None:
    app = create_discovery_app(tmp_path / "none.json")
    paths = set(app.openapi()["paths"])
    assert "/problems/{code}" in paths
    assert not [path for path in paths if path.startswith("/api/")]


def test_lambda_gets_the_whole_document_as_text(built: Path, whole: dict[str, Any]) -> None:
    handler = lambda_handler(create_discovery_app(built))
    event = {
        "version": "2.0",
        "rawPath": "/openapi.json",
        "rawQueryString": "",
        "headers": {"host": "api.example.com"},
        "requestContext": {"http": {"method": "GET", "path": "/openapi.json", "sourceIp": "192.0.2.1"}},
        "isBase64Encoded": False,
    }
    try:
        for _ in range(2):
            answer = handler(event, None)
            assert answer["isBase64Encoded"] is False
            assert json.loads(answer["body"]) == whole
    finally:
        handler.close()
