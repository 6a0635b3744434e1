"""Evidence classes 1 to 3, which repeat the envelope: configured fields, envelope fields, Received lines."""

from __future__ import annotations

from collections.abc import Sequence

from services.router.evidence.context import SearchContext
from services.router.evidence.evidence import Confidence, Evidence, EvidenceClass, printable
from services.router.header.fields import HeaderField
from services.router.header.received import Hop, may_name_recipient, read_hop
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
"""Most reliable first: the first ones are written before any alias is resolved."""
BELOW_ZONE = "it stands below what the provider's servers wrote"
NO_RECEIVED = "without a Received line, nothing shows where the provider's part of the header ends"
_KEYS = tuple((name, name.lower()) for name in ENVELOPE_FIELDS)


def configured_field(context: SearchContext) -> Evidence | None:
    """Class 1: the account's configured fields in their order, wherever in the header they stand."""
    for wanted in context.routing.recipient_headers:
        evidence = _for_clause(context, wanted) if wanted.clause else _value_of_field(context, wanted)
        if evidence is not None:
            return evidence
    return None


def envelope_field(context: SearchContext) -> Evidence | None:
    """Class 2: the first envelope field in the trusted zone that does not name the collecting mailbox."""
    for name, key in _KEYS:
        if not context.header.all_named(key):
            continue
        inside = context.zone.fields_named(key)
        for field in inside:
            evidence = context.read_envelope_value(EvidenceClass.ENVELOPE_FIELD, name, field.unfolded)
            if evidence is not None:
                return evidence if context.zone.has_received else _lowered(evidence, NO_RECEIVED)
        for field in context.header.all_named(key)[len(inside) :]:
            context.ignore(printable(field.unfolded), f"in {name}, but {BELOW_ZONE}")
    return None


def received_for(context: SearchContext) -> Evidence | None:
    """Class 3: the `for` clause of the provider's Received lines, the oldest line first."""
    return _received_for(context, EvidenceClass.RECEIVED_FOR)


def _value_of_field(context: SearchContext, wanted: RecipientField) -> Evidence | None:
    """Return the evidence in a configured field, or in the part of it that its pattern takes."""
    for field in _at_position(context.header.all_named(wanted.key), wanted.position):
        taken: bytes | None = field.unfolded
        if wanted.capture is not None:
            taken = wanted.capture.find(field.unfolded)
        if taken is None:
            context.ignore(printable(field.unfolded), f"not of the form {wanted}")
            continue
        evidence = context.read_envelope_value(EvidenceClass.CONFIGURED_FIELD, wanted.name, taken)
        if evidence is not None:
            return evidence if _is_in_zone(context, field, wanted.key) else _lowered(evidence, BELOW_ZONE)
    return None


def _for_clause(context: SearchContext, wanted: RecipientField) -> Evidence | None:
    """Return the evidence in the `for` clause of one Received line, or of the trusted zone's lines."""
    if not wanted.position:
        return _received_for(context, EvidenceClass.CONFIGURED_FIELD)
    for field in _at_position(context.header.all_named(RECEIVED), wanted.position):
        evidence = _evidence_of_hop(context, read_hop(field.unfolded), EvidenceClass.CONFIGURED_FIELD)
        if evidence is not None:
            return evidence if _is_in_zone(context, field, RECEIVED) else _lowered(evidence, BELOW_ZONE)
    return None


def _received_for(context: SearchContext, kind: EvidenceClass) -> Evidence | None:
    if not any(may_name_recipient(field.value) for field in context.header.all_named(RECEIVED)):
        return None
    for hop in reversed(context.zone.hops):
        evidence = _evidence_of_hop(context, hop, kind)
        if evidence is not None:
            return evidence
    return None


def _evidence_of_hop(context: SearchContext, hop: Hop, kind: EvidenceClass) -> Evidence | None:
    """Return the evidence in a hop's recipient.

    An address outside of the accepted domains is the result of an alias, not the mail's recipient.
    """
    recipient = hop.recipient
    if recipient is None:
        return None
    where = f"Received by {quoted(hop.by)}"
    if context.is_own(recipient):
        context.ignore(str(recipient), f"{where} names the collecting mailbox itself")
        return None
    if translation(context.routing.domains, recipient.domain) is None:
        context.ignore(str(recipient), f"{where} names an address outside of the accepted domains")
        return None
    return Evidence(kind, Confidence.HIGH, where, (recipient,), value=str(recipient))


def _at_position(fields: Sequence[HeaderField], position: int) -> Sequence[HeaderField]:
    return fields[position - 1 : position] if position else fields


def _is_in_zone(context: SearchContext, field: HeaderField, key: str) -> bool:
    return any(field is each for each in context.zone.fields_named(key))


def _lowered(evidence: Evidence, note: str) -> Evidence:
    return evidence._replace(confidence=Confidence.LOW, notes=(*evidence.notes, note))
