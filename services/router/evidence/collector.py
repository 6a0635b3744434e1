"""The collecting mailbox: its own name in an envelope field says nothing about whom a mail was for."""

from __future__ import annotations

from dataclasses import dataclass

from shared.model.account import Account
from shared.model.address import Address, DefectiveAddress, parse_address
from shared.model.domains import translation


@dataclass(frozen=True, slots=True)
class Collector:
    """The collecting mailbox of `account`, known by its login and by its `own_addresses`.

    No mail system has two mailboxes whose names differ in case only, and logins are written either way.
    """

    account: Account

    def has(self, address: Address) -> bool:
        """Whether the address is the mailbox's own.

        A login that is no address is taken for the local part of one, but not in an accepted domain, where it
        may be somebody's.
        """
        local = address.local.lower()
        routing = self.account.routing
        if any(address.domain == own.domain and local == own.local.lower() for own in routing.own_addresses):
            return True
        login = self.account.login.username
        name, at, _ = login.lower().rpartition("@")
        if not at:
            return local == login.lower() and translation(routing.domains, address.domain) is None
        if local != name:
            return False
        try:
            own = parse_address(login)
        except DefectiveAddress:
            return False
        return address.domain == own.domain
