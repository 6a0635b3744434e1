"""Everything that the router reads from a mail's header, in one pure call that never fails on any mail.

Should a reader fail on a header that nobody thought of, its part of the answer is the safe one (no evidence,
null sender) and the failure is noted: the mail goes to the postmaster or is parked, and stops no other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from services.router.decide.loops import why_loop
from services.router.decide.recipients import Resolution, parked, resolve
from services.router.decide.sender import NULL_SENDER, Sender, choose_sender
from services.router.evidence.evidence import Confidence, Evidence, nothing
from services.router.evidence.guesses import is_list_mail
from services.router.evidence.search import find_evidence
from services.router.header.fields import Header, read_header
from services.router.header.hop import Client
from services.router.header.zone import Zone
from shared.model.account import Account
from shared.model.errors import quoted

MESSAGE_ID_LENGTH = 250
READER_FAILURES = (
    ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError,
)  # fmt: skip
T = TypeVar("T")


class Examination(NamedTuple):
    """What a mail's header says, and what follows; `message_id` is made printable and cut, for the eye.

    `loop` says why the mail is taken for one that goes in circles, if it is.
    """

    header: Header
    zone: Zone
    message_id: str
    sender: Sender
    evidence: Evidence
    resolution: Resolution
    list_mail: bool
    loop: str | None

    @property
    def client(self) -> Client:
        """Whom the provider had the mail from, as far as his part of the header says."""
        return _read("client", [], lambda: self.zone.client, Client())

    @property
    def reverse_path(self) -> str:
        """The sender to deliver with; "" is the null sender."""
        return self.sender.address


def examine(raw: bytes, account: Account, now: float) -> Examination:
    """The examination of the mail that is, or begins with, `raw`; never raises.

    `raw` is the whole mail, or so much of it that `fields.header_is_here`. `now` is in seconds since the
    epoch.
    """
    failures: list[str] = []
    routing = account.routing
    header = _read("header", failures, lambda: read_header(raw), Header((), 0))
    zone = Zone(header, routing.trusted_hosts)
    sender = _read(
        "Return-Path",
        failures,
        lambda: choose_sender(zone, routing.sender, now),
        Sender(NULL_SENDER, "it could not be read"),
    )
    evidence = _read(
        "recipients",
        failures,
        lambda: find_evidence(header, zone, account),
        nothing("the recipients could not be read"),
    )
    loop = _read("trace", failures, lambda: why_loop(header, account.id), None)
    if failures:
        evidence = evidence._replace(notes=(*evidence.notes, *failures), confidence=Confidence.LOW)
    return Examination(
        header,
        zone,
        quoted(header.first("message-id"), MESSAGE_ID_LENGTH),
        sender,
        evidence,
        resolve(evidence, routing) if loop is None else parked(evidence, loop),
        is_list_mail(header),
        loop,
    )


def _read(what: str, failures: list[str], reader: Callable[[], T], otherwise: T) -> T:
    try:
        return reader()
    except READER_FAILURES as failure:
        failures.append(f"reading the {what} failed: {quoted(repr(failure))}")
        return otherwise
