"""Analyse a mail: everything that the router reads from its header, and its identities.

Analysing a header is a pure call that never fails, whatever the mail. Should a parser fail on an input that
nobody thought of, its part of the result is the safe one (no evidence, null sender) and the failure is noted:
the mail goes to the postmaster or is parked, and holds up no other mail.

A mail inside its event is analysed as a whole. A mail in a blob is read once, chunk by chunk, and only its
header is kept in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from services.router.decide.identity import Identities, IdentityHasher, identify
from services.router.decide.loops import find_loop
from services.router.decide.recipients import Resolution, parked, resolve
from services.router.decide.sender import NULL_SENDER, Sender, choose_sender
from services.router.evidence.evidence import Confidence, Evidence, no_evidence
from services.router.evidence.search import find_evidence, is_list_mail
from services.router.header.fields import Header, can_parse_header, read_header
from services.router.header.received import Client
from services.router.header.zone import TrustedZone
from shared.contract.events import MessageFetched
from shared.model.account import Account
from shared.model.errors import quoted
from shared.model.mailbox import INBOX
from shared.ports.blobs import Blobs
from shared.ports.directory import Directory

MESSAGE_ID_LENGTH = 250
PARSER_FAILURES = (
    ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError,
)  # fmt: skip
T = TypeVar("T")


class HeaderAnalysis(NamedTuple):
    """What a mail's header says, and the recipients that follow. `message_id` is made printable and cut.

    `loop_reason` says why the mail counts as a mail loop; None where it is none.
    """

    header: Header
    zone: TrustedZone
    message_id: str
    sender: Sender
    evidence: Evidence
    resolution: Resolution
    is_list_mail: bool
    loop_reason: str | None

    @property
    def client(self) -> Client:
        """The host from which the provider received the mail, as far as the trusted zone says."""
        return _parsed("client", [], lambda: self.zone.client, Client())

    @property
    def reverse_path(self) -> str:
        """The sender to deliver with; "" is the null sender."""
        return self.sender.address


class AnalysedMail(NamedTuple):
    """A mail that was read. `directory` is to be asked whether the addresses `to_check` exist."""

    event: MessageFetched
    account: Account
    analysis: HeaderAnalysis
    identities: Identities
    to_check: Sequence[str] = ()
    directory: Directory | None = None


async def analyse_mail(event: MessageFetched, account: Account, blobs: Blobs) -> AnalysedMail:
    """Read and analyse the mail of `event`. Raises what reading its blob raises."""
    raw = event.payload.inline
    if raw is None:
        return await _analyse_blob(event, account, blobs)
    analysis = analyse_header(raw, account, event.fetched_at, event.key.folder)
    identities = identify(raw, analysis.header, account.routing.dedup, event.message)
    return AnalysedMail(event, account, analysis, identities)


def analyse_header(raw: bytes, account: Account, now: float, folder: str = INBOX.folder) -> HeaderAnalysis:
    """Analyse the header of a mail that was fetched for `account` from the source folder `folder`.

    Never raises. `raw` is the whole mail, or a beginning of it for which `can_parse_header` is true. `now` is
    in seconds since the epoch.
    """
    failures: list[str] = []
    routing = account.routing
    header = _parsed("header", failures, lambda: read_header(raw), Header((), 0))
    zone = TrustedZone(header, routing.trusted_hosts)
    sender = _parsed(
        "Return-Path",
        failures,
        lambda: choose_sender(zone, routing.sender, now),
        Sender(NULL_SENDER, "it could not be read"),
    )
    evidence = _parsed(
        "recipients",
        failures,
        lambda: find_evidence(header, zone, account, folder),
        no_evidence("the recipients could not be read"),
    )
    loop_reason = _parsed("trace", failures, lambda: find_loop(header, account.id), None)
    if failures:
        evidence = evidence._replace(notes=(*evidence.notes, *failures), confidence=Confidence.LOW)
    return HeaderAnalysis(
        header,
        zone,
        quoted(header.first_value("message-id"), MESSAGE_ID_LENGTH),
        sender,
        evidence,
        resolve(evidence, routing) if loop_reason is None else parked(evidence, loop_reason),
        is_list_mail(header),
        loop_reason,
    )


async def _analyse_blob(event: MessageFetched, account: Account, blobs: Blobs) -> AnalysedMail:
    hasher = IdentityHasher(account.routing.dedup, event.message)
    beginning = bytearray()
    complete = False
    async for chunk in blobs.read(event.payload.blob or ""):
        hasher.add_chunk(chunk)
        if not complete:
            seen = len(beginning)
            beginning += chunk
            complete = can_parse_header(beginning, seen)
    analysis = analyse_header(bytes(beginning), account, event.fetched_at, event.key.folder)
    return AnalysedMail(event, account, analysis, hasher.identities())


def _parsed(what: str, failures: list[str], parse: Callable[[], T], otherwise: T) -> T:
    try:
        return parse()
    except PARSER_FAILURES as failure:
        failures.append(f"reading the {what} failed: {quoted(repr(failure))}")
        return otherwise
