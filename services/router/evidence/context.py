"""The mail whose recipients are searched for: its header, its trusted zone, and the account's mailbox."""

from __future__ import annotations

from dataclasses import dataclass, field

from services.router.evidence.evidence import Confidence, Evidence, EvidenceClass, IgnoredValue, printable
from services.router.header.addresses import Defect, ParsingBudget, read_addresses
from services.router.header.fields import Header
from services.router.header.zone import TrustedZone
from shared.model.account import Account, Routing
from shared.model.address import Address, DefectiveAddress, parse_address
from shared.model.domains import translation
from shared.model.mailbox import INBOX

IGNORED_LIMIT = 20


@dataclass(slots=True)
class SearchContext:
    """What the search for evidence looks at. `folder` is the source folder that the mail was read from.
    `ignored` collects values that decided nothing.

    One parsing budget serves all envelope fields of the mail.
    """

    header: Header
    zone: TrustedZone
    account: Account
    folder: str = INBOX.folder
    ignored: list[IgnoredValue] = field(default_factory=list)
    _budget: ParsingBudget | None = None

    @property
    def routing(self) -> Routing:
        """The account's routing rules."""
        return self.account.routing

    def ignore(self, value: str, reason: str) -> None:
        """Note a value that decided nothing, and why; at most `IGNORED_LIMIT`."""
        if len(self.ignored) < IGNORED_LIMIT:
            self.ignored.append(IgnoredValue(value, reason))

    def read_envelope_value(self, kind: EvidenceClass, name: str, value: bytes) -> Evidence | None:
        """Return the evidence in an envelope field's value; None if it names only the collecting mailbox.

        None, too, for a value without `@`. An envelope from outside always has one, so this is one of the
        provider's own users.
        """
        found = read_addresses(value, new_budget=self._shared_budget)
        others = [each for each in found if not self._names_own(each)]
        if others and b"@" in value:
            addresses = tuple([each for each in others if isinstance(each, Address)])
            defects = tuple([each for each in others if isinstance(each, Defect)])
            return Evidence(kind, Confidence.HIGH, name, addresses, defects, value=printable(value))
        if others:
            self.ignore(printable(value), f"{name} names no address, as there is no @ in it")
        elif found:
            self.ignore(printable(value), f"{name} names the collecting mailbox itself")
        return None

    def accepts(self, address: Address) -> bool:
        """Return whether the address is in an accepted domain."""
        return translation(self.routing.domains, address.domain) is not None

    def is_own(self, address: Address) -> bool:
        """Return whether the address is the collecting mailbox's, with or without the provider's prefix."""
        return is_collecting_mailbox(self.account, address) or is_collecting_mailbox(
            self.account, without_prefix(address, self.routing)
        )

    def _shared_budget(self) -> ParsingBudget:
        self._budget = self._budget or ParsingBudget()
        return self._budget

    def _names_own(self, found: Address | Defect) -> bool:
        """Return whether this names the collecting mailbox, as an address or as a login without a domain."""
        if isinstance(found, Address):
            return self.is_own(found)
        word = found.text.removeprefix("<").removesuffix(">").strip().lower()
        login = self.account.login.username.lower()
        return word in (login, login.rpartition("@")[0] or login)


def is_collecting_mailbox(account: Account, address: Address) -> bool:
    """Return whether the address is that of the mailbox itself, by the account's login or `own_addresses`.

    An envelope field that names the mailbox says nothing about the mail's recipient. Case does not matter: no
    mail system has two mailboxes that differ in case only, and logins are written either way.

    A login that is no address counts as the local part of one, except in an accepted domain, where that
    address may be a person's.
    """
    local = address.local.lower()
    routing = account.routing
    if any(address.domain == own.domain and local == own.local.lower() for own in routing.own_addresses):
        return True
    login = account.login.username
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


def without_prefix(address: Address, routing: Routing) -> Address:
    """Remove the first configured prefix that the local part has, if something remains."""
    folded = address.local.lower()
    for prefix in routing.recipient_prefixes:
        if folded.startswith(prefix) and len(folded) > len(prefix):
            return Address(address.local[len(prefix) :], address.domain)
    return address
