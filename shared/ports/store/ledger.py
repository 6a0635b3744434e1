"""What the fetcher records: which mails were seen at the source, and what became of them there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from shared.custody.commands import Fence, FetchedMail, NewPlace
from shared.model.message import LedgerKey, MessageStatus


class LedgerRow(NamedTuple):
    """What the ledger knows of a mail that was seen at the source."""

    message: str
    key: LedgerKey
    status: MessageStatus
    fetch_no: int
    listed_size: int
    octets: int
    first_fetched_at: float
    lease_until: float
    blob: str | None = None
    unbacked: bool = False
    header: str = ""
    content: str = ""


class Receipt(NamedTuple):
    """A fetched mail was entered as `message`, for the `fetch_no`-th time."""

    message: str
    fetch_no: int


class Ledger(Protocol):
    """What the fetcher records. Every change needs the account's fence and raises `LeaseLost` without it."""

    async def ledger(self, account: str) -> Sequence[LedgerRow]:
        """All mails of an account that are not gone."""
        ...

    async def record_fetched(
        self, fence: Fence, mails: Sequence[FetchedMail], now: float, lease: float
    ) -> Sequence[Receipt | None]:
        """Enter mails into the ledger, one receipt each; None for one whose row has moved on."""
        ...

    async def rename(self, fence: Fence, places: Sequence[NewPlace], now: float) -> Sequence[str]:
        """These mails, recognised by their content, are at the source under other keys now.

        Returns those that were renamed.
        """
        ...

    async def start_deleting(
        self, fence: Fence, messages: Sequence[str], now: float, mark: int = 0
    ) -> Sequence[str]:
        """Allow the deletion of those that are settled; returns them.

        None are allowed while the epoch pauses deletion, nor where the store's mark is lower than `mark`,
        which was seen before: then it has gone back in time.
        """
        ...

    async def record_gone(self, fence: Fence, reasons: Mapping[str, str], now: float) -> None:
        """These messages (id: reason) are no longer at the source under their key."""
        ...

    async def settled_among(self, messages: Sequence[str]) -> Sequence[str]:
        """Those of `messages` that are settled."""
        ...

    async def lose_all(self, reason: str, now: float) -> int:
        """Declare everything in flight lost, for all accounts: their events are known to be no more. Returns
        how many.
        """
        ...
