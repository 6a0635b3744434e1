"""What is said of a journal that differs from the tables, or that cannot be read whole."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import cast

import pytest

from shared.contract.codec import Undecodable
from shared.contract.journal import Entry
from shared.operations.context import OperatorContext
from shared.operations.journal import JournalCheck, verify_journal
from tests.fakes.custody import fetched_entry


class Journal:
    """A store with these entries and differences; reading beyond the entries fails if it is `damaged`."""

    def __init__(self, entries: Sequence[Entry], differences: Sequence[str], *, damaged: bool) -> None:
        self._entries = entries
        self._differences = differences
        self._damaged = damaged

    async def verify_journal(self) -> Sequence[str]:
        return self._differences

    async def journal_page(self, after: int = 0) -> Sequence[tuple[int, Entry]]:
        if after and self._damaged:
            raise Undecodable("row 7 of the journal: 40 bytes that are no compressed records")
        return [] if after else [(1, each) for each in self._entries]


@pytest.mark.parametrize(
    ("differences", "damaged", "expected"),
    [
        ([], False, JournalCheck(1, [])),
        (["one"], False, JournalCheck(1, ["one"])),
        (["one", "row 7 cannot be folded"], True, JournalCheck(None, ["one", "row 7 cannot be folded"])),
        ([], True, JournalCheck(None, ["row 7 of the journal: 40 bytes that are no compressed records"])),
    ],
)
async def test_differences_are_told_even_where_the_journal_cannot_be_read_whole(
    differences: Sequence[str], damaged: bool, expected: JournalCheck
) -> None:
    context = SimpleNamespace(store=Journal([fetched_entry()], differences, damaged=damaged))
    assert await verify_journal(cast(OperatorContext, context)) == expected
