"""The `mailferry` command as a process of its own, and a configuration between the fakes for it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from tests.fakes.database import write_empty_database
from tests.servers.warm_start import COMMAND, MAIN, POLL_SECONDS, Child, start_mailferry

REPOSITORY = Path(__file__).parents[2]
PASSWORD = "secret"


@dataclass(frozen=True, slots=True)
class Ended:
    """The exit code and output of a command."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class RunningCommand:
    """A command that runs, and where its output goes."""

    child: Child
    out: IO[bytes]
    err: IO[bytes]

    def ended(self, timeout: float) -> Ended:
        """Wait for its end. Raises `subprocess.TimeoutExpired` after `timeout` seconds."""
        code = self.child.wait(timeout)
        self.out.seek(0)
        self.err.seek(0)
        return Ended(code, self.out.read().decode(), self.err.read().decode())


@contextmanager
def running(
    command: Sequence[str], cwd: Path, env: Mapping[str, str], module: str = MAIN
) -> Iterator[RunningCommand]:
    """Run a command; it is killed at the end of the block if it runs still."""
    with TemporaryFile() as out, TemporaryFile() as err:
        child = start_mailferry(command, cwd=cwd, env=env, out=out, err=err, module=module)
        try:
            yield RunningCommand(child, out, err)
        finally:
            child.send_signal(signal.SIGKILL)
            child.wait()


async def mailferry(
    *arguments: str | Path, environ: Mapping[str, str] | None = None, module: str = MAIN
) -> Ended:
    """Run the command to its end, without the environment of the test."""
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **(environ or {})}
    with running([str(COMMAND), *map(str, arguments)], REPOSITORY, env, module) as command:
        while command.child.poll() is None:  # noqa: ASYNC110 - the end of a process is no event of the loop
            await asyncio.sleep(POLL_SECONDS)
        return command.ended(0.0)


SETTLE_WAIT = 5
"""Seconds without any delivery after which a pass leaves the rest. A loaded machine stands still for two."""


def configured(
    directory: Path, *, source: int, target: int, account: str = "", relay: str = "", database: bool = True
) -> Path:
    """Write a configuration with one account acme/inbox, and return its path. Write its database as well,
    unless `database` is false.
    """
    if database:
        write_empty_database(directory / "mailferry.db")
    path = directory / "mailferry.toml"
    path.touch(mode=0o600)
    path.write_text(
        f"""
        store.url = "sqlite:mailferry.db"
        blobs.url = "file:blobs"
        metrics.listen = ""
        control.listen = ""
        fetcher.settle_wait = "{SETTLE_WAIT}s"

        [relay]
        helo_name = "ferry.corp.example"
        {relay}

        [[targets]]
        name = "exchange"
        url = "smtp://127.0.0.1:{target}"
        tls = "off"

        [[accounts]]
        tenant = "acme"
        name = "inbox"
        source = "pop3://u@127.0.0.1:{source}"
        password = "{PASSWORD}"
        tls = "off"
        retries = 1
        target = "exchange"
        {account or CATCH_ALL}
        """,
        encoding="utf-8",
    )
    return path


CATCH_ALL = 'mailbox = "catch-all"\n        domains = { "corp.example" = "keep" }'
SINGLE = 'mailbox = "single"\n        recipient = "bob@corp.example"'


def letter(number: int, recipient: str) -> bytes:
    """A mail with the recipient in X-Original-To."""
    lines = (
        "Return-Path: <sender@elsewhere.example>",
        f"X-Original-To: {recipient}",
        f"Message-ID: <{number}@elsewhere.example>",
        "From: sender@elsewhere.example",
        f"To: {recipient}",
        "Date: Mon, 02 Mar 2026 09:30:00 +0100",
        f"Subject: Mail {number}",
        "",
        f"Text {number}",
        "",
    )
    return "\r\n".join(lines).encode()
