"""The fetcher's memory does not grow with the mail."""

from __future__ import annotations

from pathlib import Path

from bench.huge import ALLOWED, MEBIBYTE, huge_mail


def test_a_mail_many_times_larger_than_the_allowed_memory_passes_through_the_fetcher(tmp_path: Path) -> None:
    found = huge_mail(tmp_path, 256 * MEBIBYTE)
    assert found.mails == 1
    assert found.peak["with it"] - found.peak["without mail"] < ALLOWED / 2
