"""What the tests ask of every server with IMAP accounts."""

from __future__ import annotations

from abc import abstractmethod
from itertools import count
from pathlib import Path

from tests.servers.dovecot import Login
from tests.servers.server import Server

PASSWORD = "throw-away"


class ImapSource(Server):
    """A server for any number of users, each with an empty INBOX and a folder whose name is `archive`."""

    archive = "Archive"

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._numbers = count(1)

    @property
    @abstractmethod
    def imap_port(self) -> int:
        """IMAP in clear."""

    def new_user(self) -> Login:
        """Adds a user with a new name."""
        login = Login(f"user{next(self._numbers)}", PASSWORD)
        self.add_user(login)
        return login

    @abstractmethod
    def add_user(self, login: Login) -> None:
        """Adds this user."""
