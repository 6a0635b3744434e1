"""Whom a mail was meant for, as far as its header tells: one class of evidence decides.

The classes stand in `CLASSES` in the order of their worth; the first that has anything to say is taken, even
if all it says is unusable. Guessing on from To and Cc then would hand a blind copy to the wrong people.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from services.router.addresses import Defect, read_addresses
from services.router.header import Header, HeaderField
from services.router.trace import names_recipients, trusted_hops
from shared.model.account import MailboxKind, Routing
from shared.model.address import Address, DefectiveAddress, parse_address
from shared.model.errors import quoted


class EvidenceClass(StrEnum):
    """Where the recipients were found."""

    SINGLE_USER = "single-user"
    ENVELOPE_FIELD = "envelope-field"
    RECEIVED_FOR = "received-for"
    RESENT = "resent"
    VISIBLE = "visible"
    NONE = "none"


class Confidence(StrEnum):
    """How far evidence can be believed: it is so by configuration, a server wrote it, or it is a guess."""

    CERTAIN = "certain"
    HIGH = "high"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the deciding class says; `field` names its header fields.

    `notes` say why to believe it less, or why there is none.
    """

    kind: EvidenceClass
    confidence: Confidence
    field: str = ""
    addresses: tuple[Address, ...] = ()
    defects: tuple[Defect, ...] = ()
    notes: tuple[str, ...] = ()

    def describe(self) -> str:
        """In words, for the journal and for people."""
        where = f"{self.kind} {self.field}".rstrip()
        return "; ".join((f"{where} ({self.confidence} confidence)", *self.notes))


Finder = Callable[[Header, Routing, Address | None], Evidence | None]


def find_evidence(header: Header, routing: Routing, own_address: Address | None) -> Evidence:
    """The evidence in a header; `own_address` is the collecting mailbox's, if its name is an address."""
    for finder in CLASSES:
        evidence = finder(header, routing, own_address)
        if evidence is not None:
            return _believed_less(evidence, header.notes)
    reason = "no field names a recipient"
    return Evidence(EvidenceClass.NONE, Confidence.LOW, notes=(reason, *header.notes))


def own_address(username: str) -> Address | None:
    """The collecting mailbox's address, where its login is one."""
    try:
        return parse_address(username)
    except DefectiveAddress:
        return None


def _single_user(header: Header, routing: Routing, own: Address | None) -> Evidence | None:
    """Class 0: whatever the header says."""
    if routing.kind is not MailboxKind.SINGLE:
        return None
    if routing.recipient is None:
        note = "the account is a single-user mailbox without a recipient"
        return Evidence(EvidenceClass.NONE, Confidence.CERTAIN, notes=(note,))
    return Evidence(EvidenceClass.SINGLE_USER, Confidence.CERTAIN, addresses=(routing.recipient,))


def _envelope_field(header: Header, routing: Routing, own: Address | None) -> Evidence | None:
    """Class 1: the topmost of the first configured field that names anybody but the collecting mailbox."""
    for name in routing.recipient_headers:
        for field in header.all(name.lower()):
            addresses, defects = _read((field,))
            others = tuple(address for address in addresses if not _same_mailbox(address, own))
            if others or defects:
                return Evidence(EvidenceClass.ENVELOPE_FIELD, Confidence.HIGH, name, others, defects)
    return None


def _received_for(header: Header, routing: Routing, own: Address | None) -> Evidence | None:
    """Class 3: for whom the provider received the mail from outside, or else handed it on.

    An address of no accepted domain is what an alias was resolved to; it does not say whom the mail was for.
    """
    if not names_recipients(header):
        return None
    for hop in reversed(trusted_hops(header)):
        recipient = hop.recipient
        if recipient and recipient.domain in routing.domains and not _same_mailbox(recipient, own):
            where = f"Received by {quoted(hop.by)}"
            return Evidence(EvidenceClass.RECEIVED_FOR, Confidence.HIGH, where, (recipient,))
    return None


def _resent(header: Header, routing: Routing, own: Address | None) -> Evidence | None:
    """Class 4: whom the last one who resent the mail named (RFC 5322 section 3.6.6)."""
    names = ("resent-to", "resent-cc", "resent-bcc")
    return _guess(_topmost_resent_block(header), names, EvidenceClass.RESENT)


def _visible(header: Header, routing: Routing, own: Address | None) -> Evidence | None:
    """Class 4: whom the author named."""
    return _guess(header.fields, ("to", "cc", "bcc"), EvidenceClass.VISIBLE)


def _mailing_list(header: Header, routing: Routing, own: Address | None) -> Evidence | None:
    """A mailing list's mail names the list, not its readers: from here on there is nothing to guess from."""
    precedence = header.first("precedence").strip().lower()
    if not header.all("list-id") and precedence != b"list":
        return None
    note = "mail of a mailing list, and no envelope field says for whom"
    return Evidence(EvidenceClass.NONE, Confidence.LOW, notes=(note,))


CLASSES: tuple[Finder, ...] = (_single_user, _envelope_field, _received_for, _mailing_list, _resent, _visible)


def _topmost_resent_block(header: Header) -> list[HeaderField]:
    """A block ends at a field of another kind, or where one comes again: that is of an earlier block."""
    block: list[HeaderField] = []
    for field in header.fields:
        resent = field.name.startswith("resent-")
        if block and (not resent or any(field.name == other.name for other in block)):
            break
        if resent:
            block.append(field)
    return block


def _guess(fields: Iterable[HeaderField], names: tuple[str, ...], kind: EvidenceClass) -> Evidence | None:
    chosen = [field for field in fields if field.name in names]
    addresses, defects = _read(chosen)
    if not addresses and not defects:
        return None
    field = ", ".join(dict.fromkeys(field.name.title() for field in chosen))
    return Evidence(kind, Confidence.LOW, field, addresses, defects)


def _read(fields: Iterable[HeaderField]) -> tuple[tuple[Address, ...], tuple[Defect, ...]]:
    found = [element for field in fields for element in read_addresses(field.value)]
    return (
        tuple(element for element in found if isinstance(element, Address)),
        tuple(element for element in found if isinstance(element, Defect)),
    )


def _same_mailbox(address: Address, own: Address | None) -> bool:
    """No mail system has two mailboxes whose names differ in case only, and logins are written either way."""
    return own is not None and address.domain == own.domain and address.local.lower() == own.local.lower()


def _believed_less(evidence: Evidence, notes: tuple[str, ...]) -> Evidence:
    """A header that was not read in full may say something else; what is configured stays certain."""
    if not notes or evidence.confidence is Confidence.CERTAIN:
        return evidence
    return replace(evidence, confidence=Confidence.LOW, notes=(*evidence.notes, *notes))
