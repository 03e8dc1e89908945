"""Signing in from the command line, and what is done as a person."""

from __future__ import annotations

import json
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from agentplane import AgentPlane, ApiError, SignIn, SignInRefused
from agentplane.cli.local_plane import DEVELOPER

from tests.cli.conftest import DevProcess, Result, run_command

pytestmark = pytest.mark.xdist_group("cli_commands")

Command = Callable[..., Result]


@pytest.fixture
def sessions(tmp_path: Path) -> Path:
    return tmp_path / "kept" / "sessions.json"


@pytest.fixture
def person(plane: DevProcess, sessions: Path) -> Command:
    """The command line of somebody without a key."""

    def run(*arguments: str, **options: Any) -> Result:
        environment = {"AGENTPLANE_URL": plane.ready["url"], "AGENTPLANE_SESSIONS": str(sessions)}
        return run_command(*arguments, **environment, **options)

    return run


def code_for(plane: DevProcess, address: str) -> str:
    sign_in = SignIn.of_plane(plane.ready["url"])
    sign_in.send_code(address)
    return sign_in.newest_code(address)


def test_a_person_signs_in_works_and_signs_out(plane: DevProcess, person: Command, sessions: Path) -> None:
    before = person("organisations", "list")
    assert (before.code, "agentplane login" in before.err) == (1, True)

    wrong = person("login", DEVELOPER, "--code", "000000")
    assert wrong.code == 1
    assert not sessions.exists()
    signed_in = person("login", DEVELOPER, "--code", code_for(plane, DEVELOPER), "--organisation", "development")
    assert signed_in.code == 0, signed_in.err
    assert "development: owner" in signed_in.out
    assert stat.S_IMODE(sessions.stat().st_mode) == 0o600

    me = person("whoami", "--json").json()
    assert (me["person"]["email"], me["person"]["role"]) == (DEVELOPER, "owner")
    assert DEVELOPER in person("members", "list").out

    assert person("logout").code == 0
    assert json.loads(sessions.read_text()) == {}
    assert person("members", "list").code != 0


def test_a_session_is_refreshed_when_its_token_has_expired(plane: DevProcess, person: Command, sessions: Path) -> None:
    assert person("login", DEVELOPER, "--code", code_for(plane, DEVELOPER)).code == 0
    kept = json.loads(sessions.read_text())
    session = kept[plane.ready["url"]]["session"]
    session["expires_at"] = time.time() - 1
    session["access_token"] = "eyJ.old.one"
    sessions.write_text(json.dumps(kept))
    assert person("whoami").code == 0
    after = json.loads(sessions.read_text())[plane.ready["url"]]["session"]
    assert after["expires_at"] > time.time() + 60
    assert after["refresh_token"] != session["refresh_token"]


def test_an_invited_address_joins_and_is_changed_and_removed(
    plane: DevProcess, person: Command, agentplane: Command
) -> None:
    invited = agentplane("invite", "ada@localhost", "--role", "viewer", "--json", as_person=True).json()
    assert invited["link"].startswith(f"{plane.ready['url']}/join?token=")
    assert person("login", "ada@localhost", "--code", code_for(plane, "ada@localhost")).code == 0
    joined = person("join", invited["token"])
    assert joined.code == 0, joined.err
    assert "viewer" in joined.out
    assert [each["role"] for each in person("organisations", "list", "--json").json()] == ["viewer"]
    refused = person("invite", "bob@localhost")
    assert (refused.code, "missing_scope" in refused.err) == (1, True)

    members = agentplane("members", "list", "--json", as_person=True).json()
    ada = next(each["user_id"] for each in members if each["email"] == "ada@localhost")
    assert "approver" in agentplane("members", "change", ada, "--role", "approver", as_person=True).out
    assert person("whoami", "--json").json()["person"]["role"] == "approver"
    assert agentplane("members", "remove", ada, as_person=True).code == 0
    gone = person("whoami")
    assert (gone.code, "not_a_member" in gone.err) == (1, True)


def test_the_client_speaks_for_a_person_in_one_of_their_organisations(plane: DevProcess) -> None:
    url = plane.ready["url"]
    address = "grace@localhost"
    session = SignIn.of_plane(url).verify(address, code_for(plane, address))
    with AgentPlane(url, token=session.access_token) as grace:
        first, second = (grace.organisations.create(name)["id"] for name in ("grace's", "grace's other"))
        with pytest.raises(ApiError) as unclear:
            grace.members.list()
        assert unclear.value.code == "organisation_required"
        assert [each["id"] for each in grace.organisations.list()] == [first, second]
    with AgentPlane(url, token=lambda: session.access_token, organisation="grace's other") as grace:
        assert [each["email"] for each in grace.members.list()] == [address]
        invitation = grace.invitations.create("ada@localhost")
        grace.invitations.revoke(invitation["id"])
        assert [each["status"] for each in grace.invitations.list()] == ["revoked"]
        assert grace.organisations.rename("renamed")["id"] == second


def test_a_used_code_and_an_ended_session_say_so(plane: DevProcess) -> None:
    sign_in = SignIn.of_plane(plane.ready["url"])
    code = code_for(plane, "kim@localhost")
    session = sign_in.verify("kim@localhost", code)
    with pytest.raises(SignInRefused):
        sign_in.verify("kim@localhost", code)
    sign_in.sign_out(session)
    with pytest.raises(SignInRefused):
        sign_in.refresh(session)
