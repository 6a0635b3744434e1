"""A scripted IMAP server for tests: honest, with a record of what it was told and misbehaviour on demand.

`behaviours` maps a verb ("SELECT", "UID FETCH"), or a whole command line without its tag
("UID FETCH 2 (UID BODY.PEEK[])"), or "GREETING" to what happens instead of the honest answer: bytes to send,
in which `$TAG` stands for the command's tag; `HANG_UP`; `SILENCE`; or a callable (session) -> any of these or
None for the honest answer after all. The callable may ask for the honest answer by `session.honest()`, which
has its effect. It may be changed at any time.

`oddities` are those about the mails of a folder. The mails themselves are changed through `folder`.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from typing_extensions import override

from services.standalone.demo.local_server import LocalServer
from tests.fakes.imap_folders import ImapFolder, ImapUser
from tests.fakes.imap_selected import Oddities
from tests.fakes.imap_session import ImapSession
from tests.fakes.pop3_server import HANG_UP, SILENCE, Special

__all__ = ["BASIC", "HANG_UP", "SILENCE", "Behaviour", "FakeImapSession", "ImapServer", "Outcome"]

BASIC = ["IMAP4rev1", "AUTH=PLAIN"]
"""What a server of 1996 announces."""
CAPABILITIES = [
    *BASIC,
    *("SASL-IR", "LITERAL+", "ID", "ENABLE", "IDLE", "UIDPLUS", "MOVE", "UNSELECT", "ESEARCH"),
    *("LIST-EXTENDED", "LIST-STATUS", "SPECIAL-USE"),
]

Outcome: TypeAlias = bytes | Special | None
Behaviour: TypeAlias = Outcome | Callable[["FakeImapSession"], Outcome]


class FakeImapSession(ImapSession):
    @override
    def greeting(self) -> bytes:
        outcome = self._outcome("GREETING")
        return super().greeting() if outcome is None else self._misbehave(outcome)

    @override
    async def answer(self) -> bytes:
        outcome = self._outcome(self.command.line)
        return await super().answer() if outcome is None else self._misbehave(outcome)

    def _outcome(self, line: str) -> Outcome:
        behaviours = self.server.behaviours
        behaviour = behaviours.get(line, behaviours.get(self.command.verb)) if line else None
        return behaviour(self) if callable(behaviour) else behaviour

    def _misbehave(self, outcome: bytes | Special) -> bytes:
        if outcome is HANG_UP:
            self.hang_up()
        return outcome.replace(b"$TAG", self.command.tag.encode()) if isinstance(outcome, bytes) else b""


class ImapServer(LocalServer):
    """Serves `mailboxes`: user name to the mails of INBOX, or to folder names with their mails.

    All users have the same `password`. With `tls`, STARTTLS is offered, or TLS from the first byte if
    `implicit_tls`. `commands` is every command that was received, without its tag and in order over all
    connections; `connections` counts them. `piece` octets are sent at a time, with a `pause` in seconds
    behind each; 0 for all at once. `capabilities_at_login`: the answer to a login tells them.
    """

    delimiter = b"/"
    capabilities_at_login = True

    def __init__(
        self,
        mailboxes: Mapping[str, Iterable[bytes] | Mapping[str, Iterable[bytes]]],
        *,
        password: str = "secret",
        tls: ssl.SSLContext | None = None,
        implicit_tls: bool = False,
        behaviours: dict[str, Behaviour] | None = None,
        capabilities: Iterable[str] = CAPABILITIES,
    ) -> None:
        super().__init__(implicit_tls=tls if implicit_tls else None)
        self.users = {
            user: ImapUser(password, mails if isinstance(mails, Mapping) else {"INBOX": mails})
            for user, mails in mailboxes.items()
        }
        self.tls = tls
        self.behaviours = behaviours or {}
        self.capabilities = list(capabilities)
        self.oddities = Oddities()
        self.commands: list[str] = []
        self.connections = 0
        self.piece = 0
        self.pause = 0.0

    @override
    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        await FakeImapSession(self, reader, writer).run()

    def folder(self, user: str, name: str = "INBOX") -> ImapFolder:
        """Return a user's folder, which may be changed at any time."""
        return self.users[user].folders[name]

    def verbs(self) -> list[str]:
        """Return the verbs of `commands`, those by UID with their "UID "."""
        return [
            " ".join(line.upper().split()[: 2 if line.upper().startswith("UID ") else 1])
            for line in self.commands
        ]
