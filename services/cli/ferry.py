"""`mailferry ferry`: one pass between two servers given as URLs, without a configuration file.

The database and the blobs are in a private directory, one for each pair of source and target, so that a
second run does not fetch or deliver a mail twice.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from services.cli.once import pass_and_report
from services.cli.options import output, verbose
from services.cli.running import quiet_logs
from shared.config import Configuration, from_mapping, shown
from shared.config.urls import ServerUrl, source_url, target_url
from shared.model.account import KEEP, REFUSE
from shared.model.file_url import url_of_path
from shared.model.text_file import text_of

ORIGIN = "command line"
TENANT, ACCOUNT, TARGET = "ferry", "source", "target"
TLS_MODES = click.Choice(["off", "wanted", "required"])
Callback = Callable[[click.Context, click.Parameter, str], ServerUrl]


def _server(read: Callable[[object], ServerUrl]) -> Callback:
    """Return a reader of URLs. A password in one is refused, as every user of the machine could see it."""

    def callback(_ctx: click.Context, _param: click.Parameter, value: str) -> ServerUrl:
        try:
            server = read(value)
        except ValueError as error:
            raise click.BadParameter(f"{error}.") from error
        if server.password is not None:
            raise click.BadParameter(
                "every user of this machine can see a password in a URL; give it in a file or in the "
                "environment, or wait to be asked."
            )
        return server

    return callback


@click.command(
    short_help="Make one pass between two servers given as URLs.",
    epilog="The source's password comes from --password-file, from MAILFERRY_PASSWORD, or is asked for; the "
    "target's from --target-password-file, from MAILFERRY_TARGET_PASSWORD, or is asked for. Exit codes as of "
    "`mailferry once`.",
)
@click.argument("source", callback=_server(source_url), metavar="SOURCE")
@click.argument("target", callback=_server(target_url), metavar="TARGET")
@click.option("--to", metavar="ADDRESS", help="Deliver everything to this address.")
@click.option(
    "--domain",
    "domains",
    multiple=True,
    metavar="DOMAIN[=OTHER]",
    help="The mailbox is a catch-all: deliver to the recipients of this domain, renamed to OTHER if given; "
    "repeatable.",
)
@click.option("--postmaster", metavar="ADDRESS", help="With --domain: gets mail without a known recipient.")
@click.option("--retention", default="delete", show_default=True, help='"delete", "keep", or days: "7d".')
@click.option("--password-file", type=click.Path(path_type=Path), help="The source's password.")
@click.option("--target-password-file", type=click.Path(path_type=Path), help="The target's password.")
@click.option("--tls", type=TLS_MODES, help="TLS at the source; required by default.")
@click.option("--target-tls", type=TLS_MODES, help="TLS at the target; wanted by default.")
@click.option("--ca-file", type=click.Path(path_type=Path), help="Also trust certificates of this authority.")
@click.option("--helo-name", metavar="NAME", help="This machine's full name, if it cannot be found out.")
@click.option(
    "--state",
    type=click.Path(path_type=Path),
    help="The directory for database and blobs.",
)
@output
@verbose
def ferry(source: ServerUrl, target: ServerUrl, output: str, verbose: bool, **options: Any) -> None:
    """Make one pass from SOURCE to TARGET: fetch, deliver, delete, report.

    For example: mailferry ferry pop3s://bob@pop.isp.example smtp://mail.corp.example --to bob@corp.example
    """
    state = _state(options["state"], source, target)
    mapping: dict[str, Any] = {
        "broker": {"url": "memory:"},
        "store": {"url": url_of_path("sqlite:///", str(state / "mailferry.db"))},
        "blobs": {"url": (state / "blobs").as_uri()},
        "metrics": {"listen": ""},
        "targets": [_target(target, options)],
        "accounts": [_account(source, options)],
    }
    if options["helo_name"] is not None:
        mapping["relay"] = {"helo_name": options["helo_name"]}
    configuration = from_mapping(mapping, {}, Path.cwd(), ORIGIN)
    path = _written_configuration(configuration, state)
    quiet_logs(None, verbose=verbose)
    pass_and_report(configuration, (), output, verbose=verbose, path=path)


def _written_configuration(configuration: Configuration, state: Path) -> Path:
    """Write the configuration, without its secrets, for `parked`, `trace` and `status`; return its path."""
    path = state / "mailferry.toml"
    try:
        path.write_text(shown(configuration), encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"{path} cannot be written: {error.strerror}.") from error
    return path


def _account(source: ServerUrl, options: dict[str, Any]) -> dict[str, Any]:
    if source.username is None:
        raise click.UsageError(f"SOURCE has no user name; write {source.scheme}://USER@{source.host}.")
    login = f"{source.username} at {source.host}"
    return _without_none(
        {
            "tenant": TENANT,
            "name": ACCOUNT,
            "source": _url(source),
            "username": source.username,
            "password": _password(login, options["password_file"], "MAILFERRY_PASSWORD", "--password-file"),
            "tls": options["tls"],
            "ca_file": _text(options["ca_file"]),
            "target": TARGET,
            "retention": options["retention"],
            **_recipients(options["to"], options["domains"], options["postmaster"]),
        }
    )


def _recipients(to: str | None, domains: Sequence[str], postmaster: str | None) -> dict[str, Any]:
    if (to is None) == (not domains):
        raise click.UsageError("Say who gets the mail: either --to ADDRESS or --domain DOMAIN.")
    if to is not None:
        if postmaster is not None:
            raise click.UsageError("--postmaster goes with --domain.")
        return {"mailbox": "single", "recipient": to}
    pairs = [each.partition("=") for each in domains]
    return {
        "mailbox": "catch-all",
        "domains": {domain: other or KEEP for domain, _, other in pairs},
        "unknown_recipients": postmaster or REFUSE,
    }


def _target(target: ServerUrl, options: dict[str, Any]) -> dict[str, Any]:
    table = {
        "name": TARGET,
        "url": _url(target),
        "tls": options["target_tls"],
        "ca_file": _text(options["ca_file"]),
    }
    if target.username is not None:
        login = f"{target.username} at {target.host}"
        file = options["target_password_file"]
        table["username"] = target.username
        table["password"] = _password(login, file, "MAILFERRY_TARGET_PASSWORD", "--target-password-file")
    return _without_none(table)


def _state(chosen: Path | None, source: ServerUrl, target: ServerUrl) -> Path:
    """Return the private directory of this pair, which is made if it is missing."""
    home = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    pair = "\n".join([_url(source), source.username or "", _url(target)])
    name = hashlib.sha256(pair.encode()).hexdigest()[:16]
    directory = (chosen or home / "mailferry" / "ferry" / name).absolute()
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise click.UsageError(
            f"{directory} cannot be made: {error.strerror}; choose one with --state."
        ) from error
    return directory


def _url(server: ServerUrl) -> str:
    host = f"[{server.host}]" if ":" in server.host else server.host
    return f"{server.scheme}://{host}:{server.port}"


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _without_none(table: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if value is not None}


def _password(login: str, file: Path | None, variable: str, option: str) -> str:
    """Return the password of `login`: from `file`, from the environment's `variable`, or typed in on a
    terminal.

    Raises `click.UsageError` where there is none, or it is empty.
    """
    if file is not None:
        return _checked_password(_password_from(file, option), f"{option}: {file}")
    if variable in os.environ:
        return _checked_password(os.environ[variable], variable)
    if not sys.stdin.isatty():
        raise click.UsageError(f"The password of {login} is missing; give {option} or set {variable}.")
    typed: str = click.prompt(f"Password of {login}", hide_input=True, err=True)
    return typed


def _password_from(file: Path, option: str) -> str:
    try:
        return text_of(file.read_bytes()).removesuffix("\n").removesuffix("\r")
    except OSError as error:
        raise click.UsageError(f"{option}: {file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{option}: {file} is not UTF-8.") from error


def _checked_password(password: str, where: str) -> str:
    if not password or any(forbidden in password for forbidden in "\0\r\n"):
        raise click.UsageError(f"{where} does not hold a password in one line.")
    return password
