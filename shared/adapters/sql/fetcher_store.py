"""The port `FetcherStore` in SQL."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from itertools import chain

from shared.adapters.sql.account_states import fences_of, paused_among
from shared.adapters.sql.calls import allowing
from shared.adapters.sql.host_facts import host_facts, note_host_facts
from shared.adapters.sql.leases.due_accounts import DueAccounts
from shared.adapters.sql.leases.ending import release, return_leases
from shared.adapters.sql.leases.leases import lease_these, renew
from shared.adapters.sql.leases.leasing import LeaseRequest
from shared.adapters.sql.leases.schedule import make_accounts_due, sync_accounts
from shared.adapters.sql.ledger.leaving import Absence, Deletion, record_gone, start_deleting
from shared.adapters.sql.ledger.reading import ledger_rows, rows_elsewhere, settled_among
from shared.adapters.sql.ledger.recording import Recording, record_fetched
from shared.adapters.sql.ledger.skipping import record_skipped, skipped_mails
from shared.adapters.sql.ledger.source_keys import rename_mails
from shared.adapters.sql.runner import TransactionRunner
from shared.adapters.sql.targets import known_outages
from shared.adapters.sql.text import safe_fetched
from shared.adapters.sql.usage import tenant_usage
from shared.custody.commands import Fence, FetchedMail, NewPlace
from shared.model.hosts import NO_LIMITS, HostLimits
from shared.model.mailbox import Place, UidRange
from shared.model.message import LedgerKey
from shared.model.tenant_room import TenantRoom
from shared.ports.store import (
    HostFact,
    Lease,
    LeaseLost,
    LedgerRow,
    Outage,
    Receipt,
    Release,
    Schedule,
    SkippedMail,
    Usage,
)

SKIPPING = 300.0
"""Seconds for entering what is in a mailbox when its account begins, which is one transaction."""


class SqlFetcherStore:
    """Schedule, leases and ledger, see `FetcherStore`."""

    def __init__(self, runner: TransactionRunner) -> None:
        self._runner = runner
        self._due = DueAccounts(runner)
        self._releases = runner.coalescer(self._release, len)
        self._recordings = runner.coalescer(self._record, lambda recording: len(recording.mails))
        self._deletions = runner.coalescer(self._start_deleting, lambda deletion: len(deletion.messages))
        self._absences = runner.coalescer(self._record_gone, lambda absence: len(absence.reasons))

    async def sync_accounts(self, schedules: Sequence[Schedule], now: float) -> None:
        """Enter these accounts."""
        await self._runner.write(sync_accounts, schedules, now)

    async def lease_due(
        self,
        owner: str,
        now: float,
        until: float,
        limit: int,
        hosts: HostLimits = NO_LIMITS,
        tenants: TenantRoom | None = None,
    ) -> Sequence[Lease]:
        """Lease up to `limit` accounts that are due, the most overdue first."""
        return await self._due.lease(LeaseRequest(owner, now, until, limit, hosts, tenants))

    async def lease_these(
        self, owner: str, accounts: Sequence[str], now: float, until: float, *, only_enabled: bool = False
    ) -> Sequence[Lease]:
        """Lease those of `accounts` that nobody holds and that are not paused, due or not."""
        return await self._runner.write(lease_these, owner, accounts, now, until, only_enabled=only_enabled)

    async def renew_leases(self, fences: Sequence[Fence], until: float) -> Sequence[Fence]:
        """Extend these leases; return those that still held."""
        return await self._runner.write(renew, fences, until)

    async def release_leases(self, releases: Sequence[Release]) -> None:
        """Record how visits ended and end their leases, also where the caller is cancelled meanwhile."""
        if releases:
            await asyncio.shield(self._releases.submit(releases))

    async def tenant_usage(
        self, first_day: int, last_day: int, tenants: Sequence[str] | None = None
    ) -> Sequence[Usage]:
        """Return what tenants (all by default) used on each of these days, by tenant and day."""
        return await self._runner.read(tenant_usage, first_day, last_day, tenants)

    async def return_leases(self, fences: Mapping[Fence, float], due_at: float) -> None:
        """End these leases without a visit."""
        await self._runner.write(return_leases, dict(fences), due_at)

    async def make_accounts_due(self, accounts: Sequence[str], now: float) -> None:
        """Have these accounts visited as soon as nobody holds them."""
        if accounts:
            await self._runner.write(make_accounts_due, list(accounts), now)

    async def next_due(self, now: float = 0.0, hosts: HostLimits = NO_LIMITS) -> float | None:
        """Return when the next account can be leased; None where there is none."""
        return await self._due.next_due(now, hosts)

    async def paused_among(self, accounts: Sequence[str]) -> Sequence[str]:
        """Return those of `accounts` that are paused."""
        return await self._runner.read(paused_among, accounts)

    async def fences_of(self, accounts: Sequence[str]) -> Mapping[str, int]:
        """Return the number of the last lease of each of `accounts` that is neither paused nor disabled."""
        return await self._runner.read(fences_of, accounts)

    async def ledger_rows(self, account: str, ranges: Sequence[UidRange] = ()) -> Sequence[LedgerRow]:
        """Return the mails of an account that are not gone: those in `ranges`, or all of them by default."""
        return await self._runner.read(ledger_rows, account, ranges)

    async def rows_elsewhere(self, account: str, place: Place, most: int) -> Sequence[LedgerRow]:
        """Return the mails of an account that are not gone and have no key of `place`; `most` at most."""
        return await self._runner.read(rows_elsewhere, account, place, most)

    async def host_facts(self, now: float) -> Sequence[HostFact]:
        """Return what fetchers learnt of hosts, as far as it still holds."""
        return await self._runner.read(host_facts, now)

    async def note_host_facts(self, facts: Sequence[HostFact], now: float) -> None:
        """Enter what was learnt of hosts, each in the place of an earlier fact of its kind and name."""
        await self._runner.write(note_host_facts, facts, now)

    async def skipped_mails(self, account: str) -> Sequence[SkippedMail]:
        """Return the mails of an account that were there when it began and are not fetched."""
        return await self._runner.read(skipped_mails, account)

    async def record_skipped(
        self,
        fence: Fence,
        mails: Sequence[SkippedMail] = (),
        *,
        forget: Collection[LedgerKey] = (),
        began: str | None = None,
    ) -> None:
        """Enter mails that are not fetched, or change them, and forget others, in one transaction."""
        with allowing(SKIPPING):
            await self._runner.write(record_skipped, fence, mails, forget, began)

    async def record_fetched(
        self, fence: Fence, mails: Sequence[FetchedMail], now: float, lease: float
    ) -> Sequence[Receipt | None]:
        """Enter mails into the ledger; return one receipt each."""
        return await self._recordings.submit(Recording(fence, [*map(safe_fetched, mails)], now, lease))

    async def rename_mails(self, fence: Fence, places: Sequence[NewPlace], now: float) -> Sequence[str]:
        """Record that these mails have other keys at the source now; return those that were renamed."""
        return await self._runner.write(rename_mails, fence, places, now)

    async def start_deleting(
        self, fence: Fence, messages: Sequence[str], now: float, mark: int = 0
    ) -> Sequence[str]:
        """Allow the deletion of those messages that are settled; return them, also those allowed before."""
        return await self._deletions.submit(Deletion(fence, messages, now, mark))

    async def record_gone(self, fence: Fence, reasons: Mapping[str, str], now: float) -> None:
        """Record that these messages (id: reason) are no longer at the source under their key."""
        await self._absences.submit(Absence(fence, reasons, now))

    async def settled_among(self, messages: Sequence[str]) -> Sequence[str]:
        """Return those of `messages` that are settled."""
        return await self._runner.read(settled_among, messages)

    async def outages(self, now: float) -> Sequence[Outage]:
        """Return the reports of targets that cannot be reached and that hold now, by target."""
        return await self._runner.read(known_outages, now)

    async def _release(self, requests: Sequence[Sequence[Release]]) -> Sequence[None]:
        await self._runner.write(release, [*chain.from_iterable(requests)])
        return [None] * len(requests)

    async def _record(
        self, recordings: Sequence[Recording]
    ) -> Sequence[Sequence[Receipt | None] | LeaseLost]:
        return await self._runner.write_counting_doubts(record_fetched, recordings)

    async def _start_deleting(self, deletions: Sequence[Deletion]) -> Sequence[Sequence[str] | LeaseLost]:
        return await self._runner.write(start_deleting, deletions)

    async def _record_gone(self, absences: Sequence[Absence]) -> Sequence[LeaseLost | None]:
        return await self._runner.write(record_gone, absences)
