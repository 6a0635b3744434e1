"""From evidence to recipients: each address goes through the account's rules and is named once, with reasons.

The steps, for each address: the provider's prefix is taken off; its domain must be an accepted one; an alias
gives way to what it stands for; `+tag` is taken off where the account wants it; the domain is translated. Who
exists at the target is not asked here.

No mail goes into the void: one without a recipient goes to the postmaster, or is parked where none is
configured. So does one that names somebody who cannot be read, beside those who can. An address outside of
the accepted domains is never delivered to.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from services.router.evidence.case import without_prefix
from services.router.evidence.evidence import GUESSES, OF_THE_ENVELOPE, Evidence, EvidenceClass
from services.router.header.addresses import Defect
from services.router.header.allowance import Allowance
from shared.model.account import Routing
from shared.model.address import Address, DefectiveAddress
from shared.model.domains import translation

REJECTED_LIMIT = 200
TAG_SIGN = "+"
_DOMAIN_END = re.compile(r"[\s<>()\"',;:\]]")


class Accepted(NamedTuple):
    """A recipient: the address to deliver to, the one it was found as ("" for the postmaster), and why."""

    address: str
    original: str
    reason: str


class Rejected(NamedTuple):
    """What was seen but is not delivered to, and why."""

    value: str
    reason: str


class Resolution(NamedTuple):
    """Who gets a mail. With a `park_reason`, as always without recipients, it also waits for an operator.

    `named` is how many addresses of accepted domains the evidence names; with `is_guess` authors named them.
    """

    recipients: tuple[Accepted, ...]
    rejected: tuple[Rejected, ...]
    evidence: str
    park_reason: str | None = None
    named: int = 0
    is_guess: bool = False


def resolve(evidence: Evidence, routing: Routing) -> Resolution:
    """The recipients by this evidence, unique and in the order in which it names them.

    Local parts are compared exactly (RFC 5321 section 2.4): taking two people for one would lose a mail,
    taking one for two costs him a second copy. Of those rejected, `REJECTED_LIMIT` are listed.
    """
    recipients: dict[str, Accepted] = {}
    named = 0
    rejected = {defect.text: Rejected(defect.text, defect.reason) for defect in evidence.defects}
    for address in dict.fromkeys(evidence.addresses):
        found = _accepted(address, evidence, routing)
        if isinstance(found, Accepted):
            recipients.setdefault(found.address, found)
            named += 1
        else:
            rejected.setdefault(found.value, found)
    refused = tuple(rejected.values())
    listed = _listed((*[Rejected(*each) for each in evidence.passed], *refused))
    reason = _why_not_all(evidence, routing) if recipients else _why_nobody(evidence, refused)
    if reason and routing.unknown_recipients is not None:
        postmaster = Accepted(str(routing.unknown_recipients), "", f"postmaster, because {reason}")
        recipients.setdefault(postmaster.address, postmaster)
        reason = None
    is_guess = evidence.kind in GUESSES
    return Resolution(tuple(recipients.values()), listed, evidence.describe(), reason, named, is_guess)


def parked(evidence: Evidence, reason: str) -> Resolution:
    """That nobody is to get the mail before an operator has seen it."""
    return Resolution((), (), evidence.describe(), reason)


def _accepted(address: Address, evidence: Evidence, routing: Routing) -> Accepted | Rejected:
    original = str(address)
    if evidence.kind is EvidenceClass.SINGLE_USER:
        return Accepted(original, original, "the account's configured recipient")
    steps = [f"named in {evidence.field}"]
    if routing.recipient_prefixes and evidence.kind in OF_THE_ENVELOPE:
        address = _without_prefix(address, routing, steps)
    domain = translation(routing.domains, address.domain)
    if domain is None:
        return Rejected(original, f"{address.domain} is not an accepted domain")
    if routing.aliases or routing.strip_tags:
        known = _by_alias(address, routing, steps)
        if known is not None:
            return Accepted(str(known), original, "; ".join(steps))
        address = _without_tag(address, routing, steps)
    if domain == address.domain:
        return Accepted(str(address), original, "; ".join(steps))
    steps.append(f"{address.domain} is translated to {domain}")
    return Accepted(str(Address(address.local, domain)), original, "; ".join(steps))


def _without_prefix(address: Address, routing: Routing, steps: list[str]) -> Address:
    bare = without_prefix(address, routing)
    if prefix := address.local.removesuffix(bare.local):
        steps.append(f"the provider's prefix {prefix} is taken off")
    return bare


def _by_alias(address: Address, routing: Routing, steps: list[str]) -> Address | None:
    """What the address stands for; where tags are taken off, what it stands for without its own, too."""
    candidates = [address]
    if routing.strip_tags:
        candidates.append(_without_tag(address, routing, []))
    for each in candidates:
        known = routing.aliases.get(Address(each.local.lower(), each.domain))
        if known is not None:
            steps.append(f"{each} is an alias of {known}")
            return known
    return None


def _without_tag(address: Address, routing: Routing, steps: list[str]) -> Address:
    base, sign, tag = address.local.partition(TAG_SIGN)
    if not (routing.strip_tags and sign and base) or base.startswith('"'):
        return address
    steps.append(f"the tag {sign}{tag} is taken off")
    return Address(base, address.domain)


def _listed(rejected: tuple[Rejected, ...]) -> tuple[Rejected, ...]:
    if len(rejected) <= REJECTED_LIMIT:
        return rejected
    more = len(rejected) - REJECTED_LIMIT
    return (*rejected[:REJECTED_LIMIT], Rejected("", f"{more} more are not listed"))


def _why_nobody(evidence: Evidence, refused: tuple[Rejected, ...]) -> str:
    if evidence.kind is EvidenceClass.NONE:
        return evidence.notes[0]
    if len(refused) == 1:
        return f"the only recipient in {evidence.field} was refused: {refused[0].reason}"
    return f"all {len(refused)} recipients in {evidence.field} were refused"


def _why_not_all(evidence: Evidence, routing: Routing) -> str | None:
    """Why somebody may be missing among the recipients."""
    if evidence.kind is EvidenceClass.SINGLE_USER or not evidence.defects:
        return None
    is_foreign = _is_foreign if evidence.kind in OF_THE_ENVELOPE else _is_nobody_of_ours
    allowance = Allowance()
    unread = [each for each in evidence.defects if not is_foreign(each, routing, allowance)]
    if not unread:
        return None
    several = "recipient" if len(unread) == 1 else "recipients"
    return f"{len(unread)} {several} in {evidence.field} cannot be read: {unread[0].reason}"


def _is_foreign(defect: Defect, routing: Routing, allowance: Allowance) -> bool:
    """Whether it is plainly one of a domain that is not accepted, whatever stands before it."""
    _, *domains = defect.text.removesuffix(">").split("@")
    return len(domains) == 1 and _is_not_accepted(domains[0], routing, allowance)


def _is_nobody_of_ours(defect: Defect, routing: Routing, allowance: Allowance) -> bool:
    """Whether what an author wrote is no address at all, as a part of a name, or plainly a foreign one."""
    _, *domains = defect.text.split("@")
    return all(_is_not_accepted(_DOMAIN_END.split(each, 1)[0], routing, allowance) for each in domains)


def _is_not_accepted(domain: str, routing: Routing, allowance: Allowance) -> bool:
    try:
        return translation(routing.domains, allowance.domain(domain)) is None
    except DefectiveAddress:
        return False
