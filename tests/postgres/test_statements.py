"""Cutting SQL into statements."""

from __future__ import annotations

import pytest

from functions.shared.postgres.schema import schema_files
from functions.shared.postgres.statements import split_statements


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("", []),
        ("-- only a comment;\n", []),
        ("select 1", [("select 1", 1)]),
        ("select 1;\n\n-- why; so\nselect 2;", [("select 1", 1), ("select 2", 4)]),
        ("select ';', 'it''s;'; select 2", [("select ';', 'it''s;'", 1), ("select 2", 1)]),
        ("select E'\\';'; select 2", [("select E'\\';'", 1), ("select 2", 1)]),
        ('select 1 as ";"; select 2', [('select 1 as ";"', 1), ("select 2", 1)]),
        (
            "/* a; */ do $$ begin; end $$;\nselect $x$ $$;$$ $x$;",
            [("do $$ begin; end $$", 1), ("select $x$ $$;$$ $x$", 2)],
        ),
        ("select $1; select a$b$;", [("select $1", 1), ("select a$b$", 1)]),
    ],
)
def test_statements_and_their_lines(script: str, expected: list[tuple[str, int]]) -> None:
    assert [(each.text, each.line) for each in split_statements(script)] == expected


def test_every_file_of_the_schema_is_understood_whole() -> None:
    files = schema_files()
    assert files[0].name == "00_roles.sql"
    assert files[-1].name == "99_grants.sql"
    for path in files:
        for statement in split_statements(path.read_text()):
            assert statement.text.count("$$") % 2 == 0, path
            assert statement.text.split()[0].islower(), (path, statement.line)
