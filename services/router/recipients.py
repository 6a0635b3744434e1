"""From evidence to recipients: addresses are accepted by domain, translated, and named once, with reasons.

No mail goes into the void: one without a recipient goes to the postmaster, or is parked where none is
configured. An address outside of the accepted domains is never delivered to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from services.router.evidence import Evidence, EvidenceClass
from shared.model.account import KEEP, Routing
from shared.model.address import Address


class Resolved(NamedTuple):
    """A recipient: the address to deliver to, the one it was found as ("" for the postmaster), and why."""

    address: str
    original: str
    reason: str


class Rejected(NamedTuple):
    """What was named but is not delivered to, and why."""

    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class Resolution:
    """Who gets a mail. Without recipients `park_reason` is set: the mail waits for an operator."""

    recipients: tuple[Resolved, ...]
    rejected: tuple[Rejected, ...]
    evidence: str
    park_reason: str | None = None


def resolve(evidence: Evidence, routing: Routing) -> Resolution:
    """The recipients by this evidence, unique and in the order in which it names them.

    Local parts are compared exactly (RFC 5321 section 2.4): taking two people for one would lose a mail,
    taking one for two costs him a second copy.
    """
    recipients: dict[str, Resolved] = {}
    rejected = {defect.text: Rejected(defect.text, defect.reason) for defect in evidence.defects}
    for address in evidence.addresses:
        found = _accepted(address, evidence, routing)
        if isinstance(found, Resolved):
            recipients.setdefault(found.address, found)
        else:
            rejected.setdefault(found.value, found)
    refusals = tuple(rejected.values())
    if recipients:
        return Resolution(tuple(recipients.values()), refusals, evidence.describe())
    return _without_recipient(evidence, refusals, routing)


def _accepted(address: Address, evidence: Evidence, routing: Routing) -> Resolved | Rejected:
    original = str(address)
    if evidence.kind is EvidenceClass.SINGLE_USER:
        return Resolved(original, original, "the account's configured recipient")
    translation = routing.domains.get(address.domain)
    if translation is None:
        return Rejected(original, f"{address.domain} is not an accepted domain")
    if translation == KEEP:
        return Resolved(original, original, f"named in {evidence.field}")
    translated = Address(address.local, translation)
    reason = f"named in {evidence.field}; {address.domain} is translated to {translation}"
    return Resolved(str(translated), original, reason)


def _without_recipient(evidence: Evidence, rejected: tuple[Rejected, ...], routing: Routing) -> Resolution:
    reason = _why_nobody(evidence, rejected)
    if routing.unknown_recipients is None:
        return Resolution((), rejected, evidence.describe(), reason)
    postmaster = Resolved(str(routing.unknown_recipients), "", f"postmaster, because {reason}")
    return Resolution((postmaster,), rejected, evidence.describe())


def _why_nobody(evidence: Evidence, rejected: tuple[Rejected, ...]) -> str:
    if evidence.kind is EvidenceClass.NONE:
        return evidence.notes[0]
    if len(rejected) == 1:
        return f"the only recipient in {evidence.field} was refused: {rejected[0].reason}"
    return f"all {len(rejected)} recipients in {evidence.field} were refused"
