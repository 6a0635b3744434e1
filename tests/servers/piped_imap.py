"""Courier's and GNU's IMAP servers, each behind a front that asks for the password.

Promises: all of IMAP after the login is the real server's, with one process for each session; mailboxes are
maildirs, which are filled as files, octet for octet.
"""

from __future__ import annotations

import socket
from abc import abstractmethod
from contextlib import ExitStack
from pathlib import Path

from typing_extensions import override

from tests.fakes.background import in_background
from tests.servers.directory import current_user
from tests.servers.dovecot import Login
from tests.servers.imap_front import Child, ImapFront
from tests.servers.imap_source import ImapSource
from tests.servers.process import ServerError
from tests.servers.unpacked import environment, find_unpacked


class PipedImap(ImapSource):
    """An IMAP server that is started anew for each session; `program` is its path below the cache."""

    program: str

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        root = find_unpacked(self.program)
        if root is None:
            raise ServerError(f"{self.program} is not unpacked")
        self._root = root
        self._front = ImapFront(self.child_of, directory / "output")
        self._running = ExitStack()

    @property
    @override
    def imap_port(self) -> int:
        return self._front.port

    @override
    def start(self) -> None:
        self._running.enter_context(in_background(self._front))

    @override
    def stop(self) -> None:
        self._running.close()

    @override
    def add_user(self, login: Login) -> None:
        self.make_folders(login.name)
        self._front.add_user(login.name, login.password)

    def fill(self, user: str, mails: list[bytes]) -> None:
        """Puts mails into INBOX; without CRLF in the file, as these servers make it from LF."""
        for number, mail in enumerate(mails):
            name = f"{1_700_000_000 + number}.M{number}P1.test"
            (self.inbox(user) / "new" / name).write_bytes(mail.replace(b"\r\n", b"\n"))

    @abstractmethod
    def inbox(self, user: str) -> Path:
        """The user's maildir."""

    @abstractmethod
    def make_folders(self, user: str) -> None:
        """Makes the maildirs of a new user."""

    @abstractmethod
    def child_of(self, user: str) -> Child:
        """How the server is started for a session of this user."""


class Courier(PipedImap):
    """Courier 5."""

    program = "usr/bin/imapd"
    archive = "INBOX.Archive"

    @override
    def start(self) -> None:
        super().start()
        # At its start it wants to be connected to a monitor of files, and tries for a second.
        monitor = self._running.enter_context(socket.socket(socket.AF_UNIX))
        monitor.bind(_monitor_address(self.directory.name))
        monitor.listen(1000)

    @override
    def inbox(self, user: str) -> Path:
        return self.directory / user / "Maildir"

    @override
    def make_folders(self, user: str) -> None:
        make_maildir(self.inbox(user))
        archive = self.inbox(user) / ".Archive"
        make_maildir(archive)
        (archive / "maildirfolder").touch()

    @override
    def child_of(self, user: str) -> Child:
        env = {
            **environment(self._root),
            "AUTHENTICATED": user,
            "GAM_CLIENT_ID": self.directory.name,
            "IMAP_CAPABILITY": "IMAP4rev1 UIDPLUS CHILDREN NAMESPACE",
            # Its locks need the monitor of files. Without them two sessions at a time are still safe enough.
            "IMAP_USELOCKS": "0",
        }
        return Child([str(self._root / self.program), "Maildir"], env, self.inbox(user).parent)


class GnuImap(PipedImap):
    """GNU imap4d, which has no UIDPLUS."""

    program = "usr/sbin/imap4d"

    @override
    def inbox(self, user: str) -> Path:
        return self.directory / user / "INBOX"

    @override
    def make_folders(self, user: str) -> None:
        make_maildir(self.inbox(user))
        folders = self.directory / user / "folders"
        make_maildir(folders / "Archive")
        (self.directory / user / "conf").write_text(
            f"""
preauth stdio;
logging {{ syslog no; severity warning; }};
locking {{ type null; }};
mailbox {{ mailbox-type maildir; mailbox-pattern "maildir:{self.inbox(user)}"; }};
namespace personal {{ prefix "" {{ directory "{folders}"; delimiter "/"; mailbox-type maildir; }}; }};
"""
        )

    @override
    def child_of(self, user: str) -> Child:
        home = self.directory / user
        env = {**environment(self._root), "HOME": str(home), "USER": user}
        options = ["--config-file=conf", "--inetd", "--test", "--preauth"]
        return Child([str(self._root / self.program), *options], env, home)


def make_maildir(path: Path) -> None:
    for part in ("cur", "new", "tmp"):
        (path / part).mkdir(parents=True, exist_ok=True)


def _monitor_address(name: str) -> str:
    """The abstract socket of gamin, padded to the whole length of an address."""
    return f"\0/tmp/fam-{current_user()}-{name}".ljust(108, "\0")
