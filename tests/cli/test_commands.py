"""The commands, typed against a real plane."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import DevProcess, Result, run_command

pytestmark = pytest.mark.xdist_group("cli_commands")

TEMPLATES = Path(__file__).parents[2] / "templates" / "workflows"
Command = Callable[..., Result]

APPROVAL = """
name: ask-first
input: {amount: {type: number, default: 5}}
steps:
  ask:
    approval:
      message: "Pay ${{ input.amount }}?"
      form: {amount: {type: number, default: "${{ input.amount }}"}}
      outcomes: [approve, reject]
      timeout: 1h
  after:
    transform: {paid: "${{ steps.ask.output.form.amount }}", how: "${{ steps.ask.output.outcome }}"}
output: ${{ steps.after.output }}
"""

FAILS = """
name: fails
steps:
  no: {fail: {message: "out of ${{ 1 + 1 }} reasons"}}
"""


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("documents")
    (folder / "ask.yaml").write_text(APPROVAL)
    (folder / "fails.yaml").write_text(FAILS)
    (folder / "input.json").write_text(json.dumps({"name": "Ada"}))
    return folder


def test_a_workflow_file_runs_and_shows_each_step_and_its_output(agentplane: Command, documents: Path) -> None:
    ran = agentplane("run", str(TEMPLATES / "hello.yaml"), "--input", f"@{documents / 'input.json'}")
    assert ran.code == 0, ran.err + ran.out
    assert "greet" in ran.out
    assert "succeeded" in ran.out
    assert "greeting" in ran.out


def test_json_output_is_only_json(agentplane: Command) -> None:
    ran = agentplane("run", str(TEMPLATES / "hello.yaml"), "--json")
    execution = ran.json()
    assert execution["status"] == "succeeded"
    assert execution["output"]["greeting"]


def test_an_approval_stops_the_run_says_how_to_answer_and_goes_on(agentplane: Command, documents: Path) -> None:
    ran = agentplane("run", str(documents / "ask.yaml"), "--input", '{"amount": 7}')
    assert ran.code == 0, ran.err + ran.out
    assert "Pay 7?" in ran.out
    execution = agentplane("executions", "list", "--workflow", "ask-first", "--json").json()[0]
    assert f"approve {execution['id']} --step 'ask'" in ran.out
    assert execution["status"] == "waiting"

    by_key = agentplane("approve", execution["id"], "--form", '{"amount": 6}')
    assert by_key.code == 1
    assert "agentplane login" in by_key.err
    approved = agentplane("approve", execution["id"], "--form", '{"amount": 6}', as_person=True)
    assert approved.code == 0, approved.err
    events = agentplane("executions", "events", execution["id"], "--follow")
    assert events.code == 0, events.err
    shown = agentplane("executions", "show", execution["id"], "--json").json()
    assert shown["execution"]["status"] == "succeeded"
    assert shown["execution"]["output"] == {"paid": 6, "how": "approve"}
    again = agentplane("approve", execution["id"], as_person=True)
    assert again.code == 1
    assert "waits for no approval" in again.err


def test_a_failed_execution_is_exit_code_1_with_its_reason_and_can_be_retried(
    agentplane: Command, documents: Path
) -> None:
    ran = agentplane("run", str(documents / "fails.yaml"))
    assert ran.code == 1
    assert "out of 2 reasons" in ran.out
    execution = agentplane("executions", "list", "--workflow", "fails", "--json").json()[0]
    retried = agentplane("executions", "retry", execution["id"])
    assert retried.code == 1
    assert "out of 2 reasons" in retried.out


def test_executions_are_cancelled_and_signalled(agentplane: Command, documents: Path) -> None:
    agentplane("run", str(documents / "ask.yaml"))
    execution = agentplane("executions", "list", "--status", "waiting", "--json").json()[0]
    signal = agentplane("executions", "signal", execution["id"], "news", "--payload", '{"a": 1}')
    assert signal.code == 0, signal.err
    cancelled = agentplane("executions", "cancel", execution["id"])
    assert cancelled.code == 0, cancelled.err
    assert agentplane("executions", "events", execution["id"], "--follow").code == 0
    ended = agentplane("executions", "show", execution["id"], "--json").json()
    assert ended["execution"]["status"] == "cancelled"


def test_the_trace_shows_status_latency_tokens_cost_and_the_slowest_step(agentplane: Command) -> None:
    execution = agentplane("run", str(TEMPLATES / "hello.yaml"), "--json").json()
    shown = agentplane("executions", "show", execution["id"])
    for word in ("greet", "llm", "succeeded", "ms", "$", "slowest step: greet"):
        assert word in shown.out, word


def test_state_costs_profile_agents_and_status_print_what_is_there(agentplane: Command) -> None:
    assert agentplane("state", "put", "notes", "a/1", '{"x": [1]}').code == 0
    assert agentplane("state", "get", "notes", "a/1").json() == {"x": [1]}
    assert agentplane("state", "put", "notes", "a/2", "plain words").code == 0
    assert agentplane("state", "get", "notes", "a/2").json() == "plain words"
    stale = agentplane("state", "put", "notes", "a/1", "2", "--if-version", "7")
    assert stale.code == 1
    assert "version" in stale.err
    missing = agentplane("state", "get", "notes", "nothing")
    assert missing.code == 1
    assert "not_found" in missing.err

    agentplane("run", str(TEMPLATES / "hello.yaml"))
    assert "gpt-4o-mini" in agentplane("costs", "--by", "model").out
    assert "greet" in agentplane("profile", "--workflow", "hello").out
    assert "hello" in agentplane("workflows", "list").out
    assert "greet" in agentplane("workflows", "get", "hello").out
    assert agentplane("agents", "list", "--json").json() == []
    assert agentplane("status").code == 0


def test_keys_are_shown_once_and_work_until_they_are_revoked(agentplane: Command, plane: DevProcess) -> None:
    created = agentplane("keys", "create", "ci", "--scope", "state:read", "--json").json()
    url = plane.ready["url"]
    reader = {"AGENTPLANE_URL": url, "AGENTPLANE_API_KEY": created["secret"]}
    assert run_command("state", "get", "nothing", "here", **reader).code == 1
    refused = run_command("state", "put", "a", "b", "1", **reader)
    assert refused.code == 1
    assert "state:write" in refused.err
    assert created["secret"] not in agentplane("keys", "list", "--json").out
    assert agentplane("keys", "revoke", created["id"]).code == 0
    assert "unauthenticated" in run_command("state", "get", "nothing", "here", **reader).err


def test_a_signed_key_is_made_with_its_private_half(agentplane: Command, plane: DevProcess) -> None:
    made = agentplane("keys", "create", "signer", "--signed", "--json").json()
    url = plane.ready["url"]
    both = {"AGENTPLANE_URL": url, "AGENTPLANE_API_KEY": made["secret"], "AGENTPLANE_SIGNING_KEY": made["private_key"]}
    assert run_command("state", "put", "signed", "k", "1", **both).code == 0
    del both["AGENTPLANE_SIGNING_KEY"]
    refused = run_command("state", "get", "signed", "k", **both)
    assert refused.code == 1
    assert "signature_required" in refused.err
    assert "private key" in agentplane("keys", "create", "signer 2", "--signed").out


def test_an_operator_creates_organisations_by_the_database_address(plane: DevProcess) -> None:
    created = run_command("orgs", "create", "acme", "--json", "--db-url", plane.ready["db_url"])
    key = created.json()["api_key"]
    theirs = run_command("workflows", "list", "--json", AGENTPLANE_URL=plane.ready["url"], AGENTPLANE_API_KEY=key)
    assert theirs.json() == []
    again = run_command("orgs", "create", "acme", "--db-url", plane.ready["db_url"])
    assert again.code == 1
    assert "acme" in again.err


def test_commands_find_the_plane_of_their_data_directory_by_themselves(plane: DevProcess) -> None:
    found = run_command("state", "put", "x", "y", "1", AGENTPLANE_DATA=str(plane.data))
    assert found.code == 0, found.err


def test_exit_code_3_says_that_the_plane_cannot_be_reached(tmp_path: Path) -> None:
    nowhere = run_command("state", "get", "a", "b", AGENTPLANE_URL="http://127.0.0.1:9", AGENTPLANE_API_KEY="ap_live_x")
    assert nowhere.code == 3
    assert "cannot reach the plane at http://127.0.0.1:9" in nowhere.err
    assert "agentplane dev" in nowhere.err
    nothing = run_command("state", "get", "a", "b", cwd=tmp_path)
    assert nothing.code == 3


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("run",), "workflow"),
        (("run", "nothing.yaml"), "there is no file nothing.yaml"),
        (("executions", "list", "--limit", "0"), "limit"),
        (("nonsense",), "nonsense"),
        (("validate", "nothing.yaml"), "cannot read nothing.yaml"),
    ],
)
def test_exit_code_2_says_what_is_wrong_with_the_command(
    plane: DevProcess, arguments: tuple[str, ...], says: str
) -> None:
    ended = run_command(*arguments, AGENTPLANE_DATA=str(plane.data))
    assert ended.code == 2, ended.out + ended.err
    assert says in ended.out + ended.err
    assert "Traceback" not in ended.err


def test_a_refusal_with_one_reason_says_it_once(agentplane: Command) -> None:
    ended = agentplane("executions", "show", "nope")
    assert ended.code == 1
    assert ended.err.count("'nope'") == 1


def test_input_that_is_no_json_is_exit_code_2(agentplane: Command) -> None:
    ended = agentplane("run", str(TEMPLATES / "hello.yaml"), "--input", "{name: Ada}")
    assert ended.code == 2
    assert "not JSON" in ended.err


def test_doctor_finds_the_plane_its_database_and_the_key(plane: DevProcess) -> None:
    found = run_command("doctor", AGENTPLANE_DATA=str(plane.data))
    assert found.code == 0, found.out
    for word in ("python", "plane", "database", "key"):
        assert f"ok      {word}" in found.out, found.out


def test_help_names_every_command(agentplane: Command) -> None:
    listed = agentplane("--help").out
    for command in ("dev", "demo", "validate", "test", "run", "executions", "approve", "agents", "state", "costs"):
        assert command in listed
    for command in ("profile", "keys", "orgs", "doctor"):
        assert command in listed
