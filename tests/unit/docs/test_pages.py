"""What the documentation names exists: links and headings, files, settings, and pages in their index."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from services.cli.__main__ import main as mailferry
from shared.config.settings import ARRAYS, DEFAULT_KEYS, DEFAULTS, SECTIONS
from tests.fakes.command import REPOSITORY

DOCS = REPOSITORY / "docs"
EXAMPLE = REPOSITORY / "deploy" / "mailferry.example.toml"
PAGES = [*sorted(REPOSITORY.glob("*.md")), *sorted(DOCS.rglob("*.md"))]
PRESENT = [page for page in PAGES if page.name != "CHANGELOG.md"]
"""The changelog also names what there was once."""
INDEXES = [DOCS / "README.md", DOCS / "decisions" / "README.md"]

LINK = re.compile(r"\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]*))?\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
CODE_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
IN_BACKTICKS = re.compile(r"`([^`\n]+)`")
PATH_HERE = re.compile(r"(?:services|shared|tests|bench|deploy|docs)/[\w./-]*")
FILE_ALONE = re.compile(r"\w+\.py")
KEY_OF_SECTION = re.compile(r"`\[(\w+)\] (\w+)")
COMMAND = re.compile(r"`mailferry ([a-z][^`\n]*)`")
"""Within a sentence; those of blocks are parsed by `test_typed_commands.py`."""
COMMENTED_KEY = re.compile(r"^# (\w+) = ", re.MULTILINE)

KEYS_OF = {
    **{name: set(model.model_fields) for name, model in {**SECTIONS, **ARRAYS}.items()},
    DEFAULTS: set(DEFAULT_KEYS),
    "rules": {"code", "action"},
}
KEYS_OF_SOME_TABLE = set[str]().union(*KEYS_OF.values())


def named(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def slug(heading: str) -> str:
    """The name of a heading in links, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def unknown_keys(table: dict[str, Any], known: set[str]) -> Iterator[str]:
    """Keys of no setting. A block may be a part of a table; its keys have to be those of some table."""
    for key, value in table.items():
        if key in KEYS_OF and isinstance(value, dict | list):
            for each in value if isinstance(value, list) else [value]:
                yield from unknown_keys(each, KEYS_OF[key])
        elif key not in known:
            yield key


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_relative_link_leads_to_a_page_and_its_heading(page: Path) -> None:
    for target, heading in LINK.findall(page.read_text()):
        linked = (page.parent / target).resolve() if target else page
        assert linked.exists(), target
        if heading:
            assert heading in {slug(each) for each in HEADING.findall(linked.read_text())}, heading


@pytest.mark.parametrize("page", PRESENT, ids=named)
def test_every_file_and_folder_that_a_page_names_exists(page: Path) -> None:
    spans = IN_BACKTICKS.findall(page.read_text())
    paths = {span for span in spans if PATH_HERE.fullmatch(span)}
    assert sorted(path for path in paths if not (REPOSITORY / path).exists()) == []
    files = {span for span in spans if FILE_ALONE.fullmatch(span)}
    places = [REPOSITORY / folder for folder in ("services", "shared", "tests", "bench")]
    there = {path.name for place in places for path in place.rglob("*.py")}
    assert sorted(files - there) == []


@pytest.mark.parametrize("page", PRESENT, ids=named)
def test_every_key_in_a_toml_block_is_a_setting(page: Path) -> None:
    for language, text in CODE_BLOCK.findall(page.read_text()):
        if language == "toml":
            assert sorted(unknown_keys(tomllib.loads(text), KEYS_OF_SOME_TABLE)) == []


@pytest.mark.parametrize("page", PRESENT, ids=named)
def test_every_key_that_is_named_with_its_section_is_a_setting(page: Path) -> None:
    for section, key in KEY_OF_SECTION.findall(page.read_text()):
        if section in KEYS_OF:
            assert key in KEYS_OF[section]


@pytest.mark.parametrize("page", PRESENT, ids=named)
def test_every_command_on_a_page_is_one_that_mailferry_has(page: Path) -> None:
    for command_line in COMMAND.findall(page.read_text()):
        words = command_line.split()
        command: click.Command | None = mailferry
        for word in words:
            if not isinstance(command, click.Group):
                break
            for each in word.split("|"):  # `parked list|show`
                assert command.get_command(click.Context(command), each) is not None, " ".join(words)
            command = command.get_command(click.Context(command), word.split("|")[0])
        assert command is not None
        known = {name for parameter in command.params for name in parameter.opts}
        used = {word.partition("=")[0] for word in words if word.startswith("-")}
        assert used <= known | {"-h", "--help"}, " ".join(words)


def test_every_key_that_the_example_has_as_a_comment_is_a_setting() -> None:
    keys = set(COMMENTED_KEY.findall(EXAMPLE.read_text()))
    assert keys
    assert sorted(keys - KEYS_OF_SOME_TABLE) == []


@pytest.mark.parametrize("index", INDEXES, ids=named)
def test_an_index_has_every_page_beside_it(index: Path) -> None:
    beside = {page.name for page in index.parent.glob("*.md")} - {index.name}
    assert sorted(beside - {target for target, _ in LINK.findall(index.read_text())}) == []
