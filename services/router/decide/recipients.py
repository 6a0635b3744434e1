"""From evidence to recipients: apply the account's rules to each address, and name each recipient once.

The steps for an address: remove the provider's prefix; check that the domain is accepted; replace an alias;
remove the `+tag`, where the account wants that; translate the domain. Whether the recipient exists at the
target is decided later (`existence`).

No mail disappears. A mail without recipients goes to the postmaster, or is parked where no postmaster is
configured. The same happens, in addition, where one of several recipients cannot be read. An address outside
of the accepted domains is never delivered to.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from services.router.evidence.context import without_prefix
from services.router.evidence.evidence import ENVELOPE_CLASSES, GUESSES, Evidence, EvidenceClass
from services.router.header.addresses import Defect, ParsingBudget
from shared.custody.commands import ChosenRecipient, Surplus
from shared.custody.decide import NOBODY
from shared.model.account import Dedup, MailboxKind, Routing
from shared.model.address import Address, DefectiveAddress
from shared.model.domains import translation

REJECTED_LIMIT = 200
SURPLUS_REASON = "a copy for somebody unnamed"
TAG_SIGN = "+"
_DOMAIN_END = re.compile(r"[\s<>()\"',;:\]]")


class AcceptedRecipient(NamedTuple):
    """A recipient: the address to deliver to, the one that was found ("" for the postmaster), and why."""

    address: str
    original: str
    reason: str


class RejectedAddress(NamedTuple):
    """An address or text that was found but is not delivered to, and why."""

    value: str
    reason: str


class Resolution(NamedTuple):
    """The recipients of a mail. With a `park_reason` it also waits for an operator.

    Without recipients there is always a `park_reason`. `named` is how many addresses in accepted domains the
    evidence names. `is_guess`: authors named them, not servers.
    """

    recipients: tuple[AcceptedRecipient, ...]
    rejected: tuple[RejectedAddress, ...]
    evidence: str
    park_reason: str | None = None
    named: int = 0
    is_guess: bool = False


def resolve(evidence: Evidence, routing: Routing) -> Resolution:
    """Return the recipients by this evidence, each once, in the order in which it names them.

    Local parts are compared exactly (RFC 5321 section 2.4). Taking two people for one would lose a mail;
    taking one for two costs a second copy. At most `REJECTED_LIMIT` of the rejected addresses are listed.
    """
    recipients: dict[str, AcceptedRecipient] = {}
    named = 0
    rejected = {defect.text: RejectedAddress(defect.text, defect.reason) for defect in evidence.defects}
    for address in dict.fromkeys(evidence.addresses):
        found = _accept(address, evidence, routing)
        if isinstance(found, AcceptedRecipient):
            recipients.setdefault(found.address, found)
            named += 1
        else:
            rejected.setdefault(found.value, found)
    refused = tuple(rejected.values())
    listed = _cut_to_limit((*[RejectedAddress(*each) for each in evidence.ignored], *refused))
    reason = _why_incomplete(evidence, routing) if recipients else _why_no_recipients(evidence, refused)
    if reason and routing.unknown_recipients is not None:
        postmaster = AcceptedRecipient(str(routing.unknown_recipients), "", f"postmaster, because {reason}")
        recipients.setdefault(postmaster.address, postmaster)
        reason = None
    is_guess = evidence.kind in GUESSES
    return Resolution(tuple(recipients.values()), listed, evidence.describe(), reason, named, is_guess)


def parked(evidence: Evidence, reason: str) -> Resolution:
    """Return the resolution of a mail that nobody gets before an operator has seen it."""
    return Resolution((), (), evidence.describe(), reason)


def surplus_of(resolution: Resolution, routing: Routing) -> Surplus | None:
    """Return who gets a surplus copy: the postmaster, or an operator where there is none.

    A copy is surplus if more copies of a mail arrive than its header names recipients, where these are a
    guess: one copy must then be for somebody whom the header does not name. None where copies are not
    counted.
    """
    if not (routing.surplus_copies and resolution.is_guess and resolution.named):
        return None
    if routing.dedup is Dedup.OFF:
        return None
    postmaster = routing.unknown_recipients
    recipient = (
        ChosenRecipient(NOBODY, "", SURPLUS_REASON, parked=True)
        if postmaster is None
        else ChosenRecipient(str(postmaster), "", f"postmaster, because it is {SURPLUS_REASON}")
    )
    return Surplus(recipient, resolution.named, frozenset(routing.folder_recipients))


def _accept(address: Address, evidence: Evidence, routing: Routing) -> AcceptedRecipient | RejectedAddress:
    original = str(address)
    if evidence.kind is EvidenceClass.SINGLE_USER:
        return AcceptedRecipient(original, original, "the account's configured recipient")
    if evidence.kind is EvidenceClass.FOLDER:
        steps = [f"read from the folder {evidence.value}"]
    else:
        steps = [f"named in {evidence.field}"]
    if routing.kind is MailboxKind.SINGLE:
        return AcceptedRecipient(original, original, "; ".join(steps))
    if routing.recipient_prefixes and evidence.kind in ENVELOPE_CLASSES:
        address = _remove_prefix(address, routing, steps)
    domain = translation(routing.domains, address.domain)
    if domain is None:
        return RejectedAddress(original, f"{address.domain} is not an accepted domain")
    if routing.aliases or routing.strip_tags:
        known = _resolve_alias(address, routing, steps)
        if known is not None:
            return AcceptedRecipient(str(known), original, "; ".join(steps))
        address = _remove_tag(address, routing, steps)
    if domain == address.domain:
        return AcceptedRecipient(str(address), original, "; ".join(steps))
    steps.append(f"{address.domain} is translated to {domain}")
    return AcceptedRecipient(str(Address(address.local, domain)), original, "; ".join(steps))


def _remove_prefix(address: Address, routing: Routing, steps: list[str]) -> Address:
    bare = without_prefix(address, routing)
    if prefix := address.local.removesuffix(bare.local):
        steps.append(f"the provider's prefix {prefix} is removed")
    return bare


def _resolve_alias(address: Address, routing: Routing, steps: list[str]) -> Address | None:
    """Return the address that an alias stands for; None for what is no alias.

    Where tags are removed, the address without its tag may be the alias.
    """
    candidates = [address]
    if routing.strip_tags:
        candidates.append(_remove_tag(address, routing, []))
    for each in candidates:
        known = routing.aliases.get(Address(each.local.lower(), each.domain))
        if known is not None:
            steps.append(f"{each} is an alias of {known}")
            return known
    return None


def _remove_tag(address: Address, routing: Routing, steps: list[str]) -> Address:
    base, sign, tag = address.local.partition(TAG_SIGN)
    if not (routing.strip_tags and sign and base) or base.startswith('"'):
        return address
    steps.append(f"the tag {sign}{tag} is removed")
    return Address(base, address.domain)


def _cut_to_limit(rejected: tuple[RejectedAddress, ...]) -> tuple[RejectedAddress, ...]:
    if len(rejected) <= REJECTED_LIMIT:
        return rejected
    more = len(rejected) - REJECTED_LIMIT
    return (*rejected[:REJECTED_LIMIT], RejectedAddress("", f"{more} more are not listed"))


def _why_no_recipients(evidence: Evidence, refused: tuple[RejectedAddress, ...]) -> str:
    if evidence.kind is EvidenceClass.NONE:
        return evidence.notes[0]
    if len(refused) == 1:
        return f"the only recipient in {evidence.field} was refused: {refused[0].reason}"
    return f"all {len(refused)} recipients in {evidence.field} were refused"


def _why_incomplete(evidence: Evidence, routing: Routing) -> str | None:
    """Return why a recipient may be missing; None where the list is complete."""
    if evidence.kind is EvidenceClass.SINGLE_USER or not evidence.defects:
        return None
    is_foreign = _is_foreign if evidence.kind in ENVELOPE_CLASSES else _is_no_own_address
    budget = ParsingBudget()
    unread = [each for each in evidence.defects if not is_foreign(each, routing, budget)]
    if not unread:
        return None
    several = "recipient" if len(unread) == 1 else "recipients"
    return f"{len(unread)} {several} in {evidence.field} cannot be read: {unread[0].reason}"


def _is_foreign(defect: Defect, routing: Routing, budget: ParsingBudget) -> bool:
    """Return whether the defect is plainly in a domain that is not accepted, whatever its local part."""
    _, *domains = defect.text.removesuffix(">").split("@")
    return len(domains) == 1 and _is_not_accepted(domains[0], routing, budget)


def _is_no_own_address(defect: Defect, routing: Routing, budget: ParsingBudget) -> bool:
    """Return whether an author's text is no address, such as part of a name, or plainly a foreign one."""
    _, *domains = defect.text.split("@")
    return all(_is_not_accepted(_DOMAIN_END.split(each, 1)[0], routing, budget) for each in domains)


def _is_not_accepted(domain: str, routing: Routing, budget: ParsingBudget) -> bool:
    try:
        return translation(routing.domains, budget.domain(domain)) is None
    except DefectiveAddress:
        return False
