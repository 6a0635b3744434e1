"""How much memory the listings of a process's visits take, and whose listing has to wait.

A listing is held as long as its visit lasts, with what was planned from it. Listings and mails held in memory
share the bound `process_bytes`. A listing that finds no room ends its visit, which is made again later. Two
kinds always find room: small ones, so that a few huge mailboxes keep no usual one from being visited; and one
that is larger than the room, as long as there is no other such, so that every mailbox is visited in the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from shared.model.source_errors import ListingPutOff
from shared.model.tenant_room import tenant_of

OCTETS_OF_A_LINE = 350
"""Memory that an entry takes for each of its two lines, in LIST and in UIDL, beside the text: measured with
500,000 entries and UIDs of 20 characters, from the listing to the plan.
"""
SMALL_PART = 256
"""A listing is small below this part of the bound: 1 MiB, or some 1,300 mails, by default."""
TENANT_PART = 2
"""All listings of one tenant get at most this part of the bound."""


class ListingMemory:
    """`most` octets, 0 for no bound; `mails` tells the octets of mail that the process holds, by tenant."""

    def __init__(self, most: int, mails: Callable[[], Mapping[str, int]]) -> None:
        self._most = most
        self._mails = mails
        self._held: dict[str, int] = {}
        self._beyond: str | None = None

    @property
    def held(self) -> int:
        """Octets that all listings take."""
        return sum(self._held.values())

    def take(self, account: str, octets: int, lines: int) -> None:
        """More of the listing of `account` came. Raises `ListingPutOff`, and keeps nothing of it then."""
        own = self._held.get(account, 0) + octets + lines * OCTETS_OF_A_LINE
        self._held[account] = own
        if self._beyond == account or own * SMALL_PART <= self._most or self._has_room(account):
            return
        if self._beyond is None:
            self._beyond = account
            return
        self.release(account)
        raise ListingPutOff(
            f"account {account}: its mailbox lists so many mails that this process has no memory for them "
            f"beside what it holds ([fetcher] process_bytes is {self._most}); the visit is made again later"
        )

    def release(self, account: str) -> None:
        """The visit is over."""
        self._held.pop(account, None)
        if self._beyond == account:
            self._beyond = None

    def _has_room(self, account: str) -> bool:
        if not self._most:
            return True
        tenant = tenant_of(account)
        of_tenant = sum(octets for each, octets in self._held.items() if tenant_of(each) == tenant)
        mails = sum(self._mails().values())
        return of_tenant * TENANT_PART <= self._most and self.held + mails <= self._most
