"""The page about faults has a line for each, and names tests that exist."""

from __future__ import annotations

import re

from tests.fakes.command import REPOSITORY

PAGE = (REPOSITORY / "docs" / "faults.md").read_text()
LAST = 44


def defined() -> set[str]:
    sources = (REPOSITORY / "tests").rglob("test_*.py")
    return {name for path in sources for name in re.findall(r"def (test_\w+)\(", path.read_text())}


def test_every_test_that_the_page_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert len(named) > LAST
    assert sorted(named - defined()) == []


def test_every_fault_has_its_line() -> None:
    assert [int(number) for number in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)] == [
        *range(1, LAST + 1)
    ]
