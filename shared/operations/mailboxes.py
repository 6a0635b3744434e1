"""Source mailboxes, as far as the operations use them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from shared.model.account import Account
from shared.model.mailbox import FolderFacts, Listed, Listing, RetrieveEvent
from shared.net.protection import Shortfall
from shared.operations.login_test import STEP_TIMEOUT, ShowLine
from shared.pop3.limits import Timeouts


class Announced(Protocol):
    """What a server announced after the login."""

    @property
    def known(self) -> bool:
        """Whether it announced anything."""
        ...

    def __contains__(self, name: str) -> bool:
        """Whether it announced a capability."""
        ...


class OperatorMailbox(Protocol):
    """An open mailbox; the fetcher's mailboxes fulfil this, and say more about each call."""

    @property
    def method(self) -> str | None:
        """The login method that worked; None where there is no choice."""
        ...

    @property
    def capabilities(self) -> Announced:
        """What the server announced."""
        ...

    @property
    def shortfall(self) -> Shortfall | None:
        """What the session lacks of the TLS that was wanted."""
        ...

    async def listing(self) -> Listing:
        """List the mails."""
        ...

    async def folder_facts(self) -> FolderFacts | None:
        """Ask what the server tells of the folders; None for a protocol without folders."""
        ...

    async def header(self, entry: Listed) -> bytes:
        """Return the header of a mail, which is not marked as read by that. Raises `SourceRefused`."""
        ...

    def retrieve(self, entries: Sequence[Listed]) -> AsyncIterator[list[RetrieveEvent]]:
        """Read the mails."""
        ...

    async def finish(self) -> None:
        """End the session in order."""
        ...

    async def abort(self) -> None:
        """Close at once. Never raises; may follow anything."""
        ...


class OpenMailbox(Protocol):
    """Opens the mailbox of an account; it is the fetcher's `open_account`."""

    async def __call__(
        self, account: Account, timeouts: Timeouts, /, *, dialogue: ShowLine | None = None
    ) -> OperatorMailbox:
        """Log in. `dialogue` is given every line, secrets masked."""
        ...


def operator_timeouts(account: Account) -> Timeouts:
    """Return the timeouts for a session that an operator waits for."""
    return Timeouts(
        connect=STEP_TIMEOUT,
        inactivity=min(account.retry_times.timeout, STEP_TIMEOUT),
        login=2 * STEP_TIMEOUT,
    )
