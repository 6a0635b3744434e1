"""`mailferry srs`: senders as SRS rewrites them, and back, by the keys of the configuration."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import NoReturn

import click
from pydantic import SecretStr

from services.cli.naming import account_ids
from services.cli.options import config_file
from shared.config import Configuration, load
from shared.model.address import Address, DefectiveAddress, normal_domain
from shared.model.errors import quoted
from shared.model.srs import NotRewritable, Srs
from shared.runtime.exit_codes import FAILURE


@click.group("srs", short_help="Rewrite senders for SPF, and back.")
def srs_group() -> None:
    """Senders as the accounts with sender = "srs" rewrite them, and back."""


@srs_group.command()
@config_file
@click.argument("address")
def reverse(path: Path, address: str) -> None:
    """Tell which sender ADDRESS, such as SRS0=...@DOMAIN, was made from."""
    rewritten = _address(address)
    keys = _keys(load(path, os.environ), rewritten.domain)
    if not keys:
        _fail(f'no account has srs_domain = "{quoted(rewritten.domain)}"')
    try:
        click.echo(str(Srs(rewritten.domain, keys).reverse(rewritten, time.time())))
    except NotRewritable as reason:
        _fail(f"{quoted(address)} cannot be reversed: {reason}")


@srs_group.command()
@config_file
@click.argument("address")
@click.option(
    "--account", required=True, metavar="ACCOUNT", help="The account whose domain and key are used."
)
def forward(path: Path, address: str, account: str) -> None:
    """Tell what the account makes of the sender ADDRESS today."""
    configuration = load(path, os.environ)
    (name,) = account_ids(configuration, [account])
    srs = configuration.accounts[name].routing.sender.srs
    if srs is None:
        _fail(f'{name} does not have sender = "srs"')
    try:
        click.echo(str(srs.forward(_address(address), time.time())))
    except NotRewritable as reason:
        _fail(f"{quoted(address)} cannot be rewritten: {reason}")


def _keys(configuration: Configuration, domain: str) -> tuple[SecretStr, ...]:
    """The keys of all accounts that rewrite to this domain."""
    rules = [account.routing.sender.srs for account in configuration.accounts.values()]
    return tuple([key for srs in rules if srs is not None and srs.domain == domain for key in srs.keys])


def _address(text: str) -> Address:
    """A rewritten local part may be longer than `parse_address` allows."""
    local, at, domain = text.strip().strip("<>").rpartition("@")
    if not (local and at):
        raise click.UsageError(f'"{quoted(text)}" is no address: it needs something before and after an @')
    try:
        return Address(local, normal_domain(domain))
    except DefectiveAddress as defect:
        raise click.UsageError(f'"{quoted(text)}" is no address: {defect}') from None


def _fail(sentence: str) -> NoReturn:
    click.echo(f"mailferry: {sentence}", err=True)
    raise click.exceptions.Exit(FAILURE)
