"""`make migration`: what turns the schema of the migrations into that of sql/ is written, checked and complete."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from functions.shared.postgres.drafting import draft
from functions.shared.postgres.history import MigrationProblem, read_migrations
from functions.shared.postgres.migrate import apply, main
from functions.shared.postgres.schema import joined_schema, load_schema, schema_files
from tests.postgres.servers import database, dump, embedded, query

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Server

# One of everything that can change. Each line stands for an edit of sql/.
EDITS = """
create or replace function plane.clock() returns timestamptz language plpgsql stable
set search_path = pg_catalog, pg_temp as $$ begin return clock_timestamp(); end; $$;
alter function plane.time_text(timestamptz) set work_mem = '8MB';
drop function plane.merge_json(jsonb, jsonb);
create function plane.merge_json(p_one jsonb, p_two jsonb, p_deep boolean default false) returns jsonb
language sql immutable set search_path = pg_catalog, pg_temp as $$ select p_one || p_two; $$;
drop function plane.get_violations(jsonb);
create function plane.get_violations(p_asked jsonb) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$ select p_asked; $$;
alter function plane.get_violations(jsonb) owner to plane_kernel;
grant execute on function plane.get_violations(jsonb) to plane_runner;
drop function api.ping();
create function plane.fresh(p plane.waits) returns text
language sql set search_path = pg_catalog, pg_temp as $$ select plane.later(); $$;
create function plane.later() returns text language sql set search_path = pg_catalog, pg_temp as $$ select 'x'; $$;
alter function plane.later() owner to plane_kernel;
grant execute on function plane.later() to authenticated;
revoke execute on function plane.publish_event(text, jsonb, uuid, text) from authenticated;
comment on function plane.later() is 'It''s late';
alter table plane.frames add column note text not null default 'none';
alter table plane.frames alter column queue set default 'slow';
alter table plane.frames alter column note drop default;
alter table plane.frames add constraint frames_note_is_short check (length(note) < 80);
alter table plane.frames set (fillfactor = 60);
alter table plane.frames reset (autovacuum_vacuum_cost_delay);
alter table plane.state no force row level security;
comment on column plane.frames.note is 'a note';
drop index plane.frames_tree;
create index frames_tree on plane.frames (root_execution_id, frame);
create index frames_by_owner on plane.frames (owner) where status = 'running';
drop policy "callers read their frames" on plane.frames;
create policy "callers read their frames" on plane.frames for select to authenticated using (false);
create policy "the owner sees" on plane.frames for select to current_user using (true);
create table plane.notes (id uuid primary key default gen_random_uuid(), body text not null, at timestamptz);
alter table plane.notes enable row level security;
alter table plane.notes force row level security;
create policy "all" on plane.notes for all to plane_kernel using (true) with check (true);
create index notes_by_time on plane.notes (at);
grant select (body), update (body) on plane.notes to authenticated;
grant select on plane.notes to plane_kernel;
create view plane.bodies with (security_invoker = true) as select body from plane.notes;
grant select on plane.bodies to authenticated;
create sequence plane.numbers;
grant usage on sequence plane.numbers to plane_runner;
alter role authenticator set statement_timeout = '9s';
alter role authenticator reset lock_timeout;
alter role plane_runner set work_mem = '4MB';
grant plane_gateway to authenticator;
delete from gateway.verbs where fn = 'get_state';
update gateway.verbs set kinds = '{operator,"a b"}' where fn = 'put_state';
insert into gateway.verbs (fn, scope, is_read) values ('it''s new', '', true);
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of migrations that give what sql/ says now."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "20200101000000_baseline.sql").write_text(joined_schema())
    return folder


def edited(tmp_path: Path, edits: str) -> list[Path]:
    extra = tmp_path / "edits.sql"
    extra.write_text(edits)
    return [*schema_files(), extra]


async def test_without_a_change_there_is_no_migration(folder: Path) -> None:
    assert await draft("nothing", folder) is None
    assert len(read_migrations(folder)) == 1


async def test_the_migrations_of_this_checkout_give_what_sql_says(tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    folder.mkdir()
    for migration in read_migrations():
        (folder / f"{migration}.sql").write_text(migration.script)
    written = await draft("missing", folder)
    assert written is None, written.path.read_text()


async def test_every_simple_change_is_written_and_gives_the_schema_of_sql(folder: Path, tmp_path: Path) -> None:
    files = edited(tmp_path, EDITS)
    written = await draft("everything", folder, files)
    assert written is not None
    assert written.by_hand == ()
    assert [migration.name for migration in read_migrations(folder)] == ["baseline", "everything"]
    assert await draft("again", folder, files) is None
    async with (
        embedded(tmp_path) as server,
        database(server, "plane_from_sql") as from_sql,
        database(server, "plane_from_migrations") as from_migrations,
    ):
        await load_schema(from_sql, files)
        await apply(from_migrations, folder)
        expected = (await dump(server, "plane_from_sql")).splitlines()
        assert (await dump(server, "plane_from_migrations")).splitlines() == expected


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        ("alter table plane.agents drop column config;", "column plane.agents.config (jsonb) is gone from sql/"),
        ("alter table plane.agents alter column name type varchar(9);", "column plane.agents.name was 'text' and is"),
        ("drop table plane.agents cascade;", "table plane.agents (p) is gone from sql/"),
        ("create type plane.colour as enum ('red', 'blue');", "type plane.colour (red, blue) is new"),
        ("create role auditor;", "role auditor (inherit) is new"),
    ],
)
async def test_what_could_lose_data_is_left_to_a_person(
    folder: Path, tmp_path: Path, postgres: Server, edit: str, told: str
) -> None:
    written = await draft("careful", folder, edited(tmp_path, edit))
    assert written is not None
    assert any(told in part for part in written.by_hand), written.by_hand
    url = postgres.clone("template0")
    with pytest.raises(MigrationProblem, match="Write this part by hand: "):
        await apply(url, folder)
    assert await query(url, "select count(*) from supabase_migrations.schema_migrations") == 1
    postgres.drop(url)


async def test_what_postgres_refuses_is_left_to_a_person(folder: Path, tmp_path: Path) -> None:
    made = """create function plane.asks({name} text) returns boolean language sql as 'select true';
        create policy "asks" on plane.frames for select to authenticated using (plane.asks('x'));"""
    (folder / "20200102000000_asks.sql").write_text(made.format(name="p_one"))
    written = await draft("renamed", folder, edited(tmp_path, made.format(name="p_other")))
    assert written is not None
    assert written.by_hand[0].startswith("drop function plane.asks(text); is refused: cannot drop function")


async def test_a_migration_made_in_the_second_of_the_last_one_comes_after_it(folder: Path, tmp_path: Path) -> None:
    (folder / "20990101000000_future.sql").write_text("select 1;\n")
    written = await draft("later", folder, edited(tmp_path, "create sequence plane.numbers;"))
    assert written is not None
    assert written.path.name == "20990101000001_later.sql"


def test_a_bad_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["new", "Faster Checkpoints"])
    assert "small letters, digits and _" in capsys.readouterr().err
