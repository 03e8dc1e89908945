"""What Supabase forbids where it hosts the database, found in the text of `sql/` and of the migrations."""

from __future__ import annotations

import re

import pytest

from functions.shared.postgres.history import read_migrations
from functions.shared.postgres.schema import schema_files

_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_CHANGES = re.compile(
    r"(?<!for )(?<!do )(?<!no key )\bupdate\s+(?:only\s+)?[a-z_%.\d$]+(?:\s+as)?(?:\s+[a-z_]+)?\s+set\b"
    r"|\bdelete\s+from\b"
)


def unguarded_changes(script: str) -> list[str]:
    """Give each UPDATE and DELETE without WHERE: pg_safeupdate, which Supabase loads for PostgREST, refuses them."""
    text = _COMMENT.sub("", script).lower()
    return [found.group() for found in _CHANGES.finditer(text) if " where " not in _rest_of(text, found.end())]


def _rest_of(text: str, start: int) -> str:
    """Give the rest of a statement without what stands in brackets within it."""
    depth, kept = 0, [" "]
    for character in text[start:]:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth < 0 or (character == ";" and depth == 0):
            break
        if depth == 0:
            kept.append(" " if character.isspace() else character)
    return "".join([*kept, " "])


def test_every_change_says_which_rows() -> None:
    scripts = {path.name: path.read_text() for path in schema_files()}
    assert {name: found for name, script in scripts.items() if (found := unguarded_changes(script))} == {}
    assert sum(len(_CHANGES.findall(_COMMENT.sub("", script).lower())) for script in scripts.values()) > 100


@pytest.mark.parametrize(
    ("script", "count"),
    [
        ("delete from plane.state;", 1),
        ("update plane.state as s set value = (select 1 where true);", 1),
        ("with gone as (delete from plane.state returning *) select * from gone where true;", 1),
        ("update plane.state\nset value = '1'\nwhere key = 'a';", 0),
        ("insert into x values (1) on conflict do update set a = 1;", 0),
        ("select 1 from x for update; -- delete from x", 0),
    ],
)
def test_a_change_of_all_rows_is_found(script: str, count: int) -> None:
    assert len(unguarded_changes(script)) == count


def test_no_migration_grants_or_alters_what_the_platform_keeps() -> None:
    """`authenticator` is granted to nobody, nobody becomes a superuser, the platform's roles keep their attributes."""
    for migration in read_migrations():
        text = _COMMENT.sub("", migration.script).lower()
        assert not re.search(r"grant\s+[a-z_, ]*\bauthenticator\b[a-z_, ]*\s+to\b", text), migration
        assert not re.search(
            r"alter\s+role\s+(anon|authenticated|authenticator|service_role)\s+(?!set\b|reset\b)", text
        )
        assert not re.search(r"\b(superuser|bypassrls)\b", text.replace("nosuperuser", "")), migration
