"""Address lists as senders write them, read strictly: each element is an address or a defect with its reason.

An element counts only if it is `local@domain`, or has exactly one such address in angle brackets with nothing
but a display name before it (RFC 5322 section 3.4). Groups, comments, source routes and `;` between addresses
(as Outlook writes it) are understood. A defect stays within its element, but after a quotation mark or
parenthesis that is never closed only addresses in angle brackets count: anything else may be part of
somebody's name. No address is ever made from something that is not one (CVE-2023-27043). Local parts are kept
as they are, domains in lower case and IDNA.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from services.router.header.allowance import Allowance
from services.router.header.lexer import Kind, Token, tokens
from shared.model.address import LOCAL_LIMIT, Address, DefectiveAddress, checked_local, normal_domain
from shared.model.errors import quoted

ADDRESS_LIMIT = 20_000
_FOLD = re.compile(r"\r?\n(?=[ \t])")
_PLAIN = re.compile(rb"[ \t]*(<)?([A-Za-z0-9_.+-]+)@([A-Za-z0-9.-]+)(?(1)>)[ \t]*")
_BARE = re.compile(r"[wq]@[wl]")
_ANGLE = re.compile(r"[wqlj@]*<[wq]@[wl]>")
_NAME = frozenset({Kind.WORD, Kind.QUOTED, Kind.LITERAL, Kind.JUNK})
_ENCODED_WORD = re.compile(r"=\?[^?]++\?[BbQq]\?[^?]*+\?=")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class Refused(NamedTuple):
    """An element that was refused, as it is written; whether it has angle brackets, and whether elements
    with such follow it in its list.
    """

    text: str
    has_brackets: bool
    brackets_follow: bool


class Defect(NamedTuple):
    """An element that is no address: its text, made printable and cut, and why it was refused."""

    text: str
    reason: str


LenientReading = Callable[[Refused], list[Address | Defect]]


def read_addresses(
    *values: bytes,
    local_limit: int = LOCAL_LIMIT,
    allowance: Callable[[], Allowance] = Allowance,
    lenient: LenientReading | None = None,
) -> list[Address | Defect]:
    """The elements of the values of header fields, in order; empty elements and empty groups are left out.

    Each value stands for itself. Local parts of more than `local_limit` octets are defects. After
    `ADDRESS_LIMIT` elements, or as many tokens as the `allowance` has, in all of them together, the rest is
    one defect: real lists of that many addresses have fewer tokens. So is each domain beyond ASCII that the
    allowance does not have. It is asked for only where there is anything to count.

    What `lenient` finds in an element that is refused takes its place.
    """
    if len(values) == 1 and (plain := _plain(values[0], local_limit)) is not None:
        return [plain]
    found: list[Address | Defect] = []
    allowed = allowance()
    check = _Check(local_limit, allowed, lenient)
    for value in values:
        text = _FOLD.sub("", value.decode("utf-8", "surrogateescape"))
        elements, used, unread = _elements(text, allowed.tokens)
        allowed.tokens = max(0, allowed.tokens - used)
        too_many = _read_elements(text, elements, found, check)
        rest = unread if too_many is None else too_many
        if rest is not None:
            found.append(Defect(quoted(text[rest:]), f"only the first {len(found)} addresses were read"))
            break
    return found


def _plain(value: bytes, local_limit: int) -> Address | None:
    """The address of a value that is nothing else, as those of servers are; None leaves it to the grammar."""
    match = _PLAIN.fullmatch(value)
    if match is None:
        return None
    try:
        local, domain = match[2].decode("ascii"), match[3].decode("ascii")
        return Address(checked_local(local, local_limit), normal_domain(domain))
    except DefectiveAddress:
        return None


def _read_elements(
    text: str, elements: list[list[Token]], found: list[Address | Defect], check: _Check
) -> int | None:
    """Add what the elements are to `found`; where to stop reading, if that is before their end."""
    unclosed = False
    last_brackets = _last_with_brackets(elements) if check.lenient else -1
    for number, element in enumerate(elements):
        start, end = element[0].start, element[-1].end
        if len(found) >= ADDRESS_LIMIT:
            return start
        kinds = _kinds(element)
        try:
            found.append(_address(text, element, kinds, check, only_in_brackets=unclosed))
        except DefectiveAddress as defect:
            refused = Refused(text[start:end], Kind.OPEN in kinds, number < last_brackets)
            found += check.read_again(refused, is_part_of_name=unclosed) or [
                Defect(quoted(text[start:end]), str(defect))
            ]
        unclosed = unclosed or Kind.UNCLOSED in kinds
    return None


def _last_with_brackets(elements: list[list[Token]]) -> int:
    """The number of the last element with angle brackets; -1 where none has."""
    for number in range(len(elements) - 1, -1, -1):
        if any(token.kind is Kind.OPEN for token in elements[number]):
            return number
    return -1


def _elements(text: str, most: int) -> tuple[list[list[Token]], int, int | None]:
    """The tokens of each element, without white space, comments and the group's name; how many were looked
    at; and where that stopped, with an element that is not counted, if there are more than `most`.
    """
    elements: list[list[Token]] = []
    element: list[Token] = []
    is_name, in_group, begun, used = True, False, 0, 0
    for used, token in enumerate(tokens(text), 1):
        if used > most:
            return elements, used, begun
        kind = token.kind
        if kind is Kind.SPACE:
            continue
        if kind is Kind.SEPARATOR:
            if element:
                elements.append(element)
            element, is_name, begun = [], True, token.end
            in_group = in_group and text[token.start] != ";"
        elif kind is Kind.COLON and element and is_name and not in_group:
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
    text: str, element: list[Token], kinds: str, check: _Check, *, only_in_brackets: bool
) -> Address:
    """The one address of the element. Raises `DefectiveAddress`."""
    if _ANGLE.fullmatch(kinds):
        local, _, domain = element[-4:-1]
    elif not _BARE.fullmatch(kinds):
        raise DefectiveAddress(_why_refused(kinds))
    elif only_in_brackets:
        raise DefectiveAddress("it follows a quotation mark or parenthesis that is never closed")
    else:
        local, _, domain = element
    return check.address(text[local.start : local.end], text[domain.start : domain.end])


def _why_refused(kinds: str) -> str:
    if Kind.UNCLOSED in kinds or Kind.STRAY in kinds:
        return "a quotation mark, bracket or parenthesis without its partner"
    if Kind.AT not in kinds:
        return "no @ in it"
    if kinds.count(Kind.OPEN) != kinds.count(Kind.CLOSE):
        return "an angle bracket without its partner"
    if kinds.count(Kind.OPEN) > 1:
        return "more than one address where one should be"
    if Kind.OPEN in kinds and not kinds.endswith(Kind.CLOSE):
        return "text after the address"
    return "white space or a sign in it that no address has"


class _Check:
    """What both parts of the addresses of one reading have to be, and how what is none is read again."""

    def __init__(self, local_limit: int, allowance: Allowance, lenient: LenientReading | None = None) -> None:
        self._local_limit = local_limit
        self._allowance = allowance
        self.lenient = lenient

    def address(self, local: str, domain: str) -> Address:
        """The address of these parts. Raises `DefectiveAddress`."""
        return Address(_local(local, self._local_limit), self._allowance.domain(domain))

    def read_again(self, refused: Refused, *, is_part_of_name: bool) -> list[Address | Defect]:
        """What a lenient reading finds; nothing behind a quotation mark or parenthesis that is never closed,
        where the element may be part of the name of one in angle brackets.
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
