"""A POP3 server for tests: the honest one of the demo, with a record of what it was told and misbehaviour on
demand.

`behaviours` maps a verb ("RETR"), or a whole command line ("RETR 2"), or "GREETING" to what happens instead
of the honest answer: bytes to send as they are; `HANG_UP`; `SILENCE`; or a callable (session, line) -> any of
these or None for the honest answer after all. It may be changed at any time.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import TypeAlias

from services.standalone.demo.pop3_session import Pop3Session, stuffed
from services.standalone.demo.pop3_source import Pop3Source

__all__ = ["HANG_UP", "SILENCE", "Behaviour", "FakeSession", "Pop3Server", "headers_by_top", "stuffed"]


class Special(Enum):
    HANG_UP = auto()
    SILENCE = auto()


HANG_UP = Special.HANG_UP
SILENCE = Special.SILENCE

Outcome: TypeAlias = bytes | Special | None
Behaviour: TypeAlias = Outcome | Callable[["FakeSession", str], Outcome]


class FakeSession(Pop3Session):
    def __init__(
        self, server: Pop3Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        super().__init__(server.maildrops, reader, writer, server.tls)
        self._server = server

    @property
    def capabilities(self) -> list[str]:
        if self._server.capabilities is not None:
            return self._server.capabilities
        return super().capabilities

    async def greet(self) -> bytes:
        outcome = self._outcome("GREETING")
        return await super().greet() if outcome is None else self._misbehave(outcome)

    async def answer(self, line: str) -> bytes:
        self._server.commands.append(line)
        outcome = self._outcome(line)
        if outcome is not None:
            return self._misbehave(outcome)
        altered = self._server.altered
        alter = altered.get(line) or altered.get(line.partition(" ")[0].upper())
        answer = await super().answer(line)
        return alter(answer) if alter else answer

    @property
    def mails(self) -> list[tuple[int, str, bytes]]:
        """What the session has not deleted: number, uid and raw mail."""
        return self._left

    def mail(self, line: str) -> bytes:
        """The mail that a command line names."""
        number = int(line.split()[1])
        return next(raw for each, _, raw in self.mails if each == number)

    def spare_every_other(self) -> None:
        """Forget half of what was to be deleted."""
        self._deleted = set(sorted(self._deleted)[::2])

    def _outcome(self, line: str) -> Outcome:
        behaviours = self._server.behaviours
        behaviour = behaviours.get(line, behaviours.get(line.partition(" ")[0].upper()))
        return behaviour(self, line) if callable(behaviour) else behaviour

    def _misbehave(self, outcome: bytes | Special) -> bytes:
        if outcome is HANG_UP:
            self.hang_up()
        return outcome if isinstance(outcome, bytes) else b""


def headers_by_top(session: FakeSession, line: str) -> bytes:
    """Answer TOP with the header, for `behaviours`; the honest server has no TOP."""
    header, blank, _ = session.mail(line).partition(b"\r\n\r\n")
    return b"+OK\r\n" + stuffed(header + blank)


class Pop3Server(Pop3Source):
    """`commands` is every line that was received, in order, over all connections; `connections` counts them.

    `capabilities` replaces what CAPA says. `altered` maps a verb or a command line to what becomes of the
    honest answer, which has had its effect.
    """

    def __init__(
        self,
        mailboxes: Mapping[str, list[tuple[str, bytes]]],
        *,
        password: str = "secret",
        tls: ssl.SSLContext | None = None,
        implicit_tls: bool = False,
        behaviours: dict[str, Behaviour] | None = None,
        capabilities: list[str] | None = None,
    ) -> None:
        super().__init__(mailboxes, password=password, tls=tls, implicit_tls=implicit_tls)
        self.behaviours = behaviours or {}
        self.capabilities = capabilities
        self.altered: dict[str, Callable[[bytes], bytes]] = {}
        self.commands: list[str] = []
        self.connections = 0

    def session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Pop3Session:
        self.connections += 1
        return FakeSession(self, reader, writer)

    def deleted(self, user: str) -> list[str]:
        """The uids that sessions of `user` removed so far, by QUIT."""
        return self.maildrops[user].deletions

    def verbs(self) -> list[str]:
        return [line.partition(" ")[0].upper() for line in self.commands]
