"""Mails and routings for the router's tests, and the corpus of real mails where it is at hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from pydantic import SecretStr

from services.router.evidence.evidence import Evidence
from services.router.evidence.search import find_evidence
from services.router.header.fields import read_header
from services.router.header.zone import TrustedZone
from shared.model.account import Account, Login, MailboxKind, Routing
from shared.model.address import Address, parse_address
from shared.model.endpoint import Endpoint
from shared.model.recipient_field import parse_recipient_field

POSTMASTER = Address("postmaster", "firma.de")
OWN = Address("catchall", "isp.example")
CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"


def mail(*lines: str, body: bytes = b"Hallo\r\n") -> bytes:
    """Return a mail with these header lines."""
    return b"".join(line.encode() + b"\r\n" for line in lines) + b"\r\n" + body


def catch_all(
    domains: dict[str, str] | None = None, postmaster: Address | None = POSTMASTER, fields: Sequence[str] = ()
) -> Routing:
    """Return the routing of a catch-all mailbox, by default for `firma.de`. `fields`: configured fields."""
    return Routing(
        MailboxKind.CATCH_ALL,
        domains=domains or {"firma.de": "keep"},
        recipient_headers=tuple(parse_recipient_field(field) for field in fields),
        unknown_recipients=postmaster,
    )


def single_user(recipient: str) -> Routing:
    """Return the routing of a mailbox whose mail all goes to one person."""
    return Routing(MailboxKind.SINGLE, recipient=parse_address(recipient))


def account(routing: Routing | None = None, login: str = str(OWN)) -> Account:
    """Return the account `acme/all` with this login."""
    return Account(
        tenant="acme",
        name="all",
        protocol="pop3",
        endpoint=Endpoint("pop.isp.example", 995),
        login=Login(login, SecretStr("x")),
        target="here",
        routing=routing or catch_all(),
    )


def evidence_in(
    *lines: str, routing: Routing | None = None, login: str = str(OWN), folder: str = "INBOX"
) -> Evidence:
    """Return the evidence for a mail with these header lines, fetched with this login from this folder."""
    header = read_header(mail(*lines))
    routing = routing or catch_all()
    zone = TrustedZone(header, routing.trusted_hosts)
    return find_evidence(header, zone, account(routing, login), folder)


def corpus_files() -> list[Path]:
    """Return the files of real mails; none where there is no corpus."""
    return sorted(path for path in CORPUS.glob("*/*") if path.suffix in {".eml", ".msg"})


def corpus_mails() -> list[object]:
    """Return a test parameter for each real mail, or one that is visibly skipped where there are none."""
    found = corpus_files()
    if not found:
        reason = f"the corpus of real mails is not at {CORPUS.name}"
        return [pytest.param(None, marks=pytest.mark.skip(reason=reason), id="no corpus")]
    return [pytest.param(path, id=path.name) for path in found]
