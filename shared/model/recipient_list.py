"""A list of the recipients that exist at a target: one address or pattern per line.

`*` before the @ stands for any characters, including none. `#` begins a comment, at the start of a line or
after white space. Case does not matter: hardly any server distinguishes mailboxes by case, and the target
still refuses a recipient that is wrongly taken to exist.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from shared.model.address import Address, DefectiveAddress, parse_address
from shared.model.errors import Fault, MailferryError, quoted
from shared.model.text_file import text_of

_COMMENT = re.compile(r"(?:^|\s)#.*")
MOST_PROBLEMS = 20


class BrokenRecipientList(MailferryError):
    """A recipient list cannot be used. `problems` are sentences with file and line."""

    temporary = False
    fault = Fault.OPERATOR

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class RecipientList:
    """The listed addresses, and patterns for local parts by domain; all in lower case."""

    addresses: frozenset[Address]
    patterns: dict[str, tuple[tuple[str, ...], ...]]

    def has(self, address: Address) -> bool:
        """Return whether the address, or a pattern that matches it, is listed."""
        local = address.local.lower()
        if Address(local, address.domain) in self.addresses:
            return True
        return any(_fits(pieces, local) for pieces in self.patterns.get(address.domain, ()))


def read_recipient_list(raw: bytes, file: str) -> RecipientList:
    """Parse the list in `raw`, the content of `file`. Raises `BrokenRecipientList` with every problem.

    A list without any address is broken: far more likely it is half written.
    """
    try:
        text = text_of(raw, "surrogateescape")
    except UnicodeDecodeError as error:
        raise BrokenRecipientList([f"{file}: it is not text: {error.reason}"]) from error
    addresses: set[Address] = set()
    patterns: dict[str, dict[tuple[str, ...], None]] = {}
    problems: list[str] = []
    for number, line in _lines(text):
        try:
            address = _address(line)
        except DefectiveAddress as defect:
            problems.append(f'{file}:{number}: "{quoted(line)}" is no address or pattern: {defect}')
            continue
        if "*" in address.local:
            patterns.setdefault(address.domain, {})[tuple(address.local.split("*"))] = None
        else:
            addresses.add(address)
    if not problems and not addresses and not patterns:
        problems.append(f"{file}: there is no address in it")
    if problems:
        raise BrokenRecipientList(_cut(problems))
    return RecipientList(frozenset(addresses), {domain: tuple(each) for domain, each in patterns.items()})


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines that are neither empty nor comments, with their numbers."""
    for number, line in enumerate(text.split("\n"), 1):
        said = _COMMENT.sub("", line, count=1).strip()
        if said:
            yield number, said


def _address(text: str) -> Address:
    address = parse_address(text)
    if any("\ud800" <= sign <= "\udfff" for sign in address.local):
        raise DefectiveAddress("it has bytes that are no UTF-8")
    return Address(address.local.lower(), address.domain)


def _cut(problems: list[str]) -> list[str]:
    if len(problems) <= MOST_PROBLEMS:
        return problems
    return [*problems[:MOST_PROBLEMS], f"and {len(problems) - MOST_PROBLEMS} more lines like these"]


def _fits(pieces: Iterable[str], local: str) -> bool:
    """Return whether the pieces stand in `local` in their order, the outer ones at its ends.

    Taking the first match of each inner piece is enough, so the time is linear.
    """
    first, *inner, last = pieces
    if len(local) < len(first) + len(last) or not (local.startswith(first) and local.endswith(last)):
        return False
    at, end = len(first), len(local) - len(last)
    for piece in inner:
        found = local.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True
