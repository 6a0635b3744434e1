"""What the provider's own servers noted in their Received lines: the trusted zone, and for whom a mail came.

The zone reaches from the top of the header down through the Received lines as long as their `by` host is the
provider's. The provider is the organisational domain of the topmost `by` that has one: the last hop is his by
definition. Hand-overs above it within one machine (`by localhost`, or no `by` at all, as qmail writes) belong
to it. What stands below the zone, the sender wrote.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from services.router.addresses import read_addresses
from services.router.header import Header
from shared.model.address import Address

HOP_LIMIT = 100
_FOR = re.compile(rb"\sfor\s", re.IGNORECASE)
_COMMENT = re.compile(rb"\([^()\\]*+\)")
_COMMENT_DEPTH = 4
_WORD = re.compile(rb"[^ \t]++")
_UNPAIRED = re.compile(rb'["()\\]')
_SECOND_LEVEL_LENGTH = 3
_COUNTRY_LENGTH = 2


@dataclass(frozen=True, slots=True)
class Hop:
    """A Received line (RFC 5321 section 4.4): the host that wrote it and the one recipient that it names."""

    by: str
    recipient: Address | None


def trusted_hops(header: Header) -> list[Hop]:
    """The hops of the trusted zone, topmost first; at most `HOP_LIMIT`."""
    zone: list[Hop] = []
    provider = ""
    for field in header.all("received")[:HOP_LIMIT]:
        hop = read_hop(field.unfolded)
        domain = organisational_domain(hop.by)
        if provider and domain != provider:
            break
        provider = domain
        zone.append(hop)
    return zone


def names_recipients(header: Header) -> bool:
    """Whether any Received line may name a recipient: a cheap question, before the lines are read in full."""
    return any(_FOR.search(field.value) for field in header.all("received"))


def organisational_domain(host: str) -> str:
    """The part of a host name that its owner registered, such as `isp.example`; "" for one that has no dot.

    Without the list of public suffixes, a short label before a country's counts as part of the suffix. Where
    that is wrong (`mx.ibm.de`), the zone merely becomes smaller than it could be.
    """
    labels = host.rstrip(".").split(".")
    if len(labels) < 2 or not labels[-1].isalnum() or labels[-1].isdigit():
        return ""
    is_suffix = len(labels[-1]) == _COUNTRY_LENGTH and len(labels[-2]) <= _SECOND_LEVEL_LENGTH
    return ".".join(labels[-3 if is_suffix else -2 :])


def read_hop(value: bytes) -> Hop:
    """A Received line, unfolded. One that names several recipients, or says so, names none.

    A line with a quoted string, or signs that do not pair off, names nothing: its client slipped them in.
    """
    clauses, _, _ = _without_comments(value).partition(b";")
    words = _WORD.findall(clauses)
    keywords = [word.lower() for word in words]
    by = _position(b"by", keywords, after=1 if keywords[:1] == [b"from"] else -1)
    if by is None or by + 1 == len(words) or _UNPAIRED.search(clauses):
        return Hop("", None)
    host = keywords[by + 1].decode("ascii", "replace")
    receiver = _position(b"for", keywords, after=by + 1)
    return Hop(host, _only_address(b" ".join(words[receiver + 1 :])) if receiver else None)


def _without_comments(text: bytes) -> bytes:
    """Comments nest, as when a server describes its TLS; more than `_COMMENT_DEPTH` levels are left in."""
    for _ in range(_COMMENT_DEPTH):
        text, found = _COMMENT.subn(b" ", text)
        if not found:
            break
    return text


def _position(keyword: bytes, words: list[bytes], after: int) -> int | None:
    """Where the keyword stands first; what comes before, such as the client's own name, is not looked at."""
    return next((at for at in range(after + 1, len(words)) if words[at] == keyword), None)


def _only_address(text: bytes) -> Address | None:
    match read_addresses(text):
        case [Address() as address]:
            return address
        case _:
            return None
