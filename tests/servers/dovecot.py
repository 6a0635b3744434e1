"""A private Dovecot: the real POP3 and IMAP server that mail is fetched from, and an LMTP server.

Promises: every user is added when asked for and has an empty mailbox; mails are given and read back as files,
byte for byte, without going through the server.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

from tests.servers.certificate import make_certificate
from tests.servers.directory import current_user, give_to, is_root
from tests.servers.dovecot_config import DovecotPorts, dovecot_config
from tests.servers.ports import free_port, greets
from tests.servers.process import ServerProcess
from tests.servers.server import Server, installed

MAILBOX_OWNER: Final = "mail"
"""Debian's user to whom mailboxes belong when root starts Dovecot, which refuses mailboxes of root."""

INBOX: Final = "INBOX"


@dataclass(frozen=True, slots=True)
class Login:
    """What a client needs to log in."""

    name: str
    password: str


class Dovecot(Server):
    """A Dovecot for any number of users; `extra` is appended to its configuration.

    `archive` is a folder that `add_folder` may add.
    """

    archive: Final = "Archive"

    def __init__(self, directory: Path, *, extra: str = "") -> None:
        super().__init__(directory)
        self._owner = MAILBOX_OWNER if is_root() else current_user()
        self._users = directory / "users"
        self._mail = directory / "mail"
        self._names = count(1)
        self._user_numbers = count(1)
        self.ports = DovecotPorts(*[free_port() for _ in range(5)])
        for made in (self._users, self._mail, directory / "run", directory / "state"):
            made.mkdir(mode=0o755, exist_ok=True)
        give_to(self._owner, self._mail)
        self.certificate = make_certificate(directory)
        self._config = directory / "dovecot.conf"
        self._config.write_text(dovecot_config(directory, self.ports, self.certificate, self._owner) + extra)

    @property
    def pop3_port(self) -> int:
        """POP3 in clear, with STLS."""
        return self.ports.pop3

    @property
    def pop3s_port(self) -> int:
        return self.ports.pop3s

    @property
    def imap_port(self) -> int:
        """IMAP in clear, with STARTTLS."""
        return self.ports.imap

    @property
    def imaps_port(self) -> int:
        return self.ports.imaps

    @property
    def lmtp_port(self) -> int:
        """LMTP in clear; whoever is a user gets mail, whatever the domain."""
        return self.ports.lmtp

    def start(self) -> None:
        command = [str(installed("dovecot")), "-F", "-c", str(self._config)]
        self._process = ServerProcess(command, log=self.directory / "output")
        self._process.wait_until(lambda: greets(self.pop3_port, b"+OK"))
        self._process.wait_until(lambda: greets(self.pop3s_port, b"+OK", tls=True))
        self._process.wait_until(lambda: greets(self.imap_port, b"* OK"))

    def new_user(self) -> Login:
        """Adds a user with a new name."""
        login = Login(f"user{next(self._user_numbers)}", "throw-away")
        self.add_user(login.name, login.password)
        return login

    def add_user(self, name: str, password: str) -> None:
        """Adds `name`, with an empty mailbox. A user that exists gets the password after up to one second."""
        entry = self._users / name
        entry.write_text(f"{name}:{{PLAIN}}{password}\n")
        entry.chmod(0o644)
        maildir = self.maildir(name)
        self._make_folders(maildir.parent)
        self._make_maildir(maildir)

    def add_folder(self, user: str, folder: str) -> None:
        """Adds an empty folder beside INBOX."""
        self._make_maildir(self.maildir(user, folder))

    def maildir(self, user: str, folder: str = INBOX) -> Path:
        maildir = self._mail / user / "Maildir"
        return maildir if folder == INBOX else maildir / f".{folder}"

    def fill(self, user: str, mails: Iterable[bytes], folder: str = INBOX) -> None:
        """Puts `mails` into the user's mailbox, in this order; lines may end with LF or CRLF."""
        maildir = self.maildir(user, folder)
        for mail in mails:
            on_the_wire = len(mail) + mail.count(b"\n") - mail.count(b"\r\n")
            number = next(self._names)
            # With both sizes in the name Dovecot answers LIST without opening the file.
            name = f"{number // 1_000_000}.M{number:09d}P1.test,S={len(mail)},W={on_the_wire}"
            path = maildir / "tmp" / name
            path.write_bytes(mail)
            give_to(self._owner, path)
            # Nobody sees a mail that is written in part.
            path.rename(maildir / "new" / name)

    def remaining(self, user: str, folder: str = INBOX) -> list[bytes]:
        """The mails that are still there, oldest first, as they were given to `fill`."""
        return [path.read_bytes() for path in self._files(user, folder)]

    def remaining_count(self, user: str) -> int:
        return len(self._files(user))

    def log(self) -> str:
        """The log so far."""
        return (self.directory / "dovecot.log").read_text(errors="replace")

    def _make_maildir(self, maildir: Path) -> None:
        self._make_folders(maildir, *(maildir / part for part in ("cur", "new", "tmp")))

    def _make_folders(self, *folders: Path) -> None:
        for folder in folders:
            folder.mkdir(mode=0o755, exist_ok=True)
        give_to(self._owner, *folders)

    def _files(self, user: str, folder: str = INBOX) -> list[Path]:
        maildir = self.maildir(user, folder)
        files = [*(maildir / "new").iterdir(), *(maildir / "cur").iterdir()]
        return sorted(files, key=lambda path: path.name)
