"""The plane's own keys open exactly the kernel verbs that the code of their functions can call."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from functions.deploy.runner_keys import RUNNER_KEYS, RunnerKey, key_of, register
from functions.shared.auth.keys import new_key
from functions.shared.db.asyncpg_adapter import AsyncpgDatabase
from functions.shared.errors import Forbidden
from functions.shared.postgres.connection import connected
from tests.deploy.kernel_verbs import all_verbs, verbs_of

if TYPE_CHECKING:
    from collections.abc import Callable

FUNCTIONS = Path(__file__).parents[2] / "functions"
PACKAGES = {"runner-llm": "runner"}
DEPLOYED = sorted(path.parent.name for path in FUNCTIONS.glob("*/app.py"))
# Only a plane on one machine calls it (functions/local.py), with a key that opens everything.
NEVER_DEPLOYED = {"report_owner_dead"}


@pytest.mark.parametrize("function", DEPLOYED)
def test_a_function_may_call_the_verbs_that_its_code_can_reach_and_no_others(function: str) -> None:
    key = key_of(function)
    assert set(key.verbs if key else ()) == verbs_of(f"functions.{function}")


def test_keys_name_functions_that_are_there_and_verbs_that_the_database_knows() -> None:
    named = [PACKAGES.get(name, name) for key in RUNNER_KEYS for name in key.functions]
    assert set(named) <= set(DEPLOYED)
    assert len({key.parameter for key in RUNNER_KEYS}) == len(RUNNER_KEYS)
    assert {verb for key in RUNNER_KEYS for verb in key.verbs} == all_verbs() - NEVER_DEPLOYED


async def test_a_registered_key_is_let_in_for_its_verbs_only(
    module_db_url: str, authenticator_url: Callable[[str], str]
) -> None:
    secret = new_key("runner").secret
    key = RunnerKey("health-key", ("health",), ("get_plane_health", "get_violations"))
    async with connected(module_db_url) as connection:
        await register(connection, key, secret, ("pepper",))
    database = await AsyncpgDatabase.connect(authenticator_url(module_db_url), runner_key=secret, peppers=("pepper",))
    try:
        assert await database.kernel("get_violations", {"limit": 1}) == []
        with pytest.raises(Forbidden, match="may not call sweep"):
            await database.kernel("sweep", {})
    finally:
        await database.close()


async def test_to_register_again_under_another_pepper_or_with_other_verbs_keeps_one_row(module_db_url: str) -> None:
    secret = new_key("runner").secret
    async with connected(module_db_url) as connection:
        for peppers, verbs in ((("old",), ("sweep",)), (("new", "old"), ("sweep", "report_dead"))):
            await register(connection, RunnerKey("sweeper-key", ("sweeper",), verbs), secret, peppers)
        rows = await connection.fetch("select scopes from plane.api_keys where prefix = $1", secret[:14])
    assert [row["scopes"] for row in rows] == [["sweep", "report_dead"]]
