"""Every operation of the API, called with whatever its OpenAPI document allows and with much that it does not.

No answer is a 5xx, every answer fits the document, and nothing of another organisation is ever in one.
AGENTPLANE_FUZZ_EXAMPLES=200 makes it a campaign; each run of `make test` draws the same few.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import hashlib
import os
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING

import asyncpg
import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.pytest._test_builder import build_operation_test
from schemathesis.python._constants.orchestrator import make_constants_value_source
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from functions.local import create_local_app
from functions.shared.auth.keys import SCOPES, new_key
from functions.shared.config import Settings
from tests.e2e.plane_process import PlaneProcess
from tests.functions.apps import operations
from tests.fuzz.furniture import UUID, Furniture, furnish
from tests.organisations import Org, create_key, create_org

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

EXAMPLES = int(os.environ.get("AGENTPLANE_FUZZ_EXAMPLES", "4"))
LABELS = sorted({str(operation) for operation in operations() if operation.path.startswith("/api/")})
SETTINGS = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="AGENTPLANE_FUZZ_EXAMPLES" not in os.environ,
    database=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@dataclass(frozen=True)
class World:
    """A plane in a process of its own, two organisations with one of everything, and a way to make keys of ours."""

    url: str
    ours: Furniture
    theirs: Furniture
    key: Callable[[str], str]  # by operation
    session: requests.Session


async def _furnished(url: str, orgs: list[Org]) -> list[Furniture]:
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:
        return [await furnish(client, org.operator_secret, f"only-{org.name}") for org in orgs]


async def _orgs(database_url: str) -> list[Org]:
    admin = await asyncpg.connect(database_url)
    made = [await create_org(admin, name) for name in ("ours", "theirs")]
    await admin.close()
    return made


async def _key_of(database_url: str, org_id: str) -> str:
    """A key of its own for each operation: one that revokes its own ends nobody else's."""
    admin = await asyncpg.connect(database_url)
    key = new_key("operator")
    await create_key(admin, org_id, key, scopes=SCOPES, kind="operator")
    await admin.close()
    return key.secret


@pytest.fixture(scope="module")
def schema() -> schemathesis.schemas.BaseSchema:
    """The document of the whole API."""
    app = create_local_app(Settings(_env_file=None))
    return schemathesis.openapi.from_dict(app.openapi(), config=SchemathesisConfig())


@pytest.fixture(scope="module")
def world(
    module_db_url: str,
    authenticator_url: Callable[[str], str],
    runner_key: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[World]:
    log: Path = tmp_path_factory.mktemp("fuzz") / "plane.log"
    master = base64.b64encode(bytes(32)).decode()
    with asyncio.Runner() as runner:
        orgs = runner.run(_orgs(module_db_url))
        plane = PlaneProcess(
            authenticator_url(module_db_url), runner_key, log, environment={"AGENTPLANE_MASTER_KEY": master}
        )
        runner.run(plane.start())
        try:
            ours, theirs = runner.run(_furnished(plane.url, orgs))
            key = functools.cache(lambda _operation: runner.run(_key_of(module_db_url, orgs[0].id)))
            with requests.Session() as session:
                session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
                yield World(plane.url, ours, theirs, key, session)
        finally:
            runner.run(plane.stop())


def _aim(case: schemathesis.Case, world: World) -> None:
    """Let ids name what is there (of every three, one ours, one theirs, one as it was drawn), and wait for nothing."""
    if case.query and "wait" in case.query:
        case.query["wait"] = 0
    for name, value in list((case.path_parameters or {}).items()):
        if not UUID.fullmatch(str(value)):
            continue
        choice = int(hashlib.sha256(f"{case.operation.label}{value}".encode()).hexdigest(), 16)
        if choice % 3:
            ids = sorted((world.ours if choice % 3 == 1 else world.theirs).ids)
            case.path_parameters[name] = ids[choice // 3 % len(ids)]


@pytest.fixture(scope="module")
def feedback(schema: schemathesis.schemas.BaseSchema) -> FeedbackSources:
    return FeedbackSources(constants_value_source=make_constants_value_source(schema))


def test_no_operation_is_left_out(schema: schemathesis.schemas.BaseSchema) -> None:
    assert {result.ok().label for result in schema.include(path_regex="^/api/").get_all_operations()} == set(LABELS)


@pytest.mark.parametrize("label", LABELS)
def test_every_answer_fits_the_document_and_tells_nothing_of_others(
    label: str, world: World, schema: schemathesis.schemas.BaseSchema, feedback: FeedbackSources
) -> None:
    method, path = label.split(" ")
    # `schema.parametrize()` makes all of them whenever something is collected, which takes as long as many tests.
    check = build_operation_test(
        config=schema.config,
        operation=schema[path][method],
        test_func=_check,
        given_kwargs={},
        feedback=feedback,
        explicit_settings=SETTINGS,
    )
    check(world=world)


def _check(case: schemathesis.Case, world: World) -> None:
    _aim(case, world)
    kept = {
        name: value for name, value in (case.headers or {}).items() if name.lower() not in {"authorization", "prefer"}
    }
    case.headers = {**kept, "Prefer": "wait=0"}
    response = case.call(
        base_url=world.url,
        session=world.session,
        headers={"Authorization": f"Bearer {world.key(case.operation.label)}"},
        timeout=30,
    )
    case.validate_response(response, checks=CHECKS)
    assert world.theirs.mark not in response.text
    sent = f"{case.path_parameters}{case.query}{case.body}"
    for secret in world.theirs.ids:
        assert secret not in response.text or secret in sent
