"""Received lines (RFC 5321 section 4.4): which host wrote one, its client, and the recipient it names.

The client has a say in such a line: its own name (HELO) and the sender's address are in it. So a line that
cannot be split into words without doubt is unreadable as a whole, since any word may be the client's.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from services.router.header.addresses import read_addresses
from services.router.header.host_names import is_public_ip
from services.router.header.lexer import Token, TokenKind, tokens
from shared.model.address import Address

LINE_LIMIT = 16 * 1024
"""Octets."""
FOR_LIMIT = 20
"""Words behind `for`."""
TOKEN_LIMIT = 1_000
_COMMENT = re.compile(rb"\([^()\\]*+\)")
_COMMENT_DEPTH = 4
_WORD = re.compile(rb"[^ \t]++")
_NEEDS_LEXER = re.compile(rb'["()\\]')
_DATE = ";"
_UNPAIRED = frozenset({")", "\\"})
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


class Hop(NamedTuple):
    """What a Received line says: the host that wrote it (`by`, in lower case) and the one recipient it names.

    A line that is only a comment, as qmail writes for hand-overs within itself, has no host but is readable.
    LMTP (RFC 2033) is spoken only between hosts of one operator.
    """

    by: str
    recipient: Address | None
    is_readable: bool = True
    is_by_lmtp: bool = False


UNREADABLE = Hop("", None, is_readable=False)


class Client(NamedTuple):
    """The host from which a server received a mail; each part is "" where the Received line does not say.

    `name` is the name that the server looked up, or else the one that the client gave. `is_claimed`: only the
    client vouches for the name. It is then from HELO, or from a reverse look-up that the name's own address
    does not confirm.
    """

    name: str = ""
    ip: str = ""
    is_claimed: bool = False

    @property
    def label(self) -> str:
        """The first label of the name, which a host may use as its own name."""
        return self.name.partition(".")[0]

    @property
    def is_public(self) -> bool | None:
        """Whether the IP address is outside of the private networks; None where there is no IP address."""
        return is_public_ip(self.ip)


def may_name_recipient(value: bytes) -> bool:
    """Return whether a Received line may name a recipient: a cheap test, before the line is parsed."""
    return _FOR.search(value) is not None


def read_hop(value: bytes) -> Hop:
    """Parse a Received line (unfolded).

    A line that names several recipients, or that has more than `FOR_LIMIT` words behind `for`, counts as
    naming none.

    A line is `UNREADABLE` where it cannot be split into words, names no host, or is longer than `LINE_LIMIT`
    octets: the client may have caused that. So is a line with quoted blanks before its recipient: what looks
    quoted may be the server's own words between two quotation marks from the client.
    """
    words = split_words(value) if len(value) <= LINE_LIMIT else None
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
    """Parse the `from` clause of a Received line (unfolded).

    The name that the client gave (HELO) counts only where the server noted nothing better in the comment
    behind it: the name that it looked up, and the IP address. qmail and Exim write the name that they looked
    up in the place of HELO, and HELO in the comment. They leave HELO out where both names are the same; then
    the line looks like one from a server that looked nothing up, and the name counts as claimed.
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
        return _client_without_comment(said, is_claimed=not helo_is_apart)
    if seen["name"]:
        said = seen["name"].decode("ascii", "replace").lower()
        is_claimed = value.startswith(_FORGED, clause.end("seen"))
    else:
        is_claimed = not (helo_is_apart or _HELO_BEHIND.match(comment, seen.end()))
    name, ip = said.rstrip("."), seen["ip"].decode("ascii")
    return Client("", ip) if name == _UNKNOWN or name.startswith("[") else Client(name, ip, is_claimed)


def split_words(value: bytes) -> list[bytes] | None:
    """Split a Received line (unfolded) into words, without comments and date.

    A quoted string, with what is joined to it, is one word. None where quotation marks, parentheses or
    backslashes do not pair off. None, too, where such signs stand elsewhere than in plain comments and the
    line has more than `TOKEN_LIMIT` tokens.
    """
    clauses, _, _ = _without_comments(value).partition(b";")
    return _split_by_lexer(value) if _NEEDS_LEXER.search(clauses) else _WORD.findall(clauses)


def _client_without_comment(said: str, *, is_claimed: bool) -> Client:
    """Return the client of a line that has only what stands in the place of HELO."""
    if ip := _IP.fullmatch(said):
        return Client("", ip["literal"] or ip["plain"])
    return Client(said.strip("[]"), is_claimed=is_claimed)


def _position(keyword: bytes, words: list[bytes], after: int) -> int | None:
    """Return where the keyword first stands behind `after`: what is before may be the client's own name."""
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


def _without_comments(text: bytes) -> bytes:
    """Remove comments. They nest, as when a server describes its TLS; below `_COMMENT_DEPTH` they stay."""
    for _ in range(_COMMENT_DEPTH):
        text, found = _COMMENT.subn(b" ", text)
        if not found:
            break
    return text


def _split_by_lexer(value: bytes) -> list[bytes] | None:
    text = value.decode("utf-8", "surrogateescape")
    words: list[str] = [""]
    for number, token in enumerate(tokens(text)):
        piece = text[token.start : token.end]
        if piece == _DATE:
            break
        if number == TOKEN_LIMIT or _is_unpaired(token, piece):
            return None
        if token.kind is not TokenKind.SPACE:
            words[-1] += piece
        elif words[-1]:
            words.append("")
    return [word.encode("utf-8", "surrogateescape") for word in words if word]


def _is_unpaired(token: Token, piece: str) -> bool:
    return token.kind is TokenKind.UNCLOSED or piece in _UNPAIRED
