"""Supabase's own advisors on the schema of `sql/`: nothing at `warn` or above; and they see what they ought to see."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from functions.shared.postgres.connection import connected

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Server
    from tests.supabase.cli import Cli

# One mistake each: a table that tenants reach without row security, a view that steps around it, a policy that asks
# who is calling for every row, a definer whose search_path the caller chooses.
PLANTED = """
create table api.notes (id int primary key, org_id uuid);
grant select on api.notes to anon, authenticated;
create view api.everything as select * from plane.executions;
grant select on api.everything to anon, authenticated;
create policy "asks for each row" on plane.executions
  for select to authenticated using (org_id::text = current_setting('request.jwt.claims', true));
create function api.careless() returns int language sql security definer as 'select 1';
"""
FOUND = {"rls_disabled_in_public", "security_definer_view", "auth_rls_initplan", "function_search_path_mutable"}


@pytest.fixture
def planted_url(postgres: Server, module_db_url: str) -> Iterator[str]:
    url = postgres.clone(module_db_url.rpartition("/")[2])
    yield url
    postgres.drop(url)


async def test_the_advisors_have_nothing_to_say(module_db_url: str, cli: Cli) -> None:
    said = await cli.run("db", "advisors", f"--remote={module_db_url}", "--fail-on", "warn")
    assert said.code == 0, said.text
    assert "No issues found" in said.text


async def test_the_advisors_see_what_is_wrong(planted_url: str, cli: Cli) -> None:
    async with connected(planted_url) as owner:
        await owner.execute(PLANTED)
    said = await cli.run("db", "advisors", f"--remote={planted_url}", "--fail-on", "warn")
    assert said.code != 0
    assert [name for name in sorted(FOUND) if f'"{name}"' not in said.text] == []
