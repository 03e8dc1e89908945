"""`login`, `logout`, `whoami`, `invite`, `join`, `members …` and `organisations …`."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Annotated, Any

import typer
from rich.markup import escape

from agentplane.cli import session
from agentplane.cli.connection import connect, connect_as_person, plane_url
from agentplane.cli.output import Failed, console, moment, print_json, print_table, program
from agentplane.client import AgentPlane
from agentplane.sign_in import SignIn

JsonFlag = Annotated[bool, typer.Option("--json", help="JSON for programs.")]
Role = Annotated[str, typer.Option(help="viewer, approver, operator, admin or owner.")]

members = typer.Typer(no_args_is_help=True, help="The people of the organisation.")
organisations = typer.Typer(no_args_is_help=True, help="The organisations of whoever has signed in.")


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    panel = "People"
    for command in (login, logout, whoami, invite, join):
        app.command(rich_help_panel=panel)(command)
    app.add_typer(members, name="members", rich_help_panel=panel)
    app.add_typer(organisations, name="organisations", rich_help_panel=panel)


def login(
    email: Annotated[str | None, typer.Argument(help="Your address.")] = None,
    code: Annotated[str | None, typer.Option(help="The code, when it was sent before.")] = None,
    organisation: Annotated[str | None, typer.Option(help="Which one to work in, by id or name.")] = None,
) -> None:
    """Sign in with a one-time code that is sent by mail."""
    url = plane_url()
    sign_in = SignIn.of_plane(url)
    address = email or str(typer.prompt("Your address"))
    if code is None:
        sign_in.send_code(address)
        where = f"at {sign_in.mailbox}" if sign_in.mailbox else "in the mail"
        code = str(typer.prompt(f"The code ({where})"))
    made = sign_in.verify(address, code)
    kept = session.Kept(made, sign_in.url, sign_in.publishable_key)
    with AgentPlane(url, token=made.access_token) as plane:
        mine = plane.organisations.list()
    session.keep(url, replace(kept, organisation=_choose(mine, organisation)))
    console.print(f"Signed in to {url} as [bold]{escape(made.email)}[/].")
    if not mine:
        console.print(
            f"You are a member of no organisation yet: {program()} join <token>, or organisations create <name>"
        )
    for each in mine:
        console.print(f"  {escape(each['name'])}: {each['role']}")


def _choose(mine: list[dict[str, Any]], named: str | None) -> str | None:
    if named is None:
        if len(mine) > 1:
            console.print(f"You have several organisations; choose with {program()} login --organisation <name>.")
        return None
    for each in mine:
        if named in {each["id"], each["name"]}:
            return str(each["id"])
    message = f"you are not a member of an organisation {named}"
    raise Failed(message, hint=f"Yours: {', '.join(each['name'] for each in mine) or 'none'}.")


def logout() -> None:
    """End the session of this plane, there and here."""
    url = plane_url()
    kept = session.read(url)
    if kept is None:
        console.print("nobody was signed in")
        return
    session.keep(url, None)
    kept.sign_in.sign_out(kept.session)
    console.print("signed out")


def whoami(as_json: JsonFlag = False) -> None:
    """Show who calls: the person who has signed in, else the key."""
    with _anyone() as plane:
        print_json(plane.me()) if as_json else _print_me(plane.me())


def _print_me(me: dict[str, Any]) -> None:
    person, key = me.get("person"), me.get("key")
    name = person["email"] if person else (key or {}).get("name") or "?"
    console.print(f"[bold]{escape(str(name))}[/] in {escape(me['organisation']['name'])}")
    console.print(f"{'role' if person else 'kind'}: {person['role'] if person else (key or {}).get('kind')}")
    console.print(f"[dim]{', '.join(me['scopes'])}[/]")


def invite(email: str, role: Role = "approver", as_json: JsonFlag = False) -> None:
    """Invite an address to the organisation. The link is shown this once."""
    with _anyone() as plane:
        made = plane.invitations.create(email, role)
    if as_json:
        print_json(made)
        return
    console.print(f"{escape(made['email'])} may join as [bold]{made['role']}[/] until {moment(made['expires_at'])}:")
    console.print(made["link"], soft_wrap=True)
    console.print(f"[dim]or: {program()} join {made['token']}[/]", soft_wrap=True)


def join(token: Annotated[str, typer.Argument(help="The token of the invitation.")]) -> None:
    """Accept an invitation to the address that you have signed in with."""
    with connect_as_person() as plane:
        joined = plane.invitations.accept(token)
    console.print(f"You are [bold]{joined['member']['role']}[/] in {escape(joined['organisation']['name'])}.")


@members.command("list")
def list_members(as_json: JsonFlag = False) -> None:
    """List the members."""
    with _anyone() as plane:
        rows = plane.members.list()
    if as_json:
        print_json(rows)
        return
    print_table(
        ("user id", "e-mail", "role", "joined", "last seen"),
        [
            (row["user_id"], row["email"], row["role"], moment(row["joined_at"]), moment(row["last_seen_at"]))
            for row in rows
        ],
    )


@members.command("change")
def change_member(user_id: str, role: Role) -> None:
    """Give a member another role."""
    with _anyone() as plane:
        changed = plane.members.update(user_id, role=role)
    console.print(f"{escape(changed['email'])}: [bold]{changed['role']}[/]")


@members.command("remove")
def remove_member(user_id: str) -> None:
    """Take a member out at once."""
    with _anyone() as plane:
        plane.members.remove(user_id)
    console.print("removed")


@organisations.command("list")
def list_organisations(as_json: JsonFlag = False) -> None:
    """List your organisations."""
    with connect_as_person() as plane:
        rows = plane.organisations.list()
    if as_json:
        print_json(rows)
        return
    print_table(("id", "name", "role"), [(row["id"], row["name"], row["role"]) for row in rows])


@organisations.command("create")
def create_organisation(name: str) -> None:
    """Create an organisation and become its owner."""
    with connect_as_person() as plane:
        made = plane.organisations.create(name)
    console.print(f"{escape(made['name'])}: [bold]{made['id']}[/]")


def _anyone() -> AgentPlane:
    """Connect as the person who has signed in, else by the key."""
    is_signed_in = os.environ.get("AGENTPLANE_TOKEN") or session.read(plane_url()) is not None
    return connect_as_person() if is_signed_in else connect()
