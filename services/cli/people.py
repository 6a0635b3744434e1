"""`mailferry user`: the people who may use the API and the console."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import click

from services.cli.options import config_file, output
from services.cli.output import Column, console, print_table, write_json, write_result
from services.cli.running import operate
from shared.access import Role
from shared.config import Configuration, load
from shared.operations.context import OperatorContext
from shared.operations.people import (
    Doer,
    NewUser,
    SignIns,
    User,
    Users,
    record,
)
from shared.operations.public_urls import SIGN_IN, public_url

ROLES = click.Choice([role.value for role in Role])
MOST = 10_000
DOER = Doer("command", "")
USER_COLUMNS = (
    Column("name", "Name", whole=True),
    Column("role", "Role"),
    Column("tenant", "Tenant"),
    Column("accounts", "Accounts"),
    Column("enabled", "Enabled"),
)


role_option = click.option("--role", type=ROLES, required=True, help="What it may do (docs/api.md).")
tenant_option = click.option("--tenant", metavar="TENANT", help="The tenant that it is confined to.")
accounts_option = click.option(
    "--account", "accounts", multiple=True, metavar="TENANT/NAME", help="An account of an owner; repeatable."
)


@click.group("user", short_help="Add, list and remove people who may sign in.")
def user_group() -> None:
    """The people who may use the API and the console (docs/api.md)."""


@user_group.command("add")
@config_file
@click.argument("name")
@role_option
@tenant_option
@accounts_option
@click.option("--password-file", type=click.Path(path_type=Path), help="A file that holds the password.")
@output
def add_user(
    path: Path,
    name: str,
    role: str,
    tenant: str | None,
    accounts: Sequence[str],
    password_file: Path | None,
    output: str,
) -> None:
    """Add a person.

    Without a password, a link is shown by which the person signs in once, within a day.
    """
    configuration = load(path, os.environ)
    password = None
    if password_file is not None:
        password = password_file.read_text(encoding="utf-8").removesuffix("\n")

    async def add(context: OperatorContext) -> str | None:
        new = NewUser(name, Role(role), tenant, frozenset(accounts), password)
        user = await Users(context).add(new)
        after = {"role": role, "accounts": [*accounts]}
        await record(context, DOER, "member.add", user.name, tenant, after=after)
        if password is not None:
            return None
        return await SignIns(context, secrets.token_bytes).link(user.name)

    link = operate(configuration, add)
    url = None if link is None else sign_in_url(configuration, link)
    if output == "json":
        write_json({"name": name, "role": role, "sign_in": url})
        return
    click.echo(f"{name} was added.")
    if url is not None:
        click.echo(f"Sign in once, within a day, by this link: {url}")


@user_group.command("list")
@config_file
@output
def list_users(path: Path, output: str) -> None:
    """List the people who may sign in."""
    users = operate(load(path, os.environ), lambda context: Users(context).list(limit=MOST))
    rows = [_user_row(each) for each in users]
    if output == "json":
        write_json(rows)
    elif rows:
        print_table(console(), rows, USER_COLUMNS)
    else:
        click.echo("There is nobody yet: mailferry user add NAME --role operator")


@user_group.command("remove")
@config_file
@click.argument("name")
def remove_user(path: Path, name: str) -> None:
    """Remove a person with its sessions and the tokens it made."""

    async def remove(context: OperatorContext) -> None:
        user = await Users(context).remove(name)
        await record(context, DOER, "member.remove", user.name, user.tenant)

    operate(load(path, os.environ), remove)
    click.echo(f"{name} was removed.")


@user_group.command("link")
@config_file
@click.argument("name")
@output
def sign_in_link(path: Path, name: str, output: str) -> None:
    """Make a link by which a person signs in once, within a day."""
    configuration = load(path, os.environ)
    entropy = secrets.token_bytes
    link = operate(configuration, lambda context: Users(context).sign_in_link(name, entropy, DOER))
    url = sign_in_url(configuration, link)
    write_result(output, url, {"name": name, "sign_in": url})


@user_group.command("password")
@config_file
@click.argument("name")
@click.option("--password-file", type=click.File("r"), help="A file with the password alone, or - .")
def set_password(path: Path, name: str, password_file: TextIO | None) -> None:
    """Give a person another password; its sessions end."""
    if password_file is not None:
        password = password_file.read().removesuffix("\n")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)

    async def change(context: OperatorContext) -> None:
        user = await Users(context).change(name, None, password=password)
        after = {"password": password}
        await record(context, DOER, "member.change", user.name, user.tenant, after=after)

    operate(load(path, os.environ), change)
    click.echo(f"{name} has another password.")


@user_group.command("reset-codes")
@config_file
@click.argument("name")
def reset_codes(path: Path, name: str) -> None:
    """Ask a person for one-time codes no more, who has lost its app."""
    operate(load(path, os.environ), lambda context: Users(context).reset_codes(name, DOER))
    click.echo(f"{name} is not asked for codes any more.")


@user_group.command("sign-out")
@config_file
@click.argument("name")
def sign_out(path: Path, name: str) -> None:
    """End all sessions of a person, and its sign-in links."""
    operate(load(path, os.environ), lambda context: Users(context).end_sessions(name, DOER))
    click.echo(f"{name} is signed out everywhere.")


def sign_in_url(configuration: Configuration, link: str) -> str:
    """Return the URL of a sign-in link."""
    return public_url(configuration, SIGN_IN + link)


def _user_row(user: User) -> dict[str, object]:
    return {
        "name": user.name,
        "role": user.role.value,
        "tenant": user.tenant,
        "accounts": sorted(user.accounts),
        "enabled": user.enabled,
    }
