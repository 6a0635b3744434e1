"""`mailferry user` and `mailferry token`: who may use the API and the console."""

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
from shared.access import Permission, Role
from shared.config import Configuration, load
from shared.operations.context import OperatorContext
from shared.operations.people import (
    ApiToken,
    Doer,
    NewToken,
    NewUser,
    SignIns,
    Tokens,
    User,
    Users,
    record,
)
from shared.operations.public_urls import SIGN_IN, public_url
from shared.operations.wording import moment

DAY = 86400.0
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
TOKEN_COLUMNS = (
    Column("id", "ID", whole=True),
    Column("name", "Name"),
    Column("begins", "Begins", whole=True),
    Column("role", "Role"),
    Column("tenant", "Tenant"),
    Column("expires", "Expires"),
    Column("used", "Last used"),
    Column("state", "State"),
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


@click.group("token", short_help="Create, list and revoke tokens for programs.")
def token_group() -> None:
    """The tokens by which programs use the API (docs/api.md)."""


@token_group.command("create")
@config_file
@click.argument("name")
@role_option
@tenant_option
@accounts_option
@click.option(
    "--scope",
    multiple=True,
    type=click.Choice([each.value for each in Permission]),
    help="Only this permission of the role; repeatable.",
)
@click.option("--days", type=click.IntRange(1, 3650), help="How many days it is valid; for ever by default.")
@output
def create_token(
    path: Path,
    name: str,
    role: str,
    tenant: str | None,
    accounts: Sequence[str],
    scope: Sequence[str],
    days: int | None,
    output: str,
) -> None:
    """Make a token for a program, and write it to standard output. It is not shown again."""
    wanted = NewToken(
        name,
        Role(role),
        tenant,
        frozenset(accounts),
        frozenset(map(Permission, scope)) if scope else None,
        None if days is None else days * DAY,
    )

    async def create(context: OperatorContext) -> tuple[ApiToken, str]:
        made = await Tokens(context, secrets.token_bytes).create(wanted)
        after = {"name": name, "role": role}
        await record(context, DOER, "token.create", made[0].id, tenant, after=after)
        return made

    token, secret = operate(load(path, os.environ), create)
    click.echo(f"Token {token.id} was made. Keep it now; it is not shown again:", err=True)
    write_result(output, secret, {**_token_row(token), "token": secret})


@token_group.command("list")
@config_file
@output
def list_tokens(path: Path, output: str) -> None:
    """List tokens, without their secrets."""

    async def tokens(context: OperatorContext) -> Sequence[ApiToken]:
        return await Tokens(context, secrets.token_bytes).list(limit=MOST)

    found = operate(load(path, os.environ), tokens)
    rows = [_token_row(each) for each in found]
    if output == "json":
        write_json(rows)
    elif rows:
        shown = [
            {**row, "expires": moment(each.expires_at), "used": moment(each.used_at)}
            for row, each in zip(rows, found, strict=True)
        ]
        print_table(console(), shown, TOKEN_COLUMNS)
    else:
        click.echo("There are no tokens.")


@token_group.command("revoke")
@config_file
@click.argument("token", metavar="ID")
def revoke_token(path: Path, token: str) -> None:
    """Revoke a token by its id, or by the beginning of it; the next request with it is refused."""

    async def revoke(context: OperatorContext) -> str:
        tokens = Tokens(context, secrets.token_bytes)
        revoked = await tokens.revoke(await tokens.find(token))
        await record(context, DOER, "token.revoke", revoked.id, revoked.tenant)
        return revoked.id

    click.echo(f"Token {operate(load(path, os.environ), revoke)} was revoked.")


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


def _token_row(token: ApiToken) -> dict[str, object]:
    return {
        "id": token.id,
        "name": token.name,
        "begins": token.prefix,
        "role": token.role.value,
        "tenant": token.tenant,
        "expires_at": token.expires_at,
        "used_at": token.used_at,
        "state": "valid" if token.revoked_at is None else "revoked",
    }
