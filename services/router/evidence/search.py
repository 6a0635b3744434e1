"""The search for the evidence of a mail: one class decides.

The classes stand in `CLASSES` in the order of their worth; the first that has anything to say is taken,
even if all it says is unusable, and classes are never united. Guessing on from To and Cc would hand a blind
copy to the wrong people.
"""

from __future__ import annotations

from collections.abc import Callable

from services.router.evidence.case import Case
from services.router.evidence.envelope import configured_field, envelope_field, received_for
from services.router.evidence.evidence import Confidence, Evidence, EvidenceClass, nothing
from services.router.evidence.guesses import mailing_list, resent, visible
from services.router.header.fields import Header
from services.router.header.zone import Zone
from shared.model.account import Account, MailboxKind

Finder = Callable[[Case], Evidence | None]


def find_evidence(header: Header, zone: Zone, account: Account) -> Evidence:
    """The evidence in the header of a mail that was fetched for `account`."""
    case = Case(header, zone, account)
    for finder in CLASSES:
        evidence = finder(case)
        if evidence is not None:
            break
    else:
        evidence = nothing("no field names a recipient")
    evidence = _believed_less(evidence, header.notes)
    return evidence._replace(passed=tuple(case.passed)) if case.passed else evidence


def _single_user(case: Case) -> Evidence | None:
    """Class 0: whatever the header says."""
    if case.routing.kind is not MailboxKind.SINGLE:
        return None
    if case.routing.recipient is None:
        note = "the account is a single-user mailbox without a recipient"
        return Evidence(EvidenceClass.NONE, Confidence.CERTAIN, notes=(note,))
    return Evidence(EvidenceClass.SINGLE_USER, Confidence.CERTAIN, addresses=(case.routing.recipient,))


def _nothing_else(case: Case) -> Evidence | None:
    """Where only the configured fields are to count, the search ends with them."""
    if not case.routing.only_recipient_headers:
        return None
    return nothing("none of the configured fields names a recipient, and nothing else is to count")


CLASSES: tuple[Finder, ...] = (
    _single_user,
    configured_field,
    _nothing_else,
    envelope_field,
    received_for,
    mailing_list,
    resent,
    visible,
)


def _believed_less(evidence: Evidence, notes: tuple[str, ...]) -> Evidence:
    """A header that was not read in full may say something else; what is configured stays certain."""
    if not notes or evidence.confidence is Confidence.CERTAIN:
        return evidence
    return evidence._replace(confidence=Confidence.LOW, notes=(*evidence.notes, *notes))
