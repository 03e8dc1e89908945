"""No call misses what was cut off the libraries: models, pages, AWS, late imports, in the packages themselves."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from functions.deploy.needs import MODELS, function_names, need_of
from functions.deploy.packages import BUILD
from functions.deploy.slim import CUT
from functions.deploy.wheels import Target, installed
from functions.shared.simulator import Rule, Simulator
from tests.packages import folder_of, packages

pytestmark = pytest.mark.xdist_group("package builds")

EXAM = Path(__file__).with_name("package_exam.py")
HEAVY = {"litellm"}  # its calls are examined by themselves


def examined(function: str, part: str, argument: str) -> dict[str, Any]:
    command = [sys.executable, "-I", "-S", "-B", str(EXAM), str(folder_of(function)), part, argument]
    done = subprocess.run(command, cwd="/", env={}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_slim_model_library_asks_every_kind_of_provider_counts_costs_and_embeds() -> None:
    overloaded = Rule.model_validate({"match": {"model": "overloaded"}, "replies": [{"status": 503}]})
    with Simulator(rules=[overloaded]) as simulator:
        said = examined("runner-llm", "models", simulator.url)
    assert all("simulated" in text for text in said["text"].values())
    assert {tuple(sorted(data)) for data in said["data"].values()} == {("answer", "count")}
    assert {model: float(cost) > 0 for model, cost in said["cost"].items()} == {
        "openai/gpt-4o-mini": True,
        "anthropic/claude-sonnet-4-5": True,
        "gemini/gemini-2.5-flash": True,
        "ollama/llama3.2": False,
    }
    assert [one["model"] for one in said["fallback"]] == ["openai/overloaded"]
    assert said["vectors"] == 2
    assert float(said["embedding_cost"]) > 0
    assert len(said["cold"]) <= 12, said["cold"]


def test_functions_that_call_models_hold_the_very_libraries_that_were_examined() -> None:
    needed = {f"{one.name}=={one.version}" for one in installed(BUILD, Target()).closed({"litellm"}, CUT)}
    assert len(needed) > 30
    for name in MODELS:
        assert needed <= set(packages()[name].distributions)


def test_pages_and_prices_are_read_without_what_was_cut_off() -> None:
    said = examined("runner", "pages", "")
    assert "boils a litre" in said["text"]
    assert "Home" not in said["text"]
    assert (said["date"], said["price"], said["currency"]) == ("2026-03-01", "49.90", "€")


def test_clients_of_aws_need_only_the_descriptions_that_are_left() -> None:
    assert examined("runner", "clients", "eu-central-1") == {
        "sqs": "https://sqs.eu-central-1.amazonaws.com",
        "ssm": "https://ssm.eu-central-1.amazonaws.com",
        "lambda": "https://lambda.eu-central-1.amazonaws.com",
        "sts": "https://sts.eu-central-1.amazonaws.com",
    }


def test_what_handlers_load_late_can_be_loaded_in_every_largest_set_of_libraries() -> None:
    held = {name: set(packages()[name].distributions) for name in function_names()}
    largest = [name for name in held if not any(held[name] < held[other] for other in held)]
    first = {frozenset(held[name]): name for name in reversed(largest)}
    assert 2 < len(first) < 10
    for libraries, name in first.items():
        modules = set().union(*(need_of(each).modules for each in held if held[each] <= libraries)) - HEAVY
        assert all(examined(name, "libraries", ",".join(sorted(modules))).values())
