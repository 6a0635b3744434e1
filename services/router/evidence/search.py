"""The search for evidence of a mail's recipients, class by class: in its source folder and its header.

`CLASSES` lists the classes, most reliable first. The first class that says anything decides, even if all
that it says is unusable. Classes are never combined: adding guesses from To and Cc to the envelope's
recipients would hand a blind copy to the wrong people.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from services.router.evidence.context import SearchContext
from services.router.evidence.envelope import configured_field, envelope_field, received_for
from services.router.evidence.evidence import (
    VALUE_LENGTH,
    Confidence,
    Evidence,
    EvidenceClass,
    no_evidence,
    printable,
)
from services.router.header.addresses import Defect, ParsingBudget, read_addresses
from services.router.header.fields import Header, HeaderField
from services.router.header.lenient import LenientReader
from services.router.header.zone import TrustedZone
from shared.model.account import Account, MailboxKind
from shared.model.address import Address
from shared.model.errors import quoted
from shared.model.mailbox import INBOX

RESENT = ("resent-to", "resent-cc", "resent-bcc")
VISIBLE = ("to", "cc", "bcc")

Finder = Callable[[SearchContext], Evidence | None]


def find_evidence(
    header: Header, zone: TrustedZone, account: Account, folder: str = INBOX.folder
) -> Evidence:
    """Return the evidence for a mail that was fetched for `account` from the source folder `folder`."""
    context = SearchContext(header, zone, account, folder)
    for finder in CLASSES:
        evidence = finder(context)
        if evidence is not None:
            break
    else:
        evidence = no_evidence("no field names a recipient")
    evidence = _lower_confidence(evidence, header.notes)
    return evidence._replace(ignored=tuple(context.ignored)) if context.ignored else evidence


def _source_folder(context: SearchContext) -> Evidence | None:
    """Class 0: the recipient configured for the folder that the mail was read from."""
    address = context.routing.folder_recipient(context.folder)
    if address is None:
        return None
    shown = quoted(context.folder, VALUE_LENGTH)
    return Evidence(EvidenceClass.FOLDER, Confidence.CERTAIN, addresses=(address,), value=shown)


def _single_user(context: SearchContext) -> Evidence | None:
    """Class 0: the configured recipient of a single-user mailbox, whatever the header says."""
    if context.routing.kind is not MailboxKind.SINGLE:
        return None
    if context.routing.recipient is None:
        note = "the account is a single-user mailbox without a recipient"
        return Evidence(EvidenceClass.NONE, Confidence.CERTAIN, notes=(note,))
    return Evidence(EvidenceClass.SINGLE_USER, Confidence.CERTAIN, addresses=(context.routing.recipient,))


def _only_configured(context: SearchContext) -> Evidence | None:
    """End the search after the configured fields, where the account wants no others."""
    if not context.routing.only_recipient_headers:
        return None
    return no_evidence("none of the configured fields names a recipient, and nothing else is to count")


def mailing_list(context: SearchContext) -> Evidence | None:
    """End the search at a mailing list's mail: To and Cc name the list, not its readers."""
    if not is_list_mail(context.header):
        return None
    return no_evidence("mail of a mailing list, and no envelope field says for whom")


def is_list_mail(header: Header) -> bool:
    """Return whether the mail says that it comes from a mailing list."""
    return bool(header.all_named("list-id")) or header.first_value("precedence").strip().lower() == b"list"


def resent(context: SearchContext) -> Evidence | None:
    """Class 4: the recipients named in the topmost block of Resent fields (RFC 5322 section 3.6.6)."""
    return _named_by_author(context, _topmost_resent_block(context.header), RESENT, EvidenceClass.RESENT)


def visible(context: SearchContext) -> Evidence | None:
    """Class 4: the recipients named in To, Cc and Bcc."""
    return _named_by_author(context, context.header.fields, VISIBLE, EvidenceClass.VISIBLE)


def _topmost_resent_block(header: Header) -> list[HeaderField]:
    """Return the topmost block of Resent fields.

    A block ends at a field of another kind, or where a field comes a second time: that one is of an earlier
    block.
    """
    block: list[HeaderField] = []
    seen: set[str] = set()
    for field in header.fields:
        is_resent = field.name.startswith("resent-")
        if block and (not is_resent or field.name in seen):
            break
        if is_resent:
            block.append(field)
            seen.add(field.name)
    return block


def _named_by_author(
    context: SearchContext, fields: Iterable[HeaderField], names: tuple[str, ...], kind: EvidenceClass
) -> Evidence | None:
    """Return the evidence in fields that people wrote. What the strict parser refuses is read leniently."""
    chosen = [field for field in fields if field.name in names]
    budget = ParsingBudget()
    reader = LenientReader(context.accepts, budget)
    found = read_addresses(*[field.value for field in chosen], new_budget=lambda: budget, lenient=reader.read)
    if not found:
        return None
    addresses = tuple([element for element in found if isinstance(element, Address)])
    defects = tuple([element for element in found if isinstance(element, Defect)])
    name = ", ".join(dict.fromkeys(field.name.title() for field in chosen))
    value = printable(b"; ".join([field.value for field in chosen]))
    return Evidence(kind, Confidence.LOW, name, addresses, defects, value=value)


CLASSES: tuple[Finder, ...] = (
    _source_folder,
    _single_user,
    configured_field,
    _only_configured,
    envelope_field,
    received_for,
    mailing_list,
    resent,
    visible,
)


def _lower_confidence(evidence: Evidence, notes: tuple[str, ...]) -> Evidence:
    """Lower the confidence where the header was not read in full. What is configured stays certain."""
    if not notes or evidence.confidence is Confidence.CERTAIN:
        return evidence
    return evidence._replace(confidence=Confidence.LOW, notes=(*evidence.notes, *notes))
