"""Everything that the router reads from a mail's header, in one pure call that never fails on any mail.

Should a reader fail on a header that nobody thought of, its part of the answer is the safe one (no evidence,
null sender) and the failure is noted: the mail goes to the postmaster or is parked, and stops no other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from services.router.evidence import Confidence, Evidence, EvidenceClass, find_evidence
from services.router.header import Header, read_header
from services.router.recipients import Resolution, resolve
from services.router.sender import NULL_SENDER, reverse_path
from shared.model.account import Routing
from shared.model.address import Address
from shared.model.errors import quoted

MESSAGE_ID_LENGTH = 250
READER_FAILURES = (
    ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError,
)  # fmt: skip
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Examination:
    """What a mail's header says; `message_id` is its Message-ID made printable and cut, for the eye."""

    header: Header
    message_id: str
    reverse_path: str
    evidence: Evidence
    resolution: Resolution


def examine(raw: bytes, routing: Routing, own_address: Address | None) -> Examination:
    """The examination of the mail that is, or begins with, `raw`; never raises.

    `raw` is the whole mail, or so much of it that `header.header_is_here`.
    """
    failures: list[str] = []
    header = _read("header", failures, lambda: read_header(raw), Header((), 0))
    sender = _read("Return-Path", failures, lambda: reverse_path(header), NULL_SENDER)
    nothing = Evidence(EvidenceClass.NONE, Confidence.LOW, notes=("the recipients could not be read",))
    evidence = _read("recipients", failures, lambda: find_evidence(header, routing, own_address), nothing)
    if failures:
        evidence = replace(evidence, notes=(*evidence.notes, *failures), confidence=Confidence.LOW)
    message_id = quoted(header.first("message-id"), MESSAGE_ID_LENGTH)
    return Examination(header, message_id, sender, evidence, resolve(evidence, routing))


def _read(what: str, failures: list[str], reader: Callable[[], T], otherwise: T) -> T:
    try:
        return reader()
    except READER_FAILURES as failure:
        failures.append(f"reading the {what} failed: {quoted(repr(failure))}")
        return otherwise
