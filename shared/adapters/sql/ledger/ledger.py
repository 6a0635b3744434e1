"""The ledger: what the fetcher records, under the fence of the account's lease."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shared.adapters.sql.ledger.leaving import Absence, Deletion, record_gone, start_deleting
from shared.adapters.sql.ledger.losing import lose_all
from shared.adapters.sql.ledger.places import rename
from shared.adapters.sql.ledger.reading import ledger_of, settled_among
from shared.adapters.sql.ledger.recording import Recording, record
from shared.adapters.sql.repository import Repository, Transactions
from shared.adapters.sql.text import safe_fetched
from shared.custody.commands import Fence, FetchedMail, NewPlace
from shared.ports.store import LeaseLost, LedgerRow, Receipt


class SqlLedger(Repository):
    """The port's `Ledger`."""

    def __init__(self, transactions: Transactions) -> None:
        super().__init__(transactions)
        self._recording = self._gathering(self._record, lambda asked: len(asked.mails))
        self._deleting = self._gathering(self._start_deleting, lambda asked: len(asked.messages))
        self._missing = self._gathering(self._record_gone, lambda asked: len(asked.reasons))

    async def ledger(self, account: str) -> Sequence[LedgerRow]:
        """All mails of an account that are not gone."""
        return await self._transactions.read(lambda transaction: ledger_of(transaction, account))

    async def record_fetched(
        self, fence: Fence, mails: Sequence[FetchedMail], now: float, lease: float
    ) -> Sequence[Receipt | None]:
        """Enter mails into the ledger; None for one whose row has moved on, or whose place another row
        holds.
        """
        safe = [*map(safe_fetched, mails)]
        return await self._recording.ask(Recording(fence, safe, now, lease))

    async def rename(self, fence: Fence, places: Sequence[NewPlace], now: float) -> Sequence[str]:
        """These mails are at the source under other keys now; returns those that were renamed."""
        return await self._transactions.write(rename, fence, places, now)

    async def start_deleting(
        self, fence: Fence, messages: Sequence[str], now: float, mark: int = 0
    ) -> Sequence[str]:
        """Allow the deletion of those that are settled; returns them, also those that had been allowed
        before.
        """
        return await self._deleting.ask(Deletion(fence, messages, now, mark))

    async def record_gone(self, fence: Fence, reasons: Mapping[str, str], now: float) -> None:
        """These messages (id: reason) are no longer at the source under their key."""
        await self._missing.ask(Absence(fence, reasons, now))

    async def settled_among(self, messages: Sequence[str]) -> Sequence[str]:
        """Those of `messages` that are settled, their deletion allowed or not."""
        return await self._transactions.read(lambda transaction: settled_among(transaction, messages))

    async def lose_all(self, reason: str, now: float) -> int:
        """Declare everything in flight lost, for all accounts."""
        return await self._write_counting(lose_all, reason, now)

    async def _record(self, asked: Sequence[Recording]) -> Sequence[Sequence[Receipt | None] | LeaseLost]:
        return await self._write_counting(record, asked)

    async def _start_deleting(self, asked: Sequence[Deletion]) -> Sequence[Sequence[str] | LeaseLost]:
        return await self._transactions.write(start_deleting, asked)

    async def _record_gone(self, asked: Sequence[Absence]) -> Sequence[LeaseLost | None]:
        return await self._transactions.write(record_gone, asked)
