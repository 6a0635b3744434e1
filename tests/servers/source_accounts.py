"""An account at a mail server as the port `Mailbox` opens it and as another client sees it, for each protocol
and server.

Promises: what `served` returns comes from a client of Python's library, not from Mailferry's. Another client
acts at once, while sessions of Mailferry are open.
"""

from __future__ import annotations

import poplib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from contextlib import suppress

from typing_extensions import override

from services.fetcher.mailboxes.imap_opening import open_imap
from services.fetcher.mailboxes.mailbox import Mailbox
from services.fetcher.mailboxes.pop3_opening import open_pop3
from shared.imap.limits import Options as ImapOptions
from shared.model.endpoint import Endpoint, Tls
from tests.fakes.imap_server import ImapServer
from tests.fakes.pop3_server import Pop3Server
from tests.servers.cyrus import Cyrus
from tests.servers.dovecot import INBOX, Dovecot, Login
from tests.servers.imap_client import Refused, imap_client
from tests.servers.imap_source import PASSWORD, ImapSource
from tests.servers.piped_imap import GnuImap, PipedImap
from tests.servers.ports import LOOPBACK
from tests.servers.process import eventually


class SourceAccount(ABC):
    """One account with mails. `is_snapshot`: a session sees the mailbox as it was at its login."""

    is_snapshot = False

    def __init__(self, login: Login) -> None:
        self.login = login
        self._opened: list[Mailbox] = []

    async def open(self, *, password: str | None = None, reads_only: bool = False) -> Mailbox:
        """Open the mailbox, with another password if there is one; `reads_only`: copies stay."""
        mailbox = await self._open(password or self.login.password, reads_only=reads_only)
        self._opened.append(mailbox)
        return mailbox

    async def close(self) -> None:
        """Close what a test that failed left open."""
        for mailbox in self._opened:
            await mailbox.abort()

    @abstractmethod
    async def _open(self, password: str, *, reads_only: bool) -> Mailbox: ...

    @abstractmethod
    def put(self, mails: Iterable[bytes]) -> int:
        """Put mails into the INBOX, and return how many the server took."""

    @abstractmethod
    def served(self) -> list[bytes]:
        """Return what is in the INBOX as the server hands it out, oldest first."""

    @abstractmethod
    def flags(self) -> list[set[str]]:
        """Return the flags of all mails, oldest first."""

    @abstractmethod
    def expunge(self, places: Sequence[int]) -> None:
        """Remove mails as another client, counted from 0 as they are now."""

    @abstractmethod
    def append(self, mail: bytes) -> None:
        """Add a mail as another client."""


class ImapAccount(SourceAccount):
    """An account with IMAP access for the other client, whatever Mailferry uses.

    `says_nothing_found`: the server answers a SEARCH that finds nothing, as it should. GNU does not always,
    and so does not prove that mails are gone.
    """

    says_nothing_found = True

    def __init__(self, login: Login, port: int, archive: str) -> None:
        super().__init__(login)
        self.port = port
        self.archive = archive

    @override
    async def _open(self, password: str, *, reads_only: bool) -> Mailbox:
        return await open_imap(
            Endpoint(LOOPBACK, self.port, Tls.OFF),
            self.login.name,
            password,
            options=ImapOptions(reads_only=reads_only),
        )

    @override
    def put(self, mails: Iterable[bytes]) -> int:
        taken = 0
        with imap_client(self.port, self.login) as client:
            for mail in mails:
                with suppress(Refused):
                    client.append(mail)
                    taken += 1
        return taken

    @override
    def served(self) -> list[bytes]:
        return self.served_in(INBOX)

    def served_in(self, folder: str) -> list[bytes]:
        """Return what is in a folder."""
        with imap_client(self.port, self.login, folder) as client:
            return list(client.bodies().values())

    @override
    def flags(self) -> list[set[str]]:
        with imap_client(self.port, self.login) as client:
            return list(client.flags().values())

    @override
    def expunge(self, places: Sequence[int]) -> None:
        with imap_client(self.port, self.login) as client:
            client.expunge(client.uids_at(places))

    @override
    def append(self, mail: bytes) -> None:
        with imap_client(self.port, self.login) as client:
            client.append(mail)

    def mark(self, places: Sequence[int], flag: str) -> None:
        """Set a flag as another client."""
        with imap_client(self.port, self.login) as client:
            client.mark(client.uids_at(places), flag)

    def move(self, places: Sequence[int]) -> None:
        """Move mails into the archive as another client."""
        with imap_client(self.port, self.login) as client:
            client.move(client.uids_at(places), self.archive)


class DovecotImapAccount(ImapAccount):
    def __init__(self, server: Dovecot) -> None:
        super().__init__(server.new_user(), server.imap_port, server.archive)
        self.server = server
        server.add_folder(self.login.name, server.archive)

    @override
    def put(self, mails: Iterable[bytes]) -> int:
        given = list(mails)
        self.server.fill(self.login.name, given)
        return len(given)


class DovecotPop3Account(DovecotImapAccount):
    is_snapshot = True

    @override
    async def _open(self, password: str, *, reads_only: bool) -> Mailbox:
        endpoint = Endpoint(LOOPBACK, self.server.pop3_port, Tls.OFF)
        return await open_pop3(endpoint, self.login.name, password)

    @override
    def served(self) -> list[bytes]:
        return pop3_mails(self.server.pop3_port, self.login)


class CyrusAccount(ImapAccount):
    def __init__(self, server: Cyrus) -> None:
        super().__init__(server.new_user(), server.imap_port, server.archive)


class PipedAccount(ImapAccount):
    """Courier and GNU.

    GNU gives UIDs that last when somebody selects a folder, and not before, so another client does.
    """

    def __init__(self, server: ImapSource) -> None:
        super().__init__(server.new_user(), server.imap_port, server.archive)
        assert isinstance(server, PipedImap)
        self.server = server
        self.says_nothing_found = not isinstance(server, GnuImap)

    @override
    def put(self, mails: Iterable[bytes]) -> int:
        given = list(mails)
        self.server.fill(self.login.name, given)
        self.flags()
        return len(given)


class ScriptedImapAccount(ImapAccount):
    def __init__(self, server: ImapServer, user: str) -> None:
        super().__init__(Login(user, PASSWORD), server.port, "Archive")
        self.server = server

    @override
    def put(self, mails: Iterable[bytes]) -> int:
        return len([self.server.folder(self.login.name).append(mail) for mail in mails])


class ScriptedPop3Account(SourceAccount):
    """The scripted server knows no flags."""

    is_snapshot = True

    def __init__(self, server: Pop3Server, user: str) -> None:
        super().__init__(Login(user, PASSWORD))
        self.server = server
        self._drop = server.maildrops[user]
        self._mails = self._drop.mails
        self._given = 0

    @override
    async def _open(self, password: str, *, reads_only: bool) -> Mailbox:
        endpoint = Endpoint(LOOPBACK, self.server.port, Tls.OFF)
        return await open_pop3(endpoint, self.login.name, password)

    @override
    def put(self, mails: Iterable[bytes]) -> int:
        before = self._given
        for mail in mails:
            self.append(mail)
        return self._given - before

    @override
    def served(self) -> list[bytes]:
        assert eventually(lambda: not self._drop.locked), "a session is open"
        return pop3_mails(self.server.port, self.login)

    @override
    def flags(self) -> list[set[str]]:
        return [set() for _ in self._mails]

    @override
    def expunge(self, places: Sequence[int]) -> None:
        self._mails[:] = [mail for place, mail in enumerate(self._mails) if place not in places]

    @override
    def append(self, mail: bytes) -> None:
        self._given += 1
        self._mails.append((f"uid-{self._given}", mail))


def pop3_mails(port: int, login: Login) -> list[bytes]:
    """Return all mails as they come by POP3. poplib's own method cannot tell LF from CRLF."""
    client = poplib.POP3(LOOPBACK, port, timeout=20)
    try:
        client.user(login.name)
        client.pass_(login.password)
        count, _ = client.stat()
        return [_retrieved(client, number) for number in range(1, count + 1)]
    finally:
        client.quit()


def _retrieved(client: poplib.POP3, number: int) -> bytes:
    client._shortcmd(f"RETR {number}")  # type: ignore[attr-defined] # not in the stubs
    lines = [client.file.readline()]
    while lines[-1] != b".\r\n" or not lines[-2:][0].endswith(b"\r\n"):
        lines.append(client.file.readline())
    return b"".join([b"\r\n", *lines[:-1]]).replace(b"\r\n.", b"\r\n")[2:]
