"""One mail whose recipients are looked for: its header, its trusted zone, and the account that it came by."""

from __future__ import annotations

from dataclasses import dataclass, field

from services.router.evidence.collector import Collector
from services.router.evidence.evidence import Confidence, Evidence, EvidenceClass, Passed, shown
from services.router.header.addresses import Defect, read_addresses
from services.router.header.fields import Header
from services.router.header.zone import Zone
from shared.model.account import Account, Routing
from shared.model.address import Address

PASSED_LIMIT = 20


@dataclass(slots=True)
class Case:
    """What the finders of evidence look at; `passed` grows on the way, up to `PASSED_LIMIT`."""

    header: Header
    zone: Zone
    account: Account
    passed: list[Passed] = field(default_factory=list)

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
        """The evidence in an envelope field's value; None if it names nobody but the collecting mailbox."""
        found = read_addresses(value)
        addresses = [each for each in found if isinstance(each, Address)]
        defects = tuple([each for each in found if isinstance(each, Defect)])
        others = tuple([each for each in addresses if not self.collector.has(each)])
        if others or defects:
            return Evidence(kind, Confidence.HIGH, name, others, defects, value=shown(value))
        if addresses:
            self.pass_over(shown(value), f"{name} names the collecting mailbox itself")
        return None
