"""How much memory the process may use for mails and for listings, and who has to wait when it is used.

Both share one limit. Mails are held by the broker in the process; a listing is held as long as its visit
lasts, with what was planned from it.

Mails: once the limit is reached, the tenants that hold their share of it fetch no more. A tenant that holds
less goes on, so that a tenant whose target is slow keeps nobody from fetching. So the process holds at most
twice the limit, and what visits had begun to fetch.

Listings: one that finds no room ends its visit, which is made again later. Two kinds always find room: small
ones, so that a few huge mailboxes keep no usual one from being visited; and one that is larger than the room,
as long as there is no other such, so that every mailbox is visited in the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from shared.model.source_errors import ListingPutOff
from shared.model.tenant_room import tenant_of
from shared.ports.clock import Clock

COUNT_EVERY = 0.25
"""Seconds between two counts of the mails, which looks at each of them."""
OCTETS_OF_A_LINE = 350
"""Memory that an entry takes for each of its two lines, in LIST and in UIDL, beside the text: measured with
500,000 entries and UIDs of 20 characters, from the listing to the plan."""
SMALL_PART = 256
"""A listing is small below this part of the limit: 1 MiB, or some 1,300 mails, by default."""
TENANT_PART = 2
"""All listings of one tenant get at most this part of the limit."""


class MemoryBudget:
    """`limit` is in octets, 0 for none. `mails_held` returns the octets of mail that the process holds, by
    tenant.
    """

    def __init__(self, mails_held: Callable[[], Mapping[str, int]], limit: int, clock: Clock) -> None:
        self._mails_held = mails_held
        self._limit = limit
        self._clock = clock
        self._counted: Mapping[str, int] = {}
        self._total = 0
        self._count_at = 0.0
        self._listings: dict[str, int] = {}
        self._oversized: str | None = None

    def reason(self, tenant: str) -> str | None:
        """Return why no mail should be fetched for `tenant` now, as a sentence; None where it may."""
        if not self._limit:
            return None
        self._count_mails()
        if self._total < self._limit or self._counted.get(tenant, 0) < self._limit / len(self._counted):
            return None
        return f"this process holds {self._total} bytes of mail, [fetcher] memory_limit is {self._limit}"

    @property
    def listing_octets(self) -> int:
        """Octets that all listings take."""
        return sum(self._listings.values())

    def add_to_listing(self, account: str, octets: int, lines: int) -> None:
        """Add what arrived of the listing of `account`. Raises `ListingPutOff`, and forgets it then."""
        own = self._listings.get(account, 0) + octets + lines * OCTETS_OF_A_LINE
        self._listings[account] = own
        if (
            self._oversized == account
            or own * SMALL_PART <= self._limit
            or self._has_room_for_listing(account)
        ):
            return
        if self._oversized is None:
            self._oversized = account
            return
        self.release_listing(account)
        raise ListingPutOff(
            f"account {account}: its mailbox lists so many mails that this process has no memory for them "
            f"beside what it holds ([fetcher] memory_limit is {self._limit}); the visit is made again later"
        )

    def release_listing(self, account: str) -> None:
        """Forget the listing of `account`: its visit is over."""
        self._listings.pop(account, None)
        if self._oversized == account:
            self._oversized = None

    def _has_room_for_listing(self, account: str) -> bool:
        if not self._limit:
            return True
        tenant = tenant_of(account)
        of_tenant = sum(octets for each, octets in self._listings.items() if tenant_of(each) == tenant)
        mails = sum(self._mails_held().values())
        return of_tenant * TENANT_PART <= self._limit and self.listing_octets + mails <= self._limit

    def _count_mails(self) -> None:
        now = self._clock.monotonic()
        if now >= self._count_at:
            self._counted = self._mails_held()
            self._total = sum(self._counted.values())
            self._count_at = now + COUNT_EVERY
