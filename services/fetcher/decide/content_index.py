"""Recognising mails by their content: those whose server gives them no usable UID, and those that it shows
under another one all of a sudden.

The key of a mail without a UID is the digest of its content and a number, as there may be equal ones. Equal
mails stand for each other: those not served yet take the copies that are there before those that are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

from shared.model.message import DELETABLE, LedgerKey
from shared.ports.store import LedgerRow

_BETWEEN = " "
"""No server's UID contains a blank: it would end there."""


def is_provisional(key: LedgerKey) -> bool:
    """Whether the key tells nothing about which mail it is."""
    return key.uid.startswith(_BETWEEN)


def is_by_content(key: LedgerKey) -> bool:
    """Whether the key is made from the mail's content."""
    return _BETWEEN in key.uid.strip(_BETWEEN)


class ContentIndex:
    """The mails of the ledger that this session's listing does not name: `by_content` never have a UID,
    `moved` had one that is not listed any more. `known` are all that the ledger has: no two get one key.
    """

    def __init__(
        self,
        by_content: Iterable[LedgerRow] = (),
        moved: Iterable[LedgerRow] = (),
        may_come_back: Callable[[LedgerRow], bool] = lambda _row: False,
        known: Iterable[LedgerRow] = (),
    ) -> None:
        self.may_come_back = may_come_back
        self._by_content = _grouped(by_content)
        self._moved = _grouped(moved)
        self._known = known
        self._numbers: dict[str, int] | None = None

    def __bool__(self) -> bool:
        return bool(self._by_content or self._moved)

    def take(self, content: str, *, without_uid: bool) -> LedgerRow | None:
        """The mail with this content, which is not left any more; None where none is known."""
        for group in (self._by_content, self._moved) if without_uid else (self._moved,):
            if rows := group.get(content):
                return rows.pop(0)
        return None

    def new_uid(self, content: str) -> str:
        """What stands for the UID of one more mail with this content."""
        if self._numbers is None:
            self._numbers = _highest_numbers(self._known)
        self._numbers[content] += 1
        return f"{content}{_BETWEEN}{self._numbers[content]}"

    @property
    def left(self) -> list[LedgerRow]:
        """The mails that were not taken."""
        groups = (*self._by_content.values(), *self._moved.values())
        return [row for rows in groups for row in rows]


def _grouped(rows: Iterable[LedgerRow]) -> dict[str, list[LedgerRow]]:
    groups: dict[str, list[LedgerRow]] = defaultdict(list)
    for row in sorted(rows, key=lambda each: (each.status in DELETABLE, each.message)):
        groups[row.content].append(row)
    return dict(groups)


def _highest_numbers(rows: Iterable[LedgerRow]) -> dict[str, int]:
    """Of equal mails, by content."""
    numbers: dict[str, int] = defaultdict(int)
    for row in rows:
        if is_by_content(row.key):
            content, _, number = row.key.uid.partition(_BETWEEN)
            numbers[content] = max(numbers[content], int(number))
    return numbers
