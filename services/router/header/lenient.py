"""Read refused elements of address lists again, as people write them.

People put quotation marks around an address, leave out angle brackets, paste `mailto:`, forget to close a
comment or a quotation mark, and nest groups. Programs encode an address as if it were a name.

An address is taken only where the element leaves no choice. What stands before another address, readable or
not, is that one's display name, and no address is taken from it. Addresses outside of the accepted domains
are left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from email.errors import HeaderParseError
from email.header import decode_header
from typing import NamedTuple

from services.router.header.addresses import Defect, ParsingBudget, Refused, read_addresses
from services.router.header.lexer import QUOTED, TokenKind, tokens
from shared.model.address import Address, DefectiveAddress, checked_local

_ENCODED_WORD = re.compile(r"=\?[^?\s]+\?[BbQq]\?[^?]*\?=")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_BETWEEN_WORDS = re.compile(r"[\s<>:]+")
_AROUND = "'\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb\u2039\u203a[]"
"""Marks that people and programs put around an address. None can end a domain."""
_DOT = "."


class LenientReader(NamedTuple):
    """Reads refused elements again. `is_ours` returns whether an address is in an accepted domain.

    Text that was quoted or encoded as a whole is read as a list of its own, once (`is_nested`).
    """

    is_ours: Callable[[Address], bool]
    budget: ParsingBudget
    is_nested: bool = False

    def read(self, refused: Refused) -> list[Address | Defect]:
        """Return our addresses in a refused element, and the defects beside them; [] where it has none."""
        text = refused.text
        words = [*_ENCODED_WORD.finditer(text)]
        plain = _plain(_ENCODED_WORD.sub(_blank, text) if words else text, refused)
        if "@" in plain:
            address = _only_address(plain, self.budget)
            return [address] if address is not None and self.is_ours(address) else []
        last = "" if self.is_nested else _last(text, words)
        return self._nested(last) if "@" in last else []

    def _nested(self, text: str) -> list[Address | Defect]:
        found = read_addresses(
            text.encode("utf-8", "surrogateescape"),
            new_budget=lambda: self.budget,
            lenient=self._replace(is_nested=True).read,
        )
        return [
            each for each in found if (self.is_ours(each) if isinstance(each, Address) else _is_lost(each))
        ]


def _is_lost(defect: Defect) -> bool:
    """Return whether the defect may have been an address. Without an @ it is part of a name."""
    return "@" in defect.text


def _plain(text: str, refused: Refused) -> str:
    """Return the part of the element in which its address must be, without comments and quoted strings.

    That is the text between angle brackets, or else all of it. "" where there is a choice.
    """
    pieces: list[str] = []
    in_brackets = False
    for token in tokens(text):
        piece = text[token.start : token.end]
        if token.kind is TokenKind.OPEN and not in_brackets:
            pieces, in_brackets = [], True
        elif token.kind is TokenKind.UNCLOSED and not in_brackets:
            if piece == "(" and refused.has_brackets and "@" in "".join(pieces):
                return ""
            if not refused.has_brackets and (piece == "(" or refused.brackets_follow):
                break
            pieces.append(" ")
        elif token.kind in (TokenKind.QUOTED, TokenKind.UNCLOSED) or piece.startswith("("):
            pieces.append(" ")
        else:
            pieces.append(piece)
    return "".join(pieces)


def _only_address(text: str, budget: ParsingBudget) -> Address | None:
    """Return the one address in the text; None where there are several, or white space may have split it."""
    words = ["", *_BETWEEN_WORDS.split(text), ""]
    found: set[Address] = set()
    for before, word, after in zip(words, words[1:], words[2:], strict=False):
        if "@" not in word:
            continue
        if before.endswith(_DOT) or after.startswith(_DOT):
            return None
        local, _, domain = word.strip(_AROUND).rpartition("@")
        try:
            found.add(Address(checked_local(local), budget.domain(domain.partition("?")[0])))
        except DefectiveAddress:
            return None
    return found.pop() if len(found) == 1 else None


def _last(text: str, words: list[re.Match[str]]) -> str:
    """Return the content of the quoted string, or of the encoded words, that ends the element."""
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
    """Decode the encoded words (RFC 2047) in the text; "" where that is impossible."""
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
