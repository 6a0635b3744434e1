"""What the pages tell a reader to type works, and shows what they say it shows.

Each page begins in the same small world: accounts of acme at a Dovecot, a target that refuses some
recipients, one pass made, mail parked. A page that names a test has its commands run there, and a block may
say why it is not run (`tests/servers/page.py`).
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.background import in_background
from tests.fakes.command import REPOSITORY, Ended, letter, running
from tests.fakes.database import write_empty_database
from tests.fakes.smtp_server import SmtpServer
from tests.servers.dovecot import Dovecot
from tests.servers.page import Block, blocks_of, run_by, steps_in
from tests.servers.ports import LOOPBACK
from tests.servers.warm_start import COMMAND

CONFIGURATION = """
store.url = "sqlite:{store}"
blobs.url = "file:blobs"
metrics.listen = ""
control.listen = ""
fetcher.settle_wait = "5s"

[secrets]
key_file = "secrets.key"

[relay]
helo_name = "ferry.acme.example"

[defaults]
tls = "off"
retries = 1
"""
SECONDS = 40
REFUSED = [f"eve{number}@acme.example" for number in range(9)]
FILES = {"csv": "mailboxes.csv", "eml": "mail.eml"}
"""How a file is called that a page shows in a block of this language."""


def commands_of(page: Path) -> list[Block]:
    """Return the blocks of a page that are run here or give a command a file."""
    return [
        block
        for block in blocks_of(page)
        if not block.reason and (block.kind in FILES or block.kind == "console")
    ]


PAGES = [  # German pages have the same commands, see tests/unit/docs/test_german.py
    page
    for page in [*sorted(REPOSITORY.glob("*.md")), *sorted((REPOSITORY / "docs").rglob("*.md"))]
    if not page.name.endswith(".de.md")
    and run_by(page) is None
    and any(block.kind == "console" for block in commands_of(page))
]


@dataclass(frozen=True, slots=True)
class World:
    """A directory to work in, and what the names on the pages stand for there."""

    directory: Path
    names: dict[str, str]
    parked: list[str]

    def typed(self, command: str) -> Ended:
        """Type a command of a page. Each ID is that of another parked mail."""
        for name, meant in self.names.items():
            command = command.replace(name, meant)
        command = re.sub(r"\bID\b", lambda _: self.parked.pop(0), command)
        program, *arguments = shlex.split(command, comments=True)
        assert program in {"mailferry", ".venv/bin/mailferry"}, program
        home = str(self.directory)
        env = {"PATH": os.environ["PATH"], "HOME": home, "MAILFERRY_CONFIG": f"{home}/mailferry.toml"}
        arguments = [each.replace("~", home, 1) if each.startswith("~") else each for each in arguments]
        with running([str(COMMAND), *arguments], self.directory, env) as started:
            return started.ended(SECONDS)

    def copy(self, to: Path) -> World:
        """Return a world of its own for a page."""
        shutil.copytree(self.directory, to, dirs_exist_ok=True)
        return World(to, self.names, [*self.parked])


@contextmanager
def targets() -> Iterator[int]:
    with in_background(SmtpServer(recipients=dict.fromkeys(REFUSED, "554 5.7.1 Not here"))) as target:
        yield target.port


def write_secretly(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)


@pytest.fixture(scope="module")
def world(dovecot: Dovecot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("world")
    bob, everybody, box = (dovecot.new_user() for _ in range(3))
    to = [*REFUSED, "anna@acme.example"]
    dovecot.fill(everybody.name, [letter(number, address) for number, address in enumerate(to)])
    dovecot.fill(bob.name, [letter(20, "bob@acme.example")])
    pop3, imap = f"pop3://{LOOPBACK}:{dovecot.pop3_port}", f"imap://{LOOPBACK}:{dovecot.imap_port}"
    accounts = [
        "tenant;name;source;username;password;target;recipient;domains;own_addresses;retention",
        f"acme;bob;{pop3};{bob.name};{bob.password};exchange;bob@acme.example;;;keep",
        f"acme;box;{imap};{box.name};{box.password};exchange;box@acme.example;;;",
        f"acme;catchall;{pop3};{everybody.name};{everybody.password};exchange;;acme.example=keep;all@acme.example;",
    ]
    with targets() as port:
        target = f"smtp://{LOOPBACK}:{port}"
        names = {
            "imaps://imap.new.example": imap,
            "smtp://mail.corp.example": target,
            "/run/new-password": "new-password",
            "MESSAGE-ID": "'<9@elsewhere.example>'",
        }
        made = World(directory, names, [])
        for name, store in {"mailferry": "mailferry.db", "old": "mailferry.db", "new": "new.db"}.items():
            write_secretly(directory / f"{name}.toml", CONFIGURATION.format(store=store))
        write_empty_database(directory / "mailferry.db")
        write_secretly(directory / "new-password", bob.password)
        write_secretly(directory / "accounts.csv", "\n".join(accounts))
        write_secretly(directory / "mail.eml", letter(21, "anna@acme.example").decode())
        write_secretly(directory / ".fetchids", "")
        write_secretly(
            directory / ".fetchmailrc",
            'poll pop.isp.example proto pop3 user joe password "x" is joe here ssl',
        )
        for command in (
            "secrets init",
            f"target add exchange url={target} tls=off",
            f"target add attic url={target} tls=off",
            "account import accounts.csv --from csv",
            "once",
        ):
            done = made.typed(f"mailferry {command}")
            assert done.code == 0, (command, done.out, done.err)
        listed = json.loads(made.typed("mailferry parked list -o json").out)
        yield World(directory, names, [row["message"] for row in listed])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_what_a_page_tells_to_type_works(page: Path, world: World, tmp_path: Path) -> None:
    here = world.copy(tmp_path)
    for block in commands_of(page):
        if block.kind in FILES:
            write_secretly(tmp_path / FILES[block.kind], block.text)
            continue
        for command, shown in steps_in(block):
            done = here.typed(command)
            assert done.code == 0, (command, done.out, done.err)
            missing = [line for line in shown.splitlines() if line not in done.out]
            assert missing == [], (command, done.out)
