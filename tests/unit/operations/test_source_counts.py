"""What the mails at a source are, by what the database knows."""

from __future__ import annotations

import pytest

from shared.operations.source_counts import AccountCounts, source_counts


@pytest.mark.parametrize(
    ("total", "settled", "skipped", "sentence"),
    [
        (3, 2, 0, "3 mails at the source: 1 waiting, 2 kept"),
        (1, 0, 0, "1 mail at the source: 1 waiting, 0 kept"),
        (10, 2, 5, "10 mails at the source: 3 waiting, 2 kept, 5 put aside"),
        (1, 5, 7, "1 mail at the source: 0 waiting, 0 kept, 1 put aside"),
    ],
)
def test_mails_are_waiting_unless_they_are_known_to_be_kept_or_put_aside(
    total: int, settled: int, skipped: int, sentence: str
) -> None:
    assert str(source_counts(total, AccountCounts(settled=settled, skipped=skipped))) == sentence
