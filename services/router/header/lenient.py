"""Address lists as people write them: a second, lenient look at the elements that the strict reading refuses.

People put quotation marks around an address, leave out angle brackets, paste `mailto:`, forget to close a
comment or a quotation mark, and write groups within groups; programs encode an address as if it were a name.
An address is taken only where an element leaves no choice. What stands before another address, readable or
not, is that one's display name, and no address is taken from there. Addresses that are not of an accepted
domain are left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from email.errors import HeaderParseError
from email.header import decode_header
from typing import NamedTuple

from services.router.header.addresses import Defect, Refused, read_addresses
from services.router.header.allowance import Allowance
from services.router.header.lexer import QUOTED, Kind, tokens
from shared.model.address import Address, DefectiveAddress, checked_local

_ENCODED_WORD = re.compile(r"=\?[^?\s]+\?[BbQq]\?[^?]*\?=")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_BETWEEN_WORDS = re.compile(r"[\s<>:]+")
_AROUND = "'\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb\u2039\u203a[]"
"""Marks that people and programs put around an address; none can end a domain."""
_DOT = "."


class LenientReader(NamedTuple):
    """Reads refused elements again; `is_ours` tells whether an address is of an accepted domain.

    What was quoted or encoded as a whole is read as a list of its own, once (`is_nested`).
    """

    is_ours: Callable[[Address], bool]
    allowance: Allowance
    is_nested: bool = False

    def read(self, refused: Refused) -> list[Address | Defect]:
        """The addresses of ours in a refused element, and the defects beside them; [] where it has none."""
        text = refused.text
        words = [*_ENCODED_WORD.finditer(text)]
        plain = _plain(_ENCODED_WORD.sub(_blank, text) if words else text, refused)
        if "@" in plain:
            address = _only_address(plain, self.allowance)
            return [address] if address is not None and self.is_ours(address) else []
        last = "" if self.is_nested else _last(text, words)
        return self._nested(last) if "@" in last else []

    def _nested(self, text: str) -> list[Address | Defect]:
        found = read_addresses(
            text.encode("utf-8", "surrogateescape"),
            allowance=lambda: self.allowance,
            lenient=self._replace(is_nested=True).read,
        )
        return [
            each for each in found if (self.is_ours(each) if isinstance(each, Address) else _is_lost(each))
        ]


def _is_lost(defect: Defect) -> bool:
    """Whether it may have been an address: what has no @ is part of a name."""
    return "@" in defect.text


def _plain(text: str, refused: Refused) -> str:
    """The part of the element where its address has to be, without comments and quoted strings: what is
    between angle brackets, or else all of it. "" where there is a choice.
    """
    pieces: list[str] = []
    in_brackets = False
    for token in tokens(text):
        piece = text[token.start : token.end]
        if token.kind is Kind.OPEN and not in_brackets:
            pieces, in_brackets = [], True
        elif token.kind is Kind.UNCLOSED and not in_brackets:
            if piece == "(" and refused.has_brackets and "@" in "".join(pieces):
                return ""
            if not refused.has_brackets and (piece == "(" or refused.brackets_follow):
                break
            pieces.append(" ")
        elif token.kind in (Kind.QUOTED, Kind.UNCLOSED) or piece.startswith("("):
            pieces.append(" ")
        else:
            pieces.append(piece)
    return "".join(pieces)


def _only_address(text: str, allowance: Allowance) -> Address | None:
    """The one address in the text; None where there are several, or it may have been torn by white space."""
    words = ["", *_BETWEEN_WORDS.split(text), ""]
    found: set[Address] = set()
    for before, word, after in zip(words, words[1:], words[2:], strict=False):
        if "@" not in word:
            continue
        if before.endswith(_DOT) or after.startswith(_DOT):
            return None
        local, _, domain = word.strip(_AROUND).rpartition("@")
        try:
            found.add(Address(checked_local(local), allowance.domain(domain.partition("?")[0])))
        except DefectiveAddress:
            return None
    return found.pop() if len(found) == 1 else None


def _last(text: str, words: list[re.Match[str]]) -> str:
    """The content of the quoted string, or of the encoded words, with which the element ends."""
    text = text.rstrip(" \t>")
    if text.endswith('"'):
        *_, quoted = ["", *QUOTED.findall(text)]
        return _decoded(_ESCAPE.sub(r"\1", quoted[1:-1])) if text.endswith(quoted) else ""
    end = len(text)
    start = end
    for word in reversed(words):
        if text[word.end() : start].strip():
            break
        start = word.start()
    return _decoded(text[start:end])


def _decoded(text: str) -> str:
    """The text with its encoded words (RFC 2047) decoded; "" where that cannot be done."""
    if not _ENCODED_WORD.search(text):
        return text
    try:
        parts = decode_header(text)
        return "".join(
            part if isinstance(part, str) else part.decode(charset or "ascii") for part, charset in parts
        )
    except (HeaderParseError, LookupError, ValueError):
        return ""


def _blank(word: re.Match[str]) -> str:
    return " " * len(word[0])
