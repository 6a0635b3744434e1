"""The source of a measurement: a Dovecot with many accounts that is filled again for every program."""

from __future__ import annotations

import imaplib
import poplib
import shutil
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from bench.mails import mail
from tests.servers.directory import give_to, server_directory
from tests.servers.dovecot import MAILBOX_OWNER, Dovecot

PASSWORD = "throw-away"
MEMORY = Path("/dev/shm")  # noqa: S108 - a directory of its own is made there
ENOUGH = 512 * 1024**2
"""Octets of memory that are enough for every source. A container often has less for files."""


def source_directory() -> AbstractContextManager[Path]:
    """A directory for the source, in memory if there is room.

    On a disk, each program would slow the next one: for a minute and more ext4 does not reuse the
    place of a deleted file, and scans all of them for each new file.
    """
    has_room = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ENOUGH
    return server_directory("dovecot", MEMORY if has_room else None)


@dataclass(frozen=True, slots=True)
class Source:
    """`accounts` mailboxes of `mails` each, numbered from `first`, every mail about `octets` long;
    `distant_port` leads to the server through a slow proxy. `protocol`: "pop3" or "imap",
    with TLS from the first octet if `tls`.
    """

    dovecot: Dovecot
    accounts: int
    mails: int
    octets: int
    distant_port: int | None = None
    first: int = 0
    protocol: str = "pop3"
    tls: bool = False

    @property
    def pop3_port(self) -> int:
        """The port for clients that speak POP3."""
        return self.distant_port or self.dovecot.pop3_port

    @property
    def port(self) -> int:
        """The port for clients that speak the protocol."""
        if self.protocol == "imap":
            return self.distant_port or (self.dovecot.imaps_port if self.tls else self.dovecot.imap_port)
        return self.dovecot.pop3s_port if self.tls else self.pop3_port

    @property
    def scheme(self) -> str:
        """The scheme of the source's URL."""
        return f"{self.protocol}s" if self.tls else self.protocol

    @property
    def names(self) -> list[str]:
        """The users."""
        return [f"user{number}" for number in range(1, self.accounts + 1)]

    @property
    def total(self) -> int:
        """All mails of all accounts."""
        return self.accounts * self.mails

    def create(self) -> None:
        """Add the users, and as many that never have mail."""
        for name in (*self.names, *self._idle_names):
            self.dovecot.add_user(name, PASSWORD)

    def fill(self) -> None:
        """Give every user new mails in a new mailbox, and warm Dovecot up."""
        for name in self.names:
            maildir = self.dovecot.maildir(name)
            shutil.rmtree(maildir)
            folders = [maildir, *(maildir / part for part in ("cur", "new", "tmp"))]
            for folder in folders:
                folder.mkdir(mode=0o755)
            give_to(MAILBOX_OWNER, *folders)
            numbers = range(self.first, self.first + self.mails)
            self.dovecot.fill(name, (mail(number, name, self.octets) for number in numbers))
        self._warm()

    def remaining(self) -> int:
        """How many mails are left."""
        return sum(self.dovecot.remaining_count(name) for name in self.names)

    @property
    def _idle_names(self) -> list[str]:
        return [f"idle{number}" for number in range(1, self.accounts + 1)]

    def _warm(self) -> None:
        """Have Dovecot start a process for every account. It keeps them for a minute, so that the first
        program would otherwise pay for those that follow.
        """
        if self.protocol == "imap":
            clients = [imaplib.IMAP4(self.dovecot.host, self.dovecot.imap_port) for _ in self._idle_names]
            for name, client in zip(self._idle_names, clients, strict=True):
                client.login(name, PASSWORD)
            for client in clients:
                client.logout()
            return
        sessions = []
        for name in self._idle_names:
            session = poplib.POP3(self.dovecot.host, self.dovecot.pop3_port)
            session.user(name)
            session.pass_(PASSWORD)
            sessions.append(session)
        for session in sessions:
            session.quit()
