"""What pages quote as said by Mailferry, in tables of what to do, is what it says."""

from __future__ import annotations

import re

import pytest

from tests.fakes.command import REPOSITORY

TABLE = re.compile(r"^\| It says \|.* Do this \|\n(?:\|.*\n)+", re.MULTILINE)
QUOTED = sorted(
    {
        sentence
        for page in (REPOSITORY / "docs").rglob("*.md")
        for table in TABLE.findall(page.read_text())
        for sentence in re.findall(r"^\| `([^`|]+)` \|", table, re.MULTILINE)
    }
)
OMISSION = "…"
SHORTEST = 6
"""Letters of a part that is looked for: shorter ones are everywhere."""
JOINED = re.compile(r'"\s*\n\s*f?"')
"""Between two literals that are one text."""


@pytest.fixture(scope="module")
def texts() -> str:
    files = [each for place in ("services", "shared") for each in (REPOSITORY / place).rglob("*.py")]
    return "\n".join(JOINED.sub("", each.read_text()) for each in files)


def test_the_pages_quote_sentences() -> None:
    assert len(QUOTED) > 20


@pytest.mark.parametrize("sentence", QUOTED)
def test_every_quoted_sentence_is_said(sentence: str, texts: str) -> None:
    parts = [each.strip(" .,") for each in sentence.split(OMISSION)]
    missing = [each for each in parts if len(each) >= SHORTEST and each not in texts]
    assert missing == []
