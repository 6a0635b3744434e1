"""`mailferry oauth`: the sign-ins of mailbox owners, and the apps that they sign in to."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import TextIO, TypeVar

import click
from rich.text import Text

from services.cli.naming import servers
from services.cli.options import config_file, output
from services.cli.output import Column, Row, write_result, write_rows
from services.cli.running import execute
from shared.config import Configuration, load
from shared.model.oauth import Flow, GrantState
from shared.model.spec import Kind
from shared.oauth.app import LOOPBACK_REDIRECT
from shared.oauth.providers import PRESETS
from shared.operations import oauth_apps, oauth_grants
from shared.operations.grant_status import GrantStatus
from shared.operations.oauth_connect import connect_by_browser, connect_by_device
from shared.operations.oauth_context import OAuthContext, open_oauth_context
from shared.operations.oauth_device import DeviceCode
from shared.operations.wording import moment

T = TypeVar("T")
STYLES = {GrantState.VALID: "green", GrantState.REFRESHING: "green", GrantState.RETRYING: "yellow"}
GRANTS = (
    Column("name", "For", whole=True),
    Column("app", "App", whole=True),
    Column("username", "Mailbox", optional=True),
    Column("state", "State", whole=True),
    Column("days_left", "Days left", number=True),
    Column("refreshed", "Refreshed", whole=True, optional=True),
)
APPS = (
    Column("name", "App", whole=True),
    Column("provider", "Provider"),
    Column("flow", "Flow", whole=True),
    Column("tenant", "Tenant", whole=True, optional=True),
    Column("origin", "From", whole=True, optional=True),
    Column("grants", "Used by", number=True),
)


@click.group("oauth", short_help="Sign in to mailboxes by OAuth, and see how that is doing.")
def oauth_group() -> None:
    """Connect mailboxes by OAuth 2. docs/oauth.md goes through it step by step."""


@oauth_group.command()
@config_file
@click.argument("name", metavar="ACCOUNT|TARGET")
@click.option("--device", is_flag=True, help="Show a code that is entered on any device, as a telephone.")
def connect(path: Path, name: str, device: bool) -> None:
    """Let the owner of a mailbox sign in.

    Open the address that is shown in a browser on this machine, or use --device.
    """

    configuration = load(path, os.environ)
    kind, found = _named(configuration, name)

    def show_code(code: DeviceCode) -> None:
        click.echo(f"Open {code.url} on any device, and enter {code.user_code}")

    async def work(context: OAuthContext) -> str:
        ref = await oauth_grants.ref_of(context.configuration, kind, found)
        if device:
            return await connect_by_device(context, ref, show_code)
        return await connect_by_browser(context, ref, _show_url, _ask_url)

    click.echo(_opened(configuration, work))


@oauth_group.command()
@config_file
@output
def status(path: Path, output: str) -> None:
    """Show the sign-ins of all accounts and targets, and what is going to stop them."""
    found = _with_oauth(path, oauth_grants.grant_statuses)
    if output == "json":
        write_rows([asdict(each) for each in found], GRANTS, output, "sentence")
    elif not found:
        click.echo("No account and no target signs in by OAuth.")
    else:
        write_rows([_grant_row(each) for each in found], GRANTS, output, "sentence")


@oauth_group.command()
@config_file
@click.argument("name", metavar="ACCOUNT|TARGET")
def revoke(path: Path, name: str) -> None:
    """Give a sign-in back: tell the provider, and forget the tokens."""
    configuration = load(path, os.environ)
    kind, found = _named(configuration, name)

    async def work(context: OAuthContext) -> str:
        return await oauth_grants.revoke_grant(
            context, await oauth_grants.ref_of(context.configuration, kind, found)
        )

    click.echo(_opened(configuration, work))


@oauth_group.group("app", short_help="The apps that owners sign in to.")
def app_group() -> None:
    """The apps, as they are registered at the providers."""


@app_group.command("list")
@config_file
@output
def list_apps(path: Path, output: str) -> None:
    """Show all apps."""
    found = _with_oauth(path, oauth_apps.app_statuses)
    if output != "json" and not found:
        click.echo("There is no app.")
        return
    write_rows([asdict(each) for each in found], APPS, output, "sentence")


@app_group.command()
@config_file
@click.argument("name", metavar="APP")
@output
def verify(path: Path, name: str, output: str) -> None:
    """Ask the provider whether it knows an app and accepts its secret."""
    found = _with_oauth(path, lambda context: oauth_apps.verify_app(context, name))
    write_result(output, found, {"app": name, "found": found})


@app_group.command("add", epilog="The secret is encrypted. An app of this name in the database is replaced.")
@config_file
@click.argument("name", metavar="APP")
@click.option("--provider", type=click.Choice([*PRESETS]), help="Who it is registered with.")
@click.option("--discovery", metavar="URL", help="The discovery document of another provider.")
@click.option("--tenant", help="Whose accounts and targets may log in by it alone.")
@click.option("--client-id", required=True, help="The app's id.")
@click.option("--client-secret-file", type=click.File("r"), help="A file with the app's secret, or - .")
@click.option("--secret-expires", metavar="DATE", help="When the secret ends, such as 2027-06-30.")
@click.option(
    "--directory",
    metavar="TENANT|SERVER",
    help="Microsoft's tenant: its id or domain. Zoho: the server of its data centre, as accounts.zoho.eu.",
)
@click.option("--scope", "scopes", multiple=True, help="What is asked for; may be given several times.")
@click.option("--redirect", default=LOOPBACK_REDIRECT, show_default=True, help="As it is registered.")
@click.option("--app-only", is_flag=True, help="Microsoft: the app signs in as itself, for all mailboxes.")
@click.option("--testing", is_flag=True, help='Google: the publishing status is "Testing".')
def add(  # noqa: PLR0913, PLR0917 - one argument for each option
    path: Path,
    name: str,
    tenant: str | None,
    provider: str | None,
    discovery: str | None,
    client_id: str,
    client_secret_file: TextIO | None,
    secret_expires: str | None,
    directory: str | None,
    scopes: tuple[str, ...],
    redirect: str,
    app_only: bool,
    testing: bool,
) -> None:
    """Keep an app in the database."""
    secret = client_secret_file.read().strip() if client_secret_file else None
    flow = Flow.CLIENT_CREDENTIALS if app_only else Flow.USER
    given = {
        "name": name,
        "provider": provider,
        "discovery": discovery,
        "client_id": client_id,
        "client_secret": secret,
        "secret_expires": secret_expires,
        "flow": flow.value,
        "directory": directory,
        "scopes": list(scopes) or None,
        "redirect": redirect,
        "testing": testing or None,
        "tenant": tenant,
    }
    keys = {key: value for key, value in given.items() if value is not None}
    _with_oauth(path, lambda context: oauth_apps.add_app(context, keys, replaces=True))
    click.echo(f"The app {name} is kept in the database.")


@app_group.command()
@config_file
@click.argument("name", metavar="APP")
@click.option("--force", is_flag=True, help="Also if there are sign-ins; these are given back.")
def remove(path: Path, name: str, force: bool) -> None:
    """Remove an app from the database. Its secret goes when the provider was told of all sign-ins."""
    removal = _with_oauth(path, lambda context: oauth_apps.remove_app(context, name, force=force))
    told = f"; its secret goes when the provider was told of {removal.to_tell} sign-ins"
    click.echo(f"The app {name} is removed{told if removal.to_tell else ''}.")


def _with_oauth(path: Path, work: Callable[[OAuthContext], Awaitable[T]]) -> T:
    return _opened(load(path, os.environ), work)


def _opened(configuration: Configuration, work: Callable[[OAuthContext], Awaitable[T]]) -> T:
    async def run() -> T:
        async with open_oauth_context(configuration) as context:
            return await work(context)

    return execute(run)


def _named(configuration: Configuration, name: str) -> tuple[Kind, str]:
    """The account or target that is named."""
    accounts, targets = servers(configuration, [name])
    return (Kind.ACCOUNT, accounts[0]) if accounts else (Kind.TARGET, targets[0])


def _show_url(url: str) -> None:
    click.echo("Open this address in a browser, and sign in as the owner of the mailbox:\n")
    click.echo(f"  {url}\n")


async def _ask_url() -> str:
    question = "The address that the browser shows afterwards"
    return str(await asyncio.to_thread(click.prompt, question))


def _grant_row(grant: GrantStatus) -> Row:
    style = next((colour for state, colour in STYLES.items() if state.value == grant.state), "bold red")
    return {
        **asdict(grant),
        "state": Text(grant.state, style=style),
        "refreshed": (moment(grant.refreshed_at) or "")[5:16],
    }
