"""Every command that prints data prints JSON, too, in which moments are ISO 8601."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from services.cli.__main__ import main as mailferry
from shared.adapters.sql import open_store
from tests.fakes.configuration import ACCOUNT as ACCOUNT_IN_FILE
from tests.fakes.configuration import TARGET
from tests.fakes.mail_lives import ACCOUNT, BOB, Lives

Call = Callable[..., Result]
FOR_PEOPLE = re.compile(r"\d{4}-\d\d-\d\d( \d\d:\d\d.*)?")

TRIED = {
    "account disable": ["acme/added"],
    "account enable": ["acme/added"],
    "account list": [],
    "account set": ["acme/added", "poll=7m"],
    "account show": ["acme/catchall"],
    "apply": [],
    "blobs sweep": [],
    "config check": [],
    "db upgrade": [],
    "epoch confirm": ["--yes"],
    "epoch show": [],
    "erase": ["bob@corp.example", "--tenant", "acme", "--yes"],
    "explain": ["{mail}", "--account", "acme/catchall"],
    "journal rebuild": ["--yes"],
    "journal verify": [],
    "lost": [],
    "oauth app list": [],
    "oauth status": [],
    "parked discard": ["--code", "999", "--yes"],
    "parked list": [],
    "parked retry": ["{parked}", "--to", "eve@corp.example"],
    "parked show": ["{shown}"],
    "pause": ["acme/catchall"],
    "providers": [],
    "resume": ["acme/catchall"],
    "secrets rotate": [],
    "secrets status": [],
    "srs forward": ["ann@a.example", "--account", "acme/srs"],
    "status": [],
    "target add": ["another", "url=smtp://mx.other.example"],
    "target disable": ["added"],
    "target enable": ["added"],
    "target list": [],
    "target set": ["added", "tls=off"],
    "target show": ["exchange"],
    "tenant add": ["zeta"],
    "tenant disable": ["added"],
    "tenant enable": ["added"],
    "tenant list": [],
    "tenant set": ["added", "max_accounts=7"],
    "tenant show": ["added"],
    "token create": ["monitor", "--role", "operator", "--days", "7"],
    "token list": [],
    "trace": [BOB],
    "user add": ["ann", "--role", "operator"],
    "user link": ["eve"],
    "user list": [],
}
"""Each command that needs no server, and its arguments."""
WITH_SERVERS = {
    "account import", "autoconfig", "db copy", "ferry", "healthcheck", "oauth app verify", "once",
    "srs reverse", "test-login", "topology apply", "topology check",
}  # fmt: skip
"""Commands that need a server, a second database or what another one printed."""
WITHOUT_DATA = {
    "a process, which logs": {"run", "fetcher", "router", "relay", "control", "demo"},
    "writes a form of its own": {"account export", "config reference", "config show", "parked export"},
    "asks, or says only that it did it": {
        "account add", "account remove", "oauth app add", "oauth app remove", "oauth connect",
        "oauth revoke", "secrets init", "target remove", "tenant remove", "token revoke", "user password",
        "user remove", "user reset-codes", "user sign-out",
    },
}  # fmt: skip
SRS = ACCOUNT_IN_FILE.replace('"catchall"', '"srs"').replace("user@", "srs@") + (
    'sender = "srs"\nsrs_domain = "s.acme.com"\nsrs_key = "' + "k" * 40 + '"\n'
)


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """All commands by their names."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        elif command is not None:
            yield " ".join((*path, name)), command


@pytest.fixture(scope="module")
def call(tmp_path_factory: pytest.TempPathFactory) -> Call:
    """Run a command on a database with accounts, objects, people and two parked mails."""
    directory = tmp_path_factory.mktemp("json")
    config = directory / "mailferry.toml"
    config.touch(mode=0o600)
    config.write_text(
        f'store.url = "sqlite://{directory}/mailferry.db"\nblobs.url = "{(directory / "blobs").as_uri()}"\n'
        f'relay.helo_name = "mx.example"\n{TARGET}{ACCOUNT_IN_FILE}{SRS}'
    )
    (directory / "mail").write_bytes(b"X-Original-To: bob@acme.com\r\n\r\nText\r\n")
    places = {"mail": str(directory / "mail")}

    def run(*arguments: str) -> Result:
        words = [each.format(**places) for each in arguments]
        runner = CliRunner(env={"MAILFERRY_CONFIG": str(config)})
        return runner.invoke(mailferry, words, catch_exceptions=False)

    async def park() -> None:
        store = open_store(f"sqlite://{directory}/mailferry.db")
        lives = Lives(store)
        await lives.lease()
        for name in ("parked", "shown"):
            places[name] = await lives.routed(f"uid {name}")
            await lives.park(places[name])
        await store.close()

    for words in (
        ["apply"], ["target", "add", "added", "url=smtp://mx.example"], ["tenant", "add", "added"],
        ["user", "add", "eve", "--role", "operator"],
        ["account", "import", str(_table(directory)), "--from", "csv"],
    ):  # fmt: skip
        assert run(*words).exit_code == 0, words
    asyncio.run(park())
    return run


def _table(directory: Path) -> Path:
    path = directory / "accounts.csv"
    path.write_text(
        "tenant,name,source,username,password,recipient,target\n"
        "acme,added,pop3s://a.example,u,secret,bob@corp.example,exchange\n"
    )
    return path


def moments_of_another_form(value: Any, key: str = "") -> Iterator[str]:
    """The keys of seconds since the epoch, and of moments as people read them."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from moments_of_another_form(each, name)
    elif isinstance(value, list):
        for each in value:
            yield from moments_of_another_form(each, key)
    elif (isinstance(value, int | float) and 1e9 <= value < 1e11) or (
        isinstance(value, str) and FOR_PEOPLE.fullmatch(value)
    ):
        yield key


def test_every_command_prints_json_or_has_a_reason_not_to() -> None:
    known = dict(commands(mailferry))
    printing = {name for name, each in known.items() if any("--output" in one.opts for one in each.params)}
    assert printing == {*TRIED} | WITH_SERVERS
    assert known.keys() - printing == set().union(*WITHOUT_DATA.values())


@pytest.mark.parametrize("name", TRIED)
def test_standard_output_is_json_alone_with_moments_in_iso_8601(call: Call, name: str) -> None:
    ended = call(*name.split(), *TRIED[name], "-o", "json")
    assert ended.exit_code == 0, ended.output
    read = json.loads(ended.stdout)
    assert read is not None
    assert [*moments_of_another_form(read)] == []


def test_moments_are_iso_8601_in_utc(call: Call) -> None:
    (first, *_) = json.loads(call("parked", "list", "-o", "json").stdout)
    assert first["parked_at"].endswith("+00:00")
    (traced, *_) = json.loads(call("trace", BOB, "-o", "json").stdout)
    assert {entry["at"][-6:] for entry in traced["entries"]} == {"+00:00"}
    assert traced["account"] == ACCOUNT


def test_a_token_is_revoked_by_the_beginning_of_its_id(call: Call) -> None:
    made = [
        json.loads(call("token", "create", name, "--role", "operator", "-o", "json").stdout)["id"]
        for name in ("one", "two")
    ]
    length = next(place for place in range(30) if made[0][place] != made[1][place]) + 1
    ambiguous = call("token", "revoke", "")
    assert (ambiguous.exit_code, "there is no such token" in ambiguous.stderr) == (1, True)
    revoked = call("token", "revoke", made[1][: max(length, 20)])
    assert revoked.stdout == f"Token {made[1]} was revoked.\n"
