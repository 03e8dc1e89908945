"""Roles: what each may do, the same in SQL as the keys' scopes in Python."""

from __future__ import annotations

from itertools import pairwise

import asyncpg
import pytest

from functions.shared.auth.keys import OPERATOR_ONLY, SCOPES

ROLES = ("viewer", "approver", "operator", "admin", "owner")
MANAGES = {"keys:manage", "limits:manage", "secrets:manage", "policies:manage", "members:manage"}


@pytest.fixture
async def scopes(module_db_url: str) -> dict[str, set[str]]:
    connection = await asyncpg.connect(module_db_url)
    found = {role: await connection.fetchval("select plane.role_scopes($1)", role) for role in (*ROLES, "nobody")}
    await connection.close()
    assert all(len(each) == len(set(each)) for each in found.values())
    return {role: set(each) for role, each in found.items()}


async def test_each_role_has_what_the_one_before_it_has_and_more(scopes: dict[str, set[str]]) -> None:
    assert all(scopes[lower] < scopes[higher] for lower, higher in pairwise(ROLES))
    assert scopes["owner"] == set(SCOPES)
    assert scopes["nobody"] == set()


async def test_a_role_is_what_it_is_described_as(scopes: dict[str, set[str]]) -> None:
    assert scopes["viewer"] == {scope for scope in SCOPES if scope.endswith(":read")} - {"audit:read"}
    assert scopes["approver"] - scopes["viewer"] == {"escalations:write", "approvals:decide"}
    writes = {scope for scope in SCOPES if scope.endswith(":write")} | {"interpret:run", "secrets:use"}
    assert scopes["operator"] - scopes["approver"] == writes - {"escalations:write"}
    assert scopes["admin"] - scopes["operator"] == MANAGES | {"audit:read"}
    assert scopes["owner"] - scopes["admin"] == {"data:manage"}


async def test_what_agents_can_never_have_only_people_and_operators_have(scopes: dict[str, set[str]]) -> None:
    assert MANAGES | {"audit:read", "approvals:decide", "data:manage"} <= OPERATOR_ONLY
    assert scopes["viewer"] & OPERATOR_ONLY == set()
