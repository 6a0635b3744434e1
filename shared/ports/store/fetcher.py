"""What the fetcher asks of the store: accounts that are due, leases, and the ledger of their mails."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from shared.custody.commands import Fence, FetchedMail, NewPlace
from shared.model.hosts import NO_LIMITS, HostLimits
from shared.model.mailbox import Place, UidRange
from shared.model.message import LedgerKey, MessageStatus
from shared.model.read_failure import ReadFailure
from shared.model.tenant_room import TenantRoom
from shared.ports.store.relay import Outage

SECONDS_OF_DAY = 86_400
LONGEST_WAIT = 86_400.0
"""Seconds: as long as a server may ask not to be visited. No account waits longer for its next visit, apart
from a tenth that is added by chance, unless its own interval is longer.
"""


@dataclass(frozen=True, slots=True)
class Schedule:
    """An account at `host` that is to be visited every `poll` seconds, at the latest, while `enabled`."""

    account: str
    poll: float
    enabled: bool
    host: str = ""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to visit an account until `until`, in seconds since the epoch.

    `failures` counts the visits that failed in a row. `method` is the login method that worked last time.
    `is_fresh`: the ledger holds no mail of the account, and only the lease's holder enters any.
    `read_failures` are those that earlier visits remembered; `state` is text of the mailbox's own. `began` is
    what of the account's `begin` was applied, None where nothing was yet: then no mail of it was fetched.
    `revision` is that of the registry.
    """

    fence: Fence
    until: float
    failures: int
    method: str | None = None
    is_fresh: bool = False
    read_failures: tuple[ReadFailure, ...] = ()
    state: str | None = None
    began: str | None = None
    revision: int = 0


@dataclass(frozen=True, slots=True)
class VisitReport:
    """How a visit ended. `problem` is None when all went well; counts are of this visit.

    A visit that `failed` is tried again at growing intervals. One with a problem that did not fail was
    complete apart from what the problem says. `octets` are those of the `fetched` mails. `waiting` mails were
    seen at the source and are not settled yet. `method` is the login method to be tried first next time, None
    to forget it. `read_failures` and `state` are given to the next visit with its lease. A visit that failed
    as it was `interrupted` by the end of its process says nothing of the account: what was known before of
    failures, problem, times and waiting mails stays.
    """

    problem: str | None = None
    failed: bool = False
    fetched: int = 0
    deleted: int = 0
    waiting: int = 0
    temporary: bool = True
    method: str | None = None
    read_failures: tuple[ReadFailure, ...] = ()
    state: str | None = None
    octets: int = 0
    interrupted: bool = False

    @property
    def outcome(self) -> str:
        """`ok`, `degraded` (complete, with a problem), `failed` or `interrupted`."""
        if self.failed:
            return "interrupted" if self.interrupted else "failed"
        return "degraded" if self.problem else "ok"


@dataclass(frozen=True, slots=True)
class Release:
    """A visit ended at `now` with this report; the account is due again at `due_at`.

    `revision` is that of the lease: an account that was changed since is due at once. None where that does
    not matter.
    """

    fence: Fence
    report: VisitReport
    now: float
    due_at: float
    revision: int | None = None


class Usage(NamedTuple):
    """What a tenant used on a day, which is counted in days since the epoch, by UTC."""

    tenant: str
    day: int
    visits: int
    mails: int
    octets: int


def day_of(moment: float) -> int:
    """Return the day of a time in seconds since the epoch, by UTC."""
    return int(moment // SECONDS_OF_DAY)


class LedgerRow(NamedTuple):
    """What the ledger knows of a mail that was seen at the source.

    `object_id` is what its server calls the mail in whichever folder it is, "" where that is not known.
    """

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
    object_id: str = ""


HOST_REFUSES, HOST_THROTTLES = "refused", "throttled"
"""Kinds of facts: the host and port refuse a feature, `fact`, that they announce; the host has throttled
visits, which come more seldom, `number` times halved.
"""


class HostFact(NamedTuple):
    """What a fetcher learnt of a host: `fact`, or `number`, of this `kind`.

    It holds `until` a time in seconds since the epoch.
    """

    kind: str
    host: str
    fact: str
    number: float
    until: float


class SkippedMail(NamedTuple):
    """A mail that was at the source when the account began, `at` in seconds since the epoch.

    While it is not `decided`, its date is not known yet.
    """

    key: LedgerKey
    listed_size: int
    at: float
    decided: bool = True


class Receipt(NamedTuple):
    """A fetched mail was entered as `message`, for the `fetch_no`-th time."""

    message: str
    fetch_no: int


class FetcherStore(Protocol):
    """Schedule, leases and ledger. What needs a fence raises `LeaseLost` where its lease no longer holds."""

    async def sync_accounts(self, schedules: Sequence[Schedule], now: float) -> None:
        """Enter these accounts: new ones are due at once, others keep their state.

        Accounts that are not named are left alone: another process may serve them from another file.
        """
        ...

    async def lease_due(
        self,
        owner: str,
        now: float,
        until: float,
        limit: int,
        hosts: HostLimits = NO_LIMITS,
        tenants: TenantRoom | None = None,
    ) -> Sequence[Lease]:
        """Lease up to `limit` enabled accounts that are due, not paused and not leased, the most overdue
        first.

        Of a host no more are leased than `hosts` allows, counting the leases of all processes; of a tenant no
        more than `tenants` has room for. Hosts and tenants without room do not hold up the others. A schedule
        or lease that reaches further ahead than any process sets was written by a clock that was ahead, and
        does not count.
        """
        ...

    async def lease_these(
        self, owner: str, accounts: Sequence[str], now: float, until: float, *, only_enabled: bool = False
    ) -> Sequence[Lease]:
        """Lease those of `accounts` that nobody holds and that are not paused, due or not; with
        `only_enabled`, none that is disabled or was removed.
        """
        ...

    async def renew_leases(self, fences: Sequence[Fence], until: float) -> Sequence[Fence]:
        """Extend these leases; return those that still held."""
        ...

    async def release_leases(self, releases: Sequence[Release]) -> None:
        """Record how visits ended and end their leases, also where the caller is cancelled meanwhile.

        A lease that another process holds by now is left alone. A visit that failed counts up the failures in
        a row; any other sets them to zero.
        """
        ...

    async def tenant_usage(
        self, first_day: int, last_day: int, tenants: Sequence[str] | None = None
    ) -> Sequence[Usage]:
        """Return what tenants (all by default) used on each of these days, by tenant and day.

        A visit is counted when its lease is released, with its day as of then.
        """
        ...

    async def return_leases(self, fences: Mapping[Fence, float], due_at: float) -> None:
        """End these leases without a visit: the accounts are not known here. They are due again at `due_at`.

        An account that nobody has visited since the time given with its fence (0 for any) is disabled, as no
        configuration names it.
        """
        ...

    async def make_accounts_due(self, accounts: Sequence[str], now: float) -> None:
        """Have these accounts visited as soon as nobody holds them, and not before `now`, which may be to
        come.
        """
        ...

    async def next_due(self, now: float = 0.0, hosts: HostLimits = NO_LIMITS) -> float | None:
        """Return when the next account can be leased; None where there is none.

        Accounts at hosts that have as many visits as they allow at `now` do not count: nobody knows when one
        of those visits ends.
        """
        ...

    async def paused_among(self, accounts: Sequence[str]) -> Sequence[str]:
        """Return those of `accounts` that are paused."""
        ...

    async def fences_of(self, accounts: Sequence[str]) -> Mapping[str, int]:
        """Return the number of the last lease of each of `accounts` that is neither paused nor disabled."""
        ...

    async def ledger_rows(self, account: str, ranges: Sequence[UidRange] = ()) -> Sequence[LedgerRow]:
        """Return the mails of an account that are not gone: those in `ranges`, or all of them by default.

        What is in a range is what `UidRange.includes` says.
        """
        ...

    async def rows_elsewhere(self, account: str, place: Place, most: int) -> Sequence[LedgerRow]:
        """Return the mails of an account that are not gone and have no key of `place`; `most` at most."""
        ...

    async def host_facts(self, now: float) -> Sequence[HostFact]:
        """Return what fetchers learnt of hosts, as far as it still holds."""
        ...

    async def note_host_facts(self, facts: Sequence[HostFact], now: float) -> None:
        """Enter what was learnt of hosts, each in the place of an earlier fact of its kind and name."""
        ...

    async def skipped_mails(self, account: str) -> Sequence[SkippedMail]:
        """Return the mails of an account that were there when it began and are not fetched."""
        ...

    async def record_skipped(
        self,
        fence: Fence,
        mails: Sequence[SkippedMail] = (),
        *,
        forget: Collection[LedgerKey] = (),
        began: str | None = None,
    ) -> None:
        """Enter mails that are not fetched, or change them by their key, and forget those to `forget`.

        With `began`, remember what of the account's `begin` was applied. All of it happens, or nothing: which
        mails were there when the account began could not be told later.
        """
        ...

    async def record_fetched(
        self, fence: Fence, mails: Sequence[FetchedMail], now: float, lease: float
    ) -> Sequence[Receipt | None]:
        """Enter mails into the ledger, with a message lease of `lease` seconds; return one receipt each.

        The receipt is None where the mail's row has changed since it was read, or where its place is taken.
        """
        ...

    async def rename_mails(self, fence: Fence, places: Sequence[NewPlace], now: float) -> Sequence[str]:
        """Record that these mails, which were recognised, have other keys at the source now.

        Returns the messages that were renamed.
        """
        ...

    async def start_deleting(
        self, fence: Fence, messages: Sequence[str], now: float, mark: int = 0
    ) -> Sequence[str]:
        """Allow the deletion of those messages that are settled; return them.

        None are allowed while the epoch pauses deletion, nor where the store's mark is below `mark`, which
        was seen before: then the database has gone back in time.
        """
        ...

    async def record_gone(self, fence: Fence, reasons: Mapping[str, str], now: float) -> None:
        """Record that these messages (id: reason) are no longer at the source under their key."""
        ...

    async def settled_among(self, messages: Sequence[str]) -> Sequence[str]:
        """Return those of `messages` that are settled."""
        ...

    async def outages(self, now: float) -> Sequence[Outage]:
        """Return the reports of targets that cannot be reached and that hold now, by target."""
        ...
