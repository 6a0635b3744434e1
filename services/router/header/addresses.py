"""Parse address lists strictly: each element is an address, or a defect with its reason.

An element counts only if it is `local@domain`, or has exactly one such address in angle brackets with nothing
but a display name before it (RFC 5322 section 3.4). Groups, comments, source routes and `;` between addresses
(as Outlook writes it) are understood.

A defect concerns its own element only. There is one exception: after a quotation mark or parenthesis that is
never closed, only addresses in angle brackets count, since anything else may be part of a display name. No
address is ever made from something that is not one (CVE-2023-27043). Local parts are kept as they are;
domains are in lower case and IDNA.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from services.router.header.lexer import Token, TokenKind, tokens
from shared.model.address import LOCAL_LIMIT, Address, DefectiveAddress, checked_local, normal_domain
from shared.model.errors import quoted

ADDRESS_LIMIT = 20_000
"""Addresses and defects from one call."""
TOKEN_LIMIT = 200_000
"""Tokens per mail: real lists of `ADDRESS_LIMIT` addresses have fewer."""
INTERNATIONAL_LIMIT = 100
"""Different domains beyond ASCII per mail. IDNA is slow, and a hostile header can name thousands."""
_FOLD = re.compile(r"\r?\n(?=[ \t])")
_PLAIN = re.compile(rb"[ \t]*(<)?([A-Za-z0-9_.+-]+)@([A-Za-z0-9.-]+)(?(1)>)[ \t]*")
_BARE = re.compile(r"[wq]@[wl]")
_ANGLE = re.compile(r"[wqlj@]*<[wq]@[wl]>")
_NAME = frozenset({TokenKind.WORD, TokenKind.QUOTED, TokenKind.LITERAL, TokenKind.JUNK})
_ENCODED_WORD = re.compile(r"=\?[^?]++\?[BbQq]\?[^?]*+\?=")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class ParsingBudget:
    """How much of one mail may still be parsed: `tokens`, and domains beyond ASCII."""

    def __init__(self) -> None:
        self.tokens = TOKEN_LIMIT
        self._international: set[str] = set()

    def domain(self, text: str) -> str:
        """Return the domain as `normal_domain` does. Raises `DefectiveAddress`, also without budget."""
        if not text.isascii() and text not in self._international:
            if len(self._international) == INTERNATIONAL_LIMIT:
                raise DefectiveAddress(
                    f"only the first {INTERNATIONAL_LIMIT} international domains were looked at"
                )
            self._international.add(text)
        return normal_domain(text)


class Refused(NamedTuple):
    """A refused element: its text, whether it has angle brackets, and whether a later element has them."""

    text: str
    has_brackets: bool
    brackets_follow: bool


class Defect(NamedTuple):
    """An element that is no address: its text, made printable and cut, and why it was refused."""

    text: str
    reason: str


ReadLeniently = Callable[[Refused], list[Address | Defect]]


def read_addresses(
    *values: bytes,
    local_limit: int = LOCAL_LIMIT,
    new_budget: Callable[[], ParsingBudget] = ParsingBudget,
    lenient: ReadLeniently | None = None,
) -> list[Address | Defect]:
    """Parse the values of header fields; return their elements in order, without the empty ones.

    Each value is a list of its own. Local parts of more than `local_limit` octets are defects. After
    `ADDRESS_LIMIT` elements, or when the budget has no tokens left, the rest is one defect. Domains beyond
    ASCII for which there is no budget are defects. `new_budget` is called only where there is anything to
    count.

    `lenient` reads a refused element again. What it finds takes the element's place.
    """
    if len(values) == 1 and (plain := _plain(values[0], local_limit)) is not None:
        return [plain]
    found: list[Address | Defect] = []
    budget = new_budget()
    reader = _ElementReader(local_limit, budget, lenient)
    for value in values:
        text = _FOLD.sub("", value.decode("utf-8", "surrogateescape"))
        elements, used, unread = _elements(text, budget.tokens)
        budget.tokens = max(0, budget.tokens - used)
        too_many = _read_elements(text, elements, found, reader)
        rest = unread if too_many is None else too_many
        if rest is not None:
            found.append(Defect(quoted(text[rest:]), f"only the first {len(found)} addresses were read"))
            break
    return found


def _plain(value: bytes, local_limit: int) -> Address | None:
    """Return the address of a value that is nothing else, as servers write it, or None."""
    match = _PLAIN.fullmatch(value)
    if match is None:
        return None
    try:
        local, domain = match[2].decode("ascii"), match[3].decode("ascii")
        return Address(checked_local(local, local_limit), normal_domain(domain))
    except DefectiveAddress:
        return None


def _read_elements(
    text: str, elements: list[list[Token]], found: list[Address | Defect], reader: _ElementReader
) -> int | None:
    """Append addresses and defects to `found`. Return the offset at which the limit stopped it, or None."""
    unclosed = False
    last_brackets = _last_with_brackets(elements) if reader.lenient else -1
    for number, element in enumerate(elements):
        start, end = element[0].start, element[-1].end
        if len(found) >= ADDRESS_LIMIT:
            return start
        kinds = _kinds(element)
        try:
            found.append(_address(text, element, kinds, reader, only_in_brackets=unclosed))
        except DefectiveAddress as defect:
            refused = Refused(text[start:end], TokenKind.OPEN in kinds, number < last_brackets)
            found += reader.read_again(refused, is_part_of_name=unclosed) or [
                Defect(quoted(text[start:end]), str(defect))
            ]
        unclosed = unclosed or TokenKind.UNCLOSED in kinds
    return None


def _last_with_brackets(elements: list[list[Token]]) -> int:
    """Return the number of the last element with angle brackets; -1 where none has."""
    for number in range(len(elements) - 1, -1, -1):
        if any(token.kind is TokenKind.OPEN for token in elements[number]):
            return number
    return -1


def _elements(text: str, most: int) -> tuple[list[list[Token]], int, int | None]:
    """Split `text` into elements: lists of tokens without white space, comments and group names.

    Returns the elements, how many tokens were read and, if there are more than `most`, the offset of the
    element in which reading stopped. That element is not among those returned.
    """
    elements: list[list[Token]] = []
    element: list[Token] = []
    is_name, in_group, begun, used = True, False, 0, 0
    for used, token in enumerate(tokens(text), 1):
        if used > most:
            return elements, used, begun
        kind = token.kind
        if kind is TokenKind.SPACE:
            continue
        if kind is TokenKind.SEPARATOR:
            if element:
                elements.append(element)
            element, is_name, begun = [], True, token.end
            in_group = in_group and text[token.start] != ";"
        elif kind is TokenKind.COLON and element and is_name and not in_group:
            element, in_group = [], True
        else:
            element.append(token)
            is_name = is_name and kind in _NAME
    if element:
        elements.append(element)
    return elements, used, None


def _kinds(element: list[Token]) -> str:
    return "".join([token.kind for token in element])


def _address(
    text: str, element: list[Token], kinds: str, reader: _ElementReader, *, only_in_brackets: bool
) -> Address:
    """Return the one address of the element. Raises `DefectiveAddress`."""
    if _ANGLE.fullmatch(kinds):
        local, _, domain = element[-4:-1]
    elif not _BARE.fullmatch(kinds):
        raise DefectiveAddress(_why_refused(kinds))
    elif only_in_brackets:
        raise DefectiveAddress("it follows a quotation mark or parenthesis that is never closed")
    else:
        local, _, domain = element
    return reader.address(text[local.start : local.end], text[domain.start : domain.end])


def _why_refused(kinds: str) -> str:
    if TokenKind.UNCLOSED in kinds or TokenKind.STRAY in kinds:
        return "a quotation mark, bracket or parenthesis without its partner"
    if TokenKind.AT not in kinds:
        return "no @ in it"
    if kinds.count(TokenKind.OPEN) != kinds.count(TokenKind.CLOSE):
        return "an angle bracket without its partner"
    if kinds.count(TokenKind.OPEN) > 1:
        return "more than one address where one should be"
    if TokenKind.OPEN in kinds and not kinds.endswith(TokenKind.CLOSE):
        return "text after the address"
    return "white space or a sign in it that no address has"


class _ElementReader:
    """The limits for both parts of an address, and the lenient reading of refused elements."""

    def __init__(self, local_limit: int, budget: ParsingBudget, lenient: ReadLeniently | None = None) -> None:
        self._local_limit = local_limit
        self._budget = budget
        self.lenient = lenient

    def address(self, local: str, domain: str) -> Address:
        """Return the address of these parts. Raises `DefectiveAddress`."""
        return Address(_local(local, self._local_limit), self._budget.domain(domain))

    def read_again(self, refused: Refused, *, is_part_of_name: bool) -> list[Address | Defect]:
        """Return what the lenient reading finds in a refused element.

        Nothing is read again behind an unclosed quotation mark or parenthesis where the element may be part
        of the display name of a later address in angle brackets.
        """
        if self.lenient is None or (is_part_of_name and refused.brackets_follow and not refused.has_brackets):
            return []
        return self.lenient(refused)


def _local(text: str, limit: int) -> str:
    if _CONTROL.search(text):
        raise DefectiveAddress("control characters or bytes that are no UTF-8 in the local part")
    if text.startswith("=?") and _ENCODED_WORD.search(text):
        raise DefectiveAddress("an encoded word in the local part")
    return checked_local(text, limit)
