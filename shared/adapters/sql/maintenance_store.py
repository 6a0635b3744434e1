"""The port `MaintenanceStore` in SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shared.adapters.sql.account_conditions import account_totals
from shared.adapters.sql.deliveries import overdue_messages
from shared.adapters.sql.epochs import advance_mark, current_epoch, pause_deletion
from shared.adapters.sql.leases.ending import end_leases
from shared.adapters.sql.notices import claim_notice, notice_times, parked_between, parked_tenants
from shared.adapters.sql.recovery import (
    any_lost,
    left_behind_count,
    lose_all,
    lose_blobs,
    oldest_unsettled,
    republish_mails,
)
from shared.adapters.sql.retention import prunable, prune, raw_mail_needed, raw_mail_not_needed
from shared.adapters.sql.runner import TransactionRunner
from shared.adapters.sql.unregistered import unregistered_mail
from shared.adapters.sql.usage import busiest_tenants
from shared.custody.state import Message
from shared.ports.store import AccountTotals, Concluded, Epoch, Parked, Pruned, UnregisteredMail


class SqlMaintenanceStore:
    """What keeps the rest going, see `MaintenanceStore`."""

    def __init__(self, runner: TransactionRunner) -> None:
        self._runner = runner

    async def end_leases(self) -> int:
        """End all account leases; return how many."""
        return await self._runner.write(end_leases)

    async def lose_all(self, reason: str, now: float) -> int:
        """Declare everything in flight lost, for all accounts; return how many messages that were."""
        return await self._runner.write_counting_doubts(lose_all, reason, now)

    async def overdue_messages(self, now: float, patience: float, limit: int) -> Sequence[Message]:
        """Return messages held in blobs with recipients that are due and whose event is not under way."""
        return await self._runner.read(overdue_messages, now, patience, limit)

    async def republish_mails(
        self, fetcher: str, now: float, lease: float, longest: float, limit: int
    ) -> Sequence[Message]:
        """Return mails that are held in blobs alone and whose event is lost, to be published again."""
        if not await self._runner.read(any_lost, now, longest):
            return []
        return await self._runner.write_counting_doubts(republish_mails, fetcher, now, lease, longest, limit)

    async def lose_blobs(self, blobs: Mapping[str, str], reason: str, now: float) -> Concluded:
        """Record that the blobs of these messages (id: blob) are no more."""
        return await self._runner.write_counting_doubts(lose_blobs, dict(blobs), reason, now)

    async def prune_messages(self, after: str, gone_before: float, limit: int) -> Pruned:
        """Look at `limit` messages beyond the id `after`; forget those gone before `gone_before`."""
        last, gone = await self._runner.read(prunable, after, gone_before, limit)
        if not gone:
            return Pruned(last)
        return await self._runner.write(prune, last, gone, gone_before)

    async def raw_mail_needed(self, messages: Sequence[str]) -> Sequence[str]:
        """Return those of `messages` whose raw mail may still be needed."""
        return await self._runner.read(raw_mail_needed, messages)

    async def raw_mail_not_needed(self, messages: Sequence[str]) -> Sequence[str]:
        """Return those of `messages` that are known and whose raw mail will never be needed again."""
        return await self._runner.read(raw_mail_not_needed, messages)

    async def epoch(self) -> Epoch:
        """Return the epoch in force."""
        return await self._runner.read(current_epoch)

    async def advance_mark(self, seen_at: float | None = None, copies_since: float = 0.0) -> Epoch:
        """Count the mark up, unless deletion is paused; remember what is known of clocks."""
        return await self._runner.write(advance_mark, seen_at, copies_since)

    async def pause_deletion(self, reason: str, now: float) -> Epoch:
        """Begin a new epoch, in which nothing is deleted until an operator confirms it."""
        return await self._runner.write(pause_deletion, reason, now)

    async def account_totals(self, now: float, tenants: int) -> AccountTotals:
        """Return how the accounts of the registry are, with the failing ones of up to `tenants` tenants."""
        return await self._runner.read(account_totals, now, tenants)

    async def unregistered_mail(self) -> UnregisteredMail:
        """Return what is not done of accounts that are not in the registry."""
        return await self._runner.read(unregistered_mail)

    async def oldest_unsettled(self) -> float | None:
        """Return when the oldest mail was first fetched that is deferred, or held here alone and not done."""
        return await self._runner.read(oldest_unsettled)

    async def busiest_tenants(self, day: int, limit: int) -> Mapping[str, int]:
        """Return the mails fetched on that day of the tenants with most of them, the most first."""
        return await self._runner.read(busiest_tenants, day, limit)

    async def left_behind_count(self) -> int:
        """Return how many mails left their source before every recipient was done, with no copy held."""
        return await self._runner.read(left_behind_count)

    async def notices(self) -> Mapping[str, float]:
        """Return up to which moment each notice, by its name, has told what was parked."""
        return await self._runner.read(notice_times)

    async def claim_notice(self, name: str, known: float | None, until: float) -> bool:
        """Record up to when the notice has told what was parked; False where another process was faster."""
        return await self._runner.write(claim_notice, name, known, until)

    async def parked_tenants(self) -> Mapping[str, float]:
        """Return when the latest of each tenant's parked recipients was parked."""
        return await self._runner.read(parked_tenants)

    async def parked_between(
        self, after: float, until: float, limit: int, tenant: str | None = None
    ) -> Sequence[Parked]:
        """Return recipients parked in this time, of one tenant or of all, the oldest first."""
        return await self._runner.read(parked_between, after, until, limit, tenant)
