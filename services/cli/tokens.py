"""`mailferry token`: the tokens by which programs use the API."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from pathlib import Path

import click

from services.cli.options import config_file, output
from services.cli.output import Column, console, print_table, write_json, write_result
from services.cli.people import DOER, MOST, accounts_option, role_option, tenant_option
from services.cli.running import operate
from shared.access import Permission, Role
from shared.config import load
from shared.operations.context import OperatorContext
from shared.operations.people import (
    ApiToken,
    NewToken,
    Tokens,
    record,
)
from shared.operations.wording import moment

DAY = 86400.0
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
