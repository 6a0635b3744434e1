"""Untagged answers that are data (RFC 9051, sections 7.2 to 7.4), read one by one.

Whether somebody asked for them is not decided here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from shared.imap.answer_reader import attributes_of
from shared.imap.capabilities import Capabilities, parse_capabilities
from shared.imap.events import Exists, Gone, MailboxStatus
from shared.imap.fetch import Attributes, uid_of
from shared.imap.scanner import Value, number_of, octets_of, words_of
from shared.imap.uid_set import UidSet


@dataclass(frozen=True, slots=True)
class SearchResult:
    """UIDs of SEARCH or ESEARCH; `count` of them were sent. `tag` says whose they are; None: SEARCH, which
    does not.
    """

    uids: UidSet
    count: int
    tag: bytes | None = None


class Enabled(NamedTuple):
    """The extensions that ENABLE switched on, in upper case."""

    names: frozenset[str]


class Listing(NamedTuple):
    """A mailbox of LIST, its name not decoded yet."""

    raw: bytes
    delimiter: str | None
    attributes: frozenset[str]


Data: TypeAlias = (
    Exists | Gone | Attributes | SearchResult | Enabled | Listing | MailboxStatus | Capabilities | None
)


def parse_data(values: list[Value]) -> Data:
    """Read one answer; None for what is not understood, and so not for us.

    Raises ValueError for a FETCH whose items do not pair, and for too many capabilities.
    """
    match values:
        case ["*", str(number), str(word), *_] if number.isdigit():
            return _numbered(number, word.upper(), values)
        case ["*", str(word), *rest]:
            return _named(word.upper(), rest)
        case _:
            return None


def _numbered(number: str, word: str, values: list[Value]) -> Data:
    match word:
        case "EXISTS":
            count = number_of(number)
            return None if count is None else Exists(count)
        case "EXPUNGE":
            return Gone()
        case "FETCH" | "UIDFETCH":
            return attributes_of(values)
        case _:
            return None


def _named(word: str, rest: list[Value]) -> Data:
    match word:
        case "SEARCH":
            return _search(rest)
        case "ESEARCH":
            return _extended_search(rest)
        case "LIST":
            return _listing(rest)
        case "STATUS":
            return _status(rest)
        case "VANISHED":
            return _vanished(rest)
        case "CAPABILITY":
            return parse_capabilities(b" ".join(_atoms(rest)))
        case "ENABLED":
            return Enabled(frozenset(each.decode("latin-1").upper() for each in _atoms(rest)))
        case _:
            return None


def _atoms(values: list[Value]) -> list[bytes]:
    return [each.encode("latin-1") for each in values if isinstance(each, str)]


def _search(rest: list[Value]) -> SearchResult:
    """What is in parentheses, as `(MODSEQ n)`, is no UID."""
    said = [each for each in rest if not isinstance(each, list)]
    uids = [uid for uid in map(uid_of, said) if uid]
    return SearchResult(UidSet.of(uids), len(said))


def _extended_search(rest: list[Value]) -> SearchResult | None:
    """None unless it speaks of UIDs. A set that cannot be read leaves the result empty and counts as one."""
    tag = b""
    match rest:
        case [[str(name), correlator], *others] if name.upper() == "TAG":
            tag, rest = octets_of(correlator) or b"", others
    words = [each.upper() if isinstance(each, str) else each for each in rest]
    if "UID" not in words:
        return None
    if "ALL" not in words or words.index("ALL") + 1 == len(words):
        return SearchResult(UidSet(), 0, tag)
    text = octets_of(rest[words.index("ALL") + 1]) or b""
    try:
        uids = UidSet.parse(text)
    except ValueError:
        return SearchResult(UidSet(), 1, tag)
    return SearchResult(uids, sum(len(UidSet.parse(each)) for each in text.split(b",")), tag)


def _listing(rest: list[Value]) -> Listing | None:
    match rest:
        case [list() as attributes, bytes() | None as delimiter, name, *_]:
            raw = octets_of(name)
            if not raw:
                return None
            shown = delimiter.decode("latin-1") if delimiter else None
            return Listing(raw, shown, frozenset(each.lower() for each in words_of(attributes)))
        case _:
            return None


def _status(rest: list[Value]) -> MailboxStatus | None:
    match rest:
        case [name, list() as items, *_]:
            raw = octets_of(name)
            if not raw:
                return None
            told = {
                key.upper(): number_of(value)
                for key, value in zip(items[::2], items[1::2], strict=False)
                if isinstance(key, str)
            }
            return MailboxStatus(raw, told.get("MESSAGES"), told.get("UIDNEXT"), told.get("UIDVALIDITY"))
        case _:
            return None


def _vanished(rest: list[Value]) -> Gone:
    """An unreadable set still says that mails are gone."""
    earlier = bool(rest) and any(word.upper() == "EARLIER" for word in words_of(rest[0]))
    text = octets_of(rest[-1]) if rest else None
    try:
        return Gone(UidSet.parse(text or b""), earlier)
    except ValueError:
        return Gone(None, earlier)
