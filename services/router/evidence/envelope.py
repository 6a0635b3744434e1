"""The classes of evidence that repeat the envelope: configured fields, envelope fields, Received lines."""

from __future__ import annotations

from collections.abc import Sequence

from services.router.evidence.case import Case
from services.router.evidence.evidence import Confidence, Evidence, EvidenceClass, shown
from services.router.header.fields import HeaderField
from services.router.header.hop import Hop, may_name_recipient, read_hop
from shared.model.domains import translation
from shared.model.errors import quoted
from shared.model.recipient_field import RECEIVED, RecipientField

ENVELOPE_FIELDS = (
    "X-Original-To",
    "Delivered-To",
    "Envelope-To",
    "X-Envelope-To",
    "X-RCPT-TO",
    "X-Deliver-To",
    "Apparently-To",
)
"""In the order of their worth: the first ones tell of a time before any alias was resolved."""
BELOW = "it stands below what the provider's servers wrote"
UNVOUCHED = "no Received line tells where the provider's part of the header ends"
_KEYS = tuple((name, name.lower()) for name in ENVELOPE_FIELDS)


def configured_field(case: Case) -> Evidence | None:
    """Class 1: the configured fields in their order, wherever they stand."""
    for wanted in case.routing.recipient_headers:
        evidence = _clause(case, wanted) if wanted.clause else _value(case, wanted)
        if evidence is not None:
            return evidence
    return None


def envelope_field(case: Case) -> Evidence | None:
    """Class 2: the topmost of the first envelope field in the zone that names anybody but the mailbox."""
    for name, key in _KEYS:
        if not case.header.all(key):
            continue
        inside = case.zone.fields(key)
        for field in inside:
            evidence = case.weigh(EvidenceClass.ENVELOPE_FIELD, name, field.unfolded)
            if evidence is not None:
                return evidence if case.zone.is_vouched else _doubted(evidence, UNVOUCHED)
        for field in case.header.all(key)[len(inside) :]:
            case.pass_over(shown(field.unfolded), f"in {name}, but {BELOW}")
    return None


def received_for(case: Case) -> Evidence | None:
    """Class 3: for whom the provider received the mail from outside, or else handed it on."""
    return _received_for(case, EvidenceClass.RECEIVED_FOR)


def _value(case: Case, wanted: RecipientField) -> Evidence | None:
    """What a configured field holds, or as much of it as its pattern takes."""
    for field in _at(case.header.all(wanted.key), wanted.position):
        taken: bytes | None = field.unfolded
        if wanted.capture is not None:
            taken = wanted.capture.find(field.unfolded)
        if taken is None:
            case.pass_over(shown(field.unfolded), f"not of the form {wanted}")
            continue
        evidence = case.weigh(EvidenceClass.CONFIGURED_FIELD, wanted.name, taken)
        if evidence is not None:
            return evidence if _is_inside(case, field, wanted.key) else _doubted(evidence, BELOW)
    return None


def _clause(case: Case, wanted: RecipientField) -> Evidence | None:
    """The `for` clause of the Received line at a configured position, or of the zone's."""
    if not wanted.position:
        return _received_for(case, EvidenceClass.CONFIGURED_FIELD)
    for field in _at(case.header.all(RECEIVED), wanted.position):
        evidence = _noted(case, read_hop(field.unfolded), EvidenceClass.CONFIGURED_FIELD)
        if evidence is not None:
            return evidence if _is_inside(case, field, RECEIVED) else _doubted(evidence, BELOW)
    return None


def _received_for(case: Case, kind: EvidenceClass) -> Evidence | None:
    if not any(may_name_recipient(field.value) for field in case.header.all(RECEIVED)):
        return None
    for hop in reversed(case.zone.hops):
        evidence = _noted(case, hop, kind)
        if evidence is not None:
            return evidence
    return None


def _noted(case: Case, hop: Hop, kind: EvidenceClass) -> Evidence | None:
    """An address of no accepted domain is what an alias was resolved to, not whom a mail was for."""
    recipient = hop.recipient
    if recipient is None:
        return None
    where = f"Received by {quoted(hop.by)}"
    if case.is_own(recipient):
        case.pass_over(str(recipient), f"{where} names the collecting mailbox itself")
        return None
    if translation(case.routing.domains, recipient.domain) is None:
        case.pass_over(str(recipient), f"{where} names one of no accepted domain")
        return None
    return Evidence(kind, Confidence.HIGH, where, (recipient,), value=str(recipient))


def _at(fields: Sequence[HeaderField], position: int) -> Sequence[HeaderField]:
    return fields[position - 1 : position] if position else fields


def _is_inside(case: Case, field: HeaderField, key: str) -> bool:
    return any(field is each for each in case.zone.fields(key))


def _doubted(evidence: Evidence, note: str) -> Evidence:
    return evidence._replace(confidence=Confidence.LOW, notes=(*evidence.notes, note))
