"""One mail whose recipients are looked for: its header, its trusted zone, and the account that it came by."""

from __future__ import annotations

from dataclasses import dataclass, field

from services.router.evidence.collector import Collector
from services.router.evidence.evidence import Confidence, Evidence, EvidenceClass, Passed, shown
from services.router.header.addresses import Defect, read_addresses
from services.router.header.allowance import Allowance
from services.router.header.fields import Header
from services.router.header.zone import Zone
from shared.model.account import Account, Routing
from shared.model.address import Address
from shared.model.domains import translation

PASSED_LIMIT = 20


@dataclass(slots=True)
class Case:
    """What the finders of evidence look at; `passed` grows on the way, up to `PASSED_LIMIT`. What envelope
    fields may cost is counted over all of them.
    """

    header: Header
    zone: Zone
    account: Account
    passed: list[Passed] = field(default_factory=list)
    _allowance: Allowance | None = None

    @property
    def routing(self) -> Routing:
        """The account's rules."""
        return self.account.routing

    @property
    def collector(self) -> Collector:
        """The mailbox that the mail was fetched from."""
        return Collector(self.account)

    def pass_over(self, value: str, reason: str) -> None:
        """Note what decided nothing, and why."""
        if len(self.passed) < PASSED_LIMIT:
            self.passed.append(Passed(value, reason))

    def weigh(self, kind: EvidenceClass, name: str, value: bytes) -> Evidence | None:
        """The evidence in an envelope field's value; None if it names nobody but the collecting mailbox.

        None, too, without any `@`: no envelope from outside held that, it is one of the provider's users.
        """
        found = read_addresses(value, allowance=self._allowed)
        others = [each for each in found if not self._names_own(each)]
        if others and b"@" in value:
            addresses = tuple([each for each in others if isinstance(each, Address)])
            defects = tuple([each for each in others if isinstance(each, Defect)])
            return Evidence(kind, Confidence.HIGH, name, addresses, defects, value=shown(value))
        if others:
            self.pass_over(shown(value), f"{name} names no address, as there is no @ in it")
        elif found:
            self.pass_over(shown(value), f"{name} names the collecting mailbox itself")
        return None

    def _allowed(self) -> Allowance:
        self._allowance = self._allowance or Allowance()
        return self._allowance

    def accepts(self, address: Address) -> bool:
        """Whether the address is of an accepted domain."""
        return translation(self.routing.domains, address.domain) is not None

    def is_own(self, address: Address) -> bool:
        """Whether it is the collecting mailbox, be it with the provider's prefix."""
        own = self.collector
        return own.has(address) or own.has(without_prefix(address, self.routing))

    def _names_own(self, found: Address | Defect) -> bool:
        """Whether it is the collecting mailbox, be it with the provider's prefix or without a domain."""
        if isinstance(found, Address):
            return self.is_own(found)
        word = found.text.removeprefix("<").removesuffix(">").strip().lower()
        login = self.account.login.username.lower()
        return word in (login, login.rpartition("@")[0] or login)


def without_prefix(address: Address, routing: Routing) -> Address:
    """The address without the first configured prefix that it has, if that leaves a local part."""
    folded = address.local.lower()
    for prefix in routing.recipient_prefixes:
        if folded.startswith(prefix) and len(folded) > len(prefix):
            return Address(address.local[len(prefix) :], address.domain)
    return address
