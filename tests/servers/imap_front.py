"""A front for IMAP servers that speak on a pipe and take their user from the environment.

Promises: it greets, and knows CAPABILITY, LOGIN, AUTHENTICATE PLAIN and LOGOUT, with real passwords. After
the login every octet goes between the client and a server process of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from asyncio.streams import FlowControlMixin
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, NamedTuple

from typing_extensions import override

from tests.fakes.imap_folders import ImapUser
from tests.fakes.imap_server import FakeImapSession, ImapServer

PIECE = 65_536


class Child(NamedTuple):
    """How the server of one user is started."""

    command: list[str]
    env: Mapping[str, str]
    cwd: Path


class ImapFront(ImapServer):
    """Serves the users that `add_user` told of; `child_of` says how the server of one is started."""

    capabilities_at_login = False

    def __init__(self, child_of: Callable[[str], Child], log: Path) -> None:
        super().__init__({}, capabilities=["IMAP4rev1", "AUTH=PLAIN", "SASL-IR"])
        self._child_of = child_of
        self._log = log

    def add_user(self, name: str, password: str) -> None:
        """Let a user in from now on."""
        self.users[name] = ImapUser(password, {})

    @override
    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        session = FrontSession(self, reader, writer)
        await session.run()
        if session.user is not None:
            await self._connect(session.username, reader, writer)

    async def _connect(self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with self._log.open("ab") as log, self._started(self._child_of(name), log) as process:
            output, to_process = await _pipes(process)
            await _skip_greeting(output)
            copying = {
                asyncio.create_task(_copy(reader, to_process)),
                asyncio.create_task(_copy(output, writer)),
            }
            try:
                # A client that hangs up ends the session: at the end of its input, GNU imap4d would use a
                # core for ever.
                await asyncio.wait(copying, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for each in copying:
                    each.cancel()
                to_process.close()
                writer.close()

    @staticmethod
    @contextlib.contextmanager
    def _started(child: Child, log: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
        process = subprocess.Popen(
            child.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=dict(child.env),
            cwd=child.cwd,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


class FrontSession(FakeImapSession):
    """Answers until somebody is logged in."""

    @override
    async def answer(self) -> bytes:
        answer = await super().answer()
        if self.user is not None:
            self.hang_up()
        return answer


async def _pipes(process: subprocess.Popen[bytes]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Return what the process writes and where it reads."""
    loop = asyncio.get_running_loop()
    output = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(output), process.stdout)
    transport, protocol = await loop.connect_write_pipe(FlowControlMixin, process.stdin)
    return output, asyncio.StreamWriter(transport, protocol, None, loop)


async def _skip_greeting(output: asyncio.StreamReader) -> None:
    """Read up to the greeting, which the client has had from us."""
    while line := await output.readline():
        if line.startswith(b"* PREAUTH"):
            return


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await source.read(PIECE):
            target.write(data)
            await target.drain()
    target.close()
