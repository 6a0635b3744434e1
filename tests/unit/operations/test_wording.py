from __future__ import annotations

import pytest

from shared.operations.wording import counted, moment, octets


@pytest.mark.parametrize(
    ("number", "written"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536 * 1024, "1.5 MiB"), (3 * 1024**3, "3.0 GiB")],
)
def test_sizes_are_written_for_people(number: int, written: str) -> None:
    assert octets(number) == written


def test_times_are_written_in_utc() -> None:
    assert moment(0.0) == "1970-01-01 00:00:00"
    assert moment(None) is None


def test_what_is_counted_has_its_number() -> None:
    assert (counted(1, "mail"), counted(0, "mail")) == ("1 mail", "0 mails")
