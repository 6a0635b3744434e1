"""A German page says what the English one says: the same headings, commands, files, tables and links."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.fakes.command import REPOSITORY
from tests.servers.page import blocks_of

GERMAN = sorted([*REPOSITORY.glob("*.de.md"), *(REPOSITORY / "docs").rglob("*.de.md")])
COMMENT = re.compile(r"\s+# .*$", re.MULTILINE)
HEADING = re.compile(r"^(#+) ", re.MULTILINE)
LINK = re.compile(r"\]\(([^)#]+)")
BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def english(page: Path) -> Path:
    return page.with_name(page.name.replace(".de.md", ".md"))


def prose(page: Path) -> str:
    return BLOCK.sub("", page.read_text())


def typed(page: Path) -> list[tuple[str, str, str]]:
    return [(kind, COMMENT.sub("", text), reason) for kind, text, reason in blocks_of(page)]


def links(page: Path) -> set[str]:
    """Return where a page links to; a page and its other language are the same."""
    return {link.replace(".de.md", ".md") for link in LINK.findall(prose(page))}


def test_readme_and_tutorial_are_there_in_german() -> None:
    assert [page.name for page in GERMAN] == ["README.de.md", "tutorial.de.md"]


@pytest.mark.parametrize("page", GERMAN, ids=lambda page: page.name)
def test_a_german_page_has_the_blocks_of_the_english_one(page: Path) -> None:
    assert typed(page) == typed(english(page))


@pytest.mark.parametrize("page", GERMAN, ids=lambda page: page.name)
def test_a_german_page_has_the_headings_tables_and_links_of_the_english_one(page: Path) -> None:
    other = english(page)
    assert HEADING.findall(prose(page)) == HEADING.findall(prose(other))
    assert prose(page).count("\n|") == prose(other).count("\n|")
    assert links(page) == links(other)
