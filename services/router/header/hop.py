"""Received lines (RFC 5321 section 4.4): who wrote one, whom he had the mail from, and for whom it came."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple

from services.router.header.addresses import read_addresses
from services.router.header.clauses import words_of
from shared.model.address import Address

LINE_LIMIT = 16 * 1024
FOR_LIMIT = 20
_FOR = re.compile(rb"\sfor\s", re.IGNORECASE)
_BLANK = re.compile(rb"[ \t]")
_INSIDE = rb"[^()\\]*(?:\\.[^()\\]*)*"
_CLIENT = re.compile(
    rb"[ \t]*from[ \t]++(?P<said>[^ \t();]++)[ \t]*+"
    rb"(?:\((?P<seen>" + _INSIDE + rb")[()])?[ \t]*+(?:\((?P<then>" + _INSIDE + rb")\))?",
    re.IGNORECASE,
)
_SEEN = re.compile(
    rb"[ \t]*(?:[^ \t@\[\]]++@)?(?:(?P<name>[^ \t\[\]@=]++)[ \t]++)?(?:[^ \t@\[\]]++@)?"
    rb"\[?(?:IPv6:)?(?P<ip>[0-9A-Fa-f:.]{2,45})(?=[\] \t]|$)",
    re.IGNORECASE,
)
_HELO = re.compile(rb"[ \t]*(?:helo|ehlo|lhlo)[ \t]", re.IGNORECASE)
_HELO_BEHIND = re.compile(rb"\]?(?::\d+)?[ \t]+helo=", re.IGNORECASE)
_FORGED = b"(may be forged)"
_IP = re.compile(r"\[(?:ipv6:)?(?P<literal>[0-9a-f:.]+)\](?::\d+)?|(?P<plain>\d+(?:\.\d+){3})")
_LMTP = re.compile(rb"with lmtps?a?\Z")
_UNKNOWN = "unknown"
_OWN_NETWORKS = [
    ipaddress.ip_network(network)
    for network in (
        *("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16"),
        *("::1/128", "fc00::/7", "fe80::/10"),
    )
]
_LOOPBACK = [ipaddress.ip_network(network) for network in ("127.0.0.0/8", "::1/128")]
_LOCALHOSTS = frozenset({"localhost", "localhost4", "localhost6"})
_OWN_MACHINE = frozenset({"localhost", "localdomain", "localdomain4", "localdomain6"})
_PRIVATE_DOMAINS = _OWN_MACHINE | {"local", "internal", "intranet", "private", "corp", "home", "lan"}
"""Of no use on the Internet (RFC 6761, RFC 6762 section 3 and appendix G), beside what Linux calls itself."""
_SECOND_LEVEL_LENGTH = 3
_COUNTRY_LENGTH = 2
_FLAT_COUNTRIES = frozenset({"ch", "cz", "de", "dk", "eu", "li", "lu", "nl"})
_GENERIC = frozenset({"co", "com", "net", "org"})


class Hop(NamedTuple):
    """A Received line: the host that wrote it, in lower case, and the one recipient that it names.

    A line that is nothing but a comment, as qmail writes of its own hand-overs, has no host, and yet is
    readable. LMTP (RFC 2033) is spoken between the hosts of one operator.
    """

    by: str
    recipient: Address | None
    is_readable: bool = True
    is_by_lmtp: bool = False


UNREADABLE = Hop("", None, is_readable=False)


class Client(NamedTuple):
    """Whom a host had a mail from: the name that it looked up or, failing that, was told; and the IP address.

    Each is "" where the line does not say. A name is claimed if only the client says that it is his: in HELO,
    or by what his IP address is called, where the name leads to another one.
    """

    name: str = ""
    ip: str = ""
    is_claimed: bool = False

    @property
    def label(self) -> str:
        """The first part of the name, by which a host may call itself."""
        return self.name.partition(".")[0]

    @property
    def is_outside(self) -> bool | None:
        """Whether the IP address is none of those that a network has for itself; None where there is none."""
        address = _ip_address(self.ip)
        if address is None:
            return None
        return not any(address in network for network in _OWN_NETWORKS)


def may_name_recipient(value: bytes) -> bool:
    """Whether a Received line may name a recipient: a cheap question, before the line is read in full."""
    return _FOR.search(value) is not None


def organisational_domain(host: str) -> str:
    """The part of a host name that its owner registered, such as `isp.example`; "" for one that has no dot,
    or that every machine has (`localhost.localdomain`).

    Without the list of public suffixes, a short label before a country's counts as part of the suffix, but in
    countries where names are registered right below. Where that is wrong (`mx.ibm.fr`), the zone merely
    becomes smaller than it could be.
    """
    labels = host.rstrip(".").split(".")
    if len(labels) < 2 or not labels[-1].isalnum() or labels[-1].isdigit() or labels[-1] in _OWN_MACHINE:
        return ""
    second, country = labels[-2:]
    is_suffix = len(country) == _COUNTRY_LENGTH and len(second) <= _SECOND_LEVEL_LENGTH
    if country in _FLAT_COUNTRIES and second not in _GENERIC:
        is_suffix = False
    return ".".join(labels[-3 if is_suffix else -2 :])


def is_loopback(host: str) -> bool:
    """Whether the host, a name or an IP address, is the machine itself, whichever that is."""
    address = _ip_address(host)
    if address is not None:
        return any(address in network for network in _LOOPBACK)
    labels = host.rstrip(".").split(".")
    return labels[0] in _LOCALHOSTS and (len(labels) == 1 or labels[-1] in _OWN_MACHINE)


def is_private_host(host: str) -> bool:
    """Whether the name or IP address after `by` is none that a host has on the Internet; so is ""."""
    address = _ip_address(host)
    if address is not None:
        return any(address in network for network in _OWN_NETWORKS)
    labels = host.rstrip(".").split(".")
    return len(labels) == 1 or labels[-1] in _PRIVATE_DOMAINS


def _ip_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that the host is written as, in brackets or not, with or without a port."""
    text = host.partition("]")[0] if host.startswith("[") else host
    if text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.lstrip("[").removeprefix("ipv6:"))
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def read_hop(value: bytes) -> Hop:
    """A Received line, unfolded. One that names several recipients, or says so, names none.

    Nor does one with more than `FOR_LIMIT` words behind `for`.

    A line is `UNREADABLE` where its words or its host cannot be told, or it is longer than `LINE_LIMIT`
    octets: its client may have slipped in what is in the way. So is one with quoted blanks anywhere but in
    the recipient, as what seems to be quoted may be the server's own words between two marks of the client's.
    """
    words = words_of(value) if len(value) <= LINE_LIMIT else None
    if not words:
        return UNREADABLE if words is None else Hop("", None)
    keywords = [word.lower() for word in words]
    by = _position(b"by", keywords, after=1 if keywords[0] == b"from" else -1)
    if by is None or by + 1 == len(words):
        return UNREADABLE
    receiver = _position(b"for", keywords, after=by + 1)
    if any(_BLANK.search(word) for word in words[:receiver]):
        return UNREADABLE
    host = keywords[by + 1].decode("ascii", "replace")
    recipient = _only_address(words[receiver + 1 :]) if receiver else None
    return Hop(host, recipient, is_by_lmtp=_LMTP.match(b" ".join(keywords[by + 2 : by + 4])) is not None)


def read_client(value: bytes) -> Client:
    """The `from` clause of a Received line, unfolded.

    What a client says of himself (HELO) counts only where the server noted nothing better in the comment
    behind it: the name that it looked up, and the IP address. qmail and Exim write what they looked up in the
    place of HELO, and HELO in the comment. They leave it out where it is the same, so that such a line reads
    like one of a server that looked nothing up: then the name is taken for a claim.
    """
    clause = _CLIENT.match(value)
    if clause is None:
        return Client()
    said, comment = clause["said"].decode("ascii", "replace").lower(), clause["seen"] or b""
    helo_is_apart = _HELO.match(comment) is not None
    if helo_is_apart:
        comment = clause["then"] or b""
    seen = _SEEN.match(comment)
    if seen is None:
        return _told(said, is_claimed=not helo_is_apart)
    if seen["name"]:
        said = seen["name"].decode("ascii", "replace").lower()
        is_claimed = value.startswith(_FORGED, clause.end("seen"))
    else:
        is_claimed = not (helo_is_apart or _HELO_BEHIND.match(comment, seen.end()))
    return _seen(said, seen["ip"].decode("ascii"), is_claimed=is_claimed)


def _told(said: str, *, is_claimed: bool) -> Client:
    """A client of whom nothing is noted but what stands in the place of HELO."""
    if ip := _IP.fullmatch(said):
        return Client("", ip["literal"] or ip["plain"])
    return Client(said.strip("[]"), is_claimed=is_claimed)


def _seen(name: str, ip: str, *, is_claimed: bool) -> Client:
    name = name.rstrip(".")
    return Client("", ip) if name == _UNKNOWN or name.startswith("[") else Client(name, ip, is_claimed)


def _position(keyword: bytes, words: list[bytes], after: int) -> int | None:
    """Where the keyword stands first; what comes before, such as the client's own name, is not looked at."""
    try:
        return words.index(keyword, after + 1)
    except ValueError:
        return None


def _only_address(words: list[bytes]) -> Address | None:
    if len(words) > FOR_LIMIT:
        return None
    match read_addresses(b" ".join(words)):
        case [Address() as address]:
            return address
        case _:
            return None
