"""How packages are built: the same bytes anywhere, nothing twice, and for the other processor as well."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import markupsafe._speedups
import pytest

from functions.deploy.archive import join_parts, unpack, write_part
from functions.deploy.bytecode import bytecode, bytecode_name, of_this_python
from functions.deploy.closure import ROOT, closure_of, imports_of, sources
from functions.deploy.measure import start
from functions.deploy.natives import without_symbols
from functions.deploy.needs import function_names
from functions.deploy.packages import BUILD, build
from functions.deploy.slim import CUT, is_kept
from functions.deploy.wheels import Target, installed
from tests.packages import packages

pytestmark = pytest.mark.xdist_group("package builds")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A build folder that has the locked libraries, and nothing that was made of them."""
    packages()
    (tmp_path / "wheels").symlink_to(BUILD / "wheels")
    return tmp_path


def test_two_builds_are_the_same_byte_for_byte(cache: Path, tmp_path: Path) -> None:
    """In another process, with other hashes, from nothing but the libraries, with another set of functions."""
    names = ["sandbox", "sweeper"]
    command = [sys.executable, "-m", "functions.deploy.package", "--no-measure", "--cache", str(cache), "--out"]
    command += [str(tmp_path / "again"), *names]
    environment = {**os.environ, "PYTHONHASHSEED": "4711"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    built = build(names, out=tmp_path / "first")
    for name in names:
        assert built[name].path.read_bytes() == (tmp_path / "again" / f"{name}.zip").read_bytes(), name


def test_a_package_that_is_up_to_date_is_not_built_again_and_a_broken_one_is(tmp_path: Path) -> None:
    first = build(["sandbox"], out=tmp_path)["sandbox"]
    was, inode = first.path.read_bytes(), first.path.stat().st_ino
    assert build(["sandbox"], out=tmp_path)["sandbox"] == first
    assert first.path.stat().st_ino == inode
    first.path.write_bytes(was[:-100])
    assert build(["sandbox"], out=tmp_path)["sandbox"] == first
    assert first.path.read_bytes() == was
    assert first.zip_bytes == len(was)
    with zipfile.ZipFile(first.path) as archive:
        assert archive.testzip() is None
        assert first.unzipped_bytes == sum(info.file_size for info in archive.infolist())
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_parts_that_nobody_asked_for_in_days_are_forgotten(cache: Path, tmp_path: Path) -> None:
    build(["sandbox"], out=tmp_path / "out", cache=cache)
    used = set((cache / "parts").iterdir())
    for part in (old := cache / "parts" / "old.zip", *used):
        part.touch()
        os.utime(part, (1, 1))
    build(["sandbox"], out=tmp_path / "out", cache=cache)
    assert not old.exists()
    assert set((cache / "parts").iterdir()) == used


def test_a_name_that_is_no_function_is_refused() -> None:
    with pytest.raises(LookupError, match=r"functions\.nothing\.app"):
        build(["nothing"])


def test_parts_become_one_archive_in_which_programs_stay_programs(tmp_path: Path) -> None:
    write_part(tmp_path / "a.zip", {"bin/run": b"#!/bin/sh\n", "a/one.txt": b"1" * 5_000}, frozenset({"bin/run"}))
    write_part(tmp_path / "b.zip", {"b/zwei/ö.txt": b"2"})
    join_parts(tmp_path / "both.zip", [tmp_path / "a.zip", tmp_path / "b.zip"])
    with zipfile.ZipFile(tmp_path / "both.zip") as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["a/one.txt", "bin/run", "b/zwei/ö.txt"]
    unpack(tmp_path / "both.zip", tmp_path / "folder", tmp_path / "kept")
    unpack(tmp_path / "a.zip", tmp_path / "other", tmp_path / "kept")
    assert (tmp_path / "other" / "bin" / "run").samefile(tmp_path / "folder" / "bin" / "run")
    assert (tmp_path / "folder" / "b" / "zwei" / "ö.txt").read_bytes() == b"2"
    assert os.access(tmp_path / "folder" / "bin" / "run", os.X_OK)
    assert not (tmp_path / "folder" / "a" / "one.txt").stat().st_mode & 0o111
    with pytest.raises(ValueError, match=r"a/one.txt stands in two parts"):
        join_parts(tmp_path / "twice.zip", [tmp_path / "a.zip", tmp_path / "a.zip"])


def test_a_library_without_its_symbols_is_smaller_and_still_loads(tmp_path: Path) -> None:
    whole = Path(markupsafe._speedups.__file__).read_bytes()
    cut = without_symbols(whole)
    assert len(cut) < len(whole)
    assert without_symbols(cut) == cut
    assert without_symbols(b"no library") == b"no library"
    path = tmp_path / Path(markupsafe._speedups.__file__).name
    path.write_bytes(cut)
    program = "import sys; sys.path.insert(0, sys.argv[1]); import _speedups; print(_speedups._escape_inner('<'))"
    done = subprocess.run(
        [sys.executable, "-I", "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "&lt;\n"


def test_bytecode_is_never_compared_with_its_source_and_names_it_within_the_package() -> None:
    packed = bytecode(b"def f():\n    raise ValueError('}')\n", "a/b.py")
    assert packed is not None
    assert of_this_python(packed)
    assert b"a/b.py" in packed
    assert bytecode_name("a/b.py") == f"a/__pycache__/b.{sys.implementation.cache_tag}.pyc"
    assert bytecode(b"print 'an older language'", "a/b.py") is None
    assert not of_this_python(importlib.util.MAGIC_NUMBER + bytes(12))


def test_imports_count_wherever_they_run_but_not_where_only_types_are_checked(tmp_path: Path) -> None:
    file = tmp_path / "m.py"
    file.write_text(
        "import a.b\nfrom c import d\nif TYPE_CHECKING:\n    import never\nelse:\n    import e\n"
        "def f():\n    import g\ntry:\n    import h\nexcept ImportError:\n    pass\n"
    )
    assert imports_of(file) == {"a.b", "c", "c.d", "e", "g", "h"}
    file.write_text("from . import x\n")
    os.utime(file, ns=(1, 1))
    with pytest.raises(ValueError, match="imports are absolute"):
        imports_of(file)
    assert "functions.shared.web.app" in closure_of("functions.keys.app", sources()).ours


def test_a_distribution_brings_what_it_requires_on_the_platform_and_not_what_is_cut() -> None:
    packages()
    site = installed(BUILD, Target())
    closed = {one.name for one in site.closed({"httpx", "litellm"}, CUT)}
    assert {"httpx", "httpcore", "anyio", "openai", "tiktoken"} <= closed
    assert closed.isdisjoint(CUT)
    assert closed.isdisjoint({"async-timeout", "colorama", "s3transfer", "fsspec"})
    assert "h2" in {one.name for one in site.closed({"postgrest"}, {})}  # by the extra that it asks for
    with pytest.raises(LookupError, match="nothing is required and not locked"):
        site.closed({"nothing"}, {})
    with pytest.raises(LookupError, match="No locked distribution brings the module nothing"):
        site.owners("nothing")


def test_markers_are_read_for_the_target_not_for_this_machine() -> None:
    assert Target("arm64").markers["platform_machine"] == "aarch64"
    assert Target("x86_64").tag == f"python{sys.version_info.major}.{sys.version_info.minor}-x86_64"


@pytest.mark.parametrize(
    ("distribution", "name", "kept"),
    [
        ("botocore", "botocore/data/sqs/2012-11-05/service-2.json.gz", True),
        ("botocore", "botocore/data/ec2/2016-11-15/service-2.json.gz", False),
        ("botocore", "botocore/data/endpoints.json", True),
        ("litellm", "litellm/proxy/_types.py", True),
        ("litellm", "litellm/proxy/proxy_server.py", False),
        ("litellm", "litellm/model_prices_and_context_window_backup.json", True),
        ("httpx", "bin/httpx", False),
        ("pydantic-monty-runtime", "bin/monty", True),
        ("httpx", "httpx-0.28.1.dist-info/METADATA", True),
        ("httpx", "httpx-0.28.1.dist-info/licenses/LICENSE.md", False),
        ("httpx", "httpx-0.28.1.dist-info/RECORD", False),
        ("lxml", "lxml/etree.pyx", False),
    ],
)
def test_what_is_kept_of_a_library(distribution: str, name: str, kept: bool) -> None:
    assert is_kept(distribution, name) is kept


def test_the_document_of_the_whole_api_is_in_the_package_that_serves_it() -> None:
    with zipfile.ZipFile(packages()["discovery"].path) as archive:
        document = json.loads(archive.read("functions/discovery/openapi.json"))
    tags = {path.split("/")[2] for path in document["paths"] if path.startswith("/api/")}
    assert {"executions", "workflows", "agents", "keys", "memory", "interpret", "escalations"} <= tags
    assert not [path for path in document["paths"] if "development" in path or path.startswith("/auth/")]


def test_a_start_says_why_a_package_cannot_be_imported(tmp_path: Path) -> None:
    (tmp_path / "functions").mkdir()
    with pytest.raises(RuntimeError, match=r"The package of keys cannot be imported:(.|\n)*No module named"):
        start(tmp_path, "keys")


def test_every_folder_with_a_handler_is_a_function() -> None:
    assert {"runner", "runner-llm", "sandbox", "discovery", "chores"} <= set(function_names())
