"""Recognise mails by their content: those without a usable UID, and those that suddenly have another UID.

The key of a mail without a UID is the digest of its content and a number, as there may be equal mails. Equal
mails stand for each other: of several rows, those that are not settled are matched first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from services.fetcher.decide.fingerprint import Fingerprint
from shared.model.message import DELETABLE, LedgerKey
from shared.ports.store import LedgerRow

_BETWEEN = " "
"""No UID of a server contains a blank, which would end it."""


def is_provisional(key: LedgerKey) -> bool:
    """Return whether the key does not identify the mail."""
    return key.uid.startswith(_BETWEEN)


def is_by_content(key: LedgerKey) -> bool:
    """Return whether the key is made from the mail's content."""
    return _BETWEEN in key.uid.strip(_BETWEEN)


class ContentIndex:
    """The mails of the ledger that the listing does not name, by their content.

    `by_content` have no UID; `moved` had one that is no longer listed, and of some of them only header and
    size are known. `known` are all mails of the ledger, so that no two get one key.
    """

    def __init__(
        self,
        by_content: Iterable[LedgerRow] = (),
        moved: Sequence[LedgerRow] = (),
        may_come_back: Callable[[LedgerRow], bool] = lambda _row: False,
        known: Iterable[LedgerRow] = (),
    ) -> None:
        self.may_come_back = may_come_back
        self._by_content = _grouped(by_content)
        self._moved = _grouped(moved)
        self._by_header = _grouped_by_header(moved)
        self._known = known
        self._numbers: dict[str, int] | None = None

    def __bool__(self) -> bool:
        return bool(self._by_content or self._moved or self._by_header)

    def take(self, fingerprint: Fingerprint, *, without_uid: bool) -> LedgerRow | None:
        """Take a mail with this fingerprint out of the index and return it; None if there is none."""
        for group in (self._by_content, self._moved) if without_uid else (self._moved,):
            if rows := group.get(fingerprint.content):
                return rows.pop(0)
        if self._by_header and fingerprint.names_one_mail:
            rows = self._by_header.get((fingerprint.header, fingerprint.octets))
            return rows.pop(0) if rows else None
        return None

    def new_uid(self, content: str) -> str:
        """Return the UID of one more mail with this content."""
        if self._numbers is None:
            self._numbers = _highest_numbers(self._known)
        self._numbers[content] += 1
        return f"{content}{_BETWEEN}{self._numbers[content]}"

    @property
    def left(self) -> list[LedgerRow]:
        """The mails that were not taken."""
        groups = (*self._by_content.values(), *self._moved.values(), *self._by_header.values())
        return [row for rows in groups for row in rows]


def _grouped(rows: Iterable[LedgerRow]) -> dict[str, list[LedgerRow]]:
    groups: dict[str, list[LedgerRow]] = defaultdict(list)
    for row in _unsettled_first(rows):
        if row.content:
            groups[row.content].append(row)
    return dict(groups)


def _grouped_by_header(rows: Iterable[LedgerRow]) -> dict[tuple[str, int], list[LedgerRow]]:
    """Group those whose content is not known by header and size."""
    groups: dict[tuple[str, int], list[LedgerRow]] = defaultdict(list)
    for row in _unsettled_first(rows):
        if not row.content:
            groups[row.header, row.octets].append(row)
    return dict(groups)


def _unsettled_first(rows: Iterable[LedgerRow]) -> list[LedgerRow]:
    return sorted(rows, key=lambda each: (each.status in DELETABLE, each.message))


def _highest_numbers(rows: Iterable[LedgerRow]) -> dict[str, int]:
    """Return the highest number of equal mails, by content."""
    numbers: dict[str, int] = defaultdict(int)
    for row in rows:
        if is_by_content(row.key):
            content, _, number = row.key.uid.partition(_BETWEEN)
            numbers[content] = max(numbers[content], int(number))
    return numbers
