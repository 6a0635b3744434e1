"""With --output json, standard output is JSON and nothing else, in success and in failure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from services.cli.__main__ import main
from tests.fakes.command import CATCH_ALL, configured, letter, mailferry
from tests.fakes.noisy_command import NOISE
from tests.fakes.pop3_server import Pop3Server
from tests.fakes.smtp_server import SmtpServer

COMMANDS: dict[str, list[str]] = {
    "once": [],
    "ferry": ["pop3://u@127.0.0.1:{source}", "smtp://127.0.0.1:{target}", "--to", "bob@corp.example",
              "--tls", "off", "--target-tls", "off"],
    "test-login": ["--verbose", "--rcpt", "bob@corp.example"],
    "explain": ["mail.eml", "--account", "acme/inbox", "--ask-target"],
    "explain --live": ["--live", "--account", "acme/inbox", "--ask-target"],
    "apply": [],
    "trace": ["bob@corp.example"],
    "status": [],
    "pause": ["--all"],
    "resume": ["--all"],
    "parked list": [],
    "providers": [],
    "lost": [],
    "epoch show": [],
    "secrets status": [],
    "account list": [],
    "account show": ["acme/inbox"],
    "target list": [],
    "target show": ["exchange"],
    "tenant list": [],
    "oauth status": [],
    "oauth app list": [],
    "user list": [],
    "token list": [],
    "autoconfig": ["bob@gmx.de"],
    "account import": ["accounts.csv", "--from", "csv", "--dry-run"],
}  # fmt: skip
NOISY = "tests.fakes.noisy_command"
WITHOUT_CONFIGURATION = {"ferry", "providers", "account import", "autoconfig"}
QUIET = {"providers", "account import"}
"""Commands that open nothing, so that nothing is logged."""
CHANGING = {
    "account set", "account enable", "account disable", "target add", "target set",
    "target enable", "target disable", "tenant add", "tenant set", "tenant show", "tenant enable",
    "tenant disable",
}  # fmt: skip
"""Commands that need an object which no file manages: see `tests/unit/cli/test_object_commands.py`."""
IN_PROCESS = {
    "blobs sweep", "config check", "db copy", "db upgrade", "epoch confirm", "erase", "healthcheck",
    "journal rebuild", "journal verify", "oauth app verify", "parked discard", "parked retry", "parked show",
    "secrets rotate", "srs forward", "srs reverse", "token create", "topology apply", "topology check",
    "user add", "user link",
}  # fmt: skip
"""Commands of `tests/unit/cli/test_output_json.py`, which has all, and tries each that needs no server."""
TABLE = "source,username,password,recipient,target\npop3s://a.example,u,secret,bob@corp.example,exchange\n"
ODD = '[[hosts]]\nname = "pop.nobody.example"\n'


def with_output(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[str]:
    """The names of all commands that take --output json."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from with_output(command, (*path, name))
        elif command and any("--output" in option.opts for option in command.params):
            yield " ".join((*path, name))


def test_every_command_that_writes_json_is_tried_here() -> None:
    assert {name.partition(" --")[0] for name in COMMANDS} == set(with_output(main)) - CHANGING - IN_PROCESS


@pytest.mark.parametrize("name", COMMANDS)
async def test_standard_output_is_json_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / "list").write_text("bob@corp.example\n")
    (tmp_path / "mail.eml").write_bytes(letter(1, "bob@corp.example"))
    (tmp_path / "accounts.csv").write_text(TABLE)
    mails = [("uid-1", letter(1, "bob@corp.example"))]
    async with Pop3Server({"u": mails}) as source, SmtpServer() as target:
        kind = CATCH_ALL + '\nverify_recipients = "file:list"\nunknown_recipients = "postmaster@corp.example"'
        path = configured(tmp_path, source=source.port, target=target.port, account=kind)
        path.write_text(path.read_text() + ODD)
        environ = {"MAILFERRY_CONFIG": str(path), "MAILFERRY_STOER": "x", "XDG_STATE_HOME": str(tmp_path)}
        environ["MAILFERRY_PASSWORD"] = "secret"
        if name not in {"once", *WITHOUT_CONFIGURATION}:
            assert (await mailferry("once", environ=environ)).code == 0
        arguments = [each.format(source=source.port, target=target.port) for each in COMMANDS[name]]
        arguments = [str(tmp_path / each) if each.endswith((".eml", ".csv")) else each for each in arguments]
        words = name.partition(" --")[0].split()
        ended = await mailferry(*words, *arguments, "-o", "json", environ=environ, module=NOISY)
    assert ended.code == 0, ended.err
    assert ended.out.startswith(("[", "{"))
    json.loads(ended.out)
    assert (NOISE in ended.err) is (name not in QUIET)
