"""Source mailboxes as the operations open them."""

from __future__ import annotations

from typing import Protocol

from shared.model.account import Account
from shared.model.mailbox import Listed, Mailbox
from shared.net.protection import Shortfall
from shared.operations.login_test import STEP_TIMEOUT, ShowLine
from shared.pop3.capabilities import Capabilities
from shared.pop3.limits import Timeouts


class OperatorMailbox(Mailbox, Protocol):
    """A mailbox that also shows single headers and what the login found."""

    async def header(self, entry: Listed) -> bytes:
        """Return the header of a mail, which is not marked as read by that."""
        ...

    @property
    def method(self) -> str:
        """The login method that worked."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What the server announces after the login."""
        ...

    @property
    def shortfall(self) -> Shortfall | None:
        """What the session lacks of the TLS that was wanted."""
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
