"""`mailferry ferry`: one pass between two servers given as URLs, without a configuration file.

What was fetched and delivered is remembered in a private directory, one for each pair of source and target,
so that a second run does not fetch or deliver twice.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from services.cli.once import pass_and_report
from services.cli.options import output, verbose
from services.cli.passwords import password_for
from services.cli.running import quiet_logs
from shared.config import Configuration, from_mapping, shown
from shared.config.urls import ServerUrl, source_url, target_url
from shared.model.account import KEEP, REFUSE
from shared.model.file_url import url_of_path

ORIGIN = "command line"
TENANT, ACCOUNT, TARGET = "ferry", "source", "target"
TLS_MODES = click.Choice(["off", "wanted", "required"])
Callback = Callable[[click.Context, click.Parameter, str], ServerUrl]


def _server(read: Callable[[object], ServerUrl]) -> Callback:
    """A URL without a password, which every user of the machine could see."""

    def callback(_ctx: click.Context, _param: click.Parameter, value: str) -> ServerUrl:
        try:
            server = read(value)
        except ValueError as error:
            raise click.BadParameter(f"{error}.") from error
        if server.password is not None:
            raise click.BadParameter(
                "a password in a URL can be seen by every user of this machine; give it in a file or in the "
                "environment, or wait to be asked."
            )
        return server

    return callback


@click.command(
    short_help="Make one pass between two servers given as URLs.",
    epilog="Passwords: --password-file, or MAILFERRY_PASSWORD, or typed in; for the target "
    "--target-password-file, MAILFERRY_TARGET_PASSWORD. Exit codes as of `mailferry once`.",
)
@click.argument("source", callback=_server(source_url), metavar="SOURCE")
@click.argument("target", callback=_server(target_url), metavar="TARGET")
@click.option("--to", metavar="ADDRESS", help="Deliver everything to this address.")
@click.option(
    "--domain",
    "domains",
    multiple=True,
    metavar="DOMAIN[=OTHER]",
    help="A catch-all: deliver to the recipients of this domain, perhaps translated to another; repeatable.",
)
@click.option("--postmaster", metavar="ADDRESS", help="With --domain: who gets mail for nobody we know.")
@click.option("--retention", default="delete", show_default=True, help='"delete", "keep", or days: "7d".')
@click.option("--password-file", type=click.Path(path_type=Path), help="The source's password.")
@click.option("--target-password-file", type=click.Path(path_type=Path), help="The target's password.")
@click.option("--tls", type=TLS_MODES, help="TLS at the source; required if not said.")
@click.option("--target-tls", type=TLS_MODES, help="TLS at the target; wanted if not said.")
@click.option("--ca-file", type=click.Path(path_type=Path), help="Trust this authority's certificates, too.")
@click.option(
    "--helo-name", metavar="NAME", help="This machine's full name, where it does not know it itself."
)
@click.option("--state", type=click.Path(path_type=Path), help="Where to remember; chosen if not said.")
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
    path = _remembered(configuration, state)
    quiet_logs(None, verbose=verbose)
    pass_and_report(configuration, (), output, verbose=verbose, path=path)


def _remembered(configuration: Configuration, state: Path) -> Path:
    """The configuration as a file, without its secrets: for `parked`, `trace` and `status`."""
    path = state / "mailferry.toml"
    try:
        path.write_text(shown(configuration), encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"{path} cannot be written: {error.strerror}.") from error
    return path


def _account(source: ServerUrl, options: dict[str, Any]) -> dict[str, Any]:
    if source.username is None:
        raise click.UsageError(f"SOURCE has no user name; write {source.scheme}://USER@{source.host}.")
    who = f"{source.username} at {source.host}"
    return _without_none(
        {
            "tenant": TENANT,
            "name": ACCOUNT,
            "source": _url(source),
            "username": source.username,
            "password": password_for(who, options["password_file"], "MAILFERRY_PASSWORD", "--password-file"),
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
        who = f"{target.username} at {target.host}"
        file = options["target_password_file"]
        table["username"] = target.username
        table["password"] = password_for(who, file, "MAILFERRY_TARGET_PASSWORD", "--target-password-file")
    return _without_none(table)


def _state(chosen: Path | None, source: ServerUrl, target: ServerUrl) -> Path:
    """The private directory for this pair, which exists afterwards."""
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
