"""Mails and routings for the router's tests, and the corpus of real mails where it is at hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.model.account import MailboxKind, Routing
from shared.model.address import Address, parse_address

POSTMASTER = Address("postmaster", "firma.de")
OWN = Address("catchall", "isp.example")
CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"


def mail(*lines: str, body: bytes = b"Hallo\r\n") -> bytes:
    """A mail with these header lines."""
    return b"".join(line.encode() + b"\r\n" for line in lines) + b"\r\n" + body


def catch_all(
    domains: dict[str, str] | None = None,
    postmaster: Address | None = POSTMASTER,
    fields: tuple[str, ...] | None = None,
) -> Routing:
    """A catch-all mailbox for `firma.de`, if nothing else is said."""
    routing = Routing(
        MailboxKind.CATCH_ALL, domains=domains or {"firma.de": "keep"}, unknown_recipients=postmaster
    )
    if fields is None:
        return routing
    return Routing(routing.kind, None, routing.domains, fields, routing.unknown_recipients)


def single_user(recipient: str) -> Routing:
    """A mailbox whose mail all goes to one person."""
    return Routing(MailboxKind.SINGLE, recipient=parse_address(recipient))


def corpus_mails() -> list[object]:
    """A test parameter for every real mail; one that is skipped, visibly, where there are none."""
    found = (
        sorted(path for path in CORPUS.glob("*/*") if path.suffix in {".eml", ".msg"})
        if CORPUS.is_dir()
        else []
    )
    if not found:
        reason = f"the corpus of real mails is not at {CORPUS.name}"
        return [pytest.param(None, marks=pytest.mark.skip(reason=reason), id="no corpus")]
    return [pytest.param(path, id=path.name) for path in found]
